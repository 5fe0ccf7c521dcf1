//! Starts the guest in C: `guest.c` does the work, with `noxs/include/noxs.h`.

#![no_std]
#![no_main]

use core::ffi::c_int;
use core::sync::atomic::{AtomicU32, Ordering};
use xen_rt::{BootInfo, Port, Shutdown, bare, entry, event};

entry!(main);
xen_rt::noxs_guest!();

unsafe extern "C" {
    /// Uses the page; 0 when all went well.
    fn guest_main(page: *mut u8) -> c_int;
}

/// The port behind [`guest_notify`].
static PORT: AtomicU32 = AtomicU32::new(0);

/// Notifies the host.
#[unsafe(no_mangle)]
extern "C" fn guest_notify() {
    if let Some(port) = Port::new(PORT.load(Ordering::Relaxed)) {
        event::send(port);
    }
}

fn main(boot: BootInfo) -> Shutdown {
    let Some((page, port)) = bare::store(boot) else { return Shutdown::Crash };
    PORT.store(port.number(), Ordering::Relaxed);
    // SAFETY: a whole page that stays mapped; nothing else of this program uses it.
    match unsafe { guest_main(core::ptr::with_exposed_provenance_mut(page.address())) } {
        0 => Shutdown::PowerOff,
        _ => Shutdown::Crash,
    }
}
