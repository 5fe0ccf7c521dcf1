//! Keys of guests that have ended, on tmpfs: of those that live, the guest's record has it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::KeyClaim;

/// A key whose guest has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Past {
    pub(super) claim: KeyClaim,
    pub(super) uuid: Uuid,
}

/// The file, a JSON object a line. A line that a kill cut off is no line.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    lines: usize,
}

impl Journal {
    /// Opens the file at `path`, and answers what is in it.
    pub(super) fn open(path: PathBuf) -> io::Result<(Journal, Vec<Past>)> {
        let text = match fs::read(&path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
            text => text?,
        };
        let lines = text.split(|&byte| byte == b'\n');
        let past = lines.filter_map(|line| serde_json::from_slice(line).ok()).collect::<Vec<_>>();
        let mut journal = Journal { file: fresh(&path)?, path, lines: 0 };
        journal.rewrite(&past)?;
        Ok((journal, past))
    }

    /// How many lines the file has.
    pub(super) fn lines(&self) -> usize {
        self.lines
    }

    pub(super) fn add(&mut self, past: &Past) -> io::Result<()> {
        self.file.write_all(&line(past)?)?;
        self.lines += 1;
        Ok(())
    }

    /// Has the file say `all` and nothing else, at once.
    pub(super) fn rewrite(&mut self, all: &[Past]) -> io::Result<()> {
        let mut file = fresh(&self.path)?;
        let lines = all.iter().map(line).collect::<io::Result<Vec<_>>>()?;
        file.write_all(&lines.concat())?;
        fs::rename(self.path.with_extension("new"), &self.path)?;
        (self.file, self.lines) = (file, all.len());
        Ok(())
    }
}

/// A file that takes the place of the one at `path` when it is renamed.
fn fresh(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).write(true).truncate(true).open(path.with_extension("new"))
}

fn line(past: &Past) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(past)?;
    line.push(b'\n');
    Ok(line)
}
