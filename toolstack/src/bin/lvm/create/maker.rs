//! One guest from its configuration to its first sign of life.

use std::time::{Duration, Instant};

use lightvm::config::GuestConfig;
use lightvm::domain::{Running, Sign, Timings, Watch};
use lightvm::lifecycle::{Guest, Lifecycle};
use lightvm::xen::Port;

use crate::args::CreateArgs;
use crate::failure::Failure;
use crate::signals::Signals;

/// How often a wait looks whether a signal came.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Makes guests the way the command line wants them.
pub(super) struct Maker<'a> {
    lifecycle: &'a Lifecycle,
    signals: &'a Signals,
    watch: Option<Watch>,
    paused: bool,
    timeout: Option<Duration>,
}

/// A guest that was made.
#[derive(Clone, Debug)]
pub(super) struct Created {
    pub(super) guest: Guest,
    pub(super) timings: Timings,
    pub(super) waited: Option<Waited>,
}

/// How a wait for the first sign of life ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waited {
    pub(super) time: Duration,
    pub(super) result: WaitResult,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WaitResult {
    Sign(Sign),
    TimedOut,
    Interrupted,
}

impl<'a> Maker<'a> {
    pub(super) fn new(
        lifecycle: &'a Lifecycle,
        signals: &'a Signals,
        args: &CreateArgs,
    ) -> Result<Self, Failure> {
        let xen = lifecycle.creator().xen();
        let watch = if args.wait { Some(Watch::new(xen)?) } else { None };
        Ok(Maker { lifecycle, signals, watch, paused: args.paused, timeout: args.timeout })
    }

    /// Makes a guest. What fails before its start leaves nothing of it.
    pub(super) fn make(&self, config: &GuestConfig) -> Result<Created, Failure> {
        let prepared = self.lifecycle.prepare(config)?;
        let port = match &self.watch {
            Some(watch) => Some((watch, watch.listen(prepared.loaded())?)),
            None => None,
        };
        self.signals.check()?;
        if self.paused {
            let (guest, timings) = prepared.hold();
            return Ok(Created { guest, timings, waited: None });
        }
        let (guest, timings) = prepared.start()?;
        let waited = match port {
            Some((watch, port)) => Some(self.wait(watch, &guest.running, port)?),
            None => None,
        };
        Ok(Created { guest, timings, waited })
    }

    fn wait(&self, watch: &Watch, guest: &Running, port: Port) -> Result<Waited, Failure> {
        let start = Instant::now();
        let result = loop {
            let left = self.timeout.map(|timeout| timeout.saturating_sub(start.elapsed()));
            let slice = left.map_or(LOOK_EVERY, |left| left.min(LOOK_EVERY));
            if let Some(sign) = watch.wait_sign(guest, port, Some(slice))? {
                break WaitResult::Sign(sign);
            }
            if self.signals.came() {
                break WaitResult::Interrupted;
            }
            if left == Some(Duration::ZERO) {
                break WaitResult::TimedOut;
            }
        };
        let time = start.elapsed();
        watch.ignore(guest, port)?;
        Ok(Waited { time, result })
    }
}
