//! Guest images and the configurations that tests start from.

use std::env;
use std::num::NonZeroU16;
use std::path::PathBuf;

use lightvm::build::ChannelSpec;
use lightvm::config::{CpuAffinity, GuestConfig, GuestOverrides, GuestType, MemSize, TscMode};
use lightvm::domain::{Limits, ShellSpec};
use uuid::Uuid;

pub(crate) const BOTH: [GuestType; 2] = [GuestType::Pvh, GuestType::Pv];

/// An image of `scripts/build-guests`, or under `debian/` one that `scripts/xenbox` fetched.
pub(crate) fn image(name: &str) -> PathBuf {
    let folder = env::var_os("LIGHTVM_GUESTS").map_or_else(built_images, PathBuf::from);
    let path = folder.join(name);
    assert!(path.exists(), "{} is missing; scripts/test makes it", path.display());
    path
}

/// `target/guests`, seen from `target/debug/deps/on_xen-…`.
fn built_images() -> PathBuf {
    let program = env::current_exe().expect("the path of this program");
    program.ancestors().nth(3).expect("the target folder").join("guests")
}

/// Least memory for a unikernel of ours in this mode, with room to spare.
pub(crate) fn unikernel_memory(guest_type: GuestType) -> u64 {
    match guest_type {
        GuestType::Pvh => 1 << 20,
        GuestType::Pv => 4 << 20,
    }
}

/// A shell of one vCPU without a channel.
pub(crate) fn shell_spec(guest_type: GuestType, memory: u64) -> ShellSpec {
    ShellSpec {
        uuid: Uuid::new_v4(),
        guest_type,
        memory,
        max_memory: memory,
        vcpus: 1,
        max_vcpus: 1,
        tsc_mode: TscMode::default(),
        cpupool: 0,
        limits: Limits::default(),
        channel: ChannelSpec::none(),
    }
}

pub(crate) fn size(bytes: u64) -> MemSize {
    MemSize::from_kib(bytes >> 10).expect("a size")
}

pub(crate) fn unikernel(name: &str, guest_type: GuestType) -> GuestOverrides {
    GuestOverrides {
        kernel: Some(image(name)),
        guest_type: Some(guest_type),
        memory: Some(size(unikernel_memory(guest_type))),
        ..Default::default()
    }
}

/// A guest that stays without doing anything.
pub(crate) fn idle(guest_type: GuestType) -> GuestConfig {
    config(GuestOverrides { cmdline: Some("idle".into()), ..unikernel("noop", guest_type) })
}

/// A guest with everything said about where it runs and how much it gets.
pub(crate) fn placed(guest_type: GuestType) -> GuestOverrides {
    GuestOverrides {
        vcpus: NonZeroU16::new(2),
        cpus: Some(CpuAffinity::PerVcpu(vec!["0".parse().expect("a set"); 2])),
        cpu_weight: NonZeroU16::new(777),
        cap: Some(50),
        pool: Some("Pool-0".into()),
        ..unikernel("noop", guest_type)
    }
}

/// Debian's kernel of `suite` with a shell on its console.
pub(crate) fn debian(suite: &str, guest_type: GuestType, vcpus: u16) -> GuestOverrides {
    GuestOverrides {
        kernel: Some(image(&format!("debian/{suite}-vmlinuz"))),
        ramdisk: Some(image("debian/shell-initrd.gz")),
        guest_type: Some(guest_type),
        memory: Some(size(256 << 20)),
        vcpus: NonZeroU16::new(vcpus),
        // A panic must be an end, not a wait.
        cmdline: Some("console=hvc0 quiet panic=-1".into()),
        ..Default::default()
    }
}

pub(crate) fn config(overrides: GuestOverrides) -> GuestConfig {
    GuestConfig::from_overrides(overrides).expect("a configuration").config
}
