//! What `lvm` shows of the daemon's guests and does with them.

use std::io::Read;

use lightvm::api::{ErrorCode, Wait};
use lightvm::client::ConsoleStream;
use lightvm::config::{Action, GuestOverrides, GuestType};
use serde_json::Value;

use crate::harness::{Chaosd, disk, eventually, native, nic};

fn json(chaosd: &Chaosd, args: &[&str]) -> Value {
    serde_json::from_str(&chaosd.lvm(&[&["--json"], args].concat())).expect("JSON")
}

/// The lines of a refusal; exit code and text.
fn refusal(chaosd: &Chaosd, args: &[&str]) -> (i32, String) {
    let output = chaosd.try_lvm(args);
    (output.status.code().expect("a code"), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn devices_and_networks_come_and_go() {
    let chaosd = Chaosd::start();
    chaosd.lvm(&["network", "create", "verbs", "--routed", "--subnet4", "10.95.0.1/24"]);
    let config = GuestOverrides {
        nic: Some(nic("verbs")),
        on_reboot: Some(Action::RenameRestart),
        ..native("echo", GuestType::Pvh, "web", "")
    };
    let first = chaosd.create(config, Wait::Ready);

    let listed = json(&chaosd, &["list"]);
    let web = listed.as_array().expect("a list").iter().find(|row| row["name"] == "web");
    let web = web.expect("it is listed");
    assert_eq!((&web["domid"], &web["control"]), (&first.domid.into(), &"noxs".into()));
    let info = json(&chaosd, &["info", "web"]);
    assert!(info.to_string().contains("\"nics\""), "{info}");

    let path = chaosd.path("more.img");
    disk(&path, 1 << 20).expect("a disk");
    let path = path.to_str().expect("text");
    chaosd.lvm(&["block-attach", "web", &format!("{path},xvdc,ro")]);
    let disks = json(&chaosd, &["block-list", "web"]);
    assert_eq!((&disks[0]["disk"]["vdev"], &disks[0]["size"]), (&"xvdc".into(), &1_048_576.into()));
    assert!(chaosd.lvm(&["block-list", "web"]).contains(" ro "));
    chaosd.lvm(&["net-attach", "web", "network=verbs"]);
    assert_eq!(json(&chaosd, &["net-list", "web"]).as_array().map(Vec::len), Some(2));
    let (code, text) = refusal(&chaosd, &["net-attach", "web", "network=verbs"]);
    assert!(code != 0 && text.contains("no place left"), "{code}: {text}");
    chaosd.lvm(&["block-detach", "web", "xvdc"]);
    chaosd.lvm(&["net-detach", "web", "1", "--force"]);
    assert_eq!(json(&chaosd, &["block-list", "web"]), Value::Array(Vec::new()));
    assert_eq!(json(&chaosd, &["net-list", "web"]).as_array().map(Vec::len), Some(1));
    let (code, text) = refusal(&chaosd, &["block-detach", "web", "xvdc"]);
    assert!(code != 0 && text.contains("has no disk `xvdc`"), "{code}: {text}");

    let (code, text) = refusal(&chaosd, &["network", "delete", "verbs"]);
    assert!(code != 0 && text.contains("verbs"), "{code}: {text}");
    let networks = json(&chaosd, &["network", "list"]);
    assert_eq!(networks[0]["ports"], 1, "{networks}");

    // The guest is asked, and built again beside its stopped domain.
    let answer = json(&chaosd, &["reboot", "web"]);
    let now = chaosd.info("web").expect("it lives again").summary;
    assert!(now.uuid == first.uuid && now.domid != first.domid, "{now:?} {answer}");
    let kept = json(&chaosd, &["list"]);
    let rows = kept.as_array().expect("a list").iter();
    let names: Vec<_> = rows.filter_map(|row| row["name"].as_str()).collect();
    let kept = names.iter().find(|name| name.starts_with("web-ended-")).expect("it was kept");
    chaosd.lvm(&["destroy", kept]);
    chaosd.lvm(&["destroy", "web"]);
    chaosd.lvm(&["network", "delete", "verbs"]);
    assert_eq!(json(&chaosd, &["network", "list"]), Value::Array(Vec::new()));
}

/// Waits until the stream has shown `text`.
fn wait_for(stream: &mut ConsoleStream, text: &str) {
    let mut seen = Vec::new();
    eventually(text, || {
        let mut chunk = [0; 1024];
        if let Ok(n) = stream.read(&mut chunk) {
            seen.extend_from_slice(&chunk[..n]);
        }
        String::from_utf8_lossy(&seen).contains(text).then_some(())
    });
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn many_watch_a_console_and_one_types() {
    let chaosd = Chaosd::start();
    let config = GuestOverrides {
        disk: Some(disk(&chaosd.path("disk"), 1 << 20).expect("a disk")),
        ..native("blockio", GuestType::Pvh, "watched", "verify size=4096 idle")
    };
    chaosd.create(config, Wait::None);
    let attach = |write| {
        let stream = chaosd.client.console("watched", write)?;
        stream.set_nonblocking(true).expect("a stream");
        Ok::<_, lightvm::client::ClientError>(stream)
    };
    let mut first = attach(true).expect("the seat is free");
    let taken = attach(true).expect_err("the seat is taken");
    assert_eq!(taken.code(), Some(ErrorCode::Taken), "{taken}");
    let mut second = attach(false).expect("watching is free");
    wait_for(&mut first, "blockio: done");
    wait_for(&mut second, "blockio: done");
    assert_eq!(chaosd.info("watched").map(|info| info.console_viewers), Some(2));
    let watched = chaosd.try_lvm(&["console", "watched", "--read-only", "--timeout", "1"]);
    let shown = String::from_utf8_lossy(&watched.stdout).into_owned();
    assert!(shown.contains("blockio: done"), "{watched:?}");
    drop((first, second));
    eventually("nobody watches", || (chaosd.info("watched")?.console_viewers == 0).then_some(()));
    let _seat = attach(true).expect("the seat is free again");
    let dumped = chaosd.lvm(&["console", "--dump", "watched"]);
    assert!(dumped.contains("blockio: done"), "{dumped}");
}
