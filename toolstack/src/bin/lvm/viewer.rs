//! A session on the console of a guest that the daemon serves.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::time::Instant;

use lightvm::api::ErrorCode;
use lightvm::client::{Client, ConsoleStream};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::failure::Failure;
use crate::input::Input;
use crate::left::{Left, Until};
use crate::output;
use crate::signals::Signals;
use crate::terminal::RawMode;

/// Reads of the stream between two looks at the keyboard.
const READS_IN_A_ROW: usize = 16;

/// One of the viewers of a console: the terminal, raw while this lives, and the daemon's stream.
#[derive(Debug)]
pub(crate) struct Viewer {
    // The terminal is itself again before signals come through.
    raw: Option<RawMode>,
    signals: Signals,
    input: Input,
    stream: ConsoleStream,
    /// What is typed goes to the guest.
    types: bool,
}

impl Viewer {
    /// Attaches to the console of `guest`, and types on it unless another viewer does.
    pub(crate) fn open(client: &Client, guest: &str, read_only: bool) -> Result<Viewer, Failure> {
        let (stream, types) = match client.console(guest, !read_only) {
            Err(e) if !read_only && e.code() == Some(ErrorCode::Taken) => {
                eprintln!("somebody else types on this console; watching it");
                (client.console(guest, false)?, false)
            }
            stream => (stream?, !read_only),
        };
        stream.set_nonblocking(true).map_err(Failure::io("cannot set the connection"))?;
        let signals = Signals::hold()?;
        let raw = RawMode::enter().map_err(Failure::io("cannot set the terminal"))?;
        Ok(Viewer { raw, signals, input: Input::default(), stream, types })
    }

    /// Whether a person sits at it.
    pub(crate) fn is_interactive(&self) -> bool {
        self.raw.is_some()
    }

    /// Copies both ways until one side leaves; [`Left::Lost`] when it is the daemon.
    pub(crate) fn attach(&mut self, until: Until) -> Result<Left, Failure> {
        let mut heard = Instant::now();
        loop {
            let copied = self.copy_output()?;
            if copied.bytes > 0 {
                heard = Instant::now();
            }
            if copied.over {
                return Ok(Left::Lost);
            }
            let next = match until.due(heard, &self.input) {
                Ok(next) => next,
                Err(left) => return Ok(left),
            };
            if self.wait(next, copied.more)? {
                return Ok(Left::Interrupted);
            }
            self.push()?;
        }
    }

    fn push(&mut self) -> Result<(), Failure> {
        if !self.types {
            self.input.waiting.clear();
            return Ok(());
        }
        let stream = &mut self.stream;
        self.input.push(|bytes| match stream.write(bytes) {
            Err(e) if is_later(&e) => Ok(0),
            // What it has printed last is still to be read.
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(bytes.len()),
            written => written,
        })
    }

    /// Waits for anything to do, at most until `next`; answers whether a signal came.
    fn wait(&mut self, next: Option<Instant>, at_once: bool) -> Result<bool, Failure> {
        let stdin = io::stdin();
        let room =
            if self.input.waiting.is_empty() { PollFlags::empty() } else { PollFlags::POLLOUT };
        let mut fds = vec![
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.stream.as_fd(), PollFlags::POLLIN | room),
        ];
        if self.input.wants_more() {
            fds.push(PollFd::new(stdin.as_fd(), PollFlags::POLLIN));
        }
        let timeout = if at_once { PollTimeout::ZERO } else { patience(next) };
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(e) => return Err(Failure::io("cannot wait for the console")(e.into())),
        }
        let ready = |n: usize| fds.get(n).is_some_and(|fd| fd.any().unwrap_or(false));
        let (signal, typed) = (ready(0), ready(2));
        if typed {
            self.input.fill(self.raw.is_some())?;
        }
        Ok(signal && self.signals.came())
    }

    /// Copies what came to standard output.
    fn copy_output(&mut self) -> Result<Copied, Failure> {
        let mut chunk = [0; 4096];
        let mut copied = Copied::default();
        let mut out = io::stdout().lock();
        for _ in 0..READS_IN_A_ROW {
            match self.stream.read(&mut chunk) {
                Ok(0) => copied.over = true,
                Ok(n) => {
                    out.write_all(&chunk[..n]).map_err(output::output_failed)?;
                    copied.bytes += n;
                    continue;
                }
                Err(e) if is_later(&e) => {}
                Err(e) if e.kind() == io::ErrorKind::ConnectionReset => copied.over = true,
                Err(e) => return Err(Failure::io("cannot read the console")(e)),
            }
            out.flush().map_err(output::output_failed)?;
            return Ok(copied);
        }
        out.flush().map_err(output::output_failed)?;
        copied.more = true;
        Ok(copied)
    }
}

/// What came of a look at the stream.
#[derive(Clone, Copy, Debug, Default)]
struct Copied {
    bytes: usize,
    /// There may be more at once.
    more: bool,
    /// There will be no more.
    over: bool,
}

fn is_later(e: &io::Error) -> bool {
    matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

fn patience(next: Option<Instant>) -> PollTimeout {
    match next.map(|at| at.saturating_duration_since(Instant::now())) {
        // Rounded up: a shorter rest must not become a busy loop.
        Some(time) => {
            PollTimeout::try_from(time.as_micros().div_ceil(1000)).unwrap_or(PollTimeout::MAX)
        }
        None => PollTimeout::NONE,
    }
}
