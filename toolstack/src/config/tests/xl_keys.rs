//! `xl.cfg`, key by key.

use super::{assert_shows, error, xl};
use crate::config::{ConfigFormat, GuestType, Loader, Treatment, XL_KEYS};

#[test]
fn every_served_key() {
    for (line, shown) in [
        ("name = 'web-1'", r#"name = "web-1""#),
        ("name = 5a", r#"name = "5a""#),
        (
            "uuid = '67e55044-10b1-426f-9247-bb680e5fe0c8'",
            r#"uuid = "67e55044-10b1-426f-9247-bb680e5fe0c8""#,
        ),
        ("", r#"type = "pv""#),
        ("type = 'pvh'", r#"type = "pvh""#),
        ("builder = 'generic'", r#"type = "pv""#),
        ("builder = 'generic'; type = 'pv'", r#"type = "pv""#),
        ("ramdisk = '/boot/i'", r#"ramdisk = "/boot/i""#),
        ("", r#"cmdline = """#),
        ("cmdline = 'a b'", r#"cmdline = "a b""#),
        ("extra = 'quiet'", r#"cmdline = "quiet""#),
        ("root = '/dev/xvda1 ro'", r#"cmdline = "root=/dev/xvda1 ro""#),
        ("extra = 'quiet'; root = '/dev/x'", r#"cmdline = "root=/dev/x quiet""#),
        ("extra = 'x'; cmdline = 'y'", r#"cmdline = "y""#),
        ("extra = 'x'; extra += ' y'", r#"cmdline = "x y""#),
        ("memory = 0x10", r#"memory = "16MiB""#),
        ("memory = 010", r#"memory = "8MiB""#),
        ("memory = '64'", r#"memory = "64MiB""#),
        ("maxmem = 8", r#"max_memory = "8MiB""#),
        ("vcpus = 2", "vcpus = 2"),
        ("vcpus = 2", "max_vcpus = 2"),
        ("maxvcpus = 4", "max_vcpus = 4"),
        ("cpus = '0-3,^1'", r#"cpus = "0-3,^1""#),
        ("cpus = 2", r#"cpus = "2""#),
        ("vcpus = 2; cpus = ['2', 3]", r#"cpus = ["2", "3"]"#),
        ("vcpus = 2; cpus = ['2']; cpus += ['node:1']", r#"cpus = ["2", "node:1"]"#),
        ("cpu_weight = 512", "cpu_weight = 512"),
        ("cap = 50", "cap = 50"),
        ("pool = 'Pool-0'", r#"pool = "Pool-0""#),
        ("on_poweroff = 'preserve'", r#"on_poweroff = "preserve""#),
        ("on_reboot = 'destroy'", r#"on_reboot = "destroy""#),
        ("on_crash = 'rename-restart'", r#"on_crash = "rename-restart""#),
        ("on_watchdog = 'restart'", r#"on_watchdog = "restart""#),
        ("on_soft_reset = 'restart'", r#"on_soft_reset = "restart""#),
        ("tsc_mode = 'default'", r#"tsc_mode = "default""#),
        ("tsc_mode = 1", r#"tsc_mode = "always_emulate""#),
        ("control = 'noxs'", r#"control = "noxs""#),
        ("hotplug_slots = 1", "hotplug_slots = 1"),
        ("vif = ['']", "nic = [{}]"),
        (
            "vif = ['mac=00:16:3e:00:00:01,bridge=xenbr0']; vif += ['network=lan']",
            r#"nic = [{ bridge = "xenbr0", mac = "00:16:3E:00:00:01" }, { network = "lan" }]"#,
        ),
        (
            "disk = ['phy:/dev/vg/guest,xvda,w', '/b.img,raw,xvdb,r']",
            r#"disk = [{ path = "/dev/vg/guest", vdev = "xvda" }, { path = "/b.img", vdev = "xvdb", writable = false }]"#,
        ),
    ] {
        assert_shows(xl(line), line, shown);
    }
}

#[test]
fn errors_name_place_key_and_what_is_allowed() {
    for (line, message) in [
        (
            "type = 'hvm'",
            "g.cfg:3:8: type: hvm guests need a device model (QEMU), which lightvm does not have; boot the guest's kernel directly with type \"pvh\", or use xl for this guest",
        ),
        (
            "builder = 'hvm'",
            "g.cfg:3:11: builder: hvm guests need a device model (QEMU), which lightvm does not have; boot the guest's kernel directly with type \"pvh\", or use xl for this guest",
        ),
        (
            "builder = 'linux'",
            "g.cfg:3:11: builder: deprecated, and only \"generic\" is served; write type=\"pv\" or type=\"pvh\"",
        ),
        ("type = 'pvh'; builder = 'generic'", "g.cfg:3:25: builder: contradicts `type`; remove it"),
        ("type = ['pv']", "g.cfg:3:8: type: expected a string, found a list"),
        (
            "memory = '4MiB'",
            "g.cfg:3:10: memory: `4MiB` is not a number; write decimal, hexadecimal (0x…) or octal (0…) digits",
        ),
        (
            "memory = [4]",
            "g.cfg:3:10: memory: expected a number of MiB or a string such as \"512KiB\", found a list",
        ),
        ("memory += 4", "g.cfg:2:10: memory: += works on strings and lists, not on numbers; use ="),
        (
            "memory = -4",
            "g.cfg:3:10: `-` has no place here; an xl.cfg holds `key = value` lines, no Python, and text stands in quotes",
        ),
        ("vcpus = 0", "g.cfg:3:9: vcpus: 0 is out of range; 1 to 65535 are allowed"),
        (
            "maxvcpus = 1; vcpus = 2",
            "g.cfg:3:12: maxvcpus: 1 is less than vcpus, which is 2 (g.cfg:3:23); raise one or lower the other",
        ),
        (
            "maxmem = 1",
            "g.cfg:3:10: maxmem: 1MiB is less than memory, which is 4MiB (g.cfg:2:10); raise one or lower the other",
        ),
        (
            "on_crash = 'coredump-destroy'",
            "g.cfg:3:12: on_crash: `coredump-destroy` needs core dumps, which this version does not write; use `destroy`",
        ),
        (
            "on_soft_reset = 'soft-reset'",
            "g.cfg:3:17: on_soft_reset: `soft-reset` is for hvm guests only; use destroy or restart",
        ),
        (
            "tsc_mode = 3",
            "g.cfg:3:12: tsc_mode: Xen no longer has the TSC mode native_paravirt; use native",
        ),
        ("kernel = ''", "g.cfg:3:10: kernel: the value is empty; leave the key out instead"),
        ("extra = 'a\0b'", "g.cfg:3:9: extra: the value contains a NUL byte"),
        (
            "import os",
            "g.cfg:3:8: expected = or += after the key, found the word `os`; text stands in quotes",
        ),
        (
            "disk = [ '/a,raw,xvda,w', '/a.qcow2,qcow2,xvdb,w' ]",
            "g.cfg:3:8: disk: number 2: format: `qcow2` is not raw, the only format served; convert it with qemu-img",
        ),
        (
            "vif = [ 'bridge=a/b' ]",
            "g.cfg:3:7: vif: number 1: bridge: `a/b` is not an interface's name: 1 to 15 characters without blanks, / and :",
        ),
        (
            "vif = 'bridge=br0'",
            "g.cfg:3:7: vif: expected a list of tables ([[nic]]), found a string",
        ),
        (
            "bootloader = 'pygrub'",
            "g.cfg:3:1: bootloader: host-side boot loaders are not served; name the guest's `kernel` and `ramdisk`",
        ),
    ] {
        assert_eq!(error(xl(line)), message, "{line}");
    }
}

#[test]
fn warnings_say_what_was_made_of_a_key() {
    for (line, warning) in [
        ("root = 'x'; cmdline = 'y'", "g.cfg:3:8: root: ignored in favour of `cmdline`"),
        ("builder = 'generic'", "g.cfg:3:11: builder: deprecated; write type=\"pv\""),
        (
            "tsc_mode = 1",
            "g.cfg:3:12: tsc_mode: numbers are deprecated; write \"default\", \"always_emulate\" or \"native\"",
        ),
        ("memory = 8", "g.cfg:3:1: memory: set before, on line 2; the last value counts"),
        (
            "boot = 'c'",
            "g.cfg:3:1: boot: ignored: for hvm guests only; xl ignores it for other types too",
        ),
        ("memoy = 8", "g.cfg:3:1: memoy: ignored: not a key of xl.cfg; did you mean `memory`?"),
        ("dhcp = 'dhcp'", "g.cfg:3:1: dhcp: ignored: not a key of xl.cfg; xl ignores it too"),
        (
            "cpus = ['1', '2']",
            "g.cfg:3:8: cpus: 2 sets of CPUs for 1 vCPUs; those beyond are ignored",
        ),
    ] {
        let warnings = xl(line).unwrap_or_else(|error| panic!("{line}: {error}")).warnings;
        let shown: Vec<_> = warnings.iter().map(ToString::to_string).collect();
        assert_eq!(shown, [warning], "{line}");
    }
}

#[test]
fn all_refused_keys_are_named_at_once() {
    assert_eq!(
        error(xl("pci = ['']\nnestedhvm = 1\nvpmu = 0\nlocaltime = 1\n")),
        "g.cfg:3:1: pci: only network interfaces and disks are served; remove it, or use xl for \
         this guest\n\
         g.cfg:4:1: nestedhvm: this version does not give guests hardware virtualisation; set it \
         to 0\n\
         g.cfg:6:1: localtime: guests' clocks are in UTC, without offset; set it to 0"
    );
}

/// Each key that is not served does what the table says, and nothing when it asks for nothing.
#[test]
fn every_other_key_follows_the_table() {
    for key in XL_KEYS.iter().filter(|key| key.treatment != Treatment::Served) {
        let name = key.name;
        for value in ["[]", "''"]
            .into_iter()
            .map(str::to_owned)
            .chain(key.unless.iter().map(|value| format!("'{value}'")))
        {
            let loaded = xl(&format!("{name} = {value}")).expect(name);
            assert_eq!(loaded.warnings, [], "{name} = {value}");
        }
        let result = xl(&format!("{name} = 'something'"));
        match key.treatment {
            Treatment::Refused => {
                assert_eq!(error(result), format!("g.cfg:3:1: {name}: {}", key.note))
            }
            _ => {
                let warnings = result.expect(name).warnings;
                let shown: Vec<_> = warnings.iter().map(ToString::to_string).collect();
                assert_eq!(shown, [format!("g.cfg:3:1: {name}: ignored: {}", key.note)]);
            }
        }
    }
}

#[test]
fn defaults_are_xl_s() {
    let loaded = Loader::new().parse("g", ConfigFormat::Xl, b"kernel = 'k'").unwrap();
    assert_eq!(loaded.config.memory().kib(), 32 << 10);
    assert_eq!(loaded.config.guest_type(), Some(GuestType::Pv));
    assert_eq!(loaded.config.name(), None);
    let loaded = Loader::new().parse("g", ConfigFormat::Xl, b"kernel='k'; maxmem=64").unwrap();
    assert_eq!(loaded.config.memory().kib(), 64 << 10);
}

#[test]
fn comments_may_be_in_any_encoding() {
    let text = b"# r\xe9seau\nkernel = 'k' # \xff\n";
    assert!(Loader::new().parse("g", ConfigFormat::Xl, text).is_ok());
    let text = b"name = 'r\xe9seau'";
    assert_eq!(
        error(Loader::new().parse("g", ConfigFormat::Xl, text)),
        "g:1:10: this string is not UTF-8; save the file as UTF-8"
    );
}
