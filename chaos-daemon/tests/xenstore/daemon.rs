//! The daemon's guests in XenStore mode: made, listed, changed, ended, taken up again.

use std::fs;

use lightvm::api::{CreateRequest, ErrorCode, StopOutcome, StopRequest, Wait};
use lightvm::config::{
    Action, ControlMode, Disk, GuestConfig, GuestName, GuestOverrides, GuestType, MemSize, Nic,
};
use lightvm::xen::{DomId, Xen};

use crate::harness::{self, Chaosd, address, eventually, native};
use crate::host::{self, Host, Leftovers, run};

/// A guest that idles, in XenStore mode.
fn idle(name: &str) -> GuestOverrides {
    GuestOverrides {
        control: Some(ControlMode::XenStore),
        ..native("noop", GuestType::Pvh, name, "idle")
    }
}

/// What XenStore mode and the daemon's own records could leave.
fn leftovers(chaosd: &Chaosd) -> (Leftovers, usize) {
    let records = fs::read_dir(chaosd.path("state").join("daemon")).expect("its records");
    (Leftovers::now(), records.count())
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn both_kinds_of_guests_live_side_by_side_and_outlive_the_daemon() {
    let _host = Host::new();
    let mut chaosd = Chaosd::start();
    chaosd.network("beside", "10.94.0.1/24");
    let before = leftovers(&chaosd);
    let path = chaosd.path("kernel.img");
    let disk = harness::disk(&path, 16 << 20).expect("a disk");
    let kernel = chaosd.create(
        GuestOverrides { nic: Some(vec![host::nic()]), disk: Some(disk.clone()), ..idle("kernel") },
        Wait::None,
    );
    let noxs = chaosd.create(
        GuestOverrides {
            nic: Some(harness::nic("beside")),
            ..native("echo", GuestType::Pvh, "noxs", "")
        },
        Wait::Ready,
    );
    assert_eq!((kernel.control, noxs.control), (ControlMode::XenStore, ControlMode::Noxs));
    let listed = run("xl", &["list", "kernel"]);
    assert!(listed.contains(&format!("{}", kernel.domid)), "{listed}");
    let listed = chaosd.lvm(&["list"]);
    assert!(listed.contains("kernel") && listed.contains("noxs"), "{listed}");

    let refused = chaosd
        .try_create(GuestOverrides {
            disk: Some(disk),
            ..native("blockio", GuestType::Pvh, "thief", "idle")
        })
        .expect_err("the kernel's back end has the disk");
    assert!(refused.to_string().contains("in use by guest kernel"), "{refused}");

    for _ in 0..2 {
        chaosd.kill_and_restart();
        for guest in [&kernel, &noxs] {
            let now = chaosd.info(guest.name.as_str()).expect("taken up").summary;
            assert_eq!((now.domid, now.control), (guest.domid, guest.control));
        }
        host::run("ping", &["-c", "2", "-i", "0.2", "-w", "10", &address(&noxs)]);
    }
    let info = chaosd.info("kernel").expect("it lives");
    assert_eq!((info.nics.len(), info.disks.len()), (1, 1));

    chaosd.client.destroy("noxs").expect("destroyed");
    chaosd.client.destroy("kernel").expect("destroyed");
    assert_eq!(leftovers(&chaosd), before);
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn guests_end_by_themselves_as_told_and_unseen() {
    let host = Host::new();
    let mut chaosd = Chaosd::start();
    let before = leftovers(&chaosd);
    let disk = || Some(vec![host.disk("ends.img")]);
    // By itself.
    let short = GuestOverrides { cmdline: Some(String::new()), disk: disk(), ..idle("short") };
    chaosd.create(short, Wait::None);
    chaosd.wait_until_gone("short");
    eventually("nothing left", || (leftovers(&chaosd) == before).then_some(()));
    // As its configuration says.
    let at_once = StopRequest { timeout_ms: Some(20_000), force: true };
    for (action, outcome) in [
        (Action::Restart, StopOutcome::Restarted),
        (Action::Preserve, StopOutcome::Preserved),
        (Action::RenameRestart, StopOutcome::Restarted),
    ] {
        let config = GuestOverrides { on_poweroff: Some(action), disk: disk(), ..idle("ends") };
        let first = chaosd.create(config, Wait::None);
        let answer = chaosd.client.poweroff("ends", &at_once).expect("it stops");
        assert_eq!(answer.outcome, outcome, "{action}");
        let now = chaosd.info("ends").expect("it is there").summary;
        assert_eq!(now.domid != first.domid, outcome == StopOutcome::Restarted, "{action}");
        if let Some(kept) = answer.kept {
            chaosd.destroy_domain(first.domid, kept.as_str());
        }
        chaosd.client.destroy("ends").expect("destroyed");
        eventually("nothing left", || (leftovers(&chaosd) == before).then_some(()));
    }
    // While no daemon looks, and in the middle of its end.
    let unseen = chaosd.create(GuestOverrides { disk: disk(), ..idle("unseen") }, Wait::None);
    chaosd.restart_after(|| {
        let xen = Xen::open().expect("a Xen dom0");
        xen.destroy_domain(DomId(unseen.domid)).expect("destroyed");
    });
    chaosd.wait_until_gone("unseen");
    eventually("nothing left", || (leftovers(&chaosd) == before).then_some(()));
    // By another toolstack.
    chaosd.create(GuestOverrides { disk: disk(), ..idle("theirs") }, Wait::None);
    run("xl", &["destroy", "theirs"]);
    chaosd.wait_until_gone("theirs");
    eventually("nothing left", || (leftovers(&chaosd) == before).then_some(()));
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn devices_come_and_go_through_the_daemon() {
    let host = Host::new();
    let mut chaosd = Chaosd::start();
    let before = leftovers(&chaosd);
    chaosd
        .create(GuestOverrides { disk: Some(vec![host.disk("a.img")]), ..idle("hot") }, Wait::None);
    let without = Leftovers::now();
    let second = host.disk("b.img").path;
    let (bridge, second) = (format!("bridge={}", host::BRIDGE), second.to_string_lossy());
    chaosd.lvm(&["block-attach", "hot", &second]);
    chaosd.lvm(&["net-attach", "hot", &bridge]);
    let disks = chaosd.lvm(&["block-list", "hot"]);
    assert!(disks.contains("xvda") && disks.contains("xvdb"), "{disks}");
    let nics = chaosd.lvm(&["net-list", "hot"]);
    assert!(nics.contains("00:16:3e:") && nics.contains(host::BRIDGE), "{nics}");
    assert!(run("xl", &["block-list", "hot"]).contains("51728"));

    let taken = Disk { vdev: Some("xvdb".parse().expect("a name")), ..host.disk("c.img") };
    let refused = chaosd.client.attach_disk("hot", &taken).expect_err("there is an xvdb");
    assert_eq!(refused.code(), Some(ErrorCode::Conflict), "{refused}");
    let nowhere = Nic { network: Some("lan".into()), ..Nic::default() };
    let refused = chaosd.client.attach_nic("hot", &nowhere).expect_err("not the kernel's");
    assert!(refused.to_string().contains("give it a `bridge`"), "{refused}");
    let missing = chaosd.client.attach_disk("hot", &Disk::new("/no/disk")).expect_err("no file");
    assert!(missing.to_string().contains("/no/disk"), "{missing}");

    chaosd.kill_and_restart();
    chaosd.lvm(&["block-detach", "hot", "xvdb"]);
    chaosd.lvm(&["net-detach", "hot", "0"]);
    assert_eq!(Leftovers::now(), without);
    assert_eq!(chaosd.client.disks("hot").expect("disks").len(), 1);
    chaosd.client.destroy("hot").expect("destroyed");
    assert_eq!(leftovers(&chaosd), before);
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn a_guest_is_renamed_for_everybody() {
    let _host = Host::new();
    let chaosd = Chaosd::start();
    let guest = chaosd
        .create(GuestOverrides { on_reboot: Some(Action::Restart), ..idle("before") }, Wait::None);
    chaosd.create(idle("other"), Wait::None);
    chaosd.lvm(&["rename", "before", "after"]);
    assert_eq!(run("xl", &["domname", &guest.domid.to_string()]).trim(), "after");
    let of_uuid = format!("/vm/{}/name", guest.uuid);
    assert_eq!(run("xenstore-read", &[&of_uuid]).trim(), "after");
    assert_eq!(chaosd.info("after").expect("its name").summary.domid, guest.domid);
    assert!(chaosd.info("before").is_none());

    let taken = chaosd.client.rename("after", &guest_name("other")).expect_err("another's");
    assert_eq!(taken.code(), Some(ErrorCode::Taken), "{taken}");
    assert_eq!(run("xl", &["domname", &guest.domid.to_string()]).trim(), "after");

    let at_once = StopRequest { timeout_ms: Some(20_000), force: true };
    let again = chaosd.client.reboot("after", &at_once).expect("it is built again");
    let domid = again.domid.expect("a new one").to_string();
    assert_eq!(run("xl", &["domname", &domid]).trim(), "after");
}

fn guest_name(name: &str) -> GuestName {
    name.parse().expect("a name")
}

/// What cannot be made leaves nothing, and says why.
#[test]
#[ignore = "needs Xen: scripts/test"]
fn refusals_leave_nothing() {
    let _host = Host::new();
    let chaosd = Chaosd::start();
    let before = leftovers(&chaosd);
    let nowhere = Nic { bridge: Some("nobridge0".into()), ..Nic::default() };
    let packets = Nic { rate: Some("100p/s".parse().expect("a rate")), ..host::nic() };
    let slow = Disk { rate: Some("1MB/s".parse().expect("a rate")), ..Disk::new("/no/disk") };
    for (overrides, says) in [
        (
            GuestOverrides { nic: Some(vec![packets]), ..idle("no") },
            "cannot limit packets a second",
        ),
        (GuestOverrides { disk: Some(vec![slow]), ..idle("no") }, "cannot limit a disk"),
        (GuestOverrides { nic: Some(vec![nowhere]), ..idle("no") }, "there is no bridge"),
        (GuestOverrides { disk: Some(vec![Disk::new("/no/disk")]), ..idle("no") }, "/no/disk"),
        (GuestOverrides { memory: MemSize::from_mib(1 << 20).ok(), ..idle("no") }, "memory"),
    ] {
        assert!(GuestConfig::from_overrides(overrides.clone()).is_ok(), "{says}");
        let refused = chaosd.try_create(overrides).expect_err(says).to_string();
        assert!(refused.contains(says), "{refused}");
        assert_eq!(leftovers(&chaosd), before, "{says}");
    }
    for (wait, says) in [(Wait::Event, "no event"), (Wait::Ready, "it has none")] {
        let config = GuestConfig::from_overrides(idle("no")).expect("a configuration").config;
        let request = CreateRequest { config, wait, timeout_ms: None, paused: false };
        let refused = chaosd.client.create(&request).expect_err(says);
        assert_eq!(refused.code(), Some(ErrorCode::Unsupported));
        assert!(refused.to_string().contains(says), "{refused}");
    }
    assert_eq!(leftovers(&chaosd), before);
}
