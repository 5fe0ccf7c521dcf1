//! Creations that were asked for with a key: done once, however often they are asked for.
//!
//! A client that lost the connection asks again with the same key. The key stands in the guest's
//! record from before there is a domain, so that a daemon that was killed and its successor agree:
//! what was half-built is torn down and its key forgotten, what lives keeps it. A key outlives its
//! guest in [`journal`].

mod claim;
mod journal;

use std::collections::VecDeque;
use std::collections::hash_map::Entry as Place;
use std::io;
use std::path::Path;
use std::sync::Arc;

use foldhash::HashMap;
use lightvm::api::{Built, KEY_TIME, KEYS_KEPT};
use lightvm::domain::Timings;
use parking_lot::Mutex;
use tokio::sync::watch;
use uuid::Uuid;

use claim::now_ms;
pub use claim::{Key, KeyClaim, NoKey, digest};
use journal::{Journal, Past};

/// What came of a key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// The guest.
    pub uuid: Uuid,
    /// How it came to be.
    pub built: Built,
    /// What each stage took; nothing where another daemon made it.
    pub timings: Timings,
}

/// The keys of the last [`KEY_TIME`], the last [`KEYS_KEPT`] at most.
#[derive(Debug)]
pub struct Keys {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    known: HashMap<Key, Entry>,
    /// Keys whose guests were made, by the age of their claims where one daemon made them.
    order: VecDeque<KeyClaim>,
    journal: Journal,
}

#[derive(Debug)]
enum Entry {
    /// Somebody is at it. Dropping the sender tells that it is over.
    Busy {
        digest: u64,
        _over: watch::Sender<()>,
    },
    Made {
        claim: KeyClaim,
        outcome: Outcome,
        ended: bool,
    },
}

/// What to do about a request with a key.
#[derive(Debug)]
pub enum Begun {
    /// Carry it out, and say what came of it.
    New(Pending),
    /// It is being carried out: wait until this ends, and ask again.
    Busy(watch::Receiver<()>),
    /// It was carried out.
    Done(Outcome),
    /// The key belongs to another request.
    Other,
}

/// A request with a key that is being carried out. Dropped, it was in vain and may come again.
#[derive(Debug)]
pub struct Pending {
    keys: Arc<Keys>,
    claim: Option<KeyClaim>,
}

impl Keys {
    /// The keys that daemons before this one wrote down in the file at `path`.
    ///
    /// # Errors
    /// Those of reading and writing the file.
    pub fn open(path: &Path) -> io::Result<Keys> {
        let (journal, past) = Journal::open(path.to_owned())?;
        let mut state = State { known: HashMap::default(), order: VecDeque::new(), journal };
        for Past { claim, uuid } in past {
            state.insert(claim, Outcome::of_earlier(uuid), true);
        }
        state.expire(now_ms());
        Ok(Keys { state: Mutex::new(state) })
    }

    /// Begins what `claim` is for, unless it was begun before.
    pub fn begin(self: &Arc<Self>, claim: KeyClaim) -> Begun {
        let mut state = self.state.lock();
        state.expire(claim.at_ms);
        match state.known.entry(claim.key.clone()) {
            Place::Vacant(place) => {
                let _over = watch::Sender::new(());
                place.insert(Entry::Busy { digest: claim.digest, _over });
                Begun::New(Pending { keys: Arc::clone(self), claim: Some(claim) })
            }
            Place::Occupied(place) => match place.get() {
                Entry::Busy { digest, _over } if *digest == claim.digest => {
                    Begun::Busy(_over.subscribe())
                }
                Entry::Made { claim: of, outcome, .. } if of.digest == claim.digest => {
                    Begun::Done(*outcome)
                }
                Entry::Busy { .. } | Entry::Made { .. } => Begun::Other,
            },
        }
    }

    /// Takes up the key of a guest that an earlier daemon made.
    pub(super) fn remember(&self, claim: &KeyClaim, uuid: Uuid) {
        self.state.lock().insert(claim.clone(), Outcome::of_earlier(uuid), false);
    }

    /// A guest has ended: from now on its key is remembered here.
    pub(super) fn ended(&self, claim: &KeyClaim, uuid: Uuid) {
        let mut state = self.state.lock();
        match state.known.get_mut(&claim.key) {
            Some(Entry::Made { claim: of, ended, .. }) if of == claim => *ended = true,
            // So long ago that nobody asks again.
            _ => return,
        }
        let written = state.write_down(&Past { claim: claim.clone(), uuid });
        if let Err(e) = written {
            tracing::warn!(key = %claim.key, "cannot write down the key of a guest that has ended: {e}");
        }
    }
}

impl State {
    fn insert(&mut self, claim: KeyClaim, outcome: Outcome, ended: bool) {
        self.order.push_back(claim.clone());
        self.known.insert(claim.key.clone(), Entry::Made { claim, outcome, ended });
    }

    /// Forgets what is too old, or too much.
    fn expire(&mut self, now_ms: u64) {
        let time = u64::try_from(KEY_TIME.as_millis()).unwrap_or(u64::MAX);
        let old = |claim: &KeyClaim| claim.at_ms.saturating_add(time) <= now_ms;
        while self.order.front().is_some_and(old) || self.order.len() > KEYS_KEPT {
            let Some(gone) = self.order.pop_front() else { return };
            // The key may have been used anew meanwhile.
            let is = matches!(self.known.get(&gone.key), Some(Entry::Made { claim, .. }) if *claim == gone);
            if is {
                self.known.remove(&gone.key);
            }
        }
    }

    fn write_down(&mut self, past: &Past) -> io::Result<()> {
        self.journal.add(past)?;
        if self.journal.lines() <= 2 * KEYS_KEPT {
            return Ok(());
        }
        let still = self.known.values().filter_map(|entry| match entry {
            Entry::Made { claim, outcome, ended: true } => {
                Some(Past { claim: claim.clone(), uuid: outcome.uuid })
            }
            Entry::Made { .. } | Entry::Busy { .. } => None,
        });
        let mut still: Vec<_> = still.collect();
        still.sort_by_key(|past| past.claim.at_ms);
        self.journal.rewrite(&still)
    }
}

impl Outcome {
    fn of_earlier(uuid: Uuid) -> Outcome {
        Outcome { uuid, built: Built::Directly, timings: Timings::default() }
    }
}

impl Pending {
    /// What is asked for, to be written down with the guest.
    pub fn claim(&self) -> Option<KeyClaim> {
        self.claim.clone()
    }

    /// It was carried out.
    pub fn done(mut self, outcome: Outcome) {
        let Some(claim) = self.claim.take() else { return };
        self.keys.state.lock().insert(claim, outcome, false);
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Some(claim) = self.claim.take() {
            self.keys.state.lock().known.remove(&claim.key);
        }
    }
}

#[cfg(test)]
mod tests;
