//! Events and their readers.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;

fn events() -> (tempfile::TempDir, Arc<Events>) {
    let folder = tempfile::tempdir().unwrap();
    let events = Arc::new(Events::open(&folder.path().join("events")).unwrap());
    (folder, events)
}

fn tell(events: &Events, count: usize) {
    for _ in 0..count {
        events.tell(Happened::NetworkCreated { network: "n".into() });
    }
}

fn seqs(batch: &[Event]) -> Vec<u64> {
    batch.iter().map(|event| event.seq).collect()
}

#[test]
fn a_reader_goes_on_where_it_was() {
    let (_folder, events) = events();
    tell(&events, 3);
    assert_eq!(seqs(&Reader::new(&events, Some(0)).read()), [1, 2, 3]);
    let mut late = Reader::new(&events, None);
    assert_eq!(late.read()[0].what, Happened::Begin);
    assert!(late.read().is_empty());
    tell(&events, 2);
    assert_eq!(seqs(&late.read()), [4, 5]);
    assert_eq!(seqs(&Reader::new(&events, Some(4)).read()), [5]);
}

#[test]
fn a_reader_that_fell_behind_is_told() {
    let (_folder, events) = events();
    let mut slow = Reader::new(&events, Some(0));
    tell(&events, KEPT + 10);
    let batch = slow.read();
    assert_eq!(batch[0].what, Happened::Gap { first: 1, last: 10 });
    assert_eq!((batch[0].seq, batch[1].seq), (10, 11));
}

#[test]
fn numbers_go_on_in_the_next_daemon_and_the_gap_is_told() {
    let (folder, events) = events();
    tell(&events, 3);
    drop(events);
    let events = Arc::new(Events::open(&folder.path().join("events")).unwrap());
    tell(&events, 1);
    let batch = Reader::new(&events, Some(3)).read();
    let first = batch[1].seq;
    assert!(first > 3);
    assert_eq!(batch[0].what, Happened::Gap { first: 4, last: first - 1 });
}

#[test]
fn a_number_that_was_never_given_is_told() {
    let (_folder, events) = events();
    tell(&events, 2);
    let batch = Reader::new(&events, Some(99)).read();
    assert_eq!(batch[0].what, Happened::Gap { first: 1, last: 0 });
    assert_eq!(seqs(&batch), [0, 1, 2]);
}

#[tokio::test]
async fn a_reader_is_woken() {
    let (_folder, events) = events();
    let mut reader = Reader::new(&events, None);
    reader.read();
    let teller = Arc::clone(&events);
    let waits = tokio::spawn(async move {
        reader.wait().await;
        reader.read()
    });
    tokio::task::yield_now().await;
    tell(&teller, 1);
    assert_eq!(seqs(&waits.await.unwrap()), [1]);
}

proptest! {
    /// However readers and writers take turns, what a reader gets has no hole that is not told.
    #[test]
    fn nothing_is_skipped_silently(steps in prop::collection::vec((0usize..9000, 0usize..40), 1..6)) {
        let (_folder, events) = events();
        let mut reader = Reader::new(&events, Some(0));
        let mut seen = 0;
        for (told, reads) in steps {
            tell(&events, told);
            for event in (0..reads).flat_map(|_| reader.read()) {
                if let Happened::Gap { first, last } = event.what {
                    prop_assert_eq!(first, seen + 1);
                    prop_assert_eq!(last, event.seq);
                } else {
                    prop_assert_eq!(event.seq, seen + 1);
                }
                seen = event.seq;
            }
        }
    }
}
