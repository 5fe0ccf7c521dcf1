//! All consoles of a host.

use std::collections::VecDeque;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use foldhash::{HashMap, HashSet};
use parking_lot::Mutex;
use uuid::Uuid;

use super::feed::Sink;
use super::options::Options;
use super::writer::{Job, Thread};
use crate::logfile::{self, LogFile};

/// The consoles of all guests. Used by the control thread; shards have their guests'
/// [`Sink`]s.
#[derive(Clone, Debug)]
pub struct Service(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    options: Mutex<Options>,
    consoles: Mutex<Consoles>,
    thread: Thread,
}

#[derive(Debug, Default)]
struct Consoles {
    present: HashMap<Uuid, Sink>,
    gone: Gone,
}

/// Guests whose logs are kept though they are gone, the first to go first.
#[derive(Debug, Default)]
struct Gone {
    order: VecDeque<Uuid>,
    known: HashSet<Uuid>,
}

impl Gone {
    fn add(&mut self, guest: Uuid) {
        if self.known.insert(guest) {
            self.order.push_back(guest);
        }
    }

    /// It is there again.
    fn remove(&mut self, guest: Uuid) {
        if self.known.remove(&guest) {
            self.order.retain(|&gone| gone != guest);
        }
    }

    /// The first to have gone, where there are more than `keep`.
    fn beyond(&mut self, keep: usize) -> Option<Uuid> {
        let first = (self.order.len() > keep).then(|| self.order.pop_front()).flatten()?;
        self.known.remove(&first);
        Some(first)
    }
}

impl Service {
    /// Serves consoles whose logs are in the folder `console` of `logs`.
    ///
    /// # Errors
    /// The folder cannot be made or read, or no thread be started.
    pub fn open(logs: &Path, options: &Options) -> io::Result<Service> {
        let folder = logs.join("console");
        std::fs::DirBuilder::new().recursive(true).mode(0o750).create(&folder)?;
        let names = logfile::names(&folder)?;
        let mut consoles = Consoles::default();
        names.iter().filter_map(|name| name.parse().ok()).for_each(|gone| consoles.gone.add(gone));
        let (options, thread) = (Mutex::new(options.clone()), Thread::start()?);
        Ok(Service(Arc::new(Inner { folder, options, consoles: consoles.into(), thread })))
    }

    /// Goes on with other options. Guests that are there keep those they came with.
    pub fn configure(&self, options: &Options) {
        self.0.options.lock().clone_from(options);
    }

    /// The console of a guest; the same as before if it was not closed since.
    pub fn sink(&self, guest: Uuid) -> Sink {
        let mut consoles = self.0.consoles.lock();
        consoles.gone.remove(guest);
        consoles.present.entry(guest).or_insert_with(|| self.make(guest)).clone()
    }

    /// How many watch a guest's console.
    pub fn viewers(&self, guest: Uuid) -> usize {
        self.0.consoles.lock().present.get(&guest).map_or(0, Sink::viewers)
    }

    fn make(&self, guest: Uuid) -> Sink {
        let options = self.0.options.lock();
        let file = LogFile::new(&self.0.folder, &guest.to_string(), options.log_bytes);
        Sink::new(file, options.rate, options.burst, self.0.thread.jobs.clone())
    }

    /// The guest is gone for good. Viewers see what is left, then the end. Its log is
    /// kept until enough others are gone too.
    pub fn close(&self, guest: Uuid) {
        let mut consoles = self.0.consoles.lock();
        if let Some(sink) = consoles.present.remove(&guest) {
            sink.close();
            consoles.gone.add(guest);
        }
        let keep = self.0.options.lock().keep;
        while let Some(oldest) = consoles.gone.beyond(keep) {
            self.0.thread.jobs.put(Job::Remove(self.make(oldest)));
        }
    }

    /// The log of a guest that is gone, if it is kept. Blocks on files.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn kept(&self, guest: Uuid) -> io::Result<Option<Vec<u8>>> {
        let kept = self.0.consoles.lock().gone.known.contains(&guest);
        kept.then(|| self.make(guest).log()).transpose()
    }
}
