//! Every single call of a guest's life fails once: the error says which, and the host
//! is as before.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use lightvm::build::{BuildError, ChannelSpec, Control};
use lightvm::config::{GuestConfig, GuestOverrides, GuestType};
use lightvm::create::{CreateError, Creator, Images};
use lightvm::domain::{DomainError, Limits, Running, Shell, ShellSpec, Watch};
use lightvm::lifecycle::{Lifecycle, LifecycleError};
use lightvm::registry::{Registry, RegistryError};
use lightvm::xen::{Call, Xen};
use nix::errno::Errno;
use uuid::Uuid;

use crate::fault_plan::FaultPlan;
use crate::guests;
use crate::host::OnXen;
use crate::names::{files, name, record};

/// More calls than any life has: a fault beyond means that the count never ends.
const MOST_CALLS: usize = 500;

/// How long a guest is waited for. Some faults keep it from ever starting.
const END_IN: Duration = Duration::from_secs(60);

/// What a life ended with, whichever step it was.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Create(#[from] CreateError),
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    Domain(#[from] DomainError),
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error(transparent)]
    Lifecycle(#[from] LifecycleError),
    #[error(transparent)]
    Xen(#[from] lightvm::xen::XenError),
}

/// One kind of guest whose life is led with faults.
struct Life {
    what: &'static str,
    config: GuestConfig,
    channel: ChannelSpec,
    /// Powers off by itself.
    ends: bool,
}

/// How a life is led.
#[derive(Clone, Copy)]
enum Path {
    /// Named, watched, talked to, paused.
    Whole,
    /// Created, started, destroyed: here a failed start cleans up by itself.
    Short,
    /// Built in advance, loaded, finished under a name and UUID of its own, destroyed.
    Shell,
}

/// What a user does from the request to the end; whatever fails, the guest is gone
/// when this returns.
struct Lead<'a> {
    xen: &'a Arc<Xen>,
    /// It reads each image once.
    lifecycle: &'a Lifecycle,
    registry: &'a Registry,
}

impl Lead<'_> {
    fn take(&self, path: Path, life: &Life) -> Result<(), Failure> {
        match path {
            Path::Whole => self.whole(life),
            Path::Short => self.short(life),
            Path::Shell => self.shell(life),
        }
    }

    fn whole(&self, life: &Life) -> Result<(), Failure> {
        self.registry.check_name(self.xen, &name("life"))?;
        let watch = Watch::new(self.xen)?;
        let loaded = self.lifecycle.creator().create_with(&life.config, &life.channel)?;
        let port = watch.listen(&loaded)?;
        let (guest, _) = loaded.hold();
        let record = record(name("life"), &guest, &life.config);
        let outcome = self.registered(life, &guest, &watch, port, &record);
        self.registry.remove(&record);
        let destroyed = destroy(guest);
        outcome.and(destroyed)
    }

    fn registered(
        &self,
        life: &Life,
        guest: &Running,
        watch: &Watch,
        port: lightvm::xen::Port,
        record: &lightvm::registry::Record,
    ) -> Result<(), Failure> {
        self.registry.add(self.xen, record)?;
        guest.unpause()?;
        if life.ends {
            watch.wait_sign(guest, port, Some(END_IN))?.expect("a sign of life");
            watch.wait_end(guest, Some(END_IN))?.expect("its end");
        }
        watch.ignore(guest, port)?;
        drop(guest.console()?);
        guest.pause()?;
        self.registry.list(self.xen)?;
        Ok(())
    }

    fn short(&self, life: &Life) -> Result<(), Failure> {
        let (guest, _) =
            self.lifecycle.creator().create_with(&life.config, &life.channel)?.start()?;
        destroy(guest)
    }
}

impl Lead<'_> {
    fn shell(&self, life: &Life) -> Result<(), Failure> {
        let lifecycle = self.lifecycle;
        let config = life.config.clone().with_name(name("life")).with_uuid(Uuid::from_u128(0x5e11));
        lifecycle.vacant(&config)?;
        let shell = Shell::build(self.xen, &spec(life))?;
        let loaded = lifecycle.creator().load(shell, &Images::from(&config))?;
        let (guest, _) = lifecycle.finish(loaded, &config, None)?.start()?;
        let forgotten = lifecycle.forget(&guest.record);
        let destroyed = destroy(guest.running);
        forgotten?;
        destroyed
    }
}

/// A shell for a guest of this kind.
fn spec(life: &Life) -> ShellSpec {
    let config = &life.config;
    ShellSpec {
        uuid: Uuid::from_u128(0x5e110),
        guest_type: config.guest_type().expect("said"),
        memory: config.memory().bytes(),
        max_memory: config.max_memory().bytes(),
        vcpus: config.vcpus().into(),
        max_vcpus: config.max_vcpus().into(),
        tsc_mode: config.tsc_mode(),
        cpupool: 0,
        limits: Limits::default(),
        channel: life.channel.clone(),
    }
}

/// Destroys a guest; one failure is answered, and the second attempt has to do.
fn destroy(guest: Running) -> Result<(), Failure> {
    const ATTEMPTS: usize = 3;
    let mut first = Ok(());
    let mut guest = guest;
    for _ in 0..ATTEMPTS {
        match guest.destroy() {
            Ok(()) => return first,
            Err(e) => {
                guest = e.domain;
                first = first.and(Err(e.source.into()));
            }
        }
    }
    panic!("the guest cannot be destroyed: {first:?}");
}

/// Calls that may fail without the guest's failing, and why.
fn is_survived(call: Call, errno: Errno) -> bool {
    match (call.name(), errno) {
        // Xen's way of asking to be called again.
        ("XEN_DOMCTL_destroydomain" | "XEN_DOMCTL_set_paging_mempool_size", Errno::EAGAIN) => true,
        // Somebody else has it: the watch asks instead.
        ("VIRQ_DOM_EXC", Errno::EEXIST) => true,
        // No large extent is left: smaller ones do.
        ("XENMEM_populate_physmap", Errno::ENOMEM) => true,
        // The domain is not there, so its name is free, it has ended, it need not be listed.
        ("XEN_DOMCTL_getdomaininfo", Errno::ESRCH) => true,
        _ => false,
    }
}

/// Fails unless `failure` says what went wrong.
fn assert_named(failure: &Failure, call: Call, errno: Errno, at: &impl fmt::Display) {
    let text = failure.to_string();
    let vanished = errno == Errno::ESRCH && text.contains("no longer exists");
    let host_full = errno == Errno::ENOMEM
        && call.name() == "XENMEM_populate_physmap"
        && text.contains("the guest wants");
    let named = text.contains(call.name()) && text.contains(errno.desc());
    assert!(named || vanished || host_full, "{at}: the error does not say so: {text}");
    if named && call.name().starts_with("XEN_DOMCTL") && call.name() != "XEN_DOMCTL_createdomain" {
        assert!(text.contains("on domain "), "{at}: the error names no domain: {text}");
    }
}

/// Leads `life` again and again, with one more call let through each time, until none
/// is left to fail. Answers how many faults there were.
fn with_every_call_failing(host: &OnXen, life: &Life, errno: Errno, clean_up_fails: bool) -> usize {
    let dir = tempfile::tempdir().expect("a folder");
    let registry = Registry::open(dir.path()).expect("a registry");
    let plan = FaultPlan::default();
    let xen = Xen::open_monitored(Box::new(plan.clone())).expect("Xen");
    let lifecycle = Lifecycle::new(Creator::new(&xen), registry.clone());
    let lead = Lead { xen: &xen, lifecycle: &lifecycle, registry: &registry };
    // The first life reads the images and makes the buffers.
    lead.whole(life).unwrap_or_else(|e| panic!("{}: {e}", life.what));
    let before = host.reference();
    let mut faults = 0;
    for path in [Path::Whole, Path::Short, Path::Shell] {
        for n in 1.. {
            assert!(n < MOST_CALLS, "{}: the calls do not come to an end", life.what);
            if clean_up_fails {
                plan.fail_nth_and_clean_up(n, errno);
            } else {
                plan.fail_nth(n, errno);
            }
            let result = lead.take(path, life);
            let hit = plan.lift();
            let at = format!("{}, call {n} ({hit:?}) failing with {errno:?}", life.what);
            host.assert_holds_as(&before, &at);
            assert_eq!(files(dir.path()), Vec::<String>::new(), "{at}");
            let Some(call) = hit else {
                result.unwrap_or_else(|e| panic!("{at}: {e}"));
                break;
            };
            faults += 1 + usize::from(plan.clean_up_was_hit());
            match result {
                Err(failure) => assert_named(&failure, call, errno, &at),
                Ok(()) => assert!(is_survived(call, errno), "{at}: no error"),
            }
        }
        // Xen takes up to a second to free a domain's last pages: not after each.
        host.assert_as(&before, &format!("{} with {errno:?} at every call", life.what));
    }
    faults
}

/// Every errno that the library treats in a way of its own, and two it does not know.
const ERRNOS: [Errno; 5] =
    [Errno::ENOMEM, Errno::EPERM, Errno::EINVAL, Errno::EAGAIN, Errno::ESRCH];

fn lead(life: &Life, errnos: &[Errno]) {
    let host = OnXen::new();
    let mut total = 0;
    for &errno in errnos {
        total += with_every_call_failing(&host, life, errno, false);
    }
    total += with_every_call_failing(&host, life, Errno::EPERM, true);
    println!("faults | {:<34} | {total:>5} injected, host as before", life.what);
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn pvh() {
    let config = guests::config(guests::unikernel("noop", GuestType::Pvh));
    lead(&Life { what: "PVH noop", config, channel: ChannelSpec::none(), ends: true }, &ERRNOS);
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn pv() {
    let config = guests::config(guests::unikernel("noop", GuestType::Pv));
    lead(&Life { what: "PV noop", config, channel: ChannelSpec::none(), ends: true }, &ERRNOS);
}

/// The calls of a channel: ports, parameters, rings, Xen's own pages.
#[test]
#[ignore = "needs Xen: scripts/test"]
fn noxs() {
    let config = guests::config(GuestOverrides {
        nic: Some(vec!["network=lan".parse().expect("an interface")]),
        disk: Some(vec!["/dev/null".parse().expect("a disk")]),
        ..guests::unikernel("noop", GuestType::Pvh)
    });
    let channel = ChannelSpec::for_guest(Control::Noxs, &config);
    assert_eq!((channel.rings.len(), channel.grant_frames), (4, 3));
    let life = Life { what: "PVH noop, noxs, net and block", config, channel, ends: true };
    lead(&life, &[Errno::ENOMEM, Errno::EINVAL]);
}

/// A guest with a XenStore ring has two ports.
#[test]
#[ignore = "needs Xen: scripts/test"]
fn store() {
    for guest_type in guests::BOTH {
        let config = guests::config(guests::unikernel("noop", guest_type));
        let channel = ChannelSpec::for_guest(Control::Store, &config);
        lead(&Life { what: "noop with a store ring", config, channel, ends: true }, &[]);
    }
}

/// Every optional call: placement, a pool asked for, memory asked for before it is
/// taken, a paging pool, several vCPUs, odd extents.
#[test]
#[ignore = "needs Xen: scripts/test"]
fn placed() {
    let config = guests::config(GuestOverrides {
        memory: Some(guests::size((40 << 20) + 4096)),
        ..guests::placed(GuestType::Pvh)
    });
    lead(
        &Life {
            what: "PVH, 40 MiB, 2 vCPUs, placed",
            config,
            channel: ChannelSpec::none(),
            ends: true,
        },
        &ERRNOS,
    );
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn debian() {
    for guest_type in guests::BOTH {
        // It is not waited for, and each life's memory is made and given back by the page.
        let memory = Some(guests::size(128 << 20));
        let config =
            guests::config(GuestOverrides { memory, ..guests::debian("bookworm", guest_type, 1) });
        let what = match guest_type {
            GuestType::Pvh => "PVH Debian, bzImage and initrd",
            GuestType::Pv => "PV Debian, bzImage and initrd",
        };
        lead(&Life { what, config, channel: ChannelSpec::none(), ends: false }, &[Errno::EPERM]);
    }
}
