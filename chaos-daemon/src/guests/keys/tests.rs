//! Keys, with guests that are numbers.

use proptest::prelude::*;

use super::*;

fn claim(key: &str, digest: u64) -> KeyClaim {
    KeyClaim::now(key.parse().unwrap(), digest)
}

fn outcome(uuid: u128) -> Outcome {
    Outcome::of_earlier(Uuid::from_u128(uuid))
}

fn keys() -> (tempfile::TempDir, Arc<Keys>) {
    let folder = tempfile::tempdir().unwrap();
    let keys = Arc::new(Keys::open(&folder.path().join("keys")).unwrap());
    (folder, keys)
}

fn begin(keys: &Arc<Keys>, claim: &KeyClaim) -> Pending {
    match keys.begin(claim.clone()) {
        Begun::New(pending) => pending,
        other => panic!("{other:?}"),
    }
}

fn found(keys: &Arc<Keys>, claim: &KeyClaim) -> Option<u128> {
    match keys.begin(claim.clone()) {
        Begun::Done(outcome) => Some(outcome.uuid.as_u128()),
        _ => None,
    }
}

#[test]
fn a_request_is_carried_out_once() {
    let (_folder, keys) = keys();
    let first = claim("a", 1);
    let pending = begin(&keys, &first);
    let Begun::Busy(mut over) = keys.begin(claim("a", 1)) else { panic!("twice") };
    assert!(matches!(keys.begin(claim("a", 2)), Begun::Other));
    assert!(!over.has_changed().unwrap());
    pending.done(outcome(7));
    // Its sender is gone: whoever waited asks again.
    assert!(over.has_changed().is_err());
    over.mark_unchanged();
    assert_eq!(found(&keys, &claim("a", 1)), Some(7));
    assert!(matches!(keys.begin(claim("a", 2)), Begun::Other));
}

#[test]
fn what_failed_may_be_tried_again() {
    let (_folder, keys) = keys();
    drop(begin(&keys, &claim("a", 1)));
    drop(begin(&keys, &claim("a", 2)));
}

#[test]
fn a_key_outlives_its_guest_and_the_daemon() {
    let (folder, keys) = keys();
    let path = folder.path().join("keys");
    let (lives, ends) = (claim("lives", 1), claim("ends", 2));
    begin(&keys, &lives).done(outcome(1));
    begin(&keys, &ends).done(outcome(2));
    keys.ended(&ends, Uuid::from_u128(2));
    drop(keys);
    // Killed in the middle of a line.
    let mut text = std::fs::read(&path).unwrap();
    text.extend_from_slice(b"{\"claim\":{\"key\":\"x");
    std::fs::write(&path, text).unwrap();
    let keys = Arc::new(Keys::open(&path).unwrap());
    keys.remember(&lives, Uuid::from_u128(1));
    assert_eq!(found(&keys, &claim("lives", 1)), Some(1));
    assert_eq!(found(&keys, &claim("ends", 2)), Some(2));
    drop(begin(&keys, &claim("x", 0)));
    // It goes on in the same file.
    keys.ended(&lives, Uuid::from_u128(1));
    let keys = Arc::new(Keys::open(&path).unwrap());
    assert_eq!(found(&keys, &claim("lives", 1)), Some(1));
}

#[test]
fn a_key_is_forgotten_after_its_time() {
    let (_folder, keys) = keys();
    let first = claim("a", 1);
    begin(&keys, &first).done(outcome(1));
    let time = u64::try_from(KEY_TIME.as_millis()).unwrap();
    let later = |more| KeyClaim { at_ms: first.at_ms + time + more, ..claim("a", 2) };
    assert!(matches!(keys.begin(later(0)), Begun::New(_)));
    keys.ended(&first, Uuid::from_u128(1));
    assert_eq!(keys.state.lock().journal.lines(), 0);
}

#[test]
fn neither_memory_nor_the_journal_grows_for_ever() {
    let (folder, keys) = keys();
    for number in 0..3 * KEYS_KEPT {
        let claim = claim(&number.to_string(), 0);
        begin(&keys, &claim).done(outcome(number as u128));
        keys.ended(&claim, Uuid::from_u128(number as u128));
    }
    let state = keys.state.lock();
    assert!(state.known.len() <= KEYS_KEPT + 1);
    assert!(state.order.len() <= KEYS_KEPT + 1);
    assert!(state.journal.lines() <= 2 * KEYS_KEPT);
    drop(state);
    let keys = Arc::new(Keys::open(&folder.path().join("keys")).unwrap());
    assert_eq!(
        found(&keys, &claim(&(3 * KEYS_KEPT - 1).to_string(), 0)),
        Some(3 * KEYS_KEPT as u128 - 1)
    );
}

proptest! {
    /// Whatever clients ask and guests do, a key stands for one guest at most.
    #[test]
    fn a_key_is_one_guest(steps in prop::collection::vec((0u8..4, 0u8..3), 1..60)) {
        let (folder, mut keys) = keys();
        let path = folder.path().join("keys");
        let (mut made, mut next) = (HashMap::default(), 0u128);
        for (key, what) in steps {
            let asked = claim(&key.to_string(), 5);
            match (what, keys.begin(asked.clone())) {
                (0, Begun::New(_)) => {}
                (_, Begun::New(pending)) => {
                    prop_assert!(!made.contains_key(&key));
                    next += 1;
                    made.insert(key, (asked, next));
                    pending.done(outcome(next));
                }
                (2, Begun::Done(outcome)) => {
                    let (claim, uuid) = &made[&key];
                    prop_assert_eq!(outcome.uuid.as_u128(), *uuid);
                    keys.ended(claim, outcome.uuid);
                    // The daemon is killed; records of the living say their keys.
                    keys = Arc::new(Keys::open(&path).unwrap());
                    for (claim, uuid) in made.values().filter(|(_, of)| of != uuid) {
                        keys.remember(claim, Uuid::from_u128(*uuid));
                    }
                }
                (_, Begun::Done(outcome)) => prop_assert_eq!(outcome.uuid.as_u128(), made[&key].1),
                (_, other) => prop_assert!(false, "{:?}", other),
            }
        }
    }
}
