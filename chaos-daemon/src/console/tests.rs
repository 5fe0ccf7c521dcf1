use std::path::Path;
use std::ptr::NonNull;
use std::time::{Duration, Instant};

use noxs::console::Front;
use noxs::{RawShared, SharedMemory};
use proptest::prelude::*;
use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

use super::*;
use crate::shard::Fault;

/// A console page of its own, for the length of the test program.
fn page() -> &'static RawShared {
    let page: &'static mut [u64] = Box::leak(vec![0; 512].into_boxed_slice());
    let base = NonNull::from(page).cast();
    // SAFETY: leaked, so it stays; nobody else has the reference it came from.
    Box::leak(Box::new(unsafe { RawShared::new(base, 4096) }))
}

fn options() -> Options {
    Options { rate: 1 << 30, burst: 1 << 30, ..Options::default() }
}

fn service(folder: &Path, options: &Options) -> Service {
    Service::open(folder, options).unwrap()
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// A guest's two ends of its console.
struct Guest {
    front: Front<&'static RawShared>,
    back: ConsoleBackend,
}

impl Guest {
    fn new(sink: &Sink) -> Guest {
        let page = page();
        let back = ConsoleBackend::attach(Box::new(page), sink.clone());
        Guest { front: Front::attach(page), back }
    }

    fn turn(&mut self) -> bool {
        self.back.turn(Instant::now()).unwrap().1
    }

    /// Prints all of it, as a guest does: what does not fit now is printed later.
    fn print(&mut self, mut text: &[u8]) {
        while !text.is_empty() {
            text = &text[self.front.write(text).unwrap()..];
            self.turn();
            std::thread::yield_now();
        }
        while self.back.turn(Instant::now()).unwrap().0.wake.is_some() {
            std::thread::yield_now();
        }
    }
}

async fn read(viewer: &mut Viewer, len: usize) -> Vec<u8> {
    let mut all = Vec::new();
    while all.len() < len {
        all.extend(viewer.next().await.expect("the console is open"));
    }
    all
}

async fn read_to_end(mut viewer: Viewer) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(bytes) = viewer.next().await {
        all.extend(bytes);
    }
    all
}

#[test]
fn a_viewer_sees_what_was_printed_before_it_came_and_after() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(folder.path(), &options());
    let id = Uuid::from_u128(1);
    let sink = service.sink(id);
    let mut guest = Guest::new(&sink);
    guest.print(b"before ");
    let mut first = sink.view().unwrap();
    let second = sink.view().unwrap();
    guest.print(b"after");
    runtime().block_on(async {
        assert_eq!(read(&mut first, 12).await, b"before after");
        assert_eq!(service.viewers(id), 2);
        drop(first);
        assert_eq!(service.viewers(id), 1);
        guest.print(b" that");
        service.close(id);
        assert_eq!(read_to_end(second).await, b"before after that");
    });
    assert_eq!(service.kept(id).unwrap().unwrap(), b"before after that");
    assert!(runtime().block_on(sink.view().unwrap().next()).is_some());
}

/// A line printed between two lines of the log joins them whatever the writing thread
/// has done by then.
#[test]
fn the_log_and_what_is_live_join_without_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(folder.path(), &options());
    let id = Uuid::from_u128(2);
    let sink = service.sink(id);
    let text: Vec<u8> = (0..20_000u32).flat_map(|n| format!("{n} ").into_bytes()).collect();
    let printed = text.clone();
    let printer = {
        let sink = sink.clone();
        std::thread::spawn(move || Guest::new(&sink).print(&printed))
    };
    let viewers: Vec<_> = (0..50)
        .map(|_| {
            std::thread::yield_now();
            sink.view().unwrap()
        })
        .collect();
    printer.join().unwrap();
    service.close(id);
    let notice = b"bytes dropped";
    for viewer in viewers {
        let seen = runtime().block_on(read_to_end(viewer));
        let lost = seen.windows(notice.len()).any(|part| part == notice);
        assert!(lost || seen == text, "{} of {} bytes", seen.len(), text.len());
    }
    assert_eq!(service.kept(id).unwrap().unwrap(), text);
}

#[test]
fn a_slow_viewer_is_told_what_it_lost_and_holds_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(folder.path(), &options());
    let id = Uuid::from_u128(3);
    let sink = service.sink(id);
    let slow = sink.view().unwrap();
    let mut guest = Guest::new(&sink);
    for _ in 0..1000 {
        guest.print(&[b'x'; 1000]);
    }
    service.close(id);
    let seen = String::from_utf8(runtime().block_on(read_to_end(slow))).unwrap();
    let told = seen.split_once('[').unwrap().1.split_once(' ').unwrap().0;
    let shown = seen.matches('x').count();
    assert!(shown < 1_000_000 && shown > 100_000);
    assert_eq!(told.parse::<usize>().unwrap() + shown, 1_000_000);
}

#[test]
fn input_comes_from_one_at_a_time_and_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let sink = service(folder.path(), &options()).sink(Uuid::from_u128(4));
    let mut guest = Guest::new(&sink);
    let mut writer = sink.writer().unwrap();
    assert_eq!(sink.writer().unwrap_err(), Taken);
    assert_eq!(writer.push(b"ls\n"), 3);
    assert!(guest.turn(), "the guest has to look");
    let mut typed = [0; 8];
    assert_eq!(guest.front.read(&mut typed), Ok(3));
    assert_eq!(typed[..3], *b"ls\n");
    assert!(!guest.turn());

    assert_eq!(writer.push(&[b'y'; 9000]), 4096);
    assert_eq!(writer.push(b"z"), 0);
    guest.turn();
    runtime().block_on(writer.room());
    assert_eq!(writer.push(&[b'z'; 9000]), 1024, "a ring full of it has gone to the guest");
    drop(writer);
    assert!(sink.writer().is_ok());
}

#[test]
fn a_guest_that_prints_endlessly_waits() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { rate: 1000, burst: 4000, ..Options::default() };
    let sink = service(folder.path(), &options).sink(Uuid::from_u128(5));
    let mut guest = Guest::new(&sink);
    let (start, mut printed) = (Instant::now(), 0);
    // Two seconds in steps, by the guest's clock.
    for step in 0..2000 {
        printed += guest.front.write(&[b'x'; 3000]).unwrap();
        let (turn, look) = guest.back.turn(start + Duration::from_millis(step)).unwrap();
        assert!(turn.wake.is_some() || look, "there is more to print");
        sink.write();
    }
    let taken = guest.back.stats().out_bytes;
    assert!((4000..=4000 + 2000 + 2 * 2048).contains(&taken), "{taken} bytes");
    assert!(printed as u64 <= taken + 2048);
}

#[test]
fn a_successor_takes_what_was_not_settled_and_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let service = service(folder.path(), &options());
    let sink = service.sink(Uuid::from_u128(6));
    let page = page();
    let mut front = Front::attach(page);
    let mut back = ConsoleBackend::attach(Box::new(page), sink.clone());
    front.write(b"one ").unwrap();
    back.turn(Instant::now()).unwrap();
    front.write(b"two ").unwrap();
    drop(back);
    let mut next = ConsoleBackend::attach(Box::new(page), sink.clone());
    next.turn(Instant::now()).unwrap();
    drop(next);
    assert_eq!(sink.log().unwrap(), b"one two ");
}

#[test]
fn a_lying_guest_loses_its_console() {
    let folder = tempfile::tempdir().unwrap();
    let sink = service(folder.path(), &options()).sink(Uuid::from_u128(7));
    let page = page();
    let mut back = ConsoleBackend::attach(Box::new(page), sink);
    page.store(noxs::console::OUT_PRODUCED, 5000, std::sync::atomic::Ordering::SeqCst);
    let fault = Fault::Ring { producer: 5000, consumer: 0, size: 2048 };
    assert_eq!(back.turn(Instant::now()), Err(fault));
}

#[test]
fn logs_outlive_their_guests_up_to_a_number_and_the_daemon() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { keep: 2, ..options() };
    let first = service(folder.path(), &options);
    for n in 0..4 {
        let id = Uuid::from_u128(n);
        Guest::new(&first.sink(id)).print(b"words");
        first.close(id);
    }
    assert!(first.kept(Uuid::from_u128(1)).unwrap().is_none());
    drop(first);
    let second = service(folder.path(), &options);
    assert_eq!(second.kept(Uuid::from_u128(3)).unwrap().unwrap(), b"words");
    assert_eq!(std::fs::read_dir(folder.path().join("console")).unwrap().count(), 2);
    assert_eq!(second.sink(Uuid::from_u128(3)).log().unwrap(), b"words");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is printed and whenever somebody looks: the log and every viewer that is
    /// fast enough have exactly what was printed.
    #[test]
    fn nothing_is_lost_or_twice(parts in prop::collection::vec((1..3000usize, any::<bool>()), 1..30)) {
        let folder = tempfile::tempdir().unwrap();
        let service = service(folder.path(), &options());
        let id = Uuid::from_u128(8);
        let sink = service.sink(id);
        let mut guest = Guest::new(&sink);
        let (mut text, mut viewers) = (Vec::new(), Vec::new());
        for (n, (size, look)) in (0u8..).zip(parts) {
            let part = vec![n; size];
            guest.print(&part);
            text.extend(part);
            if look {
                viewers.push(sink.view().unwrap());
            }
        }
        service.close(id);
        for viewer in viewers {
            prop_assert!(runtime().block_on(read_to_end(viewer)) == text);
        }
        prop_assert!(service.kept(id).unwrap().unwrap() == text);
    }
}
