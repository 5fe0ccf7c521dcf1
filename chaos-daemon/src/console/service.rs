//! All consoles of a host.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
    /// Guests whose logs are kept though they are gone, the first to go first.
    gone: VecDeque<Uuid>,
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
        let gone = names.iter().filter_map(|name| name.parse().ok()).collect();
        let consoles = Mutex::new(Consoles { present: HashMap::new(), gone });
        let (options, thread) = (Mutex::new(options.clone()), Thread::start()?);
        Ok(Service(Arc::new(Inner { folder, options, consoles, thread })))
    }

    /// Goes on with other options. Guests that are there keep those they came with.
    pub fn configure(&self, options: &Options) {
        self.0.options.lock().clone_from(options);
    }

    /// The console of a guest; the same as before if it was not closed since.
    pub fn sink(&self, guest: Uuid) -> Sink {
        let mut consoles = self.0.consoles.lock();
        consoles.gone.retain(|&gone| gone != guest);
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
            consoles.gone.push_back(guest);
        }
        let keep = self.0.options.lock().keep;
        while consoles.gone.len() > keep {
            let Some(oldest) = consoles.gone.pop_front() else { break };
            self.0.thread.jobs.put(Job::Remove(self.make(oldest)));
        }
    }

    /// The log of a guest that is gone, if it is kept. Blocks on files.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn kept(&self, guest: Uuid) -> io::Result<Option<Vec<u8>>> {
        let kept = self.0.consoles.lock().gone.contains(&guest);
        kept.then(|| self.make(guest).log()).transpose()
    }
}
