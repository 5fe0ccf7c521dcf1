//! `lvm dmesg`: Xen's own log.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use lightvm::xen::Xen;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::Serialize;

use crate::app::App;
use crate::args::DmesgArgs;
use crate::failure::Failure;
use crate::output;
use crate::signals::Signals;

/// How often a followed log is read.
const FOLLOW_EVERY: Duration = Duration::from_millis(500);

#[derive(Serialize)]
struct Log {
    log: String,
    cleared: bool,
}

pub(crate) fn run(app: &App, args: &DmesgArgs) -> Result<(), Failure> {
    let (xen, _) = app.open()?;
    let log = xen.log(args.clear)?;
    if app.json && !args.follow {
        let text = String::from_utf8_lossy(&log).into_owned();
        return output::json(&Log { log: text, cleared: args.clear });
    }
    output::bytes(&log)?;
    if args.follow { follow(&xen, log) } else { Ok(()) }
}

fn follow(xen: &Arc<Xen>, mut seen: Vec<u8>) -> Result<(), Failure> {
    let signals = Signals::hold()?;
    let every = PollTimeout::try_from(FOLLOW_EVERY).unwrap_or(PollTimeout::MAX);
    loop {
        let mut fds = [PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, every).map_err(|e| Failure::io("cannot wait")(e.into()))?;
        if signals.came() {
            return Ok(());
        }
        let now = xen.log(false)?;
        output::bytes(added(&seen, &now))?;
        seen = now;
    }
}

/// What `now` has that `seen` had not. The log is a ring: its start moves on.
fn added<'a>(seen: &[u8], now: &'a [u8]) -> &'a [u8] {
    /// Enough of an end not to be found elsewhere.
    const TAIL: usize = 512;
    if let Some(rest) = now.strip_prefix(seen) {
        return rest;
    }
    let tail = &seen[seen.len().saturating_sub(TAIL)..];
    let at = now.windows(tail.len().max(1)).rposition(|window| window == tail);
    at.map_or(now, |at| &now[at + tail.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_added_is_new() {
        assert_eq!(added(b"", b"one\n"), b"one\n");
        assert_eq!(added(b"one\n", b"one\n"), b"");
        assert_eq!(added(b"one\n", b"one\ntwo\n"), b"two\n");
    }

    #[test]
    fn a_ring_that_moved_on_shows_no_line_twice() {
        let log: Vec<u8> = (0..1000).flat_map(|n| format!("line {n}\n").into_bytes()).collect();
        let (seen, now) = (&log[..8000], &log[500..]);
        assert_eq!(added(seen, now), &log[8000..]);
    }

    #[test]
    fn a_log_that_was_emptied_starts_anew() {
        assert_eq!(added(b"old\n", b"new\n"), b"new\n");
        assert_eq!(added(b"old\n", b""), b"");
    }
}
