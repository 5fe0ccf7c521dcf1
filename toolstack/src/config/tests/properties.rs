//! What holds for any input.

use std::num::NonZeroU16;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use crate::api::{CreateRequest, Wait};
use crate::config::{
    Action, ConfigFormat, ControlMode, CpuAffinity, CpuSet, Disk, GuestConfig, GuestOverrides,
    GuestType, Loader, MemSize, Nic, TscMode,
};

/// Pieces that get random text past the first token.
fn near_xl() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("memory".to_owned()),
        Just("kernel".to_owned()),
        Just("cpus".to_owned()),
        Just("type".to_owned()),
        Just("root".to_owned()),
        Just("disk".to_owned()),
        "[\\[\\],=;\n#'\"\\\\ +]",
        Just("+=".to_owned()),
        "[0-9]{1,3}",
        "'[a-z0-9,^-]{0,6}'",
        "\\PC{0,3}",
    ];
    vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn near_toml() -> impl Strategy<Value = String> {
    let key = prop::sample::select(crate::config::Key::ALL.as_slice()).prop_map(|key| key.name());
    let value = prop_oneof![
        "-?[0-9]{1,20}",
        "\"\\PC{0,8}\"",
        "'[a-z0-9,^:-]{0,8}'",
        "\\[('[0-9]'|[0-9]|,){0,4}\\]",
        "(true|1.5|\\{\\}|1979-05-27)",
    ];
    vec((key, value), 0..12).prop_map(|lines| {
        lines.into_iter().map(|(key, value)| format!("{key} = {value}\n")).collect()
    })
}

fn parse_both(text: &[u8]) {
    for format in [ConfigFormat::Toml, ConfigFormat::Xl] {
        // Messages are made too: showing an error must not panic either.
        if let Err(error) = Loader::new().parse("input", format, text) {
            assert!(!error.to_string().is_empty());
        }
    }
}

fn number() -> impl Strategy<Value = NonZeroU16> {
    (1..=u16::MAX).prop_map(|n| NonZeroU16::new(n).unwrap_or(NonZeroU16::MIN))
}

fn vcpus() -> impl Strategy<Value = (NonZeroU16, NonZeroU16)> {
    (1..=128u16, 1..=128u16).prop_map(|(a, b)| {
        let of = |n| NonZeroU16::new(n).unwrap_or(NonZeroU16::MIN);
        (of(a.min(b)), of(a.max(b)))
    })
}

fn memory() -> impl Strategy<Value = (MemSize, MemSize)> {
    let size =
        || (1..=MemSize::MAX.pages()).prop_map(|pages| MemSize::from_kib(pages * 4).unwrap());
    (size(), size()).prop_map(|(a, b)| (a.min(b), a.max(b)))
}

fn cpu_set() -> impl Strategy<Value = CpuSet> {
    let term = "(\\^?[0-9]{1,4}|[0-9]{1,2}-[1-9][0-9]{2}|\\^?node:[0-9])";
    vec(term, 0..4).prop_map(|terms| format!("all,{}", terms.join(",")).parse().unwrap())
}

fn affinity() -> impl Strategy<Value = CpuAffinity> {
    prop_oneof![
        cpu_set().prop_map(CpuAffinity::Same),
        vec(cpu_set(), 1..2).prop_map(CpuAffinity::PerVcpu),
    ]
}

fn action() -> impl Strategy<Value = Option<Action>> {
    option::of(prop::sample::select(Action::ALL.as_slice()))
}

prop_compose! {
    fn nic()(
        network in option::of("[a-z][a-z0-9._-]{0,10}"),
        addresses in vec(any::<(u32, u128)>(), 0..3),
        rate in option::of("[1-9][0-9]{0,6}([KMG]?[B]/s|p/s)"),
        mtu in option::of(68..65_521u16),
        pinned in any::<bool>(),
    ) -> Nic {
        let addresses = addresses.into_iter().flat_map(|(four, six)| {
            let four = ipnet::Ipv4Net::new(four.into(), 24).unwrap();
            let six = ipnet::Ipv6Net::new(six.into(), 64).unwrap();
            [ipnet::IpNet::V4(four), ipnet::IpNet::V6(six)]
        });
        Nic {
            network,
            addresses: addresses.collect(),
            rate: rate.map(|rate| rate.parse().unwrap()),
            mtu,
            pinned,
            ..Nic::default()
        }
    }
}

prop_compose! {
    fn disk()(path in "[^\\x00]{1,20}", writable in any::<bool>(), removable in any::<bool>(), rate in option::of("[1-9][0-9]{0,6}([KMG]?[B]/s|r/s)")) -> Disk {
        Disk { writable, removable, rate: rate.map(|rate| rate.parse().unwrap()), ..Disk::new(path) }
    }
}

prop_compose! {
    fn guest()(
        name in option::of("[a-z_][a-zA-Z0-9._+@-]{0,29}"),
        uuid in option::of(any::<u128>().prop_map(uuid::Uuid::from_u128)),
        guest_type in option::of(prop::sample::select(&[GuestType::Pv, GuestType::Pvh][..])),
        kernel in "[^\\x00]{1,20}",
        ramdisk in option::of("[^\\x00]{1,20}"),
        cmdline in "[^\\x00]{0,200}",
        (memory, max_memory) in memory(),
        (vcpus, max_vcpus) in vcpus(),
    )(
        cpus in option::of(affinity()),
        cpu_weight in option::of(number()),
        cap in option::of(any::<u16>()),
        pool in option::of("[^\\x00]{1,20}"),
        actions in [action(), action(), action(), action(), action()],
        tsc_mode in option::of(prop::sample::select(TscMode::ALL.as_slice())),
        control in option::of(prop::sample::select(&[ControlMode::Auto, ControlMode::Noxs][..])),
        user_data in option::of("[^\\x00]{1,20}"),
        hotplug_slots in option::of(0..16u16),
        nic in option::of(vec(nic(), 1..4)),
        disk in option::of(vec(disk(), 1..4)),
        name in Just(name),
        uuid in Just(uuid),
        guest_type in Just(guest_type),
        kernel in Just(kernel),
        ramdisk in Just(ramdisk),
        cmdline in Just(cmdline),
        memory in Just(memory),
        max_memory in Just(max_memory),
        vcpus in Just(vcpus),
        max_vcpus in Just(max_vcpus),
    ) -> GuestConfig {
        let [on_poweroff, on_reboot, on_crash, on_watchdog, on_soft_reset] = actions;
        let overrides = GuestOverrides {
            name: name.map(|name| name.parse().unwrap()),
            uuid,
            guest_type,
            kernel: Some(kernel.into()),
            ramdisk: ramdisk.map(Into::into),
            cmdline: Some(cmdline),
            memory: Some(memory),
            max_memory: Some(max_memory),
            vcpus: Some(vcpus),
            max_vcpus: Some(max_vcpus),
            cpus,
            cpu_weight,
            cap,
            pool,
            on_poweroff,
            on_reboot,
            on_crash,
            on_watchdog,
            on_soft_reset,
            tsc_mode,
            control,
            user_data,
            hotplug_slots,
            nic,
            disk,
        };
        GuestConfig::from_overrides(overrides).unwrap().config
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in vec(any::<u8>(), 0..400)) {
        parse_both(&bytes);
    }

    #[test]
    fn no_text_like_xl_panics(text in near_xl()) {
        parse_both(text.as_bytes());
    }

    #[test]
    fn no_text_like_toml_panics(text in near_toml()) {
        parse_both(text.as_bytes());
    }

    #[test]
    fn no_truncated_file_panics(length in 0..1000usize) {
        let text: &[u8] = include_bytes!("../../../examples/config/debian.cfg");
        parse_both(&text[..length.min(text.len())]);
    }

    #[test]
    fn toml_round_trips(config in guest()) {
        let toml = config.to_toml();
        let loaded = Loader::new().parse("g", ConfigFormat::Toml, toml.as_bytes()).unwrap();
        prop_assert_eq!(loaded.config, config);
        prop_assert_eq!(loaded.warnings, []);
    }

    #[test]
    fn json_round_trips(config in guest()) {
        let json = serde_json::to_string(&config).unwrap();
        prop_assert_eq!(serde_json::from_str::<GuestConfig>(&json).unwrap(), config);
    }

    #[test]
    fn what_is_left_out_is_the_default(config in guest()) {
        let request = CreateRequest { config, wait: Wait::None, timeout_ms: None, paused: false };
        let json = serde_json::to_string(&request).unwrap();
        prop_assert!(json.len() <= serde_json::to_string(&request.config).unwrap().len() + 40);
        prop_assert_eq!(serde_json::from_str::<CreateRequest>(&json).unwrap(), request);
    }

    #[test]
    fn checked_guests_keep_their_promises(text in near_toml()) {
        let text = format!("kernel = 'k'\nmemory = 4\n{text}");
        if let Ok(loaded) = Loader::new().parse("g", ConfigFormat::Toml, text.as_bytes()) {
            let config = loaded.config;
            prop_assert!(config.memory() <= config.max_memory());
            prop_assert!(config.vcpus() <= config.max_vcpus());
            prop_assert!(!config.cmdline().contains('\0'));
        }
    }
}
