//! A connection to xenstored.

mod wire;

use std::io;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use lightvm::xen::DomId;
use nix::errno::Errno;
use xenstore_rs::Xs;
use xenstore_rs::unix::XsUnix;

use super::entries::{Access, Ring, Tree};
use super::error::StoreError;
use wire::{Request, Wire, words};

/// What xenstored understands as a name for "not in a transaction".
const NONE: u32 = 0;

/// A connection to xenstored, with dom0's rights.
pub struct Store {
    plain: XsUnix,
    more: Wire,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Store {
    /// Connects.
    ///
    /// # Errors
    /// [`StoreError::NotRunning`]. (`xenstore-rs` by itself falls back to the kernel's device,
    /// where requests wait for ever when there is no xenstored.)
    pub fn open() -> Result<Self, StoreError> {
        let more = connect(socket())?;
        let absent = |source| StoreError::NotRunning { socket: socket(), source };
        Ok(Store { plain: XsUnix::new().map_err(absent)?, more })
    }

    /// Writes an entry and, where they are missing, those above it.
    ///
    /// # Errors
    /// [`StoreError::Request`].
    pub fn write(&self, path: &str, value: &str) -> Result<(), StoreError> {
        self.plain.write(path, value).map_err(failed("write", path))
    }

    /// What an entry says, or `None` when there is none.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub fn read(&self, path: &str) -> Result<Option<String>, StoreError> {
        present(self.plain.read(path)).map_err(failed("read", path)).map(|v| v.map(String::from))
    }

    /// The names of the entries right below one; none when it is not there.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub fn list(&self, path: &str) -> Result<Vec<String>, StoreError> {
        let names = present(self.plain.directory(path)).map_err(failed("list", path))?;
        // An entry without any below it answers with one empty name.
        let names = names.unwrap_or_default().into_iter().filter(|name| !name.is_empty());
        Ok(names.map(String::from).collect())
    }

    /// Removes an entry, where it is there, and all below it.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub fn remove(&self, path: &str) -> Result<(), StoreError> {
        present(self.plain.rm(path)).map_err(failed("remove", path)).map(drop)
    }

    /// Writes all of `tree` with the permissions it wants for `guest`.
    ///
    /// # Errors
    /// As [`Store::write`]; what came before is written then.
    pub fn put(&mut self, tree: &Tree, guest: DomId) -> Result<(), StoreError> {
        let permissions = |access: Access| access.permissions(guest);
        let permissions: Vec<_> =
            tree.entries().iter().map(|entry| entry.access.map(permissions)).collect();
        let mut requests = Vec::new();
        for (entry, permissions) in tree.entries().iter().zip(&permissions) {
            requests.push((Request::Write, vec![entry.path.as_str(), &entry.value]));
            if let Some(permissions) = permissions {
                let words = std::iter::once(&entry.path).chain(permissions);
                requests.push((Request::SetPermissions, words.map(String::as_str).collect()));
            }
        }
        self.batch(&requests)
    }

    /// Removes entries, where they are there, and all below them.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub fn remove_all(&mut self, paths: &[String]) -> Result<(), StoreError> {
        let requests: Vec<_> =
            paths.iter().map(|path| (Request::Remove, vec![path.as_str()])).collect();
        self.batch(&requests)
    }

    fn batch(&mut self, requests: &[(Request, Vec<&str>)]) -> Result<(), StoreError> {
        self.more.batch(requests).or_else(|(at, source)| match requests[at].0 {
            Request::Remove if is(&source, &[Errno::ENOENT]) => Ok(()),
            _ => Err(failed("change", requests[at].1[0])(source)),
        })
    }

    /// Makes a guest known: xenstored maps its ring and binds to its port.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub fn introduce(&mut self, guest: DomId, ring: Ring) -> Result<(), StoreError> {
        let words = [guest.to_string(), ring.frame.to_string(), ring.port.to_string()];
        let words = words.each_ref().map(String::as_str);
        let answer = self.more.ask(Request::Introduce, NONE, &words);
        answer.map(drop).map_err(failed("introduce domain", words[0]))
    }

    /// Removes those of `folders` in which nothing is but others of them that go too; each stands
    /// before the one it is in. Entries that others make meanwhile stay.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub fn prune(&mut self, folders: &[&str]) -> Result<(), StoreError> {
        while self.prune_once(folders).map_err(failed("remove", "empty folders"))? == Pruned::Again
        {
        }
        Ok(())
    }

    fn prune_once(&mut self, folders: &[&str]) -> io::Result<Pruned> {
        let answer = self.more.ask(Request::TransactionStart, NONE, &[""])?;
        let number = words(&answer).next().and_then(|word| word.parse().ok());
        let transaction = number.ok_or(Errno::EPROTO)?;
        let listed = self.more.ask_all(Request::Directory, transaction, folders)?;
        let mut found = Vec::new();
        for (&folder, names) in folders.iter().zip(listed) {
            match names {
                Ok(names) => found.push((folder, words(&names).collect())),
                // Too long an answer is no empty folder.
                Err(e) if is(&e, &[Errno::ENOENT, Errno::E2BIG]) => {}
                Err(e) => return Err(e),
            }
        }
        let empty = empty(&found);
        let removed = self.more.ask_all(Request::Remove, transaction, &empty)?;
        removed.into_iter().collect::<io::Result<Vec<_>>>()?;
        let commit = if empty.is_empty() { "F" } else { "T" };
        match self.more.ask(Request::TransactionEnd, transaction, &[commit]) {
            Err(e) if is(&e, &[Errno::EAGAIN]) => Ok(Pruned::Again),
            answer => answer.map(|_| Pruned::Done),
        }
    }
}

/// Those of the folders `found`, each with the names in it, that have nothing in them but one
/// another. A folder stands before the one it is in.
fn empty<'a>(found: &[(&'a str, Vec<String>)]) -> Vec<&'a str> {
    let mut empty: Vec<&str> = Vec::new();
    for (folder, names) in found {
        let goes = |name| empty.contains(&format!("{folder}/{name}").as_str());
        if names.iter().all(goes) {
            empty.push(folder);
        }
    }
    empty
}

/// How an attempt to remove empty folders went.
#[derive(PartialEq, Eq)]
enum Pruned {
    Done,
    /// Somebody else changed something meanwhile.
    Again,
}

/// Waits for things to happen in the store.
#[derive(Debug)]
pub struct Watch(Wire);

impl Watch {
    /// Watches `path`: an absolute one, or `@introduceDomain` or `@releaseDomain`.
    ///
    /// # Errors
    /// As [`Store::open`] and [`Store::write`].
    pub fn new(path: &str) -> Result<Self, StoreError> {
        let mut wire = connect(socket())?;
        wire.ask(Request::Watch, NONE, &[path, "lightvm"]).map_err(failed("watch", path))?;
        Ok(Watch(wire))
    }

    /// Waits for the next event and says where it happened. The first comes at once.
    ///
    /// # Errors
    /// When xenstored has gone.
    pub fn wait(&mut self) -> io::Result<String> {
        self.0.event()
    }
}

fn connect(socket: PathBuf) -> Result<Wire, StoreError> {
    match UnixStream::connect(&socket) {
        Ok(stream) => Ok(Wire::new(stream)),
        Err(source) => Err(StoreError::NotRunning { socket, source }),
    }
}

/// Where xenstored listens, as `xenstore-rs` and Xen's own library have it.
fn socket() -> PathBuf {
    std::env::var_os("XENSTORED_PATH")
        .map_or_else(|| PathBuf::from("/run/xenstored/socket"), PathBuf::from)
}

/// No entry is an answer, not an error.
fn present<T>(answer: io::Result<T>) -> io::Result<Option<T>> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

fn is(error: &io::Error, any: &[Errno]) -> bool {
    any.iter().any(|errno| error.raw_os_error() == Some(*errno as i32))
}

fn failed(verb: &'static str, what: &str) -> impl FnOnce(io::Error) -> StoreError {
    let what = what.to_owned();
    move |source| StoreError::Request { verb, what, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_go_with_the_last_that_is_in_them() {
        let found = |folders: &[(&'static str, &[&str])]| {
            let names = |names: &[&str]| names.iter().map(ToString::to_string).collect();
            folders.iter().map(|(folder, list)| (*folder, names(list))).collect::<Vec<_>>()
        };
        let all = found(&[("/b/vif", &[]), ("/b/vbd", &[]), ("/b", &["vif", "vbd"])]);
        assert_eq!(empty(&all), ["/b/vif", "/b/vbd", "/b"]);
        let used = found(&[("/b/vif", &["7"]), ("/b/vbd", &[]), ("/b", &["vif", "vbd"])]);
        assert_eq!(empty(&used), ["/b/vbd"]);
        let others = found(&[("/b/vif", &[]), ("/b", &["vif", "qdisk"])]);
        assert_eq!(empty(&others), ["/b/vif"]);
        assert!(empty(&[]).is_empty());
    }

    #[test]
    fn without_xenstored_the_error_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let error = connect(folder.path().join("socket")).unwrap_err().to_string();
        assert!(error.starts_with("no xenstored answers on "), "{error}");
        assert!(error.contains("start it, or give the guest another `control`"), "{error}");
    }
}
