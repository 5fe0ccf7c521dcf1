//! A front end, its pages, and the engine under the back end.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use noxs::block::{
    Abi64, Body, INDIRECT_PAGES, Request, Response, SEGMENTS, Segment, operation, put_segment,
};
use noxs::ring::Front;
use noxs::{RawShared, SharedMemory};
use std::os::fd::AsFd;

use super::super::{Abi, BlockBackend, BlockOptions, Host};
use crate::block::piece::{Local, Piece};
use crate::block::{Disk, DiskSpec, Engine, EngineOptions};
use crate::shard::{DeviceId, Fault, GuestId, Redo, Turn};

pub(super) const DEVICE: DeviceId = DeviceId { guest: GuestId { index: 1, epoch: 1 }, slot: 2 };

/// Pages that live as long as the test program.
fn pages(count: usize) -> [RawShared; 3] {
    #[repr(C, align(4096))]
    #[derive(Clone)]
    struct Page([u8; 4096]);
    let memory = Box::leak(vec![Page([0; 4096]); count].into_boxed_slice());
    let base = NonNull::new(memory.as_mut_ptr().cast()).unwrap();
    // SAFETY: leaked, and reached through such values only.
    [0, 1, 2].map(|_| unsafe { RawShared::new(base, count * 4096) })
}

/// A sparse image of so many sectors, beside the build: not in memory, if that is not.
pub(super) fn image(sectors: u64) -> (tempfile::TempDir, PathBuf) {
    let beside = std::env::current_exe().unwrap();
    let dir = tempfile::tempdir_in(beside.parent().unwrap()).unwrap();
    let path = dir.path().join("disk");
    File::create(&path).unwrap().set_len(sectors * 512).unwrap();
    (dir, path)
}

pub(super) fn open(path: &Path, writable: bool) -> Arc<Disk> {
    let path = path.to_owned();
    let spec = DiskSpec { path, writable, direct: false, discard: true, removable: false };
    Arc::new(Disk::open(&spec, Duration::from_secs(10)).unwrap())
}

pub(super) struct Guest {
    pub(super) front: Front<RawShared, Abi64>,
    /// The ring, seen by a liar.
    pub(super) ring: Arc<RawShared>,
    pub(super) granted: HashMap<u32, Box<[u8; 4096]>>,
    pub(super) back: BlockBackend,
    pub(super) io: Engine,
    redo: Redo,
    pub(super) now: Instant,
    pub(super) copies: usize,
}

impl Guest {
    pub(super) fn new(disk: Arc<Disk>, options: BlockOptions, pages: usize) -> Guest {
        let [ours, theirs, ring] = self::pages(pages);
        let front = Front::create(ours);
        let back = BlockBackend::attach(Box::new(theirs), Abi::X86_64, disk, options).unwrap();
        let io = Engine::new(EngineOptions { memory: 3 << 20, io_uring: true }).unwrap();
        let (granted, now) = (HashMap::new(), Instant::now());
        let [record, ..] = self::pages(1);
        let redo = Redo::new(Box::new(record));
        Guest { front, ring: Arc::new(ring), granted, back, io, redo, now, copies: 0 }
    }

    /// A new back end on the same ring, as after the daemon's death.
    pub(super) fn restart(&mut self, disk: Arc<Disk>) {
        let ring = Box::new(Arc::clone(&self.ring));
        self.io = Engine::new(EngineOptions::default()).unwrap();
        self.back = BlockBackend::attach(ring, Abi::X86_64, disk, BlockOptions::default()).unwrap();
    }

    /// A new connection of the same device, on the same shard.
    pub(super) fn reconnect(&mut self, disk: Arc<Disk>) {
        let ring = Box::new(Arc::clone(&self.ring));
        self.back = BlockBackend::attach(ring, Abi::X86_64, disk, BlockOptions::default()).unwrap();
    }

    pub(super) fn grant(&mut self, grant: u32, byte: u8) {
        self.granted.insert(grant, Box::new([byte; 4096]));
    }

    pub(super) fn ask(&mut self, id: u64, sector: u64, body: Body) {
        self.front.request(&Request { id, sector, handle: 0, body });
    }

    /// Whole pages, named in the request.
    pub(super) fn ask_pages(&mut self, id: u64, operation: u8, sector: u64, grants: &[u32]) {
        let named: Vec<_> = grants.iter().map(|&grant| (grant, 0, 7)).collect();
        self.ask_parts(id, operation, sector, &named);
    }

    pub(super) fn ask_parts(
        &mut self,
        id: u64,
        operation: u8,
        sector: u64,
        named: &[(u32, u8, u8)],
    ) {
        let mut segments = [Segment::default(); SEGMENTS];
        for (segment, &(grant, first, last)) in segments.iter_mut().zip(named) {
            *segment = Segment { grant, first, last };
        }
        let count = u8::try_from(named.len()).unwrap();
        self.ask(id, sector, Body::Direct { operation, count, segments });
    }

    /// Parts named in the page `names`.
    pub(super) fn ask_indirect(
        &mut self,
        id: u64,
        operation: u8,
        sector: u64,
        names: u32,
        named: &[(u32, u8, u8)],
    ) {
        let mut page = Box::new([0; 4096]);
        for (n, &(grant, first, last)) in named.iter().enumerate() {
            put_segment(&mut page[..], n * 8, &Segment { grant, first, last });
        }
        self.granted.insert(names, page);
        let mut pages = [0; INDIRECT_PAGES];
        pages[0] = names;
        let count = u16::try_from(named.len()).unwrap();
        self.ask(id, sector, Body::Indirect { operation, count, pages });
    }

    /// One turn of the back end.
    pub(super) fn turn(&mut self) -> Result<Turn, Fault> {
        let (granted, copies) = (&mut self.granted, &mut self.copies);
        let mut copy = |pieces: &mut [Piece<'_>]| {
            *copies += 1;
            pieces.iter_mut().for_each(|piece| copy(granted, piece));
            Ok(())
        };
        let (io, redo, now) = (&mut self.io, &self.redo, self.now);
        let mut host = Host { io, copy: &mut copy, redo, device: DEVICE, now };
        let (turn, _) = self.back.turn(&mut host)?;
        self.io.submit_all();
        Ok(turn)
    }

    /// Turns until nothing is left to do; waits for storage and for the time to come.
    pub(super) fn run(&mut self) -> Vec<Response> {
        let _ = self.front.push();
        let mut responses = Vec::new();
        loop {
            let turn = self.turn().unwrap();
            responses.extend(std::iter::from_fn(|| self.front.next_response().unwrap()));
            self.now = turn.wake.unwrap_or(self.now);
            match (turn.again || turn.wake.is_some(), self.io.in_flight()) {
                (false, 0) => return responses,
                (_, 0) => {}
                _ => self.wait(),
            }
        }
    }

    /// Waits for one of the jobs at work.
    pub(super) fn wait(&mut self) {
        let mut events = [PollFd::new(self.io.as_fd(), PollFlags::POLLIN)];
        assert_eq!(poll(&mut events, PollTimeout::from(60_000u16)).unwrap(), 1);
        while let Some(completion) = self.io.completion() {
            self.back.completed(completion);
        }
    }

    /// The status of the only request.
    pub(super) fn answer(&mut self) -> i16 {
        let responses = self.run();
        assert_eq!(responses.len(), 1, "{responses:?}");
        responses[0].status
    }

    pub(super) fn write(&mut self, sector: u64, byte: u8) -> i16 {
        self.grant(900, byte);
        self.ask_pages(0, operation::WRITE, sector, &[900]);
        self.answer()
    }

    /// The page at `sector`, all of which has the same byte.
    pub(super) fn read(&mut self, sector: u64) -> u8 {
        self.grant(901, 0xee);
        self.ask_pages(0, operation::READ, sector, &[901]);
        assert_eq!(self.answer(), 0);
        let page = &self.granted[&901];
        assert!(page.iter().all(|byte| *byte == page[0]));
        page[0]
    }

    pub(super) fn lie(&self, offset: usize, value: u32) {
        self.ring.store(offset, value, std::sync::atomic::Ordering::SeqCst);
    }
}

fn copy(granted: &mut HashMap<u32, Box<[u8; 4096]>>, piece: &mut Piece<'_>) {
    let Some(page) = granted.get_mut(&piece.grant) else { return };
    let start = usize::from(piece.offset);
    match &mut piece.local {
        Local::In(into) => into.copy_from_slice(&page[start..start + into.len()]),
        Local::Out(from) => page[start..start + from.len()].copy_from_slice(from),
        Local::Unseen(from, len) => {
            // SAFETY: part of a disk's view, of a file that nobody cuts short meanwhile.
            unsafe { from.copy_to(page[start..].as_mut_ptr(), *len) };
        }
    }
    piece.copied = true;
}
