//! A session on a guest's console: keys to the guest, its output to us.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use lightvm::console::Console;
use lightvm::domain::{Running, Watch};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::failure::Failure;
use crate::input::Input;
use crate::left::{Left, Until};
use crate::output;
use crate::signals::Signals;
use crate::terminal::RawMode;

/// How often the domain is asked for its end where Xen tells somebody else.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// Reads of the ring between two looks at the keyboard.
const READS_IN_A_ROW: usize = 16;

/// This process's end of consoles: the terminal, raw while this lives, and signals.
#[derive(Debug)]
pub(crate) struct Session {
    // The terminal is itself again before signals come through.
    raw: Option<RawMode>,
    signals: Signals,
    watch: Watch,
    input: Input,
}

impl Session {
    pub(crate) fn open(guest: &Running) -> Result<Session, Failure> {
        let watch = Watch::new(guest.xen()).map_err(Failure::from)?;
        let signals = Signals::hold()?;
        let raw = RawMode::enter().map_err(Failure::io("cannot set the terminal"))?;
        Ok(Session { raw, signals, watch, input: Input::default() })
    }

    /// Whether a person sits at it.
    pub(crate) fn is_interactive(&self) -> bool {
        self.raw.is_some()
    }

    /// Attaches to `guest` until one side leaves.
    pub(crate) fn attach(&mut self, guest: &Running, until: Until) -> Result<Left, Failure> {
        let console = guest.console()?;
        let mut heard = Instant::now();
        loop {
            let (bytes, more) = copy_output(&console)?;
            if bytes > 0 {
                heard = Instant::now();
            }
            if !more && let Some(end) = guest.end()? {
                // What it said between the two looks.
                while copy_output(&console)?.0 > 0 {}
                return Ok(Left::Ended(end));
            }
            let next = match until.due(heard, &self.input) {
                Ok(next) => next,
                Err(left) => return Ok(left),
            };
            if self.wait(Some(&console), next, more)? {
                return Ok(Left::Interrupted);
            }
            self.input.push(|bytes| console.write(bytes))?;
        }
    }

    /// Waits for `time` unless one side wants to leave; answers why if so.
    pub(crate) fn rest(&mut self, time: Duration, until: Until) -> Result<Option<Left>, Failure> {
        let end = Instant::now() + time;
        loop {
            let now = Instant::now();
            if until.deadline.is_some_and(|at| now >= at) {
                return Ok(Some(Left::TimedOut));
            }
            if self.input.left {
                return Ok(Some(Left::Detached));
            }
            if now >= end {
                return Ok(None);
            }
            let next = until.deadline.map_or(end, |at| at.min(end));
            if self.wait(None, Some(next), false)? {
                return Ok(Some(Left::Interrupted));
            }
        }
    }

    /// Waits for anything to do, at most until `next`; answers whether a signal came.
    fn wait(
        &mut self,
        console: Option<&Console>,
        next: Option<Instant>,
        at_once: bool,
    ) -> Result<bool, Failure> {
        let stdin = io::stdin();
        let wanted = [
            Some(self.signals.as_fd()),
            Some(self.watch.as_fd()),
            console.map(AsFd::as_fd),
            self.input.wants_more().then(|| stdin.as_fd()),
        ];
        let mut fds: Vec<_> =
            wanted.iter().flatten().map(|fd| PollFd::new(*fd, PollFlags::POLLIN)).collect();
        let timeout = if at_once { PollTimeout::ZERO } else { self.patience(next) };
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(e) => return Err(Failure::io("cannot wait for the console")(e.into())),
        }
        let mut ready = fds.iter().map(|fd| fd.any().unwrap_or(false));
        let [signal, end, output, input] =
            wanted.map(|fd| fd.is_some() && ready.next().unwrap_or(false));
        let events = |e| Failure::io("cannot take an event")(e);
        if end {
            self.watch.acknowledge().map_err(events)?;
        }
        if let (true, Some(console)) = (output, console) {
            console.acknowledge().map_err(events)?;
        }
        if input {
            self.input.fill(self.raw.is_some())?;
        }
        Ok(signal && self.signals.came())
    }

    fn patience(&self, next: Option<Instant>) -> PollTimeout {
        let left = next.map(|at| at.saturating_duration_since(Instant::now()));
        let ask = (!self.watch.is_notified()).then_some(ASK_EVERY);
        match left.into_iter().chain(ask).min() {
            // Rounded up: a shorter rest must not become a busy loop.
            Some(time) => {
                PollTimeout::try_from(time.as_micros().div_ceil(1000)).unwrap_or(PollTimeout::MAX)
            }
            None => PollTimeout::NONE,
        }
    }
}

/// Copies what waits in the ring to standard output; answers how many bytes, and
/// whether there may be more.
fn copy_output(console: &Console) -> Result<(usize, bool), Failure> {
    let mut chunk = [0; 2048];
    let mut total = 0;
    let mut out = io::stdout().lock();
    for _ in 0..READS_IN_A_ROW {
        let n = console.read(&mut chunk).map_err(Failure::io("cannot read the console"))?;
        if n == 0 {
            break;
        }
        out.write_all(&chunk[..n]).map_err(output::output_failed)?;
        total += n;
        if n < chunk.len() {
            break;
        }
    }
    out.flush().map_err(output::output_failed)?;
    Ok((total, total >= READS_IN_A_ROW * chunk.len()))
}
