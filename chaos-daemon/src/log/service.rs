//! All guests' records.

use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use foldhash::HashMap;
use parking_lot::Mutex;
use thiserror::Error;
use uuid::Uuid;

use super::book::Book;
use super::entry::Entry;
use super::options::Options;
use super::outlet::Outlet;
use crate::logfile::LogFile;
use crate::mailbox::Mailbox;

/// Outlets that the thread goes on with from its next record on.
type Next = Arc<Mutex<Option<Vec<Outlet>>>>;

/// Records of all guests together that wait to be written at most.
pub(super) const WAITING: usize = 4096;

/// Why records cannot be taken.
#[derive(Debug, Error)]
pub enum LogError {
    /// The folder of logs cannot be made.
    #[error("cannot make {0}: {1}")]
    Folder(PathBuf, io::Error),
    /// No thread to write records.
    #[error("cannot start the thread that writes guests' records: {0}")]
    Thread(io::Error),
}

/// The records of all guests. Used by the control thread; shards have their guests'
/// [`Book`]s.
#[derive(Clone, Debug)]
pub struct Service(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    logs: PathBuf,
    options: Mutex<Options>,
    books: Mutex<HashMap<Uuid, Book>>,
    out: Mailbox<Option<Entry>>,
    next: Next,
    thread: Option<JoinHandle<()>>,
}

impl Service {
    /// Writes records to where `options` says, files into the folder `logs`.
    ///
    /// # Errors
    /// [`LogError`].
    pub fn open(logs: &Path, options: &Options) -> Result<Service, LogError> {
        let made = std::fs::DirBuilder::new().recursive(true).mode(0o750).create(logs);
        made.map_err(|e| LogError::Folder(logs.to_owned(), e))?;
        let out = Mailbox::default();
        let inbox = out.clone();
        let next: Next = Arc::new(Mutex::new(Some(outlets(logs, options))));
        let (name, told) = ("guest-log".to_owned(), Arc::clone(&next));
        let thread = std::thread::Builder::new().name(name).spawn(move || run(&inbox, &told));
        let thread = Some(thread.map_err(LogError::Thread)?);
        let (books, options, logs) = (Mutex::default(), options.clone().into(), logs.to_owned());
        Ok(Service(Arc::new(Inner { logs, options, books, out, next, thread })))
    }

    /// Goes on with other options. Guests that are there keep their rate and how many of their
    /// records are kept.
    pub fn configure(&self, options: &Options) {
        *self.0.next.lock() = Some(outlets(&self.0.logs, options));
        self.0.options.lock().clone_from(options);
    }

    /// The book of a guest; the same as before if it was not closed since.
    pub fn book(&self, guest: Uuid, name: &str) -> Book {
        let make = || Book::new(guest, name, &self.0.options.lock(), self.0.out.clone());
        self.0.books.lock().entry(guest).or_insert_with(make).clone()
    }

    /// Forgets what was kept of a guest.
    pub fn close(&self, guest: Uuid) {
        self.0.books.lock().remove(&guest);
    }
}

fn outlets(logs: &Path, options: &Options) -> Vec<Outlet> {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = Some(host.trim()).filter(|name| !name.is_empty()).unwrap_or("-").to_owned();
    let facility = options.facility;
    let file = |name| LogFile::new(logs, name, options.file_bytes);
    let syslog = options.syslog.clone().map(|target| {
        let host = host.clone();
        Outlet::Syslog { target, facility, host, socket: None }
    });
    let lines = options.file.then(|| Outlet::Lines { file: file("records"), facility, host });
    let json = options.json.then(|| Outlet::Json(file("records-json")));
    syslog.into_iter().chain(lines).chain(json).collect()
}

/// Writes records until it is told to end by `None`.
fn run(inbox: &Mailbox<Option<Entry>>, next: &Mutex<Option<Vec<Outlet>>>) {
    let mut outlets = Vec::new();
    while let Some(entry) = inbox.take() {
        if let Some(others) = next.lock().take() {
            outlets = others.into_iter().map(|outlet| (outlet, 0u64)).collect();
        }
        for (outlet, lost) in &mut outlets {
            match (outlet.put(&entry), *lost) {
                (Ok(()), 0) => {}
                (Ok(()), n) => {
                    tracing::warn!("{} works again; it has lost {n} records", outlet.name());
                    *lost = 0;
                }
                (Err(e), n) => {
                    if n == 0 {
                        tracing::warn!("cannot write guests' records to {}: {e}", outlet.name());
                    }
                    *lost += 1;
                }
            }
        }
    }
}

/// Writes what waits. Books that shards still have are without effect then.
impl Drop for Inner {
    fn drop(&mut self) {
        self.out.put(None);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
