//! Guests from their creation to their end, again and again: nothing of them may stay.

use lightvm::api::{ErrorCode, StopOutcome, StopRequest, Wait};
use lightvm::config::{Action, GuestOverrides, GuestType};

use crate::harness::{Chaosd, eventually, native};
use crate::leaks::Host;

/// Guests made and destroyed one after the other, unless `LIGHTVM_ROUNDS` says otherwise.
const ROUNDS: usize = 300;

/// A guest that has a page and waits for ever, without devices.
fn idle(name: &str, words: &str) -> GuestOverrides {
    native("hostile", GuestType::Pvh, name, &format!("idle {words}"))
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn guests_by_the_hundred_leave_nothing_behind() {
    let chaosd = Chaosd::start();
    // What is allocated once, for the first guest, is not a guest's.
    for _ in 0..3 {
        chaosd.create(idle("first", ""), Wait::None);
        chaosd.client.destroy_and_wait("first").expect("destroyed, its memory back");
    }
    let before = Host::of(&chaosd);
    let said = std::env::var("LIGHTVM_ROUNDS").ok().and_then(|rounds| rounds.parse().ok());
    for round in 0..said.unwrap_or(ROUNDS) {
        let guest = chaosd.create(idle("again", ""), Wait::None);
        assert_ne!(guest.domid, 0, "round {round}");
        chaosd.client.destroy("again").expect("destroyed");
    }
    eventually("the host as it was", || (Host::of(&chaosd) == before).then_some(()));
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn guests_end_as_their_configuration_says() {
    let chaosd = Chaosd::start();
    let before = Host::of(&chaosd);
    let at_once = StopRequest { timeout_ms: Some(20_000), force: true };
    let cases = [
        (Action::Destroy, StopOutcome::Destroyed),
        (Action::Restart, StopOutcome::Restarted),
        (Action::Preserve, StopOutcome::Preserved),
        (Action::RenameRestart, StopOutcome::Restarted),
    ];
    for (action, outcome) in cases {
        let config = GuestOverrides { on_poweroff: Some(action), ..idle("ends", "") };
        let first = chaosd.create(config, Wait::None);
        let answer = chaosd.client.poweroff("ends", &at_once).expect("it stops");
        assert_eq!(answer.outcome, outcome, "{action}");
        if outcome == StopOutcome::Restarted {
            let now = chaosd.info("ends").expect("it lives again").summary;
            assert_eq!((now.uuid, now.name), (first.uuid, first.name));
            assert_ne!(now.domid, first.domid);
        }
        if let Some(kept) = answer.kept {
            chaosd.destroy_domain(first.domid, kept.as_str());
        }
        let _ = chaosd.client.destroy("ends");
        chaosd.wait_until_gone("ends");
    }
    eventually("the host as it was", || (Host::of(&chaosd) == before).then_some(()));
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn a_name_is_taken_once_and_refusals_leave_nothing() {
    let chaosd = Chaosd::start();
    let before = Host::of(&chaosd);
    chaosd.create(idle("taken", ""), Wait::None);
    let refused = chaosd.try_create(idle("taken", "")).expect_err("the name is taken");
    assert_eq!(refused.code(), Some(ErrorCode::Taken), "{refused}");
    let missing = GuestOverrides { kernel: Some("/no/such/kernel".into()), ..idle("new", "") };
    let refused = chaosd.try_create(missing).expect_err("there is no such kernel");
    assert_eq!(refused.code(), Some(ErrorCode::BadInput), "{refused}");
    chaosd.client.destroy("taken").expect("destroyed");
    eventually("the host as it was", || (Host::of(&chaosd) == before).then_some(()));
}
