//! When and why a console's session is over.

use std::time::{Duration, Instant};

use lightvm::domain::End;

use crate::input::Input;

/// Why a session is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// The guest ended.
    Ended(End),
    /// The daemon ended it, and the guest lives.
    Lost,
    /// Ctrl-], or the terminal is gone.
    Detached,
    /// Standard input ended, and the guest was silent for long enough.
    Drained,
    /// `--timeout` is over.
    TimedOut,
    /// A signal came.
    Interrupted,
}

/// When to leave by itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Until {
    pub(crate) deadline: Option<Instant>,
    pub(crate) drain: Option<Duration>,
}

impl Until {
    /// Whether it is time to leave a guest that was last `heard` then; else the next moment
    /// at which it may be.
    pub(crate) fn due(&self, heard: Instant, input: &Input) -> Result<Option<Instant>, Left> {
        if input.left {
            return Err(Left::Detached);
        }
        let silence = self.drain.filter(|_| input.ended && input.waiting.is_empty());
        let drained = silence.map(|silence| heard + silence);
        let now = Instant::now();
        if drained.is_some_and(|at| now >= at) {
            return Err(Left::Drained);
        }
        if self.deadline.is_some_and(|at| now >= at) {
            return Err(Left::TimedOut);
        }
        Ok([self.deadline, drained].into_iter().flatten().min())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended() -> Input {
        Input { ended: true, ..Input::default() }
    }

    #[test]
    fn leaves_for_the_reason_that_holds() {
        let long_ago = Instant::now().checked_sub(Duration::from_secs(60)).expect("a clock");
        let drain = Until { drain: Some(Duration::from_secs(1)), deadline: None };
        assert_eq!(drain.due(long_ago, &ended()), Err(Left::Drained));
        assert_eq!(drain.due(long_ago, &Input::default()), Ok(None), "keys may still come");
        let past = Until { deadline: Some(long_ago), drain: None };
        assert_eq!(past.due(long_ago, &ended()), Err(Left::TimedOut));
        let left = Input { left: true, ..Input::default() };
        assert_eq!(past.due(long_ago, &left), Err(Left::Detached));
    }

    #[test]
    fn looks_again_at_the_earlier_moment() {
        let now = Instant::now();
        let (soon, late) = (now + Duration::from_secs(600), now + Duration::from_secs(900));
        let until = Until { deadline: Some(late), drain: Some(Duration::from_secs(600)) };
        assert_eq!(until.due(now, &ended()), Ok(Some(soon)));
        assert_eq!(until.due(now, &Input::default()), Ok(Some(late)));
    }
}
