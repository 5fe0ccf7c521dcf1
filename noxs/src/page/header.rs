//! What the page begins with.

use core::sync::atomic::Ordering;

use crate::bytes::{get, put, u16, u32, u64};
use crate::layout::{
    FLAG_GRANT_TABLE, FLAG_SHARED_INFO, HEADER_FLAGS, HEADER_GENERATION, HEADER_GRANT_FRAMES,
    HEADER_GRANT_TABLE, HEADER_LEN, HEADER_MAGIC, HEADER_MAJOR, HEADER_MINOR, HEADER_PORT,
    HEADER_SHARED_INFO, HEADER_SIZE, HEADER_SLOT_SIZE, HEADER_SLOTS, HEADER_UUID, MAGIC, MAJOR,
    MINOR, PAGE_SIZE, SLOT_SIZE, SLOTS,
};
use crate::{Refusal, SharedMemory};

/// A grant table that is in the guest's memory already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrantTable {
    /// Guest frame number of its first frame.
    pub first_frame: u64,
    /// Its frames, next to each other; 512 version-1 entries in each.
    pub frames: u32,
}

/// What a guest has to know before anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its UUID, in the order it is written.
    pub uuid: [u8; 16],
    /// Its end of the event channel.
    pub port: u32,
    /// Its grant table, when the toolstack has mapped it.
    pub grant_table: Option<GrantTable>,
    /// Guest frame number of its shared info page, when the toolstack has mapped it.
    pub shared_info: Option<u64>,
}

impl Header {
    pub(super) fn write<M: SharedMemory>(&self, memory: &M) {
        let mut to = [0; HEADER_LEN];
        put(&mut to, HEADER_MAGIC, &MAGIC.to_le_bytes());
        put(&mut to, HEADER_MAJOR, &MAJOR.to_le_bytes());
        put(&mut to, HEADER_MINOR, &MINOR.to_le_bytes());
        put_size(&mut to, HEADER_SIZE, PAGE_SIZE);
        put(&mut to, HEADER_UUID, &self.uuid);
        put(&mut to, HEADER_FLAGS, &self.flags().to_le_bytes());
        put(&mut to, HEADER_PORT, &self.port.to_le_bytes());
        put(&mut to, HEADER_SLOTS, &[u8::try_from(SLOTS).unwrap_or(0), 0]);
        put(&mut to, HEADER_SLOT_SIZE, &[u8::try_from(SLOT_SIZE).unwrap_or(0), 0]);
        if let Some(table) = self.grant_table {
            put(&mut to, HEADER_GRANT_FRAMES, &table.frames.to_le_bytes());
            put(&mut to, HEADER_GRANT_TABLE, &table.first_frame.to_le_bytes());
        }
        put(&mut to, HEADER_SHARED_INFO, &self.shared_info.unwrap_or(0).to_le_bytes());
        // The generation belongs to whoever is writing.
        memory.write(0, &to[..HEADER_GENERATION]);
        memory.write(HEADER_GENERATION + 4, &to[HEADER_GENERATION + 4..]);
    }

    fn flags(&self) -> u32 {
        let table = if self.grant_table.is_some() { FLAG_GRANT_TABLE } else { 0 };
        let info = if self.shared_info.is_some() { FLAG_SHARED_INFO } else { 0 };
        table | info
    }

    pub(super) fn read<M: SharedMemory>(memory: &M) -> Result<Header, Refusal> {
        let mut from = [0; HEADER_LEN];
        memory.read(0, &mut from);
        check(&from)?;
        let flags = u32(&from, HEADER_FLAGS);
        let table = GrantTable {
            first_frame: u64(&from, HEADER_GRANT_TABLE),
            frames: u32(&from, HEADER_GRANT_FRAMES),
        };
        let shared_info = u64(&from, HEADER_SHARED_INFO);
        Ok(Header {
            uuid: get(&from, HEADER_UUID),
            port: u32(&from, HEADER_PORT),
            grant_table: (flags & FLAG_GRANT_TABLE != 0).then_some(table),
            shared_info: (flags & FLAG_SHARED_INFO != 0).then_some(shared_info),
        })
    }
}

fn put_size(to: &mut [u8], at: usize, size: usize) {
    put(to, at, &u32::try_from(size).unwrap_or(0).to_le_bytes());
}

fn check(header: &[u8; HEADER_LEN]) -> Result<(), Refusal> {
    let magic = u32(header, HEADER_MAGIC);
    if magic != MAGIC {
        return Err(Refusal::Magic(magic));
    }
    let (major, minor) = (u16(header, HEADER_MAJOR), u16(header, HEADER_MINOR));
    if major != MAJOR {
        return Err(Refusal::Version { major, minor });
    }
    let size = u32(header, HEADER_SIZE);
    if (size as usize) < PAGE_SIZE {
        return Err(Refusal::Size(size));
    }
    let (slots, size) = (u16(header, HEADER_SLOTS), u16(header, HEADER_SLOT_SIZE));
    if usize::from(slots) != SLOTS || usize::from(size) != SLOT_SIZE {
        return Err(Refusal::Table { slots, size });
    }
    Ok(())
}

/// How often a guest looks again at what the host is writing. A model checker tries all
/// ways to be interrupted: twice is as good as often.
const PATIENCE: u32 = if cfg!(loom) { 2 } else { 10_000 };

/// Runs `read` until the host was not writing meanwhile; `None` when it always was.
pub(super) fn consistent<M: SharedMemory, T>(
    memory: &M,
    mut read: impl FnMut(&M) -> T,
) -> Option<T> {
    for _ in 0..PATIENCE {
        let before = memory.load(HEADER_GENERATION, Ordering::Acquire);
        if before.is_multiple_of(2) {
            let value = read(memory);
            memory.fence();
            if memory.load(HEADER_GENERATION, Ordering::Relaxed) == before {
                return Some(value);
            }
        }
        core::hint::spin_loop();
    }
    None
}
