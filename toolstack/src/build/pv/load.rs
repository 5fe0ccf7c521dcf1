//! Filling a PV guest's memory and starting state.

use super::layout::Layout;
use super::{LEAST_PAGES, P2m};
use crate::build::channel::{Channel, ChannelSpec, Mapped, Ports};
use crate::build::writes::Writes;
use crate::build::{Boot, BuildError, ConsoleRing};
use crate::config::GuestType;
use crate::image::{Kernel, PvBoot};
use crate::xen::abi::{PAGE_SIZE, bytes_of, pv};
use crate::xen::{DomId, Xen, XenError};

/// `store_evtchn` of a guest without a store: no port has this number. Linux then
/// finds that it cannot bind it and goes on without XenStore (`xb_init_comms` in
/// `drivers/xen/xenbus/xenbus_comms.c`); a valid port would have it wait for an
/// answer for ever.
const NO_STORE_PORT: u32 = u32::MAX;

/// Longest command line, without its NUL.
const MAX_CMDLINE: usize = pv::MAX_GUEST_CMDLINE - 1;

/// Loads `boot` into a PV domain whose pages are `p2m`.
pub(crate) fn load(
    xen: &Xen,
    domain: DomId,
    p2m: &P2m,
    channel: &ChannelSpec,
    ports: Ports,
    boot: &Boot<'_>,
) -> Result<(ConsoleRing, Option<Channel>), BuildError> {
    check_cmdline(boot.cmdline)?;
    let image = boot.kernel.pv()?;
    let total = p2m.len() as u64;
    if total < LEAST_PAGES {
        return Err(BuildError::BadMemorySize { bytes: total * PAGE_SIZE, least: LEAST_PAGES });
    }
    let rings = channel.pages() - channel.console_offset() - 1;
    let layout = Layout::new(total, &image, boot, rings)?;
    let guest = Guest { xen, domain, p2m, layout: &layout };
    let shared_info = xen.domain_info(domain)?.shared_info_frame;
    guest.write_kernel(boot.kernel, &image)?;
    guest.write_data(boot, shared_info, channel, ports)?;
    guest.write_page_tables()?;
    guest.mask_upcalls(shared_info)?;
    if let Some(address) = image.hypercall_page {
        xen.init_hypercall_page(domain, guest.hypercall_frame(address)?)?;
    }
    let root = layout.page_tables.root().unwrap_or(layout.tables.start);
    xen.pin_l4_table(domain, guest.mfn(root))?;
    xen.set_vcpu_context(domain, 0, &guest.vcpu(&image, root))?;
    let console = ConsoleRing { frame: guest.mfn(layout.console), port: ports.console };
    let placed = channel.place(layout.store, ports, Mapped::default(), |pfn| guest.mfn(pfn));
    Ok((console, placed))
}

fn check_cmdline(cmdline: &str) -> Result<(), BuildError> {
    if let Some(at) = cmdline.bytes().position(|b| b == 0) {
        return Err(BuildError::CmdlineNul { at });
    }
    if cmdline.len() > MAX_CMDLINE {
        let (len, mode) = (cmdline.len(), GuestType::Pv);
        return Err(BuildError::CmdlineTooLong { len, max: MAX_CMDLINE, mode });
    }
    Ok(())
}

struct Guest<'a> {
    xen: &'a Xen,
    domain: DomId,
    p2m: &'a P2m,
    layout: &'a Layout,
}

impl Guest<'_> {
    fn mfn(&self, pfn: u64) -> u64 {
        usize::try_from(pfn).ok().and_then(|n| self.p2m.get(n)).copied().unwrap_or(u64::MAX)
    }

    fn write_kernel(&self, kernel: &Kernel, image: &PvBoot) -> Result<(), BuildError> {
        const BAD: &str = "a segment lies outside its load range";
        let (start, end) =
            (self.layout.kernel.start * PAGE_SIZE, self.layout.kernel.end() * PAGE_SIZE);
        let mut writes = Writes::default();
        writes.clear(self.xen, start, end - start);
        for segment in kernel.segments() {
            let address = image.pseudo_physical(segment.paddr);
            let ends = address.checked_add(segment.data().len() as u64);
            if address < start || ends.is_none_or(|e| e > end) {
                return Err(BuildError::BadLayout(BAD));
            }
            writes.add(address, segment.data());
        }
        Ok(self.apply(&writes)?)
    }

    fn apply(&self, writes: &Writes<'_>) -> Result<(), XenError> {
        writes.apply(self.xen, self.domain, |pfn| self.mfn(pfn))
    }

    /// The initrd, the p2m list, `start_info` and the channel's pages.
    fn write_data(
        &self,
        boot: &Boot<'_>,
        shared_info: u64,
        channel: &ChannelSpec,
        ports: Ports,
    ) -> Result<(), BuildError> {
        let mut writes = Writes::default();
        for pfn in [self.layout.start_info, self.layout.store, self.layout.console] {
            writes.clear(self.xen, pfn * PAGE_SIZE, PAGE_SIZE);
        }
        if ports.channel.is_some() {
            channel.write(self.xen, &mut writes, self.layout.store);
        }
        if let Some(ramdisk) = boot.ramdisk {
            writes.add(self.layout.initrd.start * PAGE_SIZE, ramdisk.bytes());
        }
        let p2m: Vec<u8> = self.p2m.iter().flat_map(|mfn| mfn.to_le_bytes()).collect();
        writes.add(self.layout.p2m.start * PAGE_SIZE, p2m);
        let info = self.start_info(boot, shared_info, ports);
        writes.add(self.layout.start_info * PAGE_SIZE, bytes_of(&info));
        Ok(self.apply(&writes)?)
    }

    /// Xen refuses to take a page as a page table while anyone can write to it, so
    /// the mapping made here is gone when this returns.
    fn write_page_tables(&self) -> Result<(), BuildError> {
        let tables = &self.layout.page_tables;
        let mut writes = Writes::default();
        for (pfn, content) in tables.contents(&self.layout.mappings, |pfn| self.mfn(pfn)) {
            writes.add(pfn * PAGE_SIZE, content);
        }
        Ok(self.apply(&writes)?)
    }

    /// A vCPU starts with event delivery off until it has a handler.
    fn mask_upcalls(&self, shared_info: u64) -> Result<(), BuildError> {
        let window = self.xen.map(self.domain, &[shared_info])?;
        for n in 0..pv::LEGACY_MAX_VCPUS {
            window.write(n * pv::VCPU_INFO_SIZE + pv::UPCALL_MASK_OFFSET, &[1]);
        }
        Ok(())
    }

    fn hypercall_frame(&self, address: u64) -> Result<u64, BuildError> {
        const BAD: &str = "its HYPERCALL_PAGE lies outside the image";
        let pfn = address.checked_sub(self.layout.virt_base).ok_or(BuildError::BadLayout(BAD))?
            / PAGE_SIZE;
        let kernel = self.layout.kernel;
        if (kernel.start..kernel.end()).contains(&pfn) {
            Ok(self.mfn(pfn))
        } else {
            Err(BuildError::BadLayout(BAD))
        }
    }

    fn start_info(&self, boot: &Boot<'_>, shared_info: u64, ports: Ports) -> pv::PvStartInfo {
        const MAGIC: &[u8] = b"xen-3.0-x86_64";
        let layout = self.layout;
        let outside = layout.mappings.get(1);
        let mut info = pv::PvStartInfo {
            nr_pages: self.p2m.len() as u64,
            shared_info: shared_info << 12,
            store_mfn: self.mfn(layout.store),
            store_evtchn: ports.channel.unwrap_or(NO_STORE_PORT),
            console_mfn: self.mfn(layout.console),
            console_evtchn: ports.console,
            pt_base: layout.address(layout.tables.start),
            nr_pt_frames: layout.tables.count,
            mfn_list: outside.map_or_else(|| layout.address(layout.p2m.start), |m| m.start),
            ..Default::default()
        };
        info.magic[..MAGIC.len()].copy_from_slice(MAGIC);
        if outside.is_some() {
            info.first_p2m_pfn = layout.p2m.start;
            info.nr_p2m_frames = layout.p2m.count + layout.p2m_tables.count;
        }
        if let Some(ramdisk) = boot.ramdisk {
            info.mod_len = ramdisk.bytes().len() as u64;
            let mapped = layout.initrd.start < layout.tables.start;
            info.mod_start = layout.address(layout.initrd.start);
            if !mapped {
                info.mod_start = layout.initrd.start;
                info.flags |= pv::SIF_MOD_START_PFN;
            }
        }
        info.cmd_line[..boot.cmdline.len()].copy_from_slice(boot.cmdline.as_bytes());
        info
    }

    fn vcpu(&self, image: &PvBoot, root: u64) -> pv::VcpuGuestContext {
        const INTERRUPTS_ENABLED: u64 = 1 << 9;
        let stack = self.layout.address(self.layout.stack + 1);
        let mut context = pv::VcpuGuestContext {
            flags: pv::VGCF_IN_KERNEL | pv::VGCF_ONLINE,
            kernel_ss: u64::from(pv::FLAT_RING3_SS64),
            kernel_sp: stack,
            ..Default::default()
        };
        context.user_regs.rip = image.virt_entry;
        context.user_regs.rsp = stack;
        context.user_regs.rsi = self.layout.address(self.layout.start_info);
        context.user_regs.rflags = INTERRUPTS_ENABLED;
        context.user_regs.cs = pv::FLAT_RING3_CS64;
        context.user_regs.ss = pv::FLAT_RING3_SS64;
        context.ctrlreg[3] = self.mfn(root) << 12;
        context.debugreg[6] = 0xffff_0ff0;
        context.debugreg[7] = 0x400;
        context
    }
}
