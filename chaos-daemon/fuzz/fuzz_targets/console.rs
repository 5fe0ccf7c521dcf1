//! Any console page, rewritten between two turns of its back end.
#![no_main]

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chaos_daemon::console::{ConsoleBackend, Options, Service};
use libfuzzer_sys::fuzz_target;
use noxs::console::{IN_CONSUMED, OUT_SIZE};
use noxs::{RawShared, SharedMemory};
use uuid::Uuid;

#[path = "../../../noxs/fuzz/fuzz_targets/memory.rs"]
mod memory;

static CONSOLES: LazyLock<(tempfile::TempDir, Service)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    // Logs small enough to turn over.
    let options = Options { log_bytes: 8192, keep: 0, ..Options::default() };
    let service = Service::open(folder.path(), &options).expect("consoles");
    (folder, service)
});

static GUEST: AtomicU64 = AtomicU64::new(1);

/// One for all inputs, as the back end keeps what it is given.
static PAGE: LazyLock<memory::Page> = LazyLock::new(|| memory::Page::new(&[]));

fuzz_target!(|input: (Vec<u8>, Vec<(u8, u32, bool)>)| {
    let (bytes, steps) = input;
    let page: &'static RawShared = &PAGE;
    page.write(0, &[0; 4096]);
    page.write(0, &bytes[..bytes.len().min(4096)]);
    let (_, consoles) = &*CONSOLES;
    // Each input's log is its own: an earlier one may not be gone yet.
    let guest = Uuid::from_u128(GUEST.fetch_add(1, Ordering::Relaxed).into());
    let sink = consoles.sink(guest);
    let mut writer = sink.writer().expect("nobody else types");
    let mut back = ConsoleBackend::attach(Box::new(page), sink.clone());
    let mut now = Instant::now();
    let mut most = 0;
    for (which, word, types) in steps {
        page.write(IN_CONSUMED + usize::from(which % 4) * 4, &word.to_le_bytes());
        if types {
            writer.push(&word.to_le_bytes());
        }
        now += Duration::from_millis(1);
        most += OUT_SIZE as usize;
        if back.turn(now).is_err() {
            break;
        }
    }
    drop(back);
    assert!(sink.log().expect("a log").len() <= most);
    consoles.close(guest);
});
