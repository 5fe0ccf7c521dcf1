//! What the daemon writes down about a guest, beside the registry, so that its
//! successor can take the guest up.
//!
//! `daemon/<uuid>.json` in the state folder. It says `building` from before there is a
//! domain until the guest has started: what a dead daemon left in that state is torn
//! down by the next, and nothing half-built stays.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::{fs, io::Write};

use lightvm::config::{ControlMode, Disk, GuestConfig, Nic};
use lightvm::registry::Slate;
use lightvm::xen::DomId;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::keys::KeyClaim;
use crate::net::NetConfig;
use crate::shard::{Left, Owner};

/// What is written down about a guest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GuestRecord {
    /// Its identity.
    pub uuid: Uuid,
    /// How far it is.
    pub stage: Stage,
    /// How it and the host talk; never [`ControlMode::Auto`].
    pub control: ControlMode,
    /// Its devices beside the console.
    pub devices: Vec<DeviceRecord>,
    /// The key it was asked for with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<KeyClaim>,
}

/// How far a guest is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// It has not started.
    Building,
    /// It has ended and is being built again, from this.
    Rebuilding(Box<GuestConfig>),
    /// It lives.
    Living,
    /// It has ended; its memory is on its way back.
    Ending,
}

/// A device of a guest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DeviceRecord {
    /// Its place in the guest's device table.
    pub slot: u8,
    /// Which of its kind it is.
    pub index: u8,
    /// What it is.
    pub kind: DeviceKind,
}

/// What a device is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceKind {
    /// A network interface.
    Nic {
        /// What was asked for.
        nic: Box<Nic>,
        /// What its network made of it.
        config: Box<NetConfig>,
    },
    /// A network interface that the kernel serves; its `mac`, `bridge` and `mtu` are said.
    KernelNic(Box<Nic>),
    /// A disk.
    Disk(Disk),
}

/// The file of a record, open.
#[derive(Debug)]
pub struct OpenRecord {
    uuid: Uuid,
    slate: Slate,
}

/// How the name of a facade's journal ends.
const JOURNAL: &str = "facade";
/// How the name of a guest's folder ends in which is what killed daemons had begun to publish.
const REDO: &str = "redo";

/// The folder of records.
#[derive(Clone, Debug)]
pub struct Records {
    dir: PathBuf,
    /// Guests of which there may be more than the record.
    more: Arc<Mutex<HashSet<Uuid>>>,
}

impl Records {
    /// Opens the folder, made when it is not there.
    ///
    /// # Errors
    /// Those of `mkdir(2)`.
    pub fn open(dir: PathBuf) -> io::Result<Records> {
        fs::create_dir_all(&dir)?;
        let mut more = HashSet::new();
        for entry in fs::read_dir(&dir)? {
            let path = entry?.path();
            if path.extension().is_some_and(|end| end == JOURNAL || end == REDO) {
                let uuid = path.file_stem().and_then(|stem| Uuid::try_parse(stem.to_str()?).ok());
                more.extend(uuid);
            }
        }
        Ok(Records { dir, more: Arc::new(Mutex::new(more)) })
    }

    fn path(&self, uuid: Uuid) -> PathBuf {
        self.dir.join(format!("{uuid}.json"))
    }

    /// Where the numbers of events are reserved.
    pub fn events(&self) -> PathBuf {
        self.dir.join("events.reserved")
    }

    /// Where the keys of guests that have ended are.
    pub fn keys(&self) -> PathBuf {
        self.dir.join("keys.journal")
    }

    /// Where a guest's facade keeps its journal; [`Records::forget`] removes that from now on.
    pub fn journal(&self, uuid: Uuid) -> PathBuf {
        self.more.lock().insert(uuid);
        self.dir.join(format!("{uuid}.{JOURNAL}"))
    }

    /// Where flavours are that were added to the pool while a daemon ran.
    pub fn flavours(&self) -> PathBuf {
        self.dir.join("flavours")
    }

    /// Where a shard writes down what it is publishing.
    pub fn shard_redo(&self, number: usize) -> PathBuf {
        self.dir.join(format!("shard-{number}.redo"))
    }

    /// The folder of what killed daemons had begun to publish in a guest's rings, a file for
    /// each device.
    fn redo(&self, uuid: Uuid) -> PathBuf {
        self.dir.join(format!("{uuid}.{REDO}"))
    }

    /// Gives what shards of an earlier daemon were publishing when it was killed to the guests
    /// whose it is. Killed itself, it is done again.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn sort_redo(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if !(name.starts_with("shard-") && name.ends_with(".redo")) {
                continue;
            }
            match Left::read(&path)?.map(|left| left.owner()) {
                Some(Owner { uuid, slot, .. }) if self.path(uuid).exists() => {
                    self.more.lock().insert(uuid);
                    fs::create_dir_all(self.redo(uuid))?;
                    fs::rename(&path, self.redo(uuid).join(slot.to_string()))?;
                }
                _ => fs::remove_file(&path)?,
            }
        }
        Ok(())
    }

    /// What killed daemons had begun to publish in the rings of a guest that is this domain.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn left(&self, uuid: Uuid, domain: DomId) -> io::Result<Vec<Left>> {
        let files = match fs::read_dir(self.redo(uuid)) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            files => files?,
        };
        let mut found = Vec::new();
        for file in files {
            found.extend(Left::read(&file?.path())?);
        }
        found.retain(|left| left.owner().domain == domain);
        Ok(found)
    }

    /// Writes the first record of a guest to come, which has no domain yet: killed meanwhile, nothing of
    /// it is there but a file that is no record. Answers the file, open.
    ///
    /// # Errors
    /// Those of writing a file.
    pub fn begin(&self, record: &GuestRecord) -> io::Result<OpenRecord> {
        let (uuid, text) = (record.uuid, serde_json::to_vec(record)?);
        let mut slate = Slate::create(&self.path(uuid))?;
        if !slate.begin(&text)? {
            self.write(record)?;
            slate = Slate::open(&self.path(uuid))?;
        }
        Ok(OpenRecord { uuid, slate })
    }

    /// Writes a record into the file of the older one that is there.
    ///
    /// # Errors
    /// Those of writing a file.
    pub fn rewrite(&self, record: &GuestRecord) -> io::Result<()> {
        self.write_at(record, self.open_record(record.uuid).ok().as_ref())
    }

    /// Writes a record, in place of an older one at once.
    ///
    /// # Errors
    /// Those of writing a file.
    pub fn write(&self, record: &GuestRecord) -> io::Result<()> {
        self.write_at(record, None)
    }

    /// As [`Records::write`], in the file of the record that is to be replaced, if `open` is that.
    ///
    /// # Errors
    /// Those of writing a file.
    pub fn write_at(&self, record: &GuestRecord, open: Option<&OpenRecord>) -> io::Result<()> {
        let text = serde_json::to_vec(record)?;
        // A shell's that became a guest of another UUID is another's.
        if let Some(open) = open.filter(|open| open.uuid == record.uuid)
            && open.slate.write(text.clone())?
        {
            return Ok(());
        }
        let path = self.path(record.uuid);
        let fresh = path.with_extension("new");
        let mut file = fs::File::create(&fresh)?;
        file.write_all(&text)?;
        fs::rename(&fresh, &path)
    }

    /// Opens the file of a record, to replace that in it.
    ///
    /// # Errors
    /// Those of opening a file.
    pub fn open_record(&self, uuid: Uuid) -> io::Result<OpenRecord> {
        Ok(OpenRecord { uuid, slate: Slate::open(&self.path(uuid))? })
    }

    /// Forgets a guest.
    pub fn forget(&self, uuid: Uuid) {
        // What stays is found to be stale by the next daemon.
        let _ = fs::remove_file(self.path(uuid));
        if self.more.lock().remove(&uuid) {
            let _ = fs::remove_file(self.dir.join(format!("{uuid}.{JOURNAL}")));
            let _ = fs::remove_dir_all(self.redo(uuid));
        }
    }

    /// Every record, in no order. What cannot be read is removed: nobody could use it.
    ///
    /// # Errors
    /// Those of reading the folder.
    pub fn all(&self) -> io::Result<Vec<GuestRecord>> {
        let mut records = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            if path.extension().is_some_and(|end| end == "json") {
                match read(&path) {
                    Ok(record) => records.push(record),
                    Err(e) => {
                        tracing::warn!(path = %path.display(), "a record that is none: {e}");
                        let _ = fs::remove_file(&path);
                    }
                }
            }
        }
        Ok(records)
    }
}

fn read(path: &std::path::Path) -> io::Result<GuestRecord> {
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(uuid: u128, stage: Stage) -> GuestRecord {
        let (uuid, control) = (Uuid::from_u128(uuid), ControlMode::Noxs);
        let kind = DeviceKind::Disk(Disk::new("/srv/a.img"));
        GuestRecord {
            uuid,
            stage,
            control,
            devices: vec![DeviceRecord { slot: 1, index: 0, kind }],
            claim: None,
        }
    }

    #[test]
    fn the_last_record_of_a_guest_counts() {
        let dir = tempfile::tempdir().unwrap();
        let records = Records::open(dir.path().join("daemon")).unwrap();
        records.write(&record(1, Stage::Building)).unwrap();
        records.write(&record(1, Stage::Living)).unwrap();
        let all = records.all().unwrap();
        assert_eq!(all.len(), 1);
        assert_eq!((&all[0].stage, all[0].devices.len()), (&Stage::Living, 1));
    }

    #[test]
    fn a_record_goes_to_the_file_of_its_own_guest() {
        let dir = tempfile::tempdir().unwrap();
        let records = Records::open(dir.path().to_owned()).unwrap();
        records.write(&record(1, Stage::Building)).unwrap();
        records.write(&record(2, Stage::Building)).unwrap();
        let open = records.open_record(Uuid::from_u128(1)).unwrap();
        records.write_at(&record(2, Stage::Living), Some(&open)).unwrap();
        let stage = |uuid: u128| {
            let all = records.all().unwrap();
            all.into_iter().find(|record| record.uuid.as_u128() == uuid).unwrap().stage
        };
        assert_eq!((stage(1), stage(2)), (Stage::Building, Stage::Living));
        records.write_at(&record(1, Stage::Living), Some(&open)).unwrap();
        assert_eq!(stage(1), Stage::Living);
    }

    #[test]
    fn a_record_that_was_begun_is_one_and_can_be_rewritten() {
        let dir = tempfile::tempdir().unwrap();
        let records = Records::open(dir.path().to_owned()).unwrap();
        let open = records.begin(&record(1, Stage::Building)).unwrap();
        assert_eq!(records.all().unwrap()[0].stage, Stage::Building);
        records.write_at(&record(1, Stage::Living), Some(&open)).unwrap();
        records.rewrite(&record(1, Stage::Ending)).unwrap();
        assert_eq!(records.all().unwrap()[0].stage, Stage::Ending);
        records.rewrite(&record(2, Stage::Living)).unwrap();
        assert_eq!(records.all().unwrap().len(), 2);
    }

    #[test]
    fn what_an_earlier_daemon_left_beside_a_record_goes_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let (records, uuid) = (Records::open(dir.path().to_owned()).unwrap(), Uuid::from_u128(1));
        records.write(&record(1, Stage::Living)).unwrap();
        fs::write(records.journal(uuid), b"x").unwrap();
        fs::create_dir(records.redo(uuid)).unwrap();
        Records::open(dir.path().to_owned()).unwrap().forget(uuid);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    /// A record of one response of four bytes to slot 2 of a guest that is domain 9.
    fn redo(uuid: u128) -> Vec<u8> {
        let words = [1, 0, 4, 0].map(u32::to_le_bytes);
        let uuid = *Uuid::from_u128(uuid).as_bytes();
        [words.as_flattened(), &uuid, &[9, 0, 2], &[0; 29], b"resp"].concat()
    }

    #[test]
    fn what_was_being_published_goes_to_its_guest() {
        let dir = tempfile::tempdir().unwrap();
        let records = Records::open(dir.path().to_owned()).unwrap();
        let uuid = Uuid::from_u128(1);
        records.write(&record(1, Stage::Living)).unwrap();
        for (number, bytes) in [redo(1), redo(2), vec![0; 4096]].iter().enumerate() {
            fs::write(records.shard_redo(number), bytes).unwrap();
        }
        records.sort_redo().unwrap();
        // Killed here, the next daemon finds it as well.
        records.sort_redo().unwrap();
        assert_eq!(records.left(uuid, DomId(8)).unwrap().len(), 0);
        let left = records.left(uuid, DomId(9)).unwrap();
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].owner(), Owner { uuid, domain: DomId(9), slot: 2 });
        assert_eq!(records.left(Uuid::from_u128(2), DomId(9)).unwrap().len(), 0);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
        records.forget(uuid);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn nothing_stays_of_a_guest_that_is_forgotten_nor_of_rubbish() {
        let dir = tempfile::tempdir().unwrap();
        let records = Records::open(dir.path().to_owned()).unwrap();
        records.write(&record(1, Stage::Living)).unwrap();
        fs::write(records.journal(Uuid::from_u128(1)), b"x").unwrap();
        fs::create_dir(records.redo(Uuid::from_u128(1))).unwrap();
        fs::write(dir.path().join("rubbish.json"), b"{\"uuid\":").unwrap();
        records.forget(Uuid::from_u128(1));
        assert!(records.all().unwrap().is_empty());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
