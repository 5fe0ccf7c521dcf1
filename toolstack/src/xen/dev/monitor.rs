//! The place where every call into the kernel or the hypervisor can be seen,
//! counted and made to fail.

use std::fmt;

use nix::errno::Errno;

/// Which call: a hypercall with its sub-operation, or an operation on one of
/// dom0's device files. Displays as the name the C headers give it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Call(pub(crate) &'static str);

impl Call {
    /// The name the C headers give the call, such as `XEN_DOMCTL_createdomain`.
    pub fn name(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// Sees every call before it is made. Benchmarks count with it; tests inject
/// faults with it.
pub trait CallMonitor: Send + Sync {
    /// Called before `call` is made.
    ///
    /// # Errors
    /// An error makes the call fail with that number without having been made.
    fn before(&self, call: Call) -> Result<(), Errno>;
}
