//! Where the process starts and ends.
//!
//! The standard library prepares each program for threads and for an overflow of its stack, for which
//! it has the kernel describe all of the process's memory. That takes as long as half of what a short
//! command does. What `lvm` needs of it is done here.

use std::io::{self, Write};
use std::os::fd::IntoRawFd;

use libc::{c_char, c_int};
use nix::fcntl::{OFlag, open};
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::sys::stat::Mode;

use crate::app;

/// Called by the C library, which hands the command line to the standard library too.
// SAFETY: no other function of the program or its libraries is called `main`; the signature is that
// of ISO C.
#[cfg_attr(not(test), unsafe(no_mangle))]
#[cfg_attr(test, allow(dead_code))] // Tests have a `main` of their own.
extern "C" fn main(_: c_int, _: *const *const c_char) -> c_int {
    occupy_standard_streams();
    ignore_closed_pipes();
    let code = app::main();
    // Every verb says for itself when it cannot write.
    let _ = io::stdout().flush();
    code.into()
}

/// A file that is opened must not become a standard stream by taking its number.
fn occupy_standard_streams() {
    for fd in 0..=2 {
        // SAFETY: only asked for its flags, not used; where nothing has the number, that is answered.
        let there = unsafe { libc::fcntl(fd, libc::F_GETFD) } != -1;
        if !there {
            // Takes the lowest free number, this one.
            let _ = open("/dev/null", OFlag::O_RDWR, Mode::empty()).map(IntoRawFd::into_raw_fd);
        }
    }
}

/// Writing to a pipe that nobody reads is an error like others.
fn ignore_closed_pipes() {
    // SAFETY: no handler of ours is set, and no thread runs yet.
    let _ = unsafe { signal(Signal::SIGPIPE, SigHandler::SigIgn) };
}
