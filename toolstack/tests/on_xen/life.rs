//! The life cycle: every step, every end, and nothing left behind.

use std::time::Duration;

use lightvm::config::{CpuAffinity, GuestOverrides, GuestType};
use lightvm::create::CreateError;
use lightvm::domain::{End, Shell, ShellSpec, Sign, Watch};
use lightvm::xen::{Credit2, DomainState, ShutdownReason};
use nix::errno::Errno;

use crate::guests::{self, BOTH, shell_spec};
use crate::host::OnXen;
use crate::terminal::PATIENCE;

#[test]
#[ignore = "needs Xen: scripts/test"]
fn a_dropped_shell_leaves_nothing() {
    let host = OnXen::new();
    for guest_type in BOTH {
        let spec = shell_spec(guest_type, 8 << 20);
        let shell = Shell::build(&host.xen, &spec).expect("a shell");
        let info = host.xen.domain_info(shell.domid()).expect("a domain");
        assert_eq!((info.uuid, info.memory, info.vcpus), (spec.uuid, 8 << 20, 1));
        assert_eq!((info.state, info.hvm), (DomainState::Paused, guest_type == GuestType::Pvh));
        drop(shell);
        host.assert_unchanged("dropping a shell");
    }
}

/// The builders write only pages that get content (`build::writes`). That is right as
/// long as Xen hands out cleared memory, also memory that somebody just had.
#[test]
#[ignore = "needs Xen: scripts/test"]
fn memory_that_another_domain_had_is_zero() {
    const MIB: u64 = 1 << 20;
    let host = OnXen::new();
    let shell = |bytes: u64| {
        let spec = shell_spec(GuestType::Pvh, bytes);
        Shell::build(&host.xen, &spec).expect("a shell")
    };
    let pages = |shell: &Shell| {
        let gfns: Vec<u64> = (0..16 * MIB / 4096).collect();
        host.xen.map(shell.domid(), &gfns).expect("its memory")
    };
    assert!(host.xen.clears_memory(), "{}", host.xen.command_line().expect("Xen's command line"));
    // With little memory left, what is freed has to be given out again.
    let free = host.xen.host().expect("the host").free_memory;
    let filler = shell((free - 48 * MIB) / (2 * MIB) * (2 * MIB));
    for _ in 0..3 {
        let dirty = shell(16 * MIB);
        pages(&dirty).write(0, &vec![0xa5; 16 << 20]);
        drop(dirty);
        let fresh = shell(16 * MIB);
        let mut content = vec![1; 16 << 20];
        pages(&fresh).read(0, &mut content);
        let stale = content.iter().position(|&b| b != 0);
        assert_eq!(stale, None, "memory with another domain's content");
    }
    drop(filler);
    host.assert_unchanged("building in memory just freed");
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn a_dropped_loaded_guest_leaves_nothing() {
    let host = OnXen::new();
    for guest_type in BOTH {
        let loaded = host.creator.create(&guests::idle(guest_type)).expect("loaded");
        assert_eq!(host.xen.domain_info(loaded.domid()).expect("a domain").uuid, loaded.uuid());
        drop(loaded);
        host.assert_unchanged("dropping a loaded guest");
    }
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn holds_count() {
    let host = OnXen::new();
    for guest_type in BOTH {
        let guest = host.start(&guests::idle(guest_type));
        let held = || guest.info().expect("a living guest").paused;
        assert!(!held());
        guest.pause().expect("held");
        guest.pause().expect("held twice");
        guest.unpause().expect("one hold back");
        assert!(held(), "one of two holds is left");
        guest.unpause().expect("both holds back");
        assert!(!held());
        let refused = guest.unpause().expect_err("nothing to take back");
        assert!(refused.to_string().contains("XEN_DOMCTL_unpausedomain"), "{refused}");
        guest.destroy().expect("destroyed");
    }
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn a_held_guest_does_not_run() {
    let host = OnXen::new();
    let config = guests::config(guests::unikernel("noop", GuestType::Pvh));
    let (guest, _) = host.creator.create(&config).expect("created").hold();
    assert_eq!(guest.wait(Some(Duration::from_millis(300))).expect("waiting"), None);
    assert_eq!(guest.info().expect("a living guest").cpu_time, 0);
    guest.unpause().expect("started");
    let end = guest.wait(Some(PATIENCE)).expect("waiting");
    assert_eq!(end, Some(End::Shutdown(ShutdownReason::Poweroff)));
    guest.destroy().expect("destroyed");
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn the_first_event_is_seen_and_then_the_end() {
    let host = OnXen::new();
    let watch = Watch::new(&host.xen).expect("a watch");
    assert!(watch.is_notified(), "nobody else listens in this dom0");
    for guest_type in BOTH {
        let config = guests::config(guests::unikernel("noop", guest_type));
        let loaded = host.creator.create(&config).expect("created");
        let port = watch.listen(&loaded).expect("listening");
        let (guest, _) = loaded.start().expect("started");
        let sign = watch.wait_sign(&guest, port, Some(PATIENCE)).expect("waiting");
        assert_eq!(sign, Some(Sign::Event));
        let end = watch.wait_end(&guest, Some(PATIENCE)).expect("waiting");
        assert_eq!(end, Some(End::Shutdown(ShutdownReason::Poweroff)));
        watch.ignore(&guest, port).expect("disconnected");
        guest.destroy().expect("destroyed");
    }
}

/// A host has one `VIRQ_DOM_EXC`; who comes second still learns of every end.
#[test]
#[ignore = "needs Xen: scripts/test"]
fn a_second_watch_asks_instead() {
    let host = OnXen::new();
    let first = Watch::new(&host.xen).expect("a watch");
    let second = Watch::new(&host.xen).expect("another");
    assert!(first.is_notified() && !second.is_notified());
    let guest = host.start(&guests::config(guests::unikernel("noop", GuestType::Pvh)));
    for watch in [&second, &first] {
        let end = watch.wait_end(&guest, Some(PATIENCE)).expect("waiting");
        assert_eq!(end, Some(End::Shutdown(ShutdownReason::Poweroff)));
    }
    guest.destroy().expect("destroyed");
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn every_way_to_end_is_told_apart() {
    let host = OnXen::new();
    for guest_type in BOTH {
        for (image, word, reason) in [
            ("noop", "", ShutdownReason::Poweroff),
            ("noop", "reboot", ShutdownReason::Reboot),
            ("panicky", "crash", ShutdownReason::Crash),
        ] {
            let guest = host.start(&guests::config(GuestOverrides {
                cmdline: Some(word.into()),
                ..guests::unikernel(image, guest_type)
            }));
            let end = guest.wait(Some(PATIENCE)).expect("waiting");
            assert_eq!(end, Some(End::Shutdown(reason)), "{image} {word} as {guest_type}");
            guest.destroy().expect("destroyed");
        }
        for reason in [ShutdownReason::Poweroff, ShutdownReason::Reboot, ShutdownReason::Crash] {
            let guest = host.start(&guests::idle(guest_type));
            guest.shutdown(reason).expect("stopped");
            assert_eq!(guest.wait(Some(PATIENCE)).expect("waiting"), Some(End::Shutdown(reason)));
            guest.destroy().expect("destroyed");
        }
    }
}

/// A guest that is destroyed while somebody waits for its end.
#[test]
#[ignore = "needs Xen: scripts/test"]
fn waiting_ends_when_the_guest_is_destroyed() {
    let host = OnXen::new();
    let guest = host.start(&guests::idle(GuestType::Pvh));
    let waiting = guest.clone();
    let end = std::thread::scope(|scope| {
        let waiter = scope.spawn(move || waiting.wait(Some(PATIENCE)).expect("waiting"));
        guest.destroy().expect("destroyed");
        waiter.join().expect("no panic")
    });
    assert_eq!(end, Some(End::Destroyed));
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn placement_is_read_back() {
    let host = OnXen::new();
    let cpus = host.xen.host().expect("the host").cpus;
    for guest_type in BOTH {
        let last = cpus - 1;
        let affinity = CpuAffinity::PerVcpu(vec![
            last.to_string().parse().expect("a set"),
            "all".parse().expect("a set"),
        ]);
        let config =
            guests::config(GuestOverrides { cpus: Some(affinity), ..guests::placed(guest_type) });
        let loaded = host.creator.create(&config).expect("created");
        let domid = loaded.domid();
        let of = |vcpu| host.xen.affinity(domid, vcpu).expect("affinity");
        assert_eq!(of(0).iter().collect::<Vec<_>>(), [last]);
        assert!((0..cpus).all(|cpu| of(1).contains(cpu)));
        let share = host.xen.credit2(domid).expect("a share");
        assert_eq!(share, Credit2 { weight: 777, cap: 50 });
        assert_eq!(host.xen.domain_info(domid).expect("a domain").cpupool, 0);
    }
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn placement_that_does_not_fit_the_host_is_refused() {
    let host = OnXen::new();
    let with = |overrides: GuestOverrides| {
        let noop = guests::unikernel("noop", GuestType::Pvh);
        host.creator.create(&guests::config(overrides.over(noop))).expect_err("refused")
    };
    let set = CpuAffinity::Same("400".parse().expect("a set"));
    let no_cpu = with(GuestOverrides { cpus: Some(set), ..Default::default() });
    assert!(matches!(no_cpu, CreateError::Cpus { vcpu: 0, .. }), "{no_cpu:?}");
    let no_pool = with(GuestOverrides { pool: Some("fast".into()), ..Default::default() });
    assert_eq!(no_pool.to_string(), "this host has no CPU pool `fast`; it has Pool-0");
    // A pool that Xen itself does not know.
    let spec = ShellSpec { cpupool: 77, ..shell_spec(GuestType::Pvh, 8 << 20) };
    let refused = Shell::build(&host.xen, &spec).expect_err("refused").to_string();
    assert!(refused.contains("XEN_DOMCTL_createdomain"), "{refused}");
}

/// Two guests cannot be one.
#[test]
#[ignore = "needs Xen: scripts/test"]
fn one_console_one_user() {
    let host = OnXen::new();
    let guest = host.start(&guests::idle(GuestType::Pv));
    let first = guest.console().expect("a console");
    let refused = guest.console().expect_err("taken");
    let lightvm::domain::DomainError::Xen(refused) = refused else { panic!("{refused:?}") };
    assert_eq!(refused.errno(), Some(Errno::EINVAL));
    drop(first);
    guest.console().expect("free again");
    guest.destroy().expect("destroyed");
}
