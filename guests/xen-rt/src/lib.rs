//! Runtime of small Xen guests: boot, hypercalls, events, console, end.
//!
//! A program is a `no_std`, `no_main` binary that names its main function:
//!
//! ```ignore
//! #![no_std]
//! #![no_main]
//!
//! use xen_rt::{BootInfo, Console, Shutdown, entry};
//!
//! entry!(main);
//!
//! fn main(boot: BootInfo) -> Shutdown {
//!     if let Some(mut console) = Console::open(boot) {
//!         console.write(b"up\n");
//!     }
//!     Shutdown::PowerOff
//! }
//! ```
//!
//! The same image boots as a PVH and as a 64-bit PV guest. One vCPU runs, with
//! interrupts off for good: waiting is [`event::wait`] or [`sched::idle`], and
//! neither takes processor time. A panic, and in a PVH guest a processor fault,
//! prints what happened on the console and ends the guest with [`Shutdown::Crash`].
//!
//! Memory: virtual address = (pseudo-)physical address. PVH programs reach an
//! address through [`paging::map`], PV programs find everything mapped that the
//! domain builder put into the initial mapping.

#![cfg_attr(not(test), no_std)]
// Unit tests leave out the modules that boot and end a guest, the callers of much else.
#![cfg_attr(test, allow(dead_code))]

#[cfg(not(test))]
mod boot;
#[cfg(not(test))]
mod last_words;
#[cfg(not(test))]
#[doc(hidden)]
pub mod panic;
#[cfg(not(test))]
mod string;

pub mod bare;
mod bitmap;
pub mod block;
pub mod calendar;
mod cell;
pub mod channel;
mod clock;
pub mod cmdline;
mod console;
pub mod event;
#[cfg(not(test))]
mod fault;
pub mod grant;
mod hex;
mod hooks;
mod hvm;
mod hypercall;
mod info;
mod lone;
pub mod net;
pub mod pages;
pub mod paging;
mod place;
mod ring;
pub mod sched;
pub mod shared;
mod shared_info;
mod slot;

pub use cell::StaticCell;
pub use channel::Channel;
pub use clock::Clock;
pub use console::Console;
pub use event::Port;
pub use info::{BootInfo, Flavour, MemoryKind, MemoryRegion};
pub use noxs;
pub use sched::Shutdown;
pub use slot::Standing;

/// Names the main function of a guest: `fn(BootInfo) -> Shutdown`. Brings the panic handler.
///
/// What it returns is how the guest ends; one that never ends returns
/// [`sched::idle`].
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        #[unsafe(no_mangle)]
        extern "Rust" fn xen_rt_main(boot: $crate::BootInfo) -> $crate::Shutdown {
            let main: fn($crate::BootInfo) -> $crate::Shutdown = $main;
            main(boot)
        }

        #[panic_handler]
        fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
            $crate::panic::panic(info)
        }
    };
}
