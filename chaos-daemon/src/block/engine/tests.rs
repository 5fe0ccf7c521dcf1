use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::*;
use crate::block::disk::{Disk, DiskSpec};
use crate::shard::{DeviceId, GuestId};

const SIZE: u64 = 1 << 20;
const DEVICE: DeviceId = DeviceId { guest: GuestId { index: 3, epoch: 1 }, slot: 2 };

/// Both queues, or only threads where the machine forbids io_uring.
fn engines() -> Vec<Engine> {
    [true, false]
        .map(|io_uring| Engine::new(EngineOptions { io_uring, memory: 4 << 20 }).unwrap())
        .into()
}

/// Beside the build: not in memory, if that is not.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(std::env::current_exe().unwrap().parent().unwrap()).unwrap()
}

fn disk(dir: &Path) -> Arc<Disk> {
    opened(dir, false)
}

fn opened(dir: &Path, direct: bool) -> Arc<Disk> {
    let path = dir.join("disk");
    File::create(&path).unwrap().set_len(SIZE).unwrap();
    let spec = DiskSpec { path, writable: true, direct, discard: true, removable: false };
    Arc::new(Disk::open(&spec, Duration::ZERO).unwrap())
}

/// Through the queue, whatever could be done at once.
fn queued(engine: &mut Engine, disk: &Arc<Disk>, works: Vec<Work>) -> Vec<Completion> {
    let count = works.len();
    for (request, work) in (0..).zip(works) {
        engine.in_flight += 1;
        engine.queue_of(Job::new(
            Token { device: DEVICE, connection: 1, request },
            Arc::clone(disk),
            work,
        ));
    }
    engine.submit_all();
    let mut done = Vec::new();
    while done.len() < count {
        let mut events = [PollFd::new(engine.as_fd(), PollFlags::POLLIN)];
        assert_eq!(poll(&mut events, PollTimeout::from(60_000u16)).unwrap(), 1);
        done.extend(std::iter::from_fn(|| engine.completion()));
    }
    assert_eq!(engine.in_flight(), 0);
    done.sort_by_key(|completion| completion.token.request);
    done
}

fn write(engine: &mut Engine, offset: u64, len: usize, byte: u8) -> Work {
    let mut buffer = engine.buffers().take(len).unwrap();
    buffer.bytes_mut().fill(byte);
    Work::Write { offset, buffer }
}

fn read(engine: &mut Engine, offset: u64, len: usize) -> Work {
    Work::Read { offset, buffer: engine.buffers().take(len).unwrap() }
}

#[test]
fn what_is_written_is_read_and_what_is_punched_is_gone() {
    for mut engine in engines() {
        let dir = folder();
        let disk = disk(dir.path());
        let writes = vec![
            write(&mut engine, 8192, 8192, 1),
            write(&mut engine, 65536, 65536, 2),
            write(&mut engine, SIZE - 512, 512, 3),
        ];
        let written = queued(&mut engine, &disk, writes);
        assert!(written.iter().all(|completion| completion.outcome.is_ok()));
        let rest = vec![Work::Sync, Work::Punch { offset: 65536, len: 65536 }];
        assert!(queued(&mut engine, &disk, rest).iter().all(|done| done.outcome.is_ok()));

        let reads = vec![
            read(&mut engine, 8192, 8192),
            read(&mut engine, 65536, 65536),
            read(&mut engine, SIZE - 512, 512),
        ];
        for (completion, byte) in queued(&mut engine, &disk, reads).into_iter().zip([1, 0, 3]) {
            completion.outcome.unwrap();
            assert!(completion.buffer.unwrap().bytes().iter().all(|&found| found == byte));
        }
        let blocks = std::fs::metadata(disk.path()).unwrap().blocks();
        assert!(blocks * 512 <= 8192 + 2 * 4096, "{blocks} blocks of a sparse file in use");
    }
}

#[test]
fn direct_io_serves_what_is_aligned_to_blocks_and_what_is_not() {
    for mut engine in engines() {
        let dir = folder();
        let disk = opened(dir.path(), true);
        let whole = vec![write(&mut engine, 4096, 4096, 1)];
        let odd = vec![write(&mut engine, 4096 + 512, 1024, 2)];
        for works in [whole, odd] {
            queued(&mut engine, &disk, works).remove(0).outcome.unwrap();
        }
        let work = vec![read(&mut engine, 4096, 4096)];
        let found = queued(&mut engine, &disk, work).remove(0).buffer.unwrap();
        assert_eq!(found.bytes()[..512], [1; 512]);
        assert_eq!(found.bytes()[512..1536], [2; 1024]);
        assert_eq!(found.bytes()[1536..], [1; 2560]);
    }
}

#[test]
fn a_file_cut_short_is_an_error_and_no_stale_data() {
    for mut engine in engines() {
        let dir = folder();
        let disk = disk(dir.path());
        File::options().write(true).open(disk.path()).unwrap().set_len(4096).unwrap();
        let reads = vec![read(&mut engine, 0, 8192), read(&mut engine, 8192, 4096)];
        for completion in queued(&mut engine, &disk, reads) {
            assert_eq!(completion.outcome, Err(nix::errno::Errno::EIO));
        }
    }
}

#[test]
fn more_jobs_than_the_queue_has_room_for() {
    for mut engine in engines() {
        let dir = folder();
        let disk = disk(dir.path());
        let writes = (0..400).map(|_| write(&mut engine, 4096, 4096, 9)).collect();
        assert!(queued(&mut engine, &disk, writes).iter().all(|done| done.outcome.is_ok()));
    }
}

#[test]
fn data_in_the_page_cache_is_read_at_once() {
    let dir = folder();
    let disk = disk(dir.path());
    std::fs::write(disk.path(), vec![5; usize::try_from(SIZE).unwrap()]).unwrap();
    let mut engine = engines().remove(0);
    let work = read(&mut engine, 4096, 4096);
    let job = Job::new(Token { device: DEVICE, connection: 1, request: 7 }, disk, work);
    let completion = engine.start(job).expect("just written, so in the page cache");
    assert_eq!(completion.token, Token { device: DEVICE, connection: 1, request: 7 });
    assert_eq!(completion.buffer.unwrap().bytes(), [5; 4096]);
}

#[test]
fn jobs_in_flight_survive_the_engine() {
    for mut engine in engines() {
        let dir = folder();
        let disk = disk(dir.path());
        for request in 0..32 {
            let work = read(&mut engine, 0, 65536);
            engine.queue_of(Job::new(
                Token { device: DEVICE, connection: 1, request },
                Arc::clone(&disk),
                work,
            ));
        }
        drop(engine);
    }
}
