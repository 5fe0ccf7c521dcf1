//! Shells: domains that nobody lives in yet.

use std::sync::Arc;

use uuid::Uuid;

use super::owner::Owner;
use super::{Loaded, Stage, Timings};
use crate::build::channel::{ChannelSpec, Ports};
use crate::build::memory::{self, Frames};
use crate::build::pvh::{self, PvhMemory};
use crate::build::{Boot, BuildError, ConsoleRing, pv};
use crate::config::{GuestType, TscMode};
use crate::xen::abi::PAGE_SIZE;
use crate::xen::{CreateDomain, DomId, Xen};

/// What a shell is built to.
#[derive(Clone, Debug)]
pub struct ShellSpec {
    /// The domain's identity.
    pub uuid: Uuid,
    /// PVH or PV.
    pub guest_type: GuestType,
    /// Bytes of memory, whole pages.
    pub memory: u64,
    /// Bytes of memory it may ever have; at least `memory`.
    pub max_memory: u64,
    /// vCPUs that are up from the start.
    pub vcpus: u32,
    /// vCPUs it may ever have; at least `vcpus`. A PV guest takes all it finds, so it
    /// gets no more than `vcpus`.
    pub max_vcpus: u32,
    /// How `rdtsc` is served.
    pub tsc_mode: TscMode,
    /// CPU pool to live in.
    pub cpupool: u32,
    /// What the guest may use of Xen's own memory.
    pub limits: Limits,
    /// How it and its host talk.
    pub channel: ChannelSpec,
}

/// Bounds on what a guest may use of Xen's own memory. The defaults suit a general-
/// purpose system; they cost nothing until they are used, but for a pointer per frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Highest event channel port.
    pub max_evtchn_port: u32,
    /// Frames of its grant table; each holds 512 entries.
    pub max_grant_frames: u16,
    /// Frames of its maptrack table; 0: it maps nobody's grants.
    pub max_maptrack_frames: u16,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { max_evtchn_port: 1023, max_grant_frames: 64, max_maptrack_frames: 0 }
    }
}

/// How many vCPUs a domain has, and how many of them are up from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Vcpus {
    pub(crate) online: u32,
    pub(crate) max: u32,
}

impl Vcpus {
    fn of(spec: &ShellSpec) -> Self {
        let max = match spec.guest_type {
            GuestType::Pvh => spec.max_vcpus.max(spec.vcpus),
            GuestType::Pv => spec.vcpus,
        };
        Vcpus { online: spec.vcpus, max }
    }
}

/// The pages of a shell, by kind of guest.
#[derive(Debug)]
enum Memory {
    Pvh(PvhMemory),
    Pv(pv::P2m),
}

/// A domain with memory, vCPUs and a console channel, and no kernel. Dropping it
/// destroys it.
#[derive(Debug)]
pub struct Shell {
    owner: Owner,
    memory: Memory,
    guest_type: GuestType,
    vcpus: Vcpus,
    channel: ChannelSpec,
    ports: Ports,
    timings: Timings,
}

impl Shell {
    /// Builds a shell.
    ///
    /// # Errors
    /// [`BuildError`]; nothing is left of the shell then.
    pub fn build(xen: &Arc<Xen>, spec: &ShellSpec) -> Result<Shell, BuildError> {
        let mut timings = Timings::default();
        // What can be refused without a domain is refused without one.
        let layout = match spec.guest_type {
            GuestType::Pvh => Some(PvhMemory::new(spec.memory, &spec.channel)?),
            GuestType::Pv => check_pv_memory(spec.memory).map(|()| None)?,
        };
        memory::check_host(xen, spec.memory)?;
        let owner = timings.measure(Stage::Create, || create(xen, spec))?;
        timings.measure(Stage::Limits, || set_limits(xen, owner.domid, spec))?;
        let memory = timings.measure(Stage::Memory, || match layout {
            Some(layout) => populate_pvh(xen, owner.domid, layout),
            None => populate_pv(xen, owner.domid, spec.memory),
        })?;
        let channel = spec.channel.clone();
        let ports = timings.measure(Stage::Console, || {
            let ports = Ports::make(xen, owner.domid, channel.control)?;
            if let Memory::Pvh(layout) = memory {
                pvh::connect(xen, owner.domid, layout, &channel, ports)?;
            }
            Ok::<_, BuildError>(ports)
        })?;
        let (guest_type, vcpus) = (spec.guest_type, Vcpus::of(spec));
        Ok(Shell { owner, memory, guest_type, vcpus, channel, ports, timings })
    }

    /// Its number.
    pub fn domid(&self) -> DomId {
        self.owner.domid
    }

    /// Its identity.
    pub fn uuid(&self) -> Uuid {
        self.owner.uuid
    }

    /// Time spent so far, to book more on.
    pub fn timings_mut(&mut self) -> &mut Timings {
        &mut self.timings
    }

    /// Loads a kernel into it.
    ///
    /// # Errors
    /// [`BuildError`]; the shell is gone then.
    pub fn load(self, boot: &Boot<'_>) -> Result<Loaded, BuildError> {
        let Shell { owner, memory, guest_type, vcpus, channel, ports, mut timings } = self;
        let (xen, domid) = (&owner.xen, owner.domid);
        let (console, channel) = timings.measure(Stage::Load, || match &memory {
            Memory::Pvh(layout) => {
                pvh::load(xen, domid, *layout, &channel, vcpus, boot)?;
                let first = layout.channel();
                let frame = first + channel.console_offset();
                let console = ConsoleRing { frame, port: ports.console };
                let placed = channel.place(first, ports, layout.mapped(), |gfn| gfn);
                Ok::<_, BuildError>((console, placed))
            }
            Memory::Pv(p2m) => pv::load(xen, domid, p2m, &channel, ports, boot),
        })?;
        Ok(Loaded { owner, guest_type, vcpus, console, channel, timings })
    }
}

fn check_pv_memory(bytes: u64) -> Result<(), BuildError> {
    if bytes.is_multiple_of(PAGE_SIZE) && bytes / PAGE_SIZE >= pv::LEAST_PAGES {
        Ok(())
    } else {
        Err(BuildError::BadMemorySize { bytes, least: pv::LEAST_PAGES })
    }
}

fn create(xen: &Arc<Xen>, spec: &ShellSpec) -> Result<Owner, BuildError> {
    let domid = xen.create_domain(&CreateDomain {
        uuid: spec.uuid,
        hvm: spec.guest_type == GuestType::Pvh,
        max_vcpus: Vcpus::of(spec).max,
        max_evtchn_port: spec.limits.max_evtchn_port,
        max_grant_frames: spec.limits.max_grant_frames,
        max_maptrack_frames: spec.limits.max_maptrack_frames,
        cpupool: spec.cpupool,
    })?;
    Ok(Owner::new(Arc::clone(xen), domid, spec.uuid))
}

fn set_limits(xen: &Xen, domid: DomId, spec: &ShellSpec) -> Result<(), BuildError> {
    let vcpus = Vcpus::of(spec).max;
    xen.set_max_vcpus(domid, vcpus)?;
    xen.set_max_memory(domid, spec.max_memory.max(spec.memory))?;
    if spec.guest_type == GuestType::Pvh
        && let Some(bytes) = pvh::paging_pool(spec.max_memory.max(spec.memory), vcpus)
    {
        xen.set_paging_pool(domid, bytes)?;
    }
    xen.set_tsc_mode(domid, spec.tsc_mode.number())?;
    Ok(())
}

fn populate_pvh(xen: &Xen, domid: DomId, layout: PvhMemory) -> Result<Memory, BuildError> {
    for frames in layout.frames() {
        memory::populate(xen, domid, frames, |_, _, _| {})?;
    }
    Ok(Memory::Pvh(layout))
}

fn populate_pv(xen: &Xen, domid: DomId, bytes: u64) -> Result<Memory, BuildError> {
    let count = bytes / PAGE_SIZE;
    let mut p2m = Vec::with_capacity(usize::try_from(count).unwrap_or(0));
    memory::populate(xen, domid, Frames { start: 0, count }, |_, mfn, order| {
        p2m.extend(mfn..mfn + (1 << order));
    })?;
    Ok(Memory::Pv(p2m))
}
