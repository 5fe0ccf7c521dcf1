//! Calls that fail on purpose.

use std::sync::Arc;

use lightvm::xen::{Call, CallMonitor};
use nix::errno::Errno;
use parking_lot::Mutex;

/// The call that ends a domain.
const DESTROY: &str = "XEN_DOMCTL_destroydomain";

/// What happens to the calls made from now on.
#[derive(Debug, Default)]
struct State {
    /// Calls seen since the plan was made.
    seen: usize,
    /// Which call fails, from 1; 0: none.
    fails: usize,
    errno: Option<Errno>,
    /// Whether the first destroy that follows fails as well.
    clean_up_fails: bool,
    hit: Option<Call>,
    clean_up_hit: bool,
}

/// A monitor whose plan can be changed while Xen is open.
#[derive(Clone, Debug, Default)]
pub(crate) struct FaultPlan {
    state: Arc<Mutex<State>>,
}

impl FaultPlan {
    /// From now on the `n`-th call fails with `errno`, once.
    pub(crate) fn fail_nth(&self, n: usize, errno: Errno) {
        *self.state.lock() = State { fails: n, errno: Some(errno), ..State::default() };
    }

    /// As [`FaultPlan::fail_nth`]; then the next attempt to destroy a domain fails, too.
    pub(crate) fn fail_nth_and_clean_up(&self, n: usize, errno: Errno) {
        self.fail_nth(n, errno);
        self.state.lock().clean_up_fails = true;
    }

    /// No call fails any more; answers the call that did.
    pub(crate) fn lift(&self) -> Option<Call> {
        let mut state = self.state.lock();
        state.fails = 0;
        state.clean_up_fails = false;
        state.hit
    }

    /// True when a destroy failed besides.
    pub(crate) fn clean_up_was_hit(&self) -> bool {
        self.state.lock().clean_up_hit
    }
}

impl CallMonitor for FaultPlan {
    fn before(&self, call: Call) -> Result<(), Errno> {
        let mut state = self.state.lock();
        state.seen += 1;
        let errno = state.errno.unwrap_or(Errno::EIO);
        if state.seen == state.fails {
            state.hit = Some(call);
            return Err(errno);
        }
        if state.hit.is_some() && state.clean_up_fails && call.name() == DESTROY {
            state.clean_up_fails = false;
            state.clean_up_hit = true;
            return Err(errno);
        }
        Ok(())
    }
}
