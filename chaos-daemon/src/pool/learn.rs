//! Kinds of guests that were asked for and are no flavours yet.

use std::collections::HashMap;
use std::time::Duration;

use super::flavour::Flavour;

/// Kinds remembered for each flavour that may be learned.
const FOR_EACH: usize = 4;

/// Kinds of guests that were asked for, the latest of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Noticed {
    kinds: HashMap<Flavour, Sighting>,
    count: u64,
}

#[derive(Clone, Copy, Debug)]
struct Sighting {
    times: u32,
    last: Duration,
    /// Tells sightings of the same moment apart.
    number: u64,
}

/// A kind that was asked for often enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Recurs {
    /// Time since it was asked for before; [`Duration::MAX`] when this was the first time.
    pub(super) after: Duration,
}

impl Noticed {
    /// Notes a request for `kind`. `Some` when it was seen at least `often` times within `memory`
    /// of each other.
    pub(super) fn note(
        &mut self,
        kind: &Flavour,
        now: Duration,
        memory: Duration,
        often: u32,
    ) -> Option<Recurs> {
        self.count += 1;
        let new = Sighting { times: 0, last: now, number: self.count };
        if !self.kinds.contains_key(kind) {
            self.kinds.insert(kind.clone(), new);
        }
        let sighting = self.kinds.get_mut(kind)?;
        let passed = now.saturating_sub(sighting.last);
        let times = if passed > memory { 0 } else { sighting.times };
        let after = if times == 0 { Duration::MAX } else { passed };
        *sighting = Sighting { times: times.saturating_add(1), ..new };
        (sighting.times >= often).then_some(Recurs { after })
    }

    /// Forgets a kind: it became a flavour.
    pub(super) fn forget(&mut self, kind: &Flavour) {
        self.kinds.remove(kind);
    }

    /// Forgets what was seen longest ago beyond what `flavours` need.
    pub(super) fn bound(&mut self, flavours: u32) {
        let most = usize::try_from(flavours).unwrap_or(usize::MAX).saturating_mul(FOR_EACH);
        while self.kinds.len() > most {
            let oldest = self.kinds.iter().min_by_key(|(_, sighting)| sighting.number);
            let Some(oldest) = oldest.map(|(kind, _)| kind.clone()) else { return };
            self.kinds.remove(&oldest);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.kinds.len()
    }
}
