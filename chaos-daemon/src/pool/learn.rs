//! Kinds of guests that were asked for and are no flavours yet.

use std::time::Duration;

use foldhash::HashMap;

use super::flavour::Flavour;

/// Kinds remembered at most: so many may come in turn and still be seen to recur.
const MOST: usize = 256;

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
            self.make_place();
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

    /// Makes place for one more: forgets what was seen longest ago.
    fn make_place(&mut self) {
        if self.kinds.len() >= MOST {
            let oldest = self.kinds.iter().min_by_key(|(_, sighting)| sighting.number);
            if let Some(oldest) = oldest.map(|(kind, _)| kind.clone()) {
                self.kinds.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pool::Form;
    use lightvm::config::{ControlMode, GuestType, MemSize, TscMode};

    const MEMORY: Duration = Duration::from_secs(60);

    fn kind(vcpus: u16) -> Flavour {
        let memory = MemSize::from_mib(8).unwrap();
        let form = Form {
            guest_type: GuestType::Pv,
            memory,
            max_memory: memory,
            vcpus,
            max_vcpus: vcpus,
            tsc_mode: TscMode::Native,
            cpupool: 0,
            control: ControlMode::Facade,
            places: crate::pool::Places::default(),
        };
        Flavour { form, image: None }
    }

    fn second(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn a_kind_recurs_when_it_comes_often_enough_within_memory() {
        let mut noticed = Noticed::default();
        let mut note = |at| noticed.note(&kind(1), second(at), MEMORY, 2);
        assert_eq!(note(0), None);
        assert_eq!(note(61), None);
        assert_eq!(note(64), Some(Recurs { after: second(3) }));
        assert_eq!(noticed.note(&kind(2), second(0), MEMORY, 1).unwrap().after, Duration::MAX);
    }

    #[test]
    fn the_kinds_seen_longest_ago_are_forgotten() {
        let mut noticed = Noticed::default();
        for vcpus in 1..=1000 {
            noticed.note(&kind(vcpus), second(vcpus.into()), MEMORY * 60, 2);
        }
        assert_eq!(noticed.kinds.len(), MOST);
        assert!(noticed.note(&kind(1000), second(1000), MEMORY, 2).is_some());
        assert!(noticed.note(&kind(700), second(1000), MEMORY, 2).is_none());
    }
}
