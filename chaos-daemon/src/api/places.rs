//! How many connections there may be at a time: of all clients, and of one process.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::Options;

/// The places for connections.
#[derive(Debug)]
pub(super) struct Places {
    most: usize,
    most_of_one: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_process: HashMap<i32, usize>,
}

/// A connection's place, free again when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    pid: i32,
}

/// Why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// Of all clients.
    All,
    /// Of this process.
    Process,
}

impl Places {
    pub(super) fn new(options: &Options) -> Arc<Places> {
        Arc::new(Places {
            most: options.connections,
            most_of_one: options.connections_per_process,
            taken: Mutex::default(),
        })
    }

    /// A place for a connection of this process.
    pub(super) fn take(self: &Arc<Self>, pid: i32) -> Result<Place, Full> {
        let mut taken = self.taken.lock();
        let of_one = taken.by_process.get(&pid).copied().unwrap_or(0);
        if of_one >= self.most_of_one {
            return Err(Full::Process);
        }
        if taken.all >= self.most {
            return Err(Full::All);
        }
        taken.all += 1;
        taken.by_process.insert(pid, of_one + 1);
        Ok(Place { places: Arc::clone(self), pid })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock();
        taken.all -= 1;
        match taken.by_process.get_mut(&self.pid) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(taken.by_process.remove(&self.pid)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_leaves_places_to_others() {
        let options = Options { connections: 5, connections_per_process: 3, ..Options::default() };
        let places = Places::new(&options);
        let mut held: Vec<_> = (0..3).map(|_| places.take(1).unwrap()).collect();
        assert_eq!(places.take(1).unwrap_err(), Full::Process);
        held.extend([places.take(2).unwrap(), places.take(2).unwrap()]);
        assert_eq!(places.take(3).unwrap_err(), Full::All);
        held.swap_remove(0);
        held.push(places.take(1).unwrap());
        drop(held);
        let taken = places.taken.lock();
        assert_eq!((taken.all, taken.by_process.len()), (0, 0));
    }
}
