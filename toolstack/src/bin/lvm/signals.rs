//! Signals as something to look at between steps, so that no step is cut in half.

use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigSet, SigmaskHow, Signal, pthread_sigmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::exit::Exit;
use crate::failure::Failure;

/// SIGINT, SIGTERM and SIGHUP, held back and readable from a file descriptor, until
/// this is dropped.
#[derive(Debug)]
pub(crate) struct Signals {
    fd: SignalFd,
    before: SigSet,
}

impl Signals {
    pub(crate) fn hold() -> Result<Signals, Failure> {
        let failed = |e: nix::Error| Failure::io("cannot watch for signals")(e.into());
        let mut set = SigSet::empty();
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            set.add(signal);
        }
        let mut before = SigSet::empty();
        pthread_sigmask(SigmaskHow::SIG_BLOCK, Some(&set), Some(&mut before)).map_err(failed)?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        Ok(Signals { fd: SignalFd::with_flags(&set, flags).map_err(failed)?, before })
    }

    /// Whether one came; takes it.
    pub(crate) fn came(&self) -> bool {
        matches!(self.fd.read_signal(), Ok(Some(_)))
    }

    /// Fails when one came.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.came() { Err(interrupted()) } else { Ok(()) }
    }
}

/// What a verb fails with when a signal ended it.
pub(crate) fn interrupted() -> Failure {
    Failure::said(Exit::Interrupted, "interrupted")
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        // Fails only for a mask that is none.
        let _ = pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&self.before), None);
    }
}
