//! Configurations as the registry stores them.

use super::toml;
use crate::config::GuestConfig;

#[test]
fn json_holds_everything() {
    let config = toml("name = 'a'\ncpus = ['1', 'all,^2']\nvcpus = 2").unwrap().config;
    let json = serde_json::to_string(&config).unwrap();
    assert_eq!(
        json,
        r#"{"name":"a","kernel":"k","cmdline":"","memory":"4MiB","max_memory":"4MiB","vcpus":2,"max_vcpus":2,"cpus":["1","all,^2"],"on_poweroff":"destroy","on_reboot":"restart","on_crash":"destroy","on_watchdog":"destroy","on_soft_reset":"destroy","tsc_mode":"native","control":"auto","hotplug_slots":2}"#
    );
    assert_eq!(serde_json::from_str::<GuestConfig>(&json).unwrap(), config);
}

#[test]
fn what_is_stored_is_checked_again() {
    for (json, message) in [
        ("{}", "kernel is missing"),
        (
            r#"{"kernel":"k","memory":"8MiB","max_memory":"4MiB"}"#,
            "stored configuration: max_memory: 4MiB is less than",
        ),
        (r#"{"kernel":"k","memory":"5KiB"}"#, "5 KiB is not a whole number of 4 KiB pages"),
        (r#"{"kernel":"k","memory":"4MiB","vcpus":0}"#, "nonzero"),
        (r#"{"kernel":"k","memory":"4MiB","name":"a b"}"#, "not allowed in a name"),
        (r#"{"kernel":"k","memory":"4MiB","color":1}"#, "unknown field `color`"),
    ] {
        let error = serde_json::from_str::<GuestConfig>(json).expect_err(json).to_string();
        assert!(error.contains(message), "{json}: {error}");
    }
}
