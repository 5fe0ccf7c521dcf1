//! A domain number is no identity: guests are taken up by UUID, and never mistaken.

use lightvm::config::GuestType;
use lightvm::domain::{DomainError, End, Running};
use lightvm::xen::{CreateDomain, DomId, ShutdownReason, Xen};
use uuid::Uuid;

use crate::guests::{self, BOTH};
use crate::host::OnXen;

fn is_vanished<T: std::fmt::Debug>(result: Result<T, DomainError>, guest: &Running) {
    match result {
        Err(DomainError::Vanished { domid, uuid }) => {
            assert_eq!((domid, uuid), (guest.domid(), guest.uuid()));
        }
        other => panic!("{other:?}"),
    }
}

/// Every verb of `guest` finds that it is gone.
fn every_verb_finds_it_gone(guest: &Running) {
    is_vanished(guest.info(), guest);
    is_vanished(guest.pause(), guest);
    is_vanished(guest.unpause(), guest);
    is_vanished(guest.shutdown(ShutdownReason::Poweroff), guest);
    is_vanished(guest.console().map(drop), guest);
    is_vanished(guest.clone().destroy().map_err(|e| e.source), guest);
    assert_eq!(guest.wait(None).expect("an answer"), Some(End::Destroyed));
    let adopted = Running::adopt(guest.xen(), guest.domid(), guest.uuid(), guest.console_ring());
    is_vanished(adopted.map(drop), guest);
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn a_guest_is_adopted_by_its_number_and_uuid() {
    let host = OnXen::new();
    for guest_type in BOTH {
        let guest = host.start(&guests::idle(guest_type));
        let (domid, uuid, console) = (guest.domid(), guest.uuid(), guest.console_ring());
        drop(guest);
        let other = Running::adopt(&host.xen, domid, Uuid::new_v4(), console);
        assert!(matches!(other, Err(DomainError::Vanished { .. })), "{other:?}");
        let again = Running::adopt(&host.xen, domid, uuid, console).expect("adopted");
        assert_eq!(again.guest_type(), guest_type);
        again.pause().expect("held");
        assert!(again.info().expect("a living guest").paused);
        again.destroy().expect("destroyed");
    }
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn a_vanished_guest_is_called_so() {
    let host = OnXen::new();
    let guest = host.start(&guests::idle(GuestType::Pvh));
    guest.clone().destroy().expect("destroyed");
    every_verb_finds_it_gone(&guest);
}

fn bare_domain(xen: &Xen) -> DomId {
    let config = CreateDomain {
        uuid: Uuid::new_v4(),
        hvm: false,
        max_vcpus: 1,
        max_evtchn_port: 127,
        max_grant_frames: 1,
        max_maptrack_frames: 0,
        cpupool: 0,
    };
    xen.create_domain(&config).expect("a bare domain")
}

/// Xen gives numbers out in turn, so this one goes once around.
#[test]
#[ignore = "needs Xen: scripts/test"]
fn a_number_that_came_round_again_is_somebody_else() {
    const NUMBERS: u16 = 0x7ff0;
    let host = OnXen::new();
    let old = host.start(&guests::idle(GuestType::Pvh));
    let number = old.domid();
    old.clone().destroy().expect("destroyed");
    let mut rounds = 0;
    let newcomer = loop {
        let domid = bare_domain(&host.xen);
        if domid == number {
            break domid;
        }
        host.xen.destroy_domain(domid).expect("destroyed");
        rounds += 1;
        assert!(rounds <= NUMBERS, "domain {number} does not come round again");
    };
    every_verb_finds_it_gone(&old);
    let info = host.xen.domain_info(newcomer).expect("untouched");
    assert_ne!(info.uuid, old.uuid());
    host.xen.destroy_domain(newcomer).expect("destroyed");
    println!("domain number {number} came round again after {rounds} others");
}
