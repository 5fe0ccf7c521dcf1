//! The two ways a kernel can start, with everything a domain builder must know about each.

use std::ops::Range;

use super::notes::{Feature, NotesOrigin};
use super::{Features, ImageError, Kernel, XenNotes};

const PAGE_SIZE: u64 = 4096;
const FOUR_GIB: u64 = 1 << 32;

/// A way to boot a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BootMode {
    /// Hardware-virtualised without firmware: entered in 32-bit protected mode, paging off.
    Pvh,
    /// Paravirtual, 64-bit: entered in the page tables its builder made.
    Pv,
}

/// The ways in which one kernel can boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BootModes {
    /// [`BootMode::Pvh`]
    pub pvh: bool,
    /// [`BootMode::Pv`]
    pub pv: bool,
}

/// How to boot a kernel as a PVH guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PvhBoot {
    /// Guest-physical address to enter at, inside `start..end`.
    pub entry: u32,
    /// Guest-physical address of the first byte loaded.
    pub start: u64,
    /// Guest-physical address behind the last byte loaded, at most 4 GiB.
    pub end: u64,
    /// Where else the kernel may be loaded, if it may; `entry` moves along.
    pub relocation: Option<Relocation>,
}

/// Limits for the load address of a relocatable PVH kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relocation {
    /// Alignment of the load address in bytes; a power of two.
    pub align: u64,
    /// Lowest guest-physical address for the first byte.
    pub min: u64,
    /// Highest guest-physical address for the last byte.
    pub max: u64,
}

impl PvhBoot {
    pub(super) fn of(kernel: &Kernel) -> Result<PvhBoot, ImageError> {
        let notes = kernel.notes();
        if notes.origin == NotesOrigin::Nowhere {
            return Err(ImageError::NotXen);
        }
        let address = notes.phys32_entry.ok_or(ImageError::NoPvhEntry)?;
        let Range { start, end } = kernel.physical_range();
        check_range("end of the PVH kernel at", end, 0, FOUR_GIB + 1)?;
        check_range("PVH entry point (note PHYS32_ENTRY)", address, start, end)?;
        let outside = |_| ImageError::OutOfRange { what: "PVH entry point", address, start, end };
        let entry = u32::try_from(address).map_err(outside)?;
        let relocation = relocation(notes, kernel.max_align())?;
        Ok(PvhBoot { entry, start, end, relocation })
    }
}

/// The note's limits with the defaults its description in `public/elfnote.h` gives.
fn relocation(notes: &XenNotes, max_align: u64) -> Result<Option<Relocation>, ImageError> {
    const DEFAULT_ALIGN: u64 = 2 << 20;
    let Some(note) = notes.phys32_reloc else { return Ok(None) };
    let align = match note.align {
        Some(align) => align.into(),
        None if max_align >= PAGE_SIZE => max_align,
        None => DEFAULT_ALIGN,
    };
    if !align.is_power_of_two() {
        let problem = format!("the alignment {align:#x} is not a power of two");
        return Err(ImageError::note("PHYS32_RELOC", problem));
    }
    Ok(Some(Relocation { align, min: note.min.into(), max: note.max.into() }))
}

/// How to boot a kernel as a 64-bit PV guest.
///
/// All addresses are virtual, in bytes. The builder maps pseudo-physical address 0 at `virt_base`;
/// [`pseudo_physical`](PvBoot::pseudo_physical) says where a [`Segment`](super::Segment) goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PvBoot {
    /// Where the guest's memory starts in its address space; page-aligned.
    pub virt_base: u64,
    /// What to subtract from a segment's `paddr` for its pseudo-physical address.
    pub paddr_offset: u64,
    /// Address to enter at, inside the kernel.
    pub virt_entry: u64,
    /// Address of the page to fill with hypercall entries, inside the kernel. Linux has none since
    /// XSA-466: it makes its own.
    pub hypercall_page: Option<u64>,
    /// Where to map the frame list, if not behind the kernel; page-aligned.
    pub p2m_base: Option<u64>,
    /// Whether the initial ramdisk may stay unmapped and be named by its frame number.
    pub unmapped_initrd: bool,
    /// Address of the first byte loaded; page-aligned, at least `virt_base`.
    pub virt_kstart: u64,
    /// Address behind the last byte loaded.
    pub virt_kend: u64,
    /// Features supported and required.
    pub features: Features,
}

impl PvBoot {
    pub(super) fn of(kernel: &Kernel) -> Result<PvBoot, ImageError> {
        let notes = kernel.notes();
        if notes.origin == NotesOrigin::Nowhere {
            return Err(ImageError::NotXen);
        }
        check_kind(kernel)?;
        let (virt_base, paddr_offset) = base_and_offset(notes)?;
        let to_virtual = |paddr: u64| paddr.wrapping_sub(paddr_offset).wrapping_add(virt_base);
        let Range { start, end } = kernel.physical_range();
        let boot = PvBoot {
            virt_base,
            paddr_offset,
            virt_entry: notes.entry.unwrap_or(kernel.elf_entry()),
            hypercall_page: notes.hypercall_page,
            p2m_base: notes.init_p2m,
            unmapped_initrd: notes.mod_start_pfn,
            virt_kstart: to_virtual(start),
            virt_kend: to_virtual(end),
            features: notes.features,
        };
        boot.check_addresses()?;
        Ok(boot)
    }

    /// Pseudo-physical address of a segment whose [`paddr`](super::Segment::paddr) this is.
    ///
    /// Meaningful for the segments of the kernel this was made from; their sum with `memsz` does
    /// not wrap.
    pub fn pseudo_physical(&self, paddr: u64) -> u64 {
        paddr.wrapping_sub(self.paddr_offset)
    }

    /// Everything the offsets above could have wrapped into, or an image could lie about.
    fn check_addresses(&self) -> Result<(), ImageError> {
        let PvBoot { virt_base, virt_kstart: start, virt_kend: end, .. } = *self;
        check_range("start of the PV kernel at", start, virt_base, end)?;
        check_aligned("VIRT_BASE", virt_base)?;
        check_aligned("start of the PV kernel", start)?;
        check_guest_half(virt_base, end)?;
        check_range("PV entry point (note ENTRY)", self.virt_entry, start, end)?;
        if let Some(page) = self.hypercall_page {
            check_aligned("HYPERCALL_PAGE", page)?;
            check_range("hypercall page (note HYPERCALL_PAGE)", page, start, end)?;
        }
        match self.p2m_base {
            Some(base) if (start..end).contains(&base) => Err(ImageError::note(
                "INIT_P2M",
                format!("{base:#x} is inside the kernel at {start:#x}..{end:#x}"),
            )),
            Some(base) => {
                check_aligned("INIT_P2M", base)?;
                check_guest_half(base, base)
            }
            None => Ok(()),
        }
    }
}

/// Whether this is a kernel for the 64-bit PV interface at all.
fn check_kind(kernel: &Kernel) -> Result<(), ImageError> {
    let notes = kernel.notes();
    let not_pv = |what, found: Option<&str>, expected| ImageError::NotPv {
        what,
        found: found.map_or_else(|| "absent".to_owned(), |text| format!("{text:?}")),
        expected,
    };
    if !kernel.is_x86_64() {
        let found = "32-bit or not x86-64".to_owned();
        return Err(ImageError::NotPv { what: "the ELF", found, expected: "64-bit x86-64" });
    }
    let starts = |text: &Option<String>, with| text.as_ref().is_some_and(|t| t.starts_with(with));
    if !starts(&notes.loader, "generic") && !starts(&notes.guest_os, "linux") {
        let found = notes.loader.as_deref();
        return Err(not_pv("note LOADER", found, "\"generic\" (or GUEST_OS \"linux\")"));
    }
    if !starts(&notes.xen_version, "xen-3.0") {
        return Err(not_pv("note XEN_VERSION", notes.xen_version.as_deref(), "\"xen-3.0\""));
    }
    // Dom0: for the initial domain only. Translated PV guests: no longer in any supported Xen.
    for feature in [Feature::Dom0, Feature::AutoTranslatedPhysmap] {
        if notes.features.requires(feature) {
            let found = Some(feature.name());
            return Err(not_pv("required feature", found, "features an ordinary PV guest has"));
        }
    }
    Ok(())
}

/// `VIRT_BASE` and `PADDR_OFFSET` with their defaults.
///
/// Kernels with a `__xen_guest` section have virtual addresses where ELF wants physical ones, hence
/// their other default for the offset.
fn base_and_offset(notes: &XenNotes) -> Result<(u64, u64), ImageError> {
    let base = match (notes.virt_base, notes.paddr_offset) {
        (None, Some(offset)) => {
            let problem = format!("is {offset:#x}, but VIRT_BASE is absent; give both or none");
            return Err(ImageError::note("PADDR_OFFSET", problem));
        }
        (base, _) => base.unwrap_or(0),
    };
    let default = if notes.origin == NotesOrigin::GuestSection { base } else { 0 };
    Ok((base, notes.paddr_offset.unwrap_or(default)))
}

fn check_range(what: &'static str, address: u64, start: u64, end: u64) -> Result<(), ImageError> {
    if (start..end).contains(&address) {
        Ok(())
    } else {
        Err(ImageError::OutOfRange { what, address, start, end })
    }
}

fn check_aligned(name: &'static str, address: u64) -> Result<(), ImageError> {
    if address.is_multiple_of(PAGE_SIZE) {
        Ok(())
    } else {
        Err(ImageError::note(name, format!("{address:#x} is not at the start of a page")))
    }
}

/// Addresses a PV guest may map: canonical ones outside Xen's own part.
///
/// That part is `HYPERVISOR_VIRT_START..HYPERVISOR_VIRT_END` in Xen's
/// `public/arch-x86/xen-x86_64.h`.
fn check_guest_half(start: u64, end: u64) -> Result<(), ImageError> {
    const LOWER_HALF_END: u64 = 1 << 47;
    const HYPERVISOR_VIRT_END: u64 = 0xffff_8800_0000_0000;
    if end <= LOWER_HALF_END || start >= HYPERVISOR_VIRT_END {
        return Ok(());
    }
    let what = "PV guests cannot map address";
    let (allowed, address) = (LOWER_HALF_END, if start < LOWER_HALF_END { end } else { start });
    Err(ImageError::OutOfRange { what, address, start: 0, end: allowed })
}
