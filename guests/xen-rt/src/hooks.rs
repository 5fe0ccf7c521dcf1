//! What changes for the console and for a dying guest once the noxs page is found.
//!
//! Guests that never look for the page carry none of its code: all they have is the pointer
//! in here.

use crate::info::BootInfo;
use crate::{Port, event};
use core::sync::atomic::{AtomicPtr, Ordering};

/// The console's and the panic handler's way to the host.
pub(crate) struct Hooks {
    /// Tells the host that the console ring has news.
    pub(crate) ring_console: fn(),
    /// Sleeps until the host tells news, unless the function says there are some.
    pub(crate) sleep: fn(&dyn Fn() -> bool),
    /// Reports the guest's crash.
    pub(crate) crashed: fn(),
}

static INSTALLED: AtomicPtr<Hooks> = AtomicPtr::new(core::ptr::null_mut());

pub(crate) fn install(hooks: &'static Hooks) {
    INSTALLED.store(core::ptr::from_ref(hooks).cast_mut(), Ordering::Relaxed);
}

/// Back to the plain way.
pub(crate) fn remove() {
    INSTALLED.store(core::ptr::null_mut(), Ordering::Relaxed);
}

fn installed() -> Option<&'static Hooks> {
    // SAFETY: null or what `install` was given.
    unsafe { INSTALLED.load(Ordering::Relaxed).as_ref() }
}

/// Tells the host that the console ring has news.
pub(crate) fn ring_console(port: Port) {
    match installed() {
        Some(hooks) => (hooks.ring_console)(),
        None => event::send(port),
    }
}

/// Sleeps until the host has news of the console, unless `ready`.
pub(crate) fn wait_console(boot: BootInfo, port: Port, ready: &dyn Fn() -> bool) {
    match installed() {
        Some(hooks) => (hooks.sleep)(ready),
        None if ready() => {}
        None => event::wait(boot, port),
    }
}

/// Reports that the guest ends by a crash, where somebody takes reports.
pub(crate) fn crashed() {
    if let Some(hooks) = installed() {
        (hooks.crashed)();
    }
}
