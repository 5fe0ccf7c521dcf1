//! Guests' disks: opened once for a writer, and who has one that cannot be had.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::Duration;

use lightvm::config::{self, GuestName};
use parking_lot::Mutex;

use super::record::DeviceKind;
use super::{Guest, GuestError};
use crate::block::Disk;
use crate::block::disk::{DiskError, DiskSpec};
use crate::daemon::Daemon;

/// How long the last I/O of a guest that ended, or of a daemon that was killed, may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The disks that are open for guests.
#[derive(Debug, Default)]
pub struct Disks(Mutex<Vec<(Identity, Weak<Disk>)>>);

/// What tells files and block devices from each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Identity {
    File { device: u64, inode: u64 },
    Device(u64),
}

impl Identity {
    fn of(path: &Path) -> Option<Identity> {
        let data = fs::metadata(path).ok()?;
        Some(match data.file_type().is_block_device() {
            true => Identity::Device(data.rdev()),
            false => Identity::File { device: data.dev(), inode: data.ino() },
        })
    }
}

impl Disks {
    /// Opens the disk of a guest of a daemon before this one, which may have been killed. Blocks
    /// on files.
    ///
    /// # Errors
    /// [`GuestError::Disk`].
    pub(super) fn reopen(&self, disk: &config::Disk) -> Result<Arc<Disk>, GuestError> {
        Ok(self.open_within(disk, PATIENCE)?)
    }

    /// Opens a disk, of this daemon's or refused at once.
    fn open_or_refuse(&self, disk: &config::Disk) -> Result<Arc<Disk>, DiskError> {
        match self.open_within(disk, Duration::ZERO) {
            Err(DiskError::InUse { .. }) if self.is_open(&disk.path) => {
                self.open_within(disk, PATIENCE)
            }
            opened => opened,
        }
    }

    fn open_within(&self, disk: &config::Disk, patience: Duration) -> Result<Arc<Disk>, DiskError> {
        let opened = Arc::new(Disk::open(&DiskSpec::from(disk), patience)?);
        let mut open = self.0.lock();
        open.retain(|(_, disk)| disk.strong_count() > 0);
        open.extend(Identity::of(&disk.path).map(|identity| (identity, Arc::downgrade(&opened))));
        Ok(opened)
    }

    /// Whether this daemon has it open.
    fn is_open(&self, path: &Path) -> bool {
        let identity = Identity::of(path);
        let open = self.0.lock();
        open.iter().any(|(open, disk)| Some(*open) == identity && disk.strong_count() > 0)
    }
}

/// Opens a disk for a guest. What another has is refused at once; one that was a guest's until
/// now is waited for until its last I/O is done. Blocks on files.
///
/// # Errors
/// [`GuestError::DiskHeld`], [`GuestError::Disk`].
pub(super) fn open(daemon: &Daemon, disk: &config::Disk) -> Result<Arc<Disk>, GuestError> {
    match daemon.disks.open_within(disk, Duration::ZERO) {
        Err(DiskError::InUse { path }) => match holder(daemon, &path) {
            Some(guest) => Err(GuestError::DiskHeld { path, guest }),
            None => Ok(daemon.disks.open_or_refuse(disk)?),
        },
        opened => Ok(opened?),
    }
}

/// Says which guest has the disk, where the error is that somebody has it.
pub(super) fn name_holder(daemon: &Daemon, error: GuestError) -> GuestError {
    let held = error.disk_in_use().map(Path::to_owned);
    match held.and_then(|path| Some((holder(daemon, &path)?, path))) {
        Some((guest, path)) => GuestError::DiskHeld { path, guest },
        None => error,
    }
}

/// The guest that has this disk.
fn holder(daemon: &Daemon, path: &Path) -> Option<GuestName> {
    let identity = Identity::of(path);
    let has = |guest: &Arc<Guest>| {
        guest.record.lock().devices.iter().any(|device| match &device.kind {
            DeviceKind::Disk(disk) => Identity::of(&disk.path) == identity,
            DeviceKind::Nic { .. } | DeviceKind::KernelNic(_) => false,
        })
    };
    let guest = daemon.guests.all().into_iter().find(has)?;
    Some(guest.life.record.name.clone())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_disk_of_another_program_is_refused_at_once_and_one_of_ours_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("disk");
        fs::write(&path, [0; 4096]).unwrap();
        let disk = config::Disk::new(&path);
        let (theirs, ours) = (Disks::default(), Disks::default());
        let held = theirs.open_or_refuse(&disk).unwrap();
        let began = Instant::now();
        assert!(matches!(ours.open_or_refuse(&disk), Err(DiskError::InUse { .. })));
        assert!(began.elapsed() < PATIENCE / 2);
        // The last I/O ends a little later.
        let ending = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            drop(held);
        });
        theirs.open_or_refuse(&disk).unwrap();
        ending.join().unwrap();
    }
}
