//! Our own format, key by key.

use super::{assert_shows, error, toml};
use crate::config::{ConfigFormat, Loader};

#[test]
fn every_key() {
    for (line, shown) in [
        (r#"name = "web-1""#, r#"name = "web-1""#),
        (
            r#"uuid = "67E55044-10b1-426f-9247-bb680e5fe0c8""#,
            r#"uuid = "67e55044-10b1-426f-9247-bb680e5fe0c8""#,
        ),
        (r#"type = "pv""#, r#"type = "pv""#),
        (r#"type = "pvh""#, r#"type = "pvh""#),
        (r#"ramdisk = "i.img""#, r#"ramdisk = "i.img""#),
        (r#"cmdline = 'a="b"'"#, r#"cmdline = 'a="b"'"#),
        ("max_memory = 8", r#"max_memory = "8MiB""#),
        (r#"max_memory = "1GiB""#, r#"max_memory = "1GiB""#),
        ("vcpus = 2", "vcpus = 2"),
        ("vcpus = 0x10", "vcpus = 16"),
        ("max_vcpus = 4", "max_vcpus = 4"),
        (r#"cpus = "0-3,5,^1""#, r#"cpus = "0-3,5,^1""#),
        ("cpus = 3", r#"cpus = "3""#),
        ("cpus = [1, \"2-3\"]\nvcpus = 2", r#"cpus = ["1", "2-3"]"#),
        ("cpu_weight = 512", "cpu_weight = 512"),
        ("cap = 150", "cap = 150"),
        ("cap = 0", "cap = 0"),
        (r#"pool = "Pool-0""#, r#"pool = "Pool-0""#),
        (r#"on_poweroff = "preserve""#, r#"on_poweroff = "preserve""#),
        (r#"on_reboot = "destroy""#, r#"on_reboot = "destroy""#),
        (r#"on_crash = "rename-restart""#, r#"on_crash = "rename-restart""#),
        (r#"on_watchdog = "restart""#, r#"on_watchdog = "restart""#),
        (r#"on_soft_reset = "restart""#, r#"on_soft_reset = "restart""#),
        (r#"tsc_mode = "default""#, r#"tsc_mode = "default""#),
        ("tsc_mode = 1", r#"tsc_mode = "always_emulate""#),
        (r#"control = "noxs""#, r#"control = "noxs""#),
        (r#"user_data = "a b""#, r#"user_data = "a b""#),
        ("hotplug_slots = 0", "hotplug_slots = 0"),
        (
            "[[nic]]\nnetwork = 'lan'\nmac = '00:16:3e:00:00:01'\n[[nic]]",
            r#"nic = [{ mac = "00:16:3E:00:00:01", network = "lan" }, {}]"#,
        ),
        (
            "nic = [{ addresses = '10.0.0.5/24', gateway = '10.0.0.1', pinned = false }]",
            r#"nic = [{ addresses = ["10.0.0.5/24"], gateway4 = "10.0.0.1", pinned = false }]"#,
        ),
        (
            "[[disk]]\npath = 'a'\n[[disk]]\npath = 'b'\nvdev = 'xvda'\nwritable = false",
            r#"disk = [{ path = "a", vdev = "xvdb" }, { path = "b", vdev = "xvda", writable = false }]"#,
        ),
    ] {
        assert_shows(toml(line), line, shown);
    }
}

#[test]
fn defaults() {
    let loaded = toml("").unwrap();
    assert_eq!(loaded.warnings, []);
    assert_eq!(
        loaded.config.to_toml(),
        "kernel = \"k\"\ncmdline = \"\"\nmemory = \"4MiB\"\nmax_memory = \"4MiB\"\nvcpus = 1\n\
         max_vcpus = 1\non_poweroff = \"destroy\"\non_reboot = \"restart\"\n\
         on_crash = \"destroy\"\non_watchdog = \"destroy\"\non_soft_reset = \"destroy\"\n\
         tsc_mode = \"native\"\ncontrol = \"auto\"\nhotplug_slots = 2\n"
    );
    assert_eq!(toml("vcpus = 3").unwrap().config.max_vcpus(), 3);
}

#[test]
fn memory_can_come_from_max_memory_alone() {
    let text = b"kernel = \"k\"\nmax_memory = \"512KiB\"";
    let loaded = Loader::new().parse("g", ConfigFormat::Toml, text).unwrap();
    assert_eq!(loaded.config.memory().kib(), 512);
}

#[test]
fn errors_name_place_key_and_what_is_allowed() {
    for (line, message) in [
        ("name = 5", "g.toml:3:8: name: expected a string, found a number"),
        (
            r#"name = "a b""#,
            "g.toml:3:8: name: ' ' is not allowed in a name; use ASCII letters, digits and . _ - + @",
        ),
        (
            r#"uuid = "x""#,
            "g.toml:3:8: uuid: `x` is not a UUID; write it as 67e55044-10b1-426f-9247-bb680e5fe0c8",
        ),
        (
            r#"type = "hvm""#,
            "g.toml:3:8: type: hvm guests need a device model (QEMU), which lightvm does not have; boot the guest's kernel directly with type \"pvh\", or use xl for this guest",
        ),
        (r#"ramdisk = """#, "g.toml:3:11: ramdisk: the value is empty; leave the key out instead"),
        (r#"ramdisk = "a\u0000""#, "g.toml:3:11: ramdisk: the value contains a NUL byte"),
        (r#"cmdline = "a\u0000""#, "g.toml:3:11: cmdline: the value contains a NUL byte"),
        (
            "max_memory = 2",
            "g.toml:3:14: max_memory: 2MiB is less than memory, which is 4MiB (g.toml:2:10); raise one or lower the other",
        ),
        (
            "max_memory = 4.5",
            "g.toml:3:14: max_memory: expected a number of MiB or a string such as \"512KiB\", found a number with a fraction",
        ),
        (
            "max_memory = -4",
            "g.toml:3:14: max_memory: -4 is out of range; 1 to 16777216 are allowed",
        ),
        (
            "max_memory = 0",
            "g.toml:3:14: max_memory: a guest needs some memory; 4 KiB is the smallest size",
        ),
        (
            r#"max_memory = "5MB""#,
            "g.toml:3:14: max_memory: `5MB` is not a memory size; write a number of MiB, or a number with KiB, MiB, GiB or TiB, such as \"512KiB\"",
        ),
        (
            "max_memory = 16777217",
            "g.toml:3:14: max_memory: more than 16 TiB, the most Xen supports on x86",
        ),
        (
            "max_memory = 99999999999999999999",
            "g.toml:3:14: max_memory: expected a number of MiB or a string such as \"512KiB\", found a number beyond 64 bits",
        ),
        ("vcpus = 0", "g.toml:3:9: vcpus: 0 is out of range; 1 to 65535 are allowed"),
        ("vcpus = true", "g.toml:3:9: vcpus: expected a number, found a boolean"),
        (
            "vcpus = 9000",
            "g.toml:3:9: vcpus: 9000 vCPUs are more than a pv guest can have, which is 8192",
        ),
        (
            "vcpus = 2\nmax_vcpus = 1",
            "g.toml:4:13: max_vcpus: 1 is less than vcpus, which is 2 (g.toml:3:9); raise one or lower the other",
        ),
        (
            "max_vcpus = 129\ntype = \"pvh\"",
            "g.toml:3:13: max_vcpus: 129 vCPUs are more than a pvh guest can have, which is 128",
        ),
        (
            r#"cpus = "a""#,
            "g.toml:3:8: cpus: `a` is not a set of CPUs; write it as in \"0-3,5,^1\", \"all\" or \"node:0\"",
        ),
        ("cpus = []", "g.toml:3:8: cpus: the value is empty; leave the key out instead"),
        ("cpus = [[1]]", "g.toml:3:8: cpus: expected a set of CPUs such as \"0-3\", found a list"),
        ("cpu_weight = 0", "g.toml:3:14: cpu_weight: 0 is out of range; 1 to 65535 are allowed"),
        (
            "cpu_weight = 65536",
            "g.toml:3:14: cpu_weight: 65536 is out of range; 1 to 65535 are allowed",
        ),
        ("cap = -1", "g.toml:3:7: cap: -1 is out of range; 0 to 65535 are allowed"),
        ("pool = ''", "g.toml:3:8: pool: the value is empty; leave the key out instead"),
        (
            r#"on_crash = "coredump-restart""#,
            "g.toml:3:12: on_crash: `coredump-restart` needs core dumps, which this version does not write; use `restart`",
        ),
        (
            r#"on_reboot = "reboot""#,
            "g.toml:3:13: on_reboot: `reboot` is not an action; use destroy, restart, preserve or rename-restart",
        ),
        (
            "tsc_mode = 9",
            "g.toml:3:12: tsc_mode: 9 is not a TSC mode; use 0 (default), 1 (always_emulate) or 2 (native)",
        ),
        ("tsc_mode = 1979-05-27", "g.toml:3:12: tsc_mode: expected a string, found a date or time"),
        (
            "memry = 4",
            "g.toml:3:1: `memry` is not a key of a guest configuration; did you mean `memory`?",
        ),
        (
            "maxmem = 4",
            "g.toml:3:1: `maxmem` is not a key of a guest configuration; `maxmem` of xl.cfg is `max_memory` here",
        ),
        (
            "extra = 'x'",
            "g.toml:3:1: `extra` is not a key of a guest configuration; xl.cfg's `root` and `extra` are `cmdline` here",
        ),
        (
            "[[vif]]",
            "g.toml:3:3: `vif` is not a key of a guest configuration; `vif` of xl.cfg is `nic` here",
        ),
        (
            "control = 'xs'",
            "g.toml:3:11: control: `xs` is not a control channel; use auto, none, noxs, facade or xenstore",
        ),
        ("nic = 1", "g.toml:3:7: nic: expected a list of tables ([[nic]]), found a number"),
        ("nic = [{}, { mac = '1' }]", "g.toml:3:7: nic: number 2: mac: `1` is not a MAC address"),
        (
            "nic = [{ mac = '00:16:3e:00:00:01' }, { mac = '00:16:3E:00:00:01' }]",
            "g.toml:3:7: nic: number 2: mac: 00:16:3E:00:00:01 is taken by number 1",
        ),
        (
            "disk = [{ path = 'a', vdev = 'xvda' }, { path = 'a', vdev = 'xvda' }]",
            "g.toml:3:8: disk: number 2: vdev: xvda is taken by number 1",
        ),
        ("disk = [{ vdev = 'xvda' }]", "g.toml:3:8: disk: number 1: path is missing"),
        (
            "disk = [{ path = 'a', mode = 'w' }]",
            "g.toml:3:8: disk: number 1: `mode` is not known here; path, vdev, writable, removable, direct_io, discard and rate are",
        ),
        (
            "control = 'none'\nnic = [{}]",
            "g.toml:4:7: nic: a guest without a control channel has no devices; remove them, or choose another `control` (g.toml:3:11)",
        ),
        (
            "hotplug_slots = 31\nnic = [{}]",
            "g.toml:3:17: hotplug_slots: 32 devices are too many; at most 31 are allowed, kept slots among them",
        ),
        ("user_data = \"a\\u0000\"", "g.toml:3:13: user_data: the value contains a NUL byte"),
    ] {
        assert_eq!(error(toml(line)), message, "{line}");
    }
}

#[test]
fn a_pv_command_line_fits_its_page() {
    let line = |length: usize, guest_type: &str| {
        format!("cmdline = '{}'\ntype = '{guest_type}'", "x".repeat(length))
    };
    assert!(toml(&line(1023, "pv")).is_ok());
    assert_eq!(
        error(toml(&line(1024, "pv"))),
        "g.toml:3:11: cmdline: the text is 1024 bytes long; at most 1023 are allowed for a pv guest"
    );
    assert!(toml(&line(4095, "pvh")).is_ok());
    assert!(error(toml(&line(4096, "pvh"))).ends_with("at most 4095 are allowed"));
}

#[test]
fn a_missing_key_says_how_to_give_it() {
    let parse = |text: &[u8]| error(Loader::new().parse("g", ConfigFormat::Toml, text));
    assert_eq!(
        parse(b"memory = 4"),
        "kernel is missing: set `kernel` in the configuration or give --kernel"
    );
    assert_eq!(
        parse(b"kernel = 'k'"),
        "memory is missing: set `memory` in the configuration or give --memory"
    );
}

#[test]
fn malformed_text_is_located() {
    for (line, start) in [
        ("vcpus = ", "g.toml:3:9: "),
        ("vcpus", "g.toml:3:6: "),
        ("\"ä\" = 'x", "g.toml:3:"),
        ("memory = 8", "g.toml:3:1: "),
    ] {
        let message = error(toml(line));
        assert!(message.starts_with(start), "{line}: {message}");
    }
    let message = error(Loader::new().parse("g", ConfigFormat::Toml, b"a = 1\n#\xff"));
    assert_eq!(message, "g:2:2: the file is not UTF-8 from here on; save it as UTF-8");
    let deep = [b"a = ".as_slice(), &b"[".repeat(100_000)].concat();
    assert!(Loader::new().parse("g", ConfigFormat::Toml, &deep).is_err());
}
