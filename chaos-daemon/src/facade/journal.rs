//! The journal of one guest's facade: a file in memory (tmpfs) that outlives the
//! daemon, so that the next one goes on where it was killed.
//!
//! Records are appended before the shared page is touched. Each is
//! `length: u32, CRC-32 of the content: u32, content`; the first is a whole [`Machine`],
//! the others are operations on it. A record cut short by the kill, or anything that does
//! not match its checksum, ends the journal: what it would have said was not shown to
//! the guest yet.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::machine::{Machine, Operation};

/// Bytes of operations after which the journal is begun anew.
const COMPACT_AT: usize = 256 * 1024;

/// Longest record that can be meant.
const RECORD_MAX: usize = 64 * 1024 * 1024;

const RECORD_HEADER: usize = 8;

/// The first content byte of a journal; a daemon that writes another form counts up.
const VERSION: u8 = 2;

/// A journal that is being written.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    /// Bytes since the last whole machine.
    grown: usize,
    /// A record may be missing: only a whole machine can make up for it.
    torn: bool,
}

/// A journal cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The journal.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It does not begin with a whole machine this daemon understands.
    #[error(
        "{path} is no journal of this version of the daemon; the guest's store cannot be taken over"
    )]
    NoMachine {
        /// The journal.
        path: PathBuf,
    },
}

#[derive(Serialize)]
struct Start<'a>(u8, &'a Machine);

#[derive(Deserialize)]
struct Started(u8, Machine);

impl Journal {
    /// Begins a journal at `path`, in place of any that is there.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn create(path: &Path, machine: &Machine) -> Result<Journal, JournalError> {
        let begin = || {
            let partial = path.with_extension("partial");
            let mut options = OpenOptions::new();
            let mut file = options.write(true).create(true).truncate(true).open(&partial)?;
            file.write_all(&record(&Start(VERSION, machine)))?;
            fs::rename(&partial, path)?;
            Ok(file)
        };
        let file = begin().map_err(|source| io_error(path, source))?;
        Ok(Journal { path: path.to_owned(), file, grown: 0, torn: false })
    }

    /// Reads the journal at `path` and goes on with a fresh one in its place.
    ///
    /// # Errors
    /// Those of the file system, and [`JournalError::NoMachine`].
    pub fn resume(path: &Path) -> Result<(Journal, Machine), JournalError> {
        let mut bytes = Vec::new();
        let mut read = || File::open(path)?.read_to_end(&mut bytes);
        read().map_err(|source| io_error(path, source))?;
        let machine =
            replay(&bytes).ok_or_else(|| JournalError::NoMachine { path: path.to_owned() })?;
        Ok((Journal::create(path, &machine)?, machine))
    }

    /// Appends operations that have been applied to `machine`, with one system call.
    ///
    /// # Errors
    /// Those of the file system. The journal then ends before these operations, until
    /// a later call has written a whole machine.
    pub fn append(
        &mut self,
        operations: &[Operation],
        machine: &Machine,
    ) -> Result<(), JournalError> {
        if operations.is_empty() {
            return Ok(());
        }
        if self.torn || self.grown > COMPACT_AT {
            let begun = Journal::create(&self.path, machine);
            self.torn = begun.is_err();
            *self = begun?;
            return Ok(());
        }
        let bytes: Vec<u8> = operations.iter().flat_map(record).collect();
        self.grown += bytes.len();
        let written = self.file.write_all(&bytes);
        self.torn = written.is_err();
        written.map_err(|source| io_error(&self.path, source))
    }

    /// Removes the file: the guest is gone.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn remove(self) -> Result<(), JournalError> {
        fs::remove_file(&self.path).map_err(|source| io_error(&self.path, source))
    }
}

fn io_error(path: &Path, source: io::Error) -> JournalError {
    JournalError::Io { path: path.to_owned(), source }
}

fn record(content: &impl Serialize) -> Vec<u8> {
    // Fails only for types without a length or that refuse; these are neither.
    let content = postcard::to_allocvec(content).unwrap_or_default();
    let len = u32::try_from(content.len()).unwrap_or(u32::MAX);
    let sum = crc32fast::hash(&content);
    [&len.to_le_bytes()[..], &sum.to_le_bytes(), &content].concat()
}

/// The machine a journal describes; `None` when its first record is not whole.
pub fn replay(journal: &[u8]) -> Option<Machine> {
    let mut rest = journal;
    let Started(version, mut machine) = postcard::from_bytes(next(&mut rest)?).ok()?;
    if version != VERSION {
        return None;
    }
    while let Some(content) = next(&mut rest) {
        let Ok(operation) = postcard::from_bytes::<Operation>(content) else { break };
        machine.apply(&operation);
    }
    Some(machine)
}

/// The content of the next whole record.
fn next<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let word = |at: usize| {
        let bytes = rest.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_le_bytes(bytes))
    };
    let len = usize::try_from(word(0)?).ok().filter(|len| *len <= RECORD_MAX)?;
    let sum = word(4)?;
    let content = rest.get(RECORD_HEADER..RECORD_HEADER + len)?;
    if crc32fast::hash(content) != sum {
        return None;
    }
    *rest = &rest[RECORD_HEADER + len..];
    Some(content)
}
