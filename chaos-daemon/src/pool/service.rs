//! Requests come before shells.

use std::time::Duration;

use super::requests::Answer;
use super::settings::Settings;

/// Requests being served.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Service {
    /// Those that finish a shell.
    finishing: u32,
    /// Those whose guests are built directly.
    building: u32,
    /// Since when there have been any.
    since: Duration,
}

impl Service {
    pub(super) fn begin(&mut self, now: Duration, answer: Answer) {
        if self.finishing + self.building == 0 {
            self.since = now;
        }
        *self.of(answer) += 1;
    }

    pub(super) fn end(&mut self, answer: Answer) {
        let count = self.of(answer);
        *count = count.saturating_sub(1);
    }

    fn of(&mut self, answer: Answer) -> &mut u32 {
        match answer {
            Answer::Take { .. } => &mut self.finishing,
            Answer::Build => &mut self.building,
        }
    }

    /// How many shells may be being built: none while a shell is being finished; as a guest that is
    /// built directly takes the place of one, none where these take all places. Where that goes on
    /// for longer than the pool's patience, one.
    pub(super) fn slots(&self, now: Duration, settings: &Settings) -> u32 {
        let left = settings.builds.max(1).saturating_sub(self.building);
        if self.finishing == 0 && left > 0 {
            return left;
        }
        u32::from(now >= self.loses_patience(settings))
    }

    /// When shells begin to be built in spite of requests.
    pub(super) fn loses_patience(&self, settings: &Settings) -> Duration {
        self.since.saturating_add(settings.patience)
    }

    /// Whether there are any.
    pub(super) fn is_busy(&self) -> bool {
        self.finishing + self.building > 0
    }
}
