//! Which changes a guest wants to hear of.

use serde::{Deserialize, Serialize};

use super::path::Path;
use super::quota;
use super::view::Change;
use crate::facade::wire::{Errno, PAYLOAD_MAX, RELATIVE_PATH_MAX};

/// What a watch is set on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Target {
    /// A path and everything below it; `relative` when the guest wrote it so, and
    /// wants to read it so in events.
    Path { path: Path, relative: bool },
    /// `@introduceDomain`, `@releaseDomain` or another name with `@`: accepted as
    /// xenstored does, and never fired again, as a guest is told of no other.
    Special(String),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Watch {
    target: Target,
    token: String,
}

/// A guest's watches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Watches {
    watches: Vec<Watch>,
    bytes: usize,
}

/// What a guest is told: the path in the form of its watch, and the watch's token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchEvent {
    /// Path that changed.
    pub path: String,
    /// The guest's own name for the watch.
    pub token: String,
}

impl WatchEvent {
    /// Its payload; `None` when that would be too long for a message.
    pub fn payload(&self) -> Option<Vec<u8>> {
        let payload = format!("{}\0{}\0", self.path, self.token).into_bytes();
        (payload.len() <= PAYLOAD_MAX).then_some(payload)
    }
}

impl Watches {
    /// Sets a watch; the first event comes at once.
    ///
    /// # Errors
    /// `EINVAL` for a bad path, `EEXIST` for the same watch again, `E2BIG` and
    /// `ENOMEM` for too many.
    pub(super) fn add(
        &mut self,
        text: &str,
        token: &str,
        home: &Path,
    ) -> Result<WatchEvent, Errno> {
        let watch = Watch { target: Target::parse(text, home)?, token: token.to_owned() };
        let same = |other: &Watch| other.token == token && other.target.is_same(&watch.target);
        if self.watches.iter().any(same) {
            return Err(Errno::Exists);
        }
        if self.watches.len() >= quota::WATCHES {
            return Err(Errno::TooBig);
        }
        if self.bytes + watch.len() > quota::WATCH_BYTES {
            return Err(Errno::NoMemory);
        }
        self.bytes += watch.len();
        self.watches.push(watch);
        Ok(WatchEvent { path: text.to_owned(), token: token.to_owned() })
    }

    /// Removes a watch.
    ///
    /// # Errors
    /// `ENOENT` when there is none with this path and token.
    pub(super) fn remove(&mut self, text: &str, token: &str, home: &Path) -> Result<(), Errno> {
        let target = Target::parse(text, home).map_err(|_| Errno::NotFound)?;
        let same = |watch: &Watch| watch.token == token && watch.target.is_same(&target);
        let at = self.watches.iter().position(same).ok_or(Errno::NotFound)?;
        let watch = self.watches.remove(at);
        self.bytes -= watch.len();
        Ok(())
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.watches.len()
    }

    /// Removes all.
    pub(super) fn clear(&mut self) {
        *self = Watches::default();
    }

    /// The events of `change`, for as long as `tell` wants more.
    pub(super) fn fire(&self, change: &Change, home: &Path, mut tell: impl FnMut(WatchEvent)) {
        if !change.visible {
            return;
        }
        for watch in &self.watches {
            if let Some(path) = watch.target.matches(change, home) {
                tell(WatchEvent { path: path.to_owned(), token: watch.token.clone() });
            }
        }
    }
}

impl Watch {
    fn len(&self) -> usize {
        let target = match &self.target {
            Target::Path { path, .. } => path.as_str().len(),
            Target::Special(name) => name.len(),
        };
        target + self.token.len()
    }
}

impl Target {
    fn parse(text: &str, home: &Path) -> Result<Target, Errno> {
        if !text.starts_with('@') {
            let relative = !text.starts_with('/');
            return Ok(Target::Path { path: Path::from_guest(text, home)?, relative });
        }
        if text.len() > RELATIVE_PATH_MAX {
            return Err(Errno::Invalid);
        }
        Ok(Target::Special(text.to_owned()))
    }

    /// The same place, however it was written.
    fn is_same(&self, other: &Target) -> bool {
        match (self, other) {
            (Target::Path { path: a, .. }, Target::Path { path: b, .. }) => a == b,
            (Target::Special(a), Target::Special(b)) => a == b,
            _ => false,
        }
    }

    /// The path to tell when `change` is one this watch is for.
    fn matches<'a>(&self, change: &'a Change, home: &Path) -> Option<&'a str> {
        let Target::Path { path, relative } = self else { return None };
        let below = change.path.below(path)?;
        if change.exact && !below.is_empty() {
            return None;
        }
        if *relative { change.path.below(home) } else { Some(change.path.as_str()) }
    }
}
