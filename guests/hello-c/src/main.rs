//! Starts the guest in C: `guest.c` does the work, with `noxs/include/noxs.h`.

#![no_std]
#![no_main]

use core::ffi::{c_int, c_void};
use core::ptr;
use xen_rt::{BootInfo, Port, Shutdown, bare, entry, event};

entry!(main);
xen_rt::noxs_guest!();

/// What the guest in C asks the runtime with.
struct Host {
    boot: BootInfo,
    port: Port,
}

unsafe extern "C" {
    /// Uses the page, and the functions below with `host`; an `enum end` of `guest.c`.
    fn guest_main(page: *mut u8, host: *const c_void) -> c_int;
}

/// Notifies the host.
#[unsafe(no_mangle)]
extern "C" fn guest_notify(host: &Host) {
    event::send(host.port);
}

/// Sleeps until the host notifies.
#[unsafe(no_mangle)]
extern "C" fn guest_wait(host: &Host) {
    event::wait(host.boot, host.port);
}

/// Says in which frame the host has placed the shared info page; 0: in none.
#[unsafe(no_mangle)]
extern "C" fn guest_shared_info(host: &Host, frame: u64) {
    bare::use_shared_info(host.boot, frame);
}

/// Where a frame is; null when it cannot be reached.
#[unsafe(no_mangle)]
extern "C" fn guest_frame(host: &Host, frame: u32) -> *mut u8 {
    bare::frame(host.boot, frame.into())
        .map_or(ptr::null_mut(), |page| ptr::with_exposed_provenance_mut(page.address()))
}

fn main(boot: BootInfo) -> Shutdown {
    let Some((page, port)) = bare::store(boot) else { return Shutdown::Crash };
    let host = Host { boot, port };
    let page = ptr::with_exposed_provenance_mut(page.address());
    // SAFETY: a whole page that stays mapped and that nothing else of this program uses; the
    // guest in C hands `host` on to the functions above, while it runs.
    match unsafe { guest_main(page, (&raw const host).cast()) } {
        0 => Shutdown::PowerOff,
        1 => Shutdown::Reboot,
        _ => Shutdown::Crash,
    }
}
