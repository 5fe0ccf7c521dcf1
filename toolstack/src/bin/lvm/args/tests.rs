//! The command line as it is typed.

use clap::{CommandFactory, Parser};
use lightvm::config::{GuestOverrides, Key};

use super::*;
fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split_whitespace())
}

fn create(line: &str) -> CreateArgs {
    match parse(line).unwrap().verb {
        Verb::Create(args) => *args,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn every_verb_and_option_is_documented() {
    let docs = include_str!("../../../../../docs/lvm.md");
    for verb in Cli::command().get_subcommands() {
        let name = verb.get_name();
        assert!(docs.contains(&format!("lvm {name}")), "{name}");
        let longs = verb.get_arguments().filter_map(clap::Arg::get_long);
        for long in longs.filter(|long| !Key::ALL.iter().any(|k| k.flag() == format!("--{long}"))) {
            let short = verb.get_arguments().find(|arg| arg.get_long() == Some(long));
            let short = short.and_then(clap::Arg::get_short).map(|c| format!("`-{c}"));
            let named = docs.contains(&format!("--{long}"))
                || short.is_some_and(|short| docs.contains(&short) || docs.contains(&short[1..]));
            assert!(named, "{name} --{long}");
        }
    }
}

#[test]
fn every_exit_code_is_documented() {
    let docs = include_str!("../../../../../docs/lvm.md");
    let codes = LVM_HELP.split("Exit codes:\n").nth(1).unwrap();
    for line in codes.lines().skip(1) {
        let (code, text) = line.trim().split_once(' ').unwrap();
        let row = docs.lines().find(|row| row.starts_with(&format!("| {code} | `")));
        assert!(row.is_some_and(|row| row.replace('`', "").contains(text.trim())), "{line}");
    }
}

#[test]
fn every_key_has_its_flag() {
    let command = Cli::command();
    let create = command.find_subcommand("create").unwrap();
    for key in Key::ALL {
        let long = key.flag().trim_start_matches("--");
        assert!(create.get_arguments().any(|arg| arg.get_long() == Some(long)), "{key}");
    }
}

#[test]
fn every_flag_reaches_its_key() {
    let args = create(
        "lvm create --name a --uuid 67e55044-10b1-426f-9247-bb680e5fe0c8 --type pv --kernel k \
         --ramdisk r --cmdline -c --memory 4 --max-memory 8 --vcpus 1 --max-vcpus 2 --cpus 0 \
         --cpu-weight 1 --cap 0 --pool p --on-poweroff preserve --on-reboot preserve \
         --on-crash preserve --on-watchdog preserve --on-soft-reset preserve --tsc-mode default \
         --control noxs --user-data u --hotplug-slots 1 --nic network=lan --disk d",
    );
    let overrides = GuestOverrides::from(args.guest);
    for key in Key::ALL {
        assert!(overrides.is_set(key), "{key}");
    }
}

#[test]
fn global_options_stand_anywhere() {
    for line in ["lvm --json list", "lvm list --json"] {
        assert!(parse(line).unwrap().globals.json, "{line}");
    }
    let cli = parse("lvm list --registry /tmp/r").unwrap();
    assert_eq!(cli.globals.registry, PathBuf::from("/tmp/r"));
}

#[test]
fn what_excludes_each_other_is_refused() {
    for line in [
        "lvm",
        "lvm create --paused --wait",
        "lvm create -n 0",
        "lvm create --memory 0",
        "lvm create --timeout -1",
        "lvm create --timeout nan",
        "lvm destroy",
        "lvm destroy --all a",
        "lvm destroy --all --foreign",
        "lvm info",
        "lvm info a --host",
        "lvm console",
        "lvm console a --dump --drain 1",
        "lvm sched-credit2 --weight 3",
        "lvm sched-credit2 a --weight 0",
        "lvm vcpu-pin a first 0",
        "lvm vcpu-pin a 0 ^0",
        "lvm rename a 42",
        "lvm dmesg -f --clear",
        "lvm completions tcsh",
        "lvm create --wait=later",
        "lvm shutdown a --force --timeout 1",
        "lvm console a --read-only --dump",
        "lvm network create lan --bridge br0 --nat",
        "lvm network create lan --dhcp",
        "lvm network delete",
        "lvm net-attach a network=lan,tap=t",
        "lvm net-detach a first",
        "lvm block-attach a",
    ] {
        assert!(parse(line).is_err(), "{line}");
    }
}

#[test]
fn what_to_wait_for_may_be_left_out() {
    assert_eq!(create("lvm create g.toml").wait, None);
    assert_eq!(create("lvm create g.toml --wait").wait, Some(WaitFor::Event));
    assert_eq!(create("lvm create --wait --timeout 1").wait, Some(WaitFor::Event));
    assert_eq!(create("lvm create g.toml --wait ready").wait, Some(WaitFor::Ready));
}

#[test]
fn seconds_may_have_a_fraction() {
    assert_eq!(seconds("0.25"), Ok(Duration::from_millis(250)));
    assert_eq!(seconds("5"), Ok(Duration::from_secs(5)));
    for text in ["", "-1", "inf", "nan", "1s", "1e30"] {
        assert!(seconds(text).is_err(), "{text}");
    }
}

#[test]
fn create_is_read_as_if_all_verbs_were_known() {
    for line in [
        "lvm create a.toml memory=4 --wait ready --timeout 2.5",
        "lvm --json run --kernel k -m 4 --nic network=lan --nic ip=10.0.0.1/8 -n 3 --keep",
        "lvm create --socket /tmp/s --registry /tmp/r --cmdline -x --wait --name create",
        "lvm destroy create",
        "lvm list --json",
        "lvm create --nonsense",
        "lvm create --help",
        "lvm help create",
    ] {
        let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        match (Cli::read(&words), parse(line)) {
            (Ok(read), Ok(parsed)) => assert_eq!(format!("{read:?}"), format!("{parsed:?}")),
            (Err(read), Err(parsed)) => assert_eq!(read.to_string(), parsed.to_string()),
            (read, parsed) => panic!("{line}: {read:?}, {parsed:?}"),
        }
    }
}
