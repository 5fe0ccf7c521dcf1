//! Requests are cut in two without losing anything.

use std::num::NonZeroU16;
use std::path::PathBuf;

use chaos_daemon::pool::{AtFinish, Facts, Level, Places, Stamp, Wanted, split};
use lightvm::config::{
    Action, ControlMode, CpuAffinity, Disk, GuestConfig, GuestOverrides, GuestType, MemSize, Nic,
    TscMode,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use uuid::Uuid;

fn config(overrides: GuestOverrides) -> GuestConfig {
    GuestConfig::from_overrides(overrides).expect("a guest").config
}

fn stamp(inode: u64) -> Stamp {
    Stamp { device: 1, inode, len: 4096, modified: None }
}

fn facts(control: ControlMode) -> Facts {
    Facts {
        guest_type: GuestType::Pvh,
        control,
        cpupool: 0,
        kernel: stamp(1),
        ramdisk: Some(stamp(2)),
    }
}

fn plain() -> GuestOverrides {
    GuestOverrides {
        kernel: Some("/k".into()),
        memory: MemSize::from_mib(8).ok(),
        ..GuestOverrides::default()
    }
}

fn cut(overrides: GuestOverrides) -> (Wanted, AtFinish) {
    split(&config(overrides), &facts(ControlMode::Noxs)).expect("a request that shells serve")
}

/// The configuration that the two halves say, with what is in the facts beside them.
fn join(wanted: &Wanted, finish: AtFinish) -> GuestOverrides {
    let form = wanted.flavour().form;
    let image = wanted.flavour().image.clone().expect("a request has an image");
    let AtFinish { name, uuid, user_data, nics, disks, hotplug_slots, .. } = finish;
    GuestOverrides {
        name,
        uuid,
        guest_type: Some(form.guest_type),
        kernel: Some(image.kernel.path),
        ramdisk: image.ramdisk.map(|file| file.path),
        cmdline: Some(image.cmdline),
        memory: Some(form.memory),
        max_memory: Some(form.max_memory),
        vcpus: NonZeroU16::new(form.vcpus),
        max_vcpus: NonZeroU16::new(form.max_vcpus),
        cpus: finish.cpus,
        cpu_weight: finish.cpu_weight,
        cap: finish.cap,
        pool: (form.cpupool > 0).then(|| format!("Pool-{}", form.cpupool)),
        on_poweroff: Some(finish.actions.on_poweroff),
        on_reboot: Some(finish.actions.on_reboot),
        on_crash: Some(finish.actions.on_crash),
        on_watchdog: Some(finish.actions.on_watchdog),
        on_soft_reset: Some(finish.actions.on_soft_reset),
        tsc_mode: Some(form.tsc_mode),
        control: Some(form.control),
        user_data: Some(user_data),
        hotplug_slots: Some(hotplug_slots),
        nic: Some(nics),
        disk: Some(disks),
    }
}

fn devices() -> impl Strategy<Value = (Vec<Nic>, Vec<Disk>, u16, String)> {
    let nic = option::of("[a-z]{1,9}").prop_map(|network| Nic { network, ..Nic::default() });
    let disk = "/[a-z]{1,9}".prop_map(Disk::new);
    (vec(nic, 0..4), vec(disk, 0..4), 0..5_u16, "[a-z]{0,9}")
}

fn any_config() -> impl Strategy<Value = GuestOverrides> {
    let action = || prop::sample::select(Action::ALL.as_slice());
    let vcpus = (1..64_u16, 0..64_u16);
    let identity = (option::of("[a-z]{1,9}"), option::of(any::<u128>()), option::of("[a-z]{0,9}"));
    let sched = (option::of(0..64_u32), option::of(1..9999_u16), option::of(0..400_u16));
    let ends = (action(), action(), action(), action(), action());
    let tsc = prop::sample::select(TscMode::ALL.as_slice());
    let fixed = (1..64_u64, 0..64_u64, vcpus, any::<bool>(), 0..3_u32, tsc, any::<bool>());
    (identity, fixed, sched, ends, devices()).prop_map(|(identity, fixed, sched, ends, devices)| {
        let (name, uuid, cmdline) = identity;
        let (memory, more, (vcpus, later), pvh, pool, tsc, ramdisk) = fixed;
        let (nics, disks, slots, user_data) = devices;
        GuestOverrides {
            name: name.map(|name| name.parse().expect("a name")),
            uuid: uuid.map(Uuid::from_u128),
            guest_type: Some(if pvh { GuestType::Pvh } else { GuestType::Pv }),
            kernel: Some("/k".into()),
            ramdisk: ramdisk.then(|| PathBuf::from("/r")),
            cmdline,
            memory: MemSize::from_mib(memory).ok(),
            max_memory: MemSize::from_mib(memory + more).ok(),
            vcpus: NonZeroU16::new(vcpus),
            max_vcpus: NonZeroU16::new(vcpus + later),
            cpus: sched.0.map(|cpu| CpuAffinity::Same(cpu.to_string().parse().expect("a CPU"))),
            cpu_weight: sched.1.and_then(NonZeroU16::new),
            cap: sched.2,
            pool: (pool > 0).then(|| format!("Pool-{pool}")),
            on_poweroff: Some(ends.0),
            on_reboot: Some(ends.1),
            on_crash: Some(ends.2),
            on_watchdog: Some(ends.3),
            on_soft_reset: Some(ends.4),
            tsc_mode: Some(tsc),
            control: Some(ControlMode::Noxs),
            user_data: Some(user_data),
            hotplug_slots: Some(slots),
            nic: Some(nics),
            disk: Some(disks),
        }
    })
}

proptest! {
    #[test]
    fn the_halves_make_the_whole(overrides in any_config()) {
        let whole = config(overrides.clone());
        let pool = overrides.pool.as_deref().and_then(|name| name.strip_prefix("Pool-"));
        let facts = Facts {
            guest_type: overrides.guest_type.unwrap_or(GuestType::Pvh),
            cpupool: pool.and_then(|number| number.parse().ok()).unwrap_or(0),
            ..facts(ControlMode::Noxs)
        };
        let (wanted, finish) = split(&whole, &facts).expect("a request that shells serve");
        prop_assert_eq!(config(join(&wanted, finish)), whole);
    }

    #[test]
    fn a_shell_serves_exactly_the_guests_of_its_half(a in any_config(), b in any_config()) {
        let ((one, _), (other, _)) = (cut(a), cut(b));
        prop_assert_eq!(one.flavour().serves(&one), Some(Level::Loaded));
        prop_assert_eq!(one.flavour().blank().serves(&one), Some(Level::Blank));
        let same_form = one.flavour().form == other.flavour().form;
        prop_assert_eq!(one.flavour().blank().serves(&other).is_some(), same_form);
        prop_assert_eq!(one.flavour().serves(&other).is_some(), one == other);
    }
}

#[test]
fn identity_does_not_choose_the_shell() {
    let (wanted, _) = cut(plain());
    let (same, finish) = cut(GuestOverrides {
        name: "web".parse().ok(),
        uuid: Some(Uuid::from_u128(7)),
        user_data: Some("x=1".into()),
        cpus: "2".parse().ok().map(CpuAffinity::Same),
        cpu_weight: NonZeroU16::new(9),
        on_crash: Some(Action::Preserve),
        ..plain()
    });
    assert_eq!(wanted, same);
    assert_eq!(finish.extra_calls(1), 3);
    assert_eq!(cut(plain()).1.extra_calls(1), 0);
}

#[test]
fn addresses_and_disk_files_do_not_choose_the_shell_but_their_number_does() {
    let with = |nics: &[&str], disks: &[&str]| {
        cut(GuestOverrides {
            nic: Some(nics.iter().map(|nic| nic.parse().expect("an interface")).collect()),
            disk: Some(disks.iter().map(Disk::new).collect()),
            hotplug_slots: Some(2),
            ..plain()
        })
        .0
    };
    let one = with(&["network=a,ip=10.0.0.1/24"], &["/a"]);
    assert_eq!(one, with(&["mac=00:16:3e:00:00:01,mtu=9000"], &["/b"]));
    assert_eq!(one.flavour().form.places, Places { nics: 1, disks: 1, spare: 2, data_pages: 0 });
    assert_ne!(one, with(&["network=a", "network=b"], &["/a"]));
    assert_ne!(one, with(&["network=a"], &[]));
}

#[test]
fn what_is_built_in_chooses_the_shell() {
    let (wanted, _) = cut(plain());
    let differing = [
        GuestOverrides { memory: MemSize::from_kib(8196).ok(), ..plain() },
        GuestOverrides { max_memory: MemSize::from_mib(9).ok(), ..plain() },
        GuestOverrides { max_vcpus: NonZeroU16::new(2), ..plain() },
        GuestOverrides { tsc_mode: Some(TscMode::AlwaysEmulate), ..plain() },
        GuestOverrides { hotplug_slots: Some(5), ..plain() },
        GuestOverrides { user_data: Some("x".repeat(513)), ..plain() },
    ];
    for overrides in differing {
        let (other, _) = cut(overrides.clone());
        assert_eq!(wanted.flavour().blank().serves(&other), None, "{overrides:?}");
    }
    for overrides in [
        GuestOverrides { cmdline: Some("quiet".into()), ..plain() },
        GuestOverrides { ramdisk: Some("/r".into()), ..plain() },
        GuestOverrides { kernel: Some("/l".into()), ..plain() },
    ] {
        let (other, _) = cut(overrides.clone());
        assert_eq!(wanted.flavour().serves(&other), None, "{overrides:?}");
        assert_eq!(wanted.flavour().blank().serves(&other), Some(Level::Blank), "{overrides:?}");
    }
}

#[test]
fn other_channels_need_no_places() {
    let nics = GuestOverrides { nic: Some(vec![Nic::default(); 3]), ..plain() };
    let (wanted, finish) =
        split(&config(nics), &facts(ControlMode::Facade)).expect("a request that shells serve");
    assert_eq!(wanted.flavour().form.places, Places::default());
    assert_eq!((finish.nics.len(), finish.hotplug_slots), (3, 2));
    assert_eq!(split(&config(plain()), &facts(ControlMode::Auto)), None);
}
