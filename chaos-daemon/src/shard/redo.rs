//! What a shard is publishing in a ring, in a file that outlives the daemon, and what an earlier
//! daemon left there.
//!
//! A shard publishes in one ring at a time, so one page does for all of its guests.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::ptr::NonNull;

use lightvm::xen::DomId;
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use noxs::RawShared;
use noxs::block::{Abi32, Abi64};
use noxs::net::{Rx, Tx};
use noxs::ring::redo::{CONTENT, OWNER_BYTES, Unfinished};
use noxs::ring::{Protocol, slots};
use uuid::Uuid;

use super::Pages;
use super::device::Front;
use crate::block::Abi;

const PAGE: usize = 4096;

// Parts of a packet are published together: a network ring's worth has room.
const _: () = assert!((PAGE - CONTENT) / Rx::RESPONSE >= slots::<Rx>(PAGE) as usize);
const _: () = assert!((PAGE - CONTENT) / Tx::RESPONSE >= slots::<Tx>(PAGE) as usize);

/// What a shard is publishing.
pub type Redo = noxs::ring::Redo<Pages>;

/// Begins a shard's record in a fresh file.
///
/// # Errors
/// Those of the file system.
pub(super) fn create(path: &Path) -> io::Result<Redo> {
    let mut options = OpenOptions::new();
    let mut file = options.read(true).write(true).create(true).truncate(true).open(path)?;
    // Its memory is there from now on: a full file system is an error here and not a signal later.
    file.write_all(&[0; PAGE])?;
    Ok(Redo::new(Box::new(Mapped::new(&file)?)))
}

/// The first page of a file, for as long as this lives.
struct Mapped(RawShared);

impl Mapped {
    fn new(file: &File) -> io::Result<Mapped> {
        const LEN: NonZeroUsize = NonZeroUsize::new(PAGE).expect("not 0");
        let (how, flags) = (ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, MapFlags::MAP_SHARED);
        // SAFETY: at an address of the system's choice nothing of the program is overwritten.
        let base = unsafe { mmap(None, LEN, how, flags, file, 0) }?.cast();
        // SAFETY: a page that stays mapped until this is dropped, and has no other user.
        Ok(Mapped(unsafe { RawShared::new(base, PAGE) }))
    }
}

impl Deref for Mapped {
    type Target = RawShared;

    fn deref(&self) -> &RawShared {
        &self.0
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        let base: NonNull<u8> = self.0.base();
        // SAFETY: mapped by `new`, and nobody else can name it.
        let _ = unsafe { munmap(base.cast(), PAGE) };
    }
}

/// Whose ring something is published in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The guest.
    pub uuid: Uuid,
    /// Its domain: a guest that is built again has other rings.
    pub domain: DomId,
    /// The device's place.
    pub slot: u8,
}

impl Owner {
    pub(super) fn to_bytes(self) -> [u8; OWNER_BYTES] {
        let mut bytes = [0; OWNER_BYTES];
        bytes[..16].copy_from_slice(self.uuid.as_bytes());
        bytes[16..18].copy_from_slice(&self.domain.0.to_le_bytes());
        bytes[18] = self.slot;
        bytes
    }

    fn from_bytes(bytes: [u8; OWNER_BYTES]) -> Owner {
        let mut uuid = [0; 16];
        uuid.copy_from_slice(&bytes[..16]);
        let domain = DomId(u16::from_le_bytes([bytes[16], bytes[17]]));
        Owner { uuid: Uuid::from_bytes(uuid), domain, slot: bytes[18] }
    }
}

/// What an earlier daemon had begun to publish in a ring when it was killed.
#[derive(Debug)]
pub struct Left {
    path: PathBuf,
    record: Vec<u8>,
    owner: Owner,
}

impl Left {
    /// Reads a shard's record. `None`: nothing was being published.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn read(path: &Path) -> io::Result<Option<Left>> {
        let (record, path) = (fs::read(path)?, path.to_owned());
        let owner = Unfinished::read(&record).map(|left| Owner::from_bytes(left.owner()));
        Ok(owner.map(|owner| Left { path, record, owner }))
    }

    /// Whose it is.
    pub fn owner(&self) -> Owner {
        self.owner
    }

    /// Publishes it, before a back end attaches to the front end's rings, and removes the file.
    /// A daemon that is killed in between leaves it to the next.
    pub(super) fn finish(self, front: &Front) {
        if let Some(left) = Unfinished::read(&self.record) {
            let done = match front {
                Front::Console { .. } => false,
                Front::Net { tx, rx, .. } => left.finish::<_, Tx>(tx) || left.finish::<_, Rx>(rx),
                Front::Block { ring, abi: Abi::X86_64, .. } => left.finish::<_, Abi64>(ring),
                Front::Block { ring, abi: Abi::X86_32, .. } => left.finish::<_, Abi32>(ring),
            };
            tracing::info!(owner = ?self.owner, done, "an earlier daemon was killed answering");
        }
        self.forget();
    }

    /// Removes the file: there is no such ring any more.
    pub(super) fn forget(self) {
        let _ = fs::remove_file(&self.path);
        // The last one's folder goes with it; one with others stays.
        let _ = self.path.parent().map(fs::remove_dir);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use noxs::SharedMemory;
    use noxs::net::{TxRequest, TxResponse};
    use noxs::ring::{Back, Front as Guest, offset};

    use super::*;

    const OWNER: Owner = Owner { uuid: Uuid::from_u128(7), domain: DomId(0x1234), slot: 3 };

    /// A page as a guest shares it, twice: its own view and the host's.
    fn page() -> [RawShared; 2] {
        let page = Box::leak(Box::new([0_u64; PAGE / 8]));
        let base = NonNull::from(page).cast();
        // SAFETY: leaked, and reached through these only.
        [0, 1].map(|_| unsafe { RawShared::new(base, PAGE) })
    }

    #[test]
    fn what_a_killed_daemon_left_is_published_and_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("guest").join("3");
        fs::create_dir(path.parent().unwrap()).unwrap();
        let redo = create(&path).unwrap();
        redo.set_owner(&OWNER.to_bytes());
        assert!(Left::read(&path).unwrap().is_none());

        let [ours, theirs] = page();
        let mut guest = Guest::<_, Tx>::create(ours);
        guest.request(&TxRequest { id: 5, ..TxRequest::default() }.into());
        let _ = guest.push();
        let mut back = Back::<_, Tx>::attach(&theirs);
        back.next_request().unwrap().unwrap();
        let mut publication = back.publish(&redo);
        publication.respond(&TxResponse { id: 5, status: -1 });
        let _ = publication.finish();
        // As if it had been killed before anything of it was in the ring.
        theirs.store(offset::RSP_PROD, 0, Ordering::SeqCst);
        theirs.write(offset::SLOTS, &[0; 4]);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, [&1_u32.to_le_bytes(), &bytes[4..]].concat()).unwrap();

        let left = Left::read(&path).unwrap().unwrap();
        assert_eq!(left.owner(), OWNER);
        let [_, other] = page();
        left.finish(&Front::Net { tx: Box::new(theirs), rx: Box::new(other), features: 0 });
        assert_eq!(guest.next_response(), Ok(Some(TxResponse { id: 5, status: -1 })));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
