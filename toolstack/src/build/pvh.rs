//! The PVH builder.
//!
//! ```text
//! 0            kernel      boot pages   initrd        channel pages  Xen's pages   0xf0000000
//! |--- RAM ----|-----------|------------|---- RAM … ----|-- pages --|-- pages --| |- hole -| 4 GiB |-- RAM --|
//! ```
//!
//! Right behind the kernel come the boot pages: `hvm_start_info`, memory map, module
//! list, command line and ACPI tables, which the memory map gives out as ACPI
//! memory. Linux can only reach the first GiB when it reads them. The last pages of
//! low memory are the guest's channel and its console ring. Everything is inside the memory the
//! guest was promised; nothing is added to it. Behind it a guest with a noxs page finds two kinds
//! of pages that are Xen's: its grant table and its shared info.

use super::channel::{ChannelSpec, Control, Mapped, Ports};
use super::memory::Frames;
use super::writes::Writes;
use super::{Boot, BuildError, acpi};
use crate::config::GuestType;
use crate::domain::Vcpus;
use crate::image::Kernel;
use crate::xen::abi::{PAGE_SIZE, Plain, bytes_of, hvm};
use crate::xen::{DomId, PvhVcpu, Xen};

/// Where low memory ends at most: above stand the local APIC and what else Xen
/// emulates (`HVM_BELOW_4G_RAM_END` of `public/hvm/e820.h`).
const LOW_END: u64 = 0xf000_0000 / PAGE_SIZE;
const FOUR_GIB: u64 = (4 << 30) / PAGE_SIZE;
/// Bytes of a command line that fit any guest: two pages would do for none.
const MAX_CMDLINE: usize = 4095;
/// Fewest pages beside those of the channel: a kernel and a boot page.
const LEAST_PAGES: u64 = 3;

/// How the pages of a PVH guest lie in its address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PvhMemory {
    low: u64,
    high: u64,
    /// Pages of the channel, the last of low memory.
    channel: u64,
    /// Pages of Xen's behind low memory: grant table, then shared info.
    grant_frames: u32,
}

impl PvhMemory {
    /// Lays out `bytes` of memory with the pages of `channel`.
    pub(crate) fn new(bytes: u64, channel: &ChannelSpec) -> Result<Self, BuildError> {
        let pages = bytes / PAGE_SIZE;
        let least = LEAST_PAGES + channel.pages();
        if !bytes.is_multiple_of(PAGE_SIZE) || pages < least {
            return Err(BuildError::BadMemorySize { bytes, least });
        }
        let low = pages.min(LOW_END);
        let grant_frames = u32::from(channel.grant_frames);
        Ok(PvhMemory { low, high: pages - low, channel: channel.pages(), grant_frames })
    }

    /// The runs to be populated.
    pub(crate) fn frames(self) -> impl Iterator<Item = Frames> {
        let low = Frames { start: 0, count: self.low };
        let high = Frames { start: FOUR_GIB, count: self.high };
        [low, high].into_iter().filter(|f| f.count > 0)
    }

    /// The gfn of the first page of the channel.
    pub(crate) fn channel(self) -> u64 {
        self.low - self.channel
    }

    /// Where Xen's own pages appear.
    pub(crate) fn mapped(self) -> Mapped {
        if self.grant_frames == 0 {
            return Mapped::default();
        }
        let shared_info = self.low + u64::from(self.grant_frames);
        Mapped { grant_table: Some((self.low, self.grant_frames)), shared_info: Some(shared_info) }
    }

    /// The gfn behind the pages of the channel and Xen's.
    fn reserved_end(self) -> u64 {
        self.mapped().shared_info.map_or(self.low, |last| last + 1)
    }

    fn map(self, boot: Frames) -> Vec<hvm::MemmapEntry> {
        let entry = |start: u64, end: u64, kind| hvm::MemmapEntry {
            addr: start * PAGE_SIZE,
            size: (end - start) * PAGE_SIZE,
            kind,
            reserved: 0,
        };
        let all = [
            entry(0, boot.start, hvm::MEMMAP_RAM),
            entry(boot.start, boot.end(), hvm::MEMMAP_ACPI),
            entry(boot.end(), self.channel(), hvm::MEMMAP_RAM),
            entry(self.channel(), self.reserved_end(), hvm::MEMMAP_RESERVED),
            entry(FOUR_GIB, FOUR_GIB + self.high, hvm::MEMMAP_RAM),
        ];
        all.into_iter().filter(|e| e.size > 0).collect()
    }
}

/// Bytes of page tables Xen needs for the guest's address space, beyond the MiB
/// that every domain starts with: 8 per page when no superpage was left, twice
/// that for slack, and a page per vCPU.
pub(crate) fn paging_pool(bytes: u64, vcpus: u32) -> Option<u64> {
    const BUILT_IN: u64 = 1 << 20;
    let need =
        (bytes / PAGE_SIZE * 16 + u64::from(vcpus) * PAGE_SIZE * 4).next_multiple_of(PAGE_SIZE);
    // A guest of 32 MiB fits what is there even when cut into single pages.
    (bytes > 32 << 20 || vcpus > 4).then(|| BUILT_IN + need)
}

/// Where everything goes; computed without touching Xen.
#[derive(Clone, Copy, Debug)]
struct Plan {
    kernel: Frames,
    boot: Frames,
    initrd: Frames,
    initrd_len: u64,
    memory: PvhMemory,
    vcpus: Vcpus,
}

impl Plan {
    fn new(memory: PvhMemory, vcpus: Vcpus, boot: &Boot<'_>) -> Result<Self, BuildError> {
        check_cmdline(boot.cmdline)?;
        let kernel = kernel_frames(boot.kernel)?;
        let pages = |bytes: usize| (bytes as u64).div_ceil(PAGE_SIZE);
        let boot_count = pages(boot_layout(boot.cmdline, vcpus).end);
        let initrd_len = boot.ramdisk.map_or(0, |r| r.bytes().len());
        let boot_frames = Frames { start: kernel.end(), count: boot_count };
        let initrd = Frames { start: boot_frames.end(), count: pages(initrd_len) };
        let plan = Plan {
            kernel,
            boot: boot_frames,
            initrd,
            initrd_len: initrd_len as u64,
            memory,
            vcpus,
        };
        plan.check_fits().map(|()| plan)
    }

    fn check_fits(&self) -> Result<(), BuildError> {
        let have = ((self.memory.low + self.memory.high) * PAGE_SIZE) >> 10;
        let need = (self.initrd.end() + self.memory.channel) * PAGE_SIZE;
        if self.initrd.end() <= self.memory.channel() {
            return Ok(());
        }
        if need > LOW_END * PAGE_SIZE {
            let (start, end) = (self.kernel.start * PAGE_SIZE, self.initrd.end() * PAGE_SIZE);
            return Err(BuildError::OutsideMemory { start, end, memory_end: LOW_END * PAGE_SIZE });
        }
        Err(BuildError::TooSmall { have, need: need >> 10 })
    }
}

fn check_cmdline(cmdline: &str) -> Result<(), BuildError> {
    if let Some(at) = cmdline.bytes().position(|b| b == 0) {
        return Err(BuildError::CmdlineNul { at });
    }
    if cmdline.len() > MAX_CMDLINE {
        let (len, mode) = (cmdline.len(), GuestType::Pvh);
        return Err(BuildError::CmdlineTooLong { len, max: MAX_CMDLINE, mode });
    }
    Ok(())
}

fn kernel_frames(kernel: &Kernel) -> Result<Frames, BuildError> {
    let segments = kernel.segments();
    let (Some(first), Some(last)) = (segments.first(), segments.last()) else {
        return Err(BuildError::BadLayout("it has nothing to load"));
    };
    let end = last.end();
    let start = first.paddr / PAGE_SIZE;
    Ok(Frames { start, count: end.div_ceil(PAGE_SIZE) - start })
}

/// Offsets inside the boot pages.
struct BootLayout {
    memmap: usize,
    modlist: usize,
    cmdline: usize,
    acpi: usize,
    end: usize,
}

/// Entries the memory map has at most.
const MAX_MEMMAP: usize = 5;

fn boot_layout(cmdline: &str, vcpus: Vcpus) -> BootLayout {
    let memmap = size_of::<hvm::StartInfo>();
    let modlist = memmap + MAX_MEMMAP * size_of::<hvm::MemmapEntry>();
    let cmdline_at = modlist + size_of::<hvm::ModlistEntry>();
    let acpi = (cmdline_at + cmdline.len() + 1).next_multiple_of(16);
    BootLayout { memmap, modlist, cmdline: cmdline_at, acpi, end: acpi + acpi::size(vcpus.max) }
}

fn write_struct<T: Plain>(to: &mut [u8], at: usize, value: &T) {
    to[at..at + size_of::<T>()].copy_from_slice(bytes_of(value));
}

/// The content of the boot pages.
fn boot_pages(plan: &Plan, cmdline: &str) -> Vec<u8> {
    let layout = boot_layout(cmdline, plan.vcpus);
    let base = plan.boot.start * PAGE_SIZE;
    let address = |offset: usize| base + offset as u64;
    let mut out = vec![0; layout.end];
    let map = plan.memory.map(plan.boot);
    for (n, entry) in map.iter().enumerate() {
        write_struct(&mut out, layout.memmap + n * size_of::<hvm::MemmapEntry>(), entry);
    }
    let module = hvm::ModlistEntry {
        paddr: plan.initrd.start * PAGE_SIZE,
        size: plan.initrd_len,
        ..Default::default()
    };
    write_struct(&mut out, layout.modlist, &module);
    out[layout.cmdline..layout.cmdline + cmdline.len()].copy_from_slice(cmdline.as_bytes());
    out[layout.acpi..].copy_from_slice(&acpi::tables(address(layout.acpi), plan.vcpus));
    let has_module = plan.initrd_len > 0;
    let start_info = hvm::StartInfo {
        magic: hvm::START_MAGIC,
        version: 1,
        flags: 0,
        nr_modules: u32::from(has_module),
        modlist_paddr: if has_module { address(layout.modlist) } else { 0 },
        cmdline_paddr: address(layout.cmdline),
        rsdp_paddr: address(layout.acpi),
        memmap_paddr: address(layout.memmap),
        memmap_entries: u32::try_from(map.len()).unwrap_or(u32::MAX),
        reserved: 0,
    };
    write_struct(&mut out, 0, &start_info);
    out
}

/// Loads `boot` into a PVH domain whose memory is populated.
pub(crate) fn load(
    xen: &Xen,
    domain: DomId,
    memory: PvhMemory,
    channel: &ChannelSpec,
    vcpus: Vcpus,
    boot: &Boot<'_>,
) -> Result<(), BuildError> {
    let entry = boot.kernel.pvh()?.entry;
    let plan = Plan::new(memory, vcpus, boot)?;
    let mut writes = Writes::default();
    let written = Frames { start: plan.kernel.start, count: plan.initrd.end() - plan.kernel.start };
    writes.clear(xen, written.start * PAGE_SIZE, written.count * PAGE_SIZE);
    channel.write(xen, &mut writes, memory.channel());
    for segment in boot.kernel.segments() {
        writes.add(segment.paddr, segment.data());
    }
    writes.add(plan.boot.start * PAGE_SIZE, boot_pages(&plan, boot.cmdline));
    if let Some(ramdisk) = boot.ramdisk {
        writes.add(plan.initrd.start * PAGE_SIZE, ramdisk.bytes());
    }
    writes.apply(xen, domain, |gfn| gfn)?;
    // GRUB asks Xen for its map and halts without an answer; those with a page of ours read it
    // where they start.
    if channel.control == Control::Store {
        xen.set_memory_map(domain, &memory.map(plan.boot))?;
    }
    let vcpu = PvhVcpu {
        entry,
        start_info: plan.boot.start * PAGE_SIZE,
        vcpus: u16::try_from(vcpus.max).unwrap_or(u16::MAX),
    };
    Ok(xen.set_pvh_context(domain, &vcpu)?)
}

/// Tells a PVH domain where its channel and console are, and lets Xen's own pages appear.
pub(crate) fn connect(
    xen: &Xen,
    domain: DomId,
    memory: PvhMemory,
    channel: &ChannelSpec,
    ports: Ports,
) -> Result<(), BuildError> {
    let console = memory.channel() + channel.console_offset();
    xen.set_hvm_param(domain, hvm::PARAM_CONSOLE_PFN, console)?;
    xen.set_hvm_param(domain, hvm::PARAM_CONSOLE_EVTCHN, u64::from(ports.console))?;
    if let Some(port) = ports.channel {
        xen.set_hvm_param(domain, hvm::PARAM_STORE_PFN, memory.channel())?;
        xen.set_hvm_param(domain, hvm::PARAM_STORE_EVTCHN, u64::from(port))?;
    }
    let Mapped { grant_table, shared_info } = memory.mapped();
    if let Some((first, count)) = grant_table {
        xen.map_grant_table(domain, first, count)?;
    }
    if let Some(frame) = shared_info {
        xen.map_shared_info(domain, frame)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::RingSpec;

    #[test]
    fn memory_beyond_the_hole_goes_above_four_gib() {
        let memory = PvhMemory::new(5 << 30, &ChannelSpec::none()).unwrap();
        let frames: Vec<_> = memory.frames().collect();
        assert_eq!(frames[0], Frames { start: 0, count: LOW_END });
        assert_eq!(frames[1], Frames { start: FOUR_GIB, count: (5 << 18) - LOW_END });
    }

    #[test]
    fn the_memory_map_covers_every_page_once() {
        for bytes in [4 << 20, 3840 << 20, 8u64 << 30] {
            let memory = PvhMemory::new(bytes, &ChannelSpec::none()).unwrap();
            let map = memory.map(Frames { start: 257, count: 2 });
            assert_eq!(map.iter().map(|e| e.size).sum::<u64>(), bytes);
            assert!(map.windows(2).all(|w| w[0].addr + w[0].size <= w[1].addr));
            assert!(map.len() <= MAX_MEMMAP);
        }
    }

    #[test]
    fn the_channel_takes_the_last_pages_of_low_memory() {
        let spec = ChannelSpec {
            control: Control::Noxs,
            rings: vec![RingSpec::NET],
            data_pages: 0,
            grant_frames: 2,
        };
        let memory = PvhMemory::new(4 << 20, &spec).unwrap();
        assert_eq!(memory.channel(), 1024 - 4);
        assert_eq!(memory.mapped().grant_table, Some((1024, 2)));
        assert_eq!(memory.mapped().shared_info, Some(1026));
        let map = memory.map(Frames { start: 257, count: 1 });
        let reserved = map.iter().find(|e| e.kind == hvm::MEMMAP_RESERVED).unwrap();
        assert_eq!((reserved.addr >> 12, reserved.size >> 12), (1020, 7));
        assert!(PvhMemory::new(6 * 4096, &spec).is_err());
    }

    #[test]
    fn bad_sizes_are_refused() {
        for bytes in [0, 4096, (4 << 20) + 1] {
            assert!(PvhMemory::new(bytes, &ChannelSpec::none()).is_err(), "{bytes}");
        }
    }

    #[test]
    fn the_command_line_is_bounded_and_has_no_nul() {
        assert!(check_cmdline(&"x".repeat(MAX_CMDLINE)).is_ok());
        assert!(matches!(
            check_cmdline(&"x".repeat(MAX_CMDLINE + 1)),
            Err(BuildError::CmdlineTooLong { .. })
        ));
        assert!(matches!(check_cmdline("a\0b"), Err(BuildError::CmdlineNul { at: 1 })));
    }
}
