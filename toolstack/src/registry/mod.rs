//! Names of guests, and what Xen does not remember about them.
//!
//! A folder on tmpfs, `/run/lightvm` by default:
//!
//! ```text
//! guests/<uuid>.json    what the guest was made from, its domain number, its console; empty: a shell's
//! guests/<uuid>.lock    while somebody ends it, brings it back or forgets it
//! names/<name>          symbolic link to ../guests/<uuid>.json
//! lock                  held by whoever changes any of it
//! ```
//!
//! One at a time changes it, so two creators can never get the same name, and nobody
//! takes a name for a dead guest's that was given out a moment ago. Nothing here is
//! believed without asking Xen whether the domain still has this UUID: what
//! a crash or a reboot leaves behind is cleaned up by whoever finds it.

mod error;
mod exclusive;
mod lock;
mod record;
mod selector;
mod slate;

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use uuid::Uuid;

use crate::config::GuestName;
use crate::xen::{DomId, DomainInfo, Xen, XenError};

pub use error::RegistryError;
pub use lock::Lock;
pub use record::{Entry, Outline, Record};
pub use selector::Selector;
pub use slate::{Reserved, Slate};

use error::file;
use exclusive::{Exclusive, LockFile};

/// Where the registry is unless said otherwise.
pub const DEFAULT_DIR: &str = "/run/lightvm";

/// The registry of one host.
#[derive(Clone, Debug)]
pub struct Registry {
    dir: PathBuf,
    lock: LockFile,
}

impl Registry {
    /// Opens the registry in `dir`, made when it is not there.
    ///
    /// # Errors
    /// [`RegistryError::File`].
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, RegistryError> {
        let dir = dir.into();
        for sub in ["guests", "names"] {
            let path = dir.join(sub);
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o755)
                .create(&path)
                .map_err(file("cannot make", &path))?;
        }
        let lock = LockFile::new(dir.join("lock"));
        Ok(Registry { dir, lock })
    }

    fn record_path(&self, uuid: Uuid) -> PathBuf {
        self.dir.join("guests").join(format!("{uuid}.json"))
    }

    fn name_path(&self, name: &str) -> PathBuf {
        let mut path = PathBuf::with_capacity(self.dir.as_os_str().len() + 80);
        path.extend([self.dir.as_path(), Path::new("names"), Path::new(name)]);
        path
    }

    /// Waits for the turn at a guest: whoever ends it, brings it back or forgets it
    /// holds this lock meanwhile.
    ///
    /// # Errors
    /// [`RegistryError::File`].
    pub fn lock(&self, uuid: Uuid) -> Result<Lock, RegistryError> {
        let path = self.record_path(uuid).with_extension("lock");
        Lock::take(&path).map_err(file("cannot lock", &path))
    }

    /// As [`Registry::lock`], without waiting; `None`: somebody else has the turn.
    fn try_lock(&self, uuid: Uuid) -> Result<Option<Lock>, RegistryError> {
        let path = self.record_path(uuid).with_extension("lock");
        Lock::try_take(&path).map_err(file("cannot lock", &path))
    }

    /// What is written down under `uuid`, without asking Xen whether it still lives.
    pub fn record(&self, uuid: Uuid) -> Option<Record> {
        self.read(uuid)
    }

    /// Whether the guest `uuid` is called `name`.
    pub fn is_named(&self, name: &GuestName, uuid: Uuid) -> bool {
        link_target(&self.name_path(name.as_str())) == Some(uuid)
    }

    /// Fails when a living guest has `name`. Only a hint: [`Registry::add`] decides.
    ///
    /// # Errors
    /// [`RegistryError::NameTaken`] and what reading may meet.
    pub fn check_name(&self, xen: &Xen, name: &GuestName) -> Result<(), RegistryError> {
        match self.by_name(xen, name.as_str())? {
            Some(Entry { info, .. }) => Err(RegistryError::NameTaken {
                name: name.clone(),
                domid: info.domid,
                uuid: info.uuid,
            }),
            None => Ok(()),
        }
    }

    /// Fails when a living domain has `uuid`.
    ///
    /// # Errors
    /// [`RegistryError::UuidTaken`], [`RegistryError::Xen`].
    pub fn check_uuid(&self, xen: &Xen, uuid: Uuid) -> Result<(), RegistryError> {
        match xen.domains()?.iter().find(|d| d.uuid == uuid) {
            Some(info) => Err(RegistryError::UuidTaken { uuid, domid: info.domid }),
            None => Ok(()),
        }
    }

    /// Keeps everybody else, here and in other processes, from changing anything until
    /// it is dropped.
    fn exclusive(&self) -> Result<Exclusive, RegistryError> {
        self.lock.wait().map_err(|e| file("cannot lock", self.lock.path())(e))
    }

    /// As [`Registry::exclusive`], unless somebody holds it.
    fn try_exclusive(&self) -> Result<Option<Exclusive>, RegistryError> {
        self.lock.try_now().map_err(|e| file("cannot lock", self.lock.path())(e))
    }

    /// Writes a guest down and takes its name.
    ///
    /// # Errors
    /// [`RegistryError::NameTaken`] when another living guest was first; nothing is
    /// written then.
    pub fn add(&self, xen: &Xen, record: &Record) -> Result<(), RegistryError> {
        self.add_at(xen, record, None)
    }

    /// As [`Registry::add`], in a place that was [reserved](Registry::reserve) for it, if there is
    /// one.
    ///
    /// # Errors
    /// As [`Registry::add`].
    pub fn add_at(
        &self,
        xen: &Xen,
        record: &Record,
        place: Option<Reserved>,
    ) -> Result<(), RegistryError> {
        let place = place.filter(|place| place.uuid() == record.uuid);
        let is_written = match place {
            Some(place) => place
                .fill(record)
                .map_err(|e| file("cannot write", &self.record_path(record.uuid))(e))?,
            None => false,
        };
        if !is_written {
            self.write(record)?;
        }
        // Making a link takes the name, or fails: whoever removes one holds the lock, so only a
        // name that is there has to be looked into.
        let linked = match self.link(&record.name, record.uuid) {
            Err(RegistryError::File { source, .. })
                if source.kind() == io::ErrorKind::AlreadyExists =>
            {
                self.take_over(xen, record)
            }
            linked => linked,
        };
        linked.inspect_err(|_| self.forget_file(&self.record_path(record.uuid)))
    }

    /// Takes the place of the record of a guest to come, and writes what is known of it: the rest is
    /// cheap then.
    ///
    /// # Errors
    /// [`RegistryError::File`].
    pub fn reserve(&self, outline: Outline) -> Result<Reserved, RegistryError> {
        let path = self.record_path(outline.uuid);
        Reserved::new(outline, path.clone()).map_err(file("cannot make", &path))
    }

    /// Gives back the place that somebody who was killed had reserved under `uuid`.
    pub fn clear(&self, uuid: Uuid) {
        if self.read(uuid).is_none() {
            self.forget_file(&self.record_path(uuid));
        }
    }

    /// Takes a name that is there, if it is a dead guest's.
    fn take_over(&self, xen: &Xen, record: &Record) -> Result<(), RegistryError> {
        let _alone = self.exclusive()?;
        self.claim(xen, &record.name, record.uuid)
    }

    /// Gives `name` to `uuid`, from a dead guest if it is one's. Under the lock; names that are free are
    /// taken without it, so one that was freed here may be somebody's again.
    fn claim(&self, xen: &Xen, name: &GuestName, uuid: Uuid) -> Result<(), RegistryError> {
        loop {
            self.take_name(xen, name)?;
            match self.link(name, uuid) {
                Err(RegistryError::File { source, .. })
                    if source.kind() == io::ErrorKind::AlreadyExists => {}
                linked => return linked,
            }
        }
    }

    /// Fails when a living guest has `name`, or one that is being brought back; frees
    /// it from a dead one. Whoever has a guest's turn may wait for the exclusive lock,
    /// so this one, which holds it, must not wait for turns.
    fn take_name(&self, xen: &Xen, name: &GuestName) -> Result<(), RegistryError> {
        let link = self.name_path(name.as_str());
        let Some(uuid) = link_target(&link) else { return Ok(()) };
        let taken = |domid| Err(RegistryError::NameTaken { name: name.clone(), domid, uuid });
        if let Some(Entry { info, .. }) = self.living_now(xen, uuid)? {
            return taken(info.domid);
        }
        match (self.try_lock(uuid)?, self.read(uuid)) {
            (None, Some(record)) => taken(record.domid),
            _ => {
                self.forget(uuid, Some(&link));
                Ok(())
            }
        }
    }

    fn link(&self, name: &GuestName, uuid: Uuid) -> Result<(), RegistryError> {
        let link = self.name_path(name.as_str());
        let target = format!("../guests/{uuid}.json");
        std::os::unix::fs::symlink(target, &link).map_err(|e| file("cannot make", &link)(e))
    }

    /// Replaces what is written down about a guest, under the same name.
    ///
    /// # Errors
    /// [`RegistryError::File`].
    pub fn update(&self, record: &Record) -> Result<(), RegistryError> {
        let _alone = self.exclusive()?;
        self.write(record)
    }

    fn write(&self, record: &Record) -> Result<(), RegistryError> {
        let path = self.record_path(record.uuid);
        let fresh = path.with_extension("new");
        let bytes = self.describe(record)?;
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o644);
        options
            .open(&fresh)
            .and_then(|mut f| f.write_all(&bytes))
            .and_then(|()| fs::rename(&fresh, &path))
            .map_err(file("cannot write", &path))
    }

    /// What is written down about a guest.
    fn describe(&self, record: &Record) -> Result<Vec<u8>, RegistryError> {
        let mut bytes = serde_json::to_vec(record).map_err(|e| {
            file("cannot describe", &self.record_path(record.uuid))(io::Error::other(e))
        })?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Gives a guest another name.
    ///
    /// # Errors
    /// [`RegistryError::NameTaken`]; the guest keeps its name then.
    pub fn rename(
        &self,
        xen: &Xen,
        record: &Record,
        name: GuestName,
    ) -> Result<Record, RegistryError> {
        if name == record.name {
            return Ok(record.clone());
        }
        let _alone = self.exclusive()?;
        self.claim(xen, &name, record.uuid)?;
        let config = record.config.clone().with_name(name.clone());
        let renamed = Record { name, config, ..record.clone() };
        self.write(&renamed)
            .inspect_err(|_| self.forget_file(&self.name_path(renamed.name.as_str())))?;
        self.forget_file(&self.name_path(record.name.as_str()));
        Ok(renamed)
    }

    /// Forgets a guest; its name is free at once.
    pub fn remove(&self, record: &Record) {
        self.release(record.uuid, &record.name);
    }

    /// As [`Registry::remove`], by what the guest is known.
    pub(crate) fn release(&self, uuid: Uuid, name: &GuestName) {
        // Without the lock a file may stay, which the next reader finds to be stale.
        if let Ok(_alone) = self.exclusive() {
            self.remove_alone(uuid, name);
        }
    }

    /// As [`Registry::remove`], of a guest that nobody ends or brings back, and without waiting for
    /// anybody. `false`: somebody would have to be waited for, or it has another name by now, and nothing
    /// was done.
    ///
    /// # Errors
    /// [`RegistryError::File`].
    pub fn remove_at_once(&self, record: &Record) -> Result<bool, RegistryError> {
        let Some(_alone) = self.try_exclusive()? else { return Ok(false) };
        // A lock is there as long as somebody holds it, or waits for it.
        let is_held = self.record_path(record.uuid).with_extension("lock").exists();
        if is_held || !self.is_named(&record.name, record.uuid) {
            return Ok(false);
        }
        self.forget_both(record.uuid, &record.name);
        Ok(true)
    }

    /// Under the lock.
    fn remove_alone(&self, uuid: Uuid, name: &GuestName) {
        if self.is_named(name, uuid) {
            self.forget_both(uuid, name);
        } else {
            self.forget(uuid, None);
        }
    }

    fn forget_both(&self, uuid: Uuid, name: &GuestName) {
        self.forget_file(&self.name_path(name.as_str()));
        self.forget_file(&self.record_path(uuid));
    }

    /// Removes what is written down under `uuid`, and `link` and its record's name as
    /// far as they are still its own. Under the lock.
    fn forget(&self, uuid: Uuid, link: Option<&Path>) {
        let named = self.read(uuid).map(|record| self.name_path(record.name.as_str()));
        for link in named.as_deref().into_iter().chain(link) {
            if link_target(link) == Some(uuid) {
                self.forget_file(link);
            }
        }
        self.forget_file(&self.record_path(uuid));
    }

    fn forget_file(&self, path: &Path) {
        // Gone already is as good; anything else leaves a stale file, which the
        // next reader recognises as such.
        let _ = fs::remove_file(path);
    }

    /// The guest or domain that `selector` names.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], and what reading may meet.
    pub fn find(&self, xen: &Xen, selector: &Selector) -> Result<Entry, RegistryError> {
        let (found, text) = match selector {
            Selector::Name(name) => (self.by_name(xen, name)?, name.clone()),
            Selector::Uuid(uuid) => (self.by_uuid(xen, *uuid)?, uuid.to_string()),
            Selector::DomId(domid) => (self.by_domid(xen, *domid)?, domid.to_string()),
        };
        found.ok_or(RegistryError::NotFound(text))
    }

    fn by_name(&self, xen: &Xen, name: &str) -> Result<Option<Entry>, RegistryError> {
        // What is no name cannot be a file of this folder either.
        let Ok(name) = name.parse::<GuestName>() else { return Ok(None) };
        let link = self.name_path(name.as_str());
        let Some(uuid) = link_target(&link) else { return Ok(None) };
        let entry = self.living(xen, uuid)?;
        if entry.is_none() {
            let _alone = self.exclusive()?;
            if self.read(uuid).is_none() && link_target(&link) == Some(uuid) {
                self.forget_file(&link);
            }
        }
        Ok(entry)
    }

    fn by_uuid(&self, xen: &Xen, uuid: Uuid) -> Result<Option<Entry>, RegistryError> {
        if let Some(entry) = self.living(xen, uuid)? {
            return Ok(Some(entry));
        }
        let info = xen.domains()?.into_iter().find(|d| d.uuid == uuid);
        Ok(info.map(|info| Entry { info, record: None }))
    }

    fn by_domid(&self, xen: &Xen, domid: DomId) -> Result<Option<Entry>, RegistryError> {
        let Some(info) = domain(xen, domid)? else { return Ok(None) };
        let record = self.read(info.uuid).filter(|record| record.domid == domid);
        Ok(Some(Entry { info, record }))
    }

    /// The guest written down under `uuid` if it lives; forgets it if not. Waits for
    /// a guest that is being brought back, so the caller must not hold its lock.
    fn living(&self, xen: &Xen, uuid: Uuid) -> Result<Option<Entry>, RegistryError> {
        if let Some(entry) = self.living_now(xen, uuid)? {
            return Ok(Some(entry));
        }
        if self.read(uuid).is_none() {
            return Ok(None);
        }
        let _turn = self.lock(uuid)?;
        let entry = self.living_now(xen, uuid)?;
        if entry.is_none() {
            let _alone = self.exclusive()?;
            self.forget(uuid, None);
        }
        Ok(entry)
    }

    fn living_now(&self, xen: &Xen, uuid: Uuid) -> Result<Option<Entry>, RegistryError> {
        let Some(record) = self.read(uuid) else { return Ok(None) };
        match domain(xen, record.domid)? {
            Some(info) if info.uuid == uuid => Ok(Some(Entry { info, record: Some(record) })),
            _ => Ok(None),
        }
    }

    fn read(&self, uuid: Uuid) -> Option<Record> {
        let bytes = fs::read(self.record_path(uuid)).ok()?;
        serde_json::from_slice::<Record>(&bytes).ok().filter(|record| record.uuid == uuid)
    }

    /// Whether a domain without a record is the daemon's: a shell, or a guest that is being built
    /// or whose memory is on its way back.
    fn is_daemons(&self, uuid: Uuid) -> bool {
        self.dir.join("daemon").join(format!("{uuid}.json")).exists()
    }

    /// Every domain of the host, with what is written down about it, ascending by
    /// domain number; without the daemon's own. Forgets guests that no longer live.
    ///
    /// # Errors
    /// [`RegistryError::Xen`], [`RegistryError::File`].
    pub fn list(&self, xen: &Xen) -> Result<Vec<Entry>, RegistryError> {
        let written = self.written()?;
        let domains = xen.domains()?;
        let mut records: HashMap<_, _> =
            written.into_iter().map(|r| ((r.domid, r.uuid), r)).collect();
        let mut entry = |info: DomainInfo| {
            let record = records.remove(&(info.domid, info.uuid));
            Entry { info, record }
        };
        let mut entries: Vec<_> = domains.into_iter().map(&mut entry).collect();
        entries.retain(|entry| entry.record.is_some() || !self.is_daemons(entry.info.uuid));
        for record in records.into_values() {
            // Asked again: it may have been created after the domains were listed.
            self.living(xen, record.uuid)?;
        }
        Ok(entries)
    }

    fn written(&self) -> Result<Vec<Record>, RegistryError> {
        let dir = self.dir.join("guests");
        let entries = fs::read_dir(&dir).map_err(file("cannot read", &dir))?;
        let uuid_of = |entry: fs::DirEntry| {
            Uuid::try_parse(entry.file_name().to_str()?.strip_suffix(".json")?).ok()
        };
        Ok(entries.filter_map(|e| self.read(uuid_of(e.ok()?)?)).collect())
    }
}

fn domain(xen: &Xen, domid: DomId) -> Result<Option<DomainInfo>, XenError> {
    match xen.domain_info(domid) {
        Ok(info) => Ok(Some(info)),
        Err(e) if e.errno() == Some(Errno::ESRCH) => Ok(None),
        Err(e) => Err(e),
    }
}

/// The UUID a name's link points to.
fn link_target(link: &Path) -> Option<Uuid> {
    let target = fs::read_link(link).ok()?;
    Uuid::try_parse(target.file_stem()?.to_str()?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_name_is_never_taken_for_a_number_or_a_uuid(name in "[A-Za-z0-9_.@+-]{1,63}") {
            if let Ok(name) = name.parse::<GuestName>() {
                let selector = Selector::from(name.as_str());
                prop_assert_eq!(selector, Selector::Name(name.to_string()));
            }
        }

        #[test]
        fn numbers_and_uuids_are_what_they_are(domid in any::<u16>(), uuid in any::<u128>()) {
            let uuid = Uuid::from_u128(uuid);
            let domain = Selector::from(domid.to_string().as_str());
            prop_assert_eq!(domain, Selector::DomId(DomId(domid)));
            let guest = Selector::from(uuid.to_string().as_str());
            prop_assert_eq!(guest, Selector::Uuid(uuid));
        }

        #[test]
        fn anything_typed_names_something(text in ".{0,100}") {
            let _ = Selector::from(text.as_str());
        }
    }
}
