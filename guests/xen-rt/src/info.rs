//! What the toolstack told the guest at boot, the same view for both modes.
//!
//! Layouts: `struct hvm_start_info` and `hvm_memmap_table_entry` in Xen
//! `public/arch-x86/hvm/start_info.h`, `struct start_info` in `public/xen.h`.
//! Both are written before the guest starts and change no more.

use crate::paging::{self, PAGE_SIZE};
use core::ffi::{CStr, c_char};
use core::sync::atomic::{AtomicUsize, Ordering};

/// How Xen runs this guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// Hardware-assisted, without emulated devices.
    Pvh,
    /// Paravirtualized.
    Pv,
}

/// The boot information of the running guest.
#[derive(Clone, Copy)]
pub struct BootInfo {
    flavour: Flavour,
    address: usize,
}

/// A part of the guest's (pseudo-)physical address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryRegion {
    /// First address.
    pub start: u64,
    /// Length in bytes.
    pub length: u64,
    /// What is there.
    pub kind: MemoryKind,
}

/// What a [`MemoryRegion`] holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryKind {
    /// Memory the guest may use.
    Ram,
    /// Anything else, with the number the memory map gives it (ACPI address range types).
    Other(u32),
}

/// A page of a PV guest that the toolstack set aside at boot: console or store.
pub(crate) struct PvSlot {
    pub(crate) pfn: u64,
    pub(crate) event_channel: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct HvmStartInfo {
    magic: u32,
    version: u32,
    flags: u32,
    nr_modules: u32,
    modlist_paddr: u64,
    cmdline_paddr: u64,
    rsdp_paddr: u64,
    memmap_paddr: u64,
    memmap_entries: u32,
    reserved: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct MemmapEntry {
    addr: u64,
    size: u64,
    kind: u32,
    reserved: u32,
}

/// `struct start_info` as far as it is used, up to the command line's first byte.
#[repr(C)]
#[derive(Clone, Copy)]
struct StartInfo {
    magic: [u8; 32],
    nr_pages: u64,
    shared_info: usize,
    flags: u32,
    store_mfn: usize,
    store_evtchn: u32,
    console_mfn: usize,
    console_evtchn: u32,
    pt_base: u64,
    nr_pt_frames: u64,
    mfn_list: usize,
    mod_start: u64,
    mod_len: u64,
    cmd_line: [u8; 0],
}

const _: () = assert!(size_of::<HvmStartInfo>() == 56);
const _: () = assert!(size_of::<MemmapEntry>() == 24);
const _: () = assert!(core::mem::offset_of!(StartInfo, console_mfn) == 72);
const _: () = assert!(core::mem::offset_of!(StartInfo, cmd_line) == 128);

/// `machine_to_phys_mapping`, Xen `public/arch-x86/xen-x86_64.h`: one word per machine page.
const MACHINE_TO_PHYS: usize = 0xffff_8000_0000_0000;

/// Address of the start information, with [`PV_BIT`] set for PV (both structures
/// are 8-byte aligned); 0 before boot.
static INSTALLED: AtomicUsize = AtomicUsize::new(0);
const PV_BIT: usize = 1;

impl BootInfo {
    /// Records where the boot information is.
    ///
    /// # Safety
    /// `address` must be that of Xen's start information of this flavour.
    pub(crate) unsafe fn install(flavour: Flavour, address: usize) -> Self {
        let tag = if flavour == Flavour::Pv { PV_BIT } else { 0 };
        INSTALLED.store(address | tag, Ordering::Relaxed);
        Self { flavour, address }
    }

    /// The running guest's boot information, for code that was handed none.
    pub(crate) fn installed() -> Option<Self> {
        let tagged = INSTALLED.load(Ordering::Relaxed);
        let flavour = if tagged & PV_BIT != 0 { Flavour::Pv } else { Flavour::Pvh };
        (tagged != 0).then_some(Self { flavour, address: tagged & !PV_BIT })
    }

    /// How Xen runs this guest.
    #[must_use]
    pub fn flavour(self) -> Flavour {
        self.flavour
    }

    /// The command line, without the terminating zero; empty where none was given.
    #[must_use]
    pub fn command_line(self) -> &'static [u8] {
        let address = match self.flavour {
            Flavour::Pvh => self.hvm_start_info().cmdline_paddr,
            Flavour::Pv => (self.address + core::mem::offset_of!(StartInfo, cmd_line)) as u64,
        };
        if address == 0 {
            return b"";
        }
        let Some(text) = paging::map(self, address, PAGE_SIZE as u64) else {
            return b"";
        };
        // SAFETY: the toolstack wrote a zero-terminated string there, which nothing
        // changes while the guest runs.
        unsafe { CStr::from_ptr(text.cast::<c_char>()) }.to_bytes()
    }

    /// The guest's memory map, in the toolstack's order. Empty where a PVH guest got none.
    pub fn memory_map(self) -> impl Iterator<Item = MemoryRegion> {
        let (pv, entries, count) = match self.flavour {
            Flavour::Pvh => {
                let (entries, count) = self.memmap();
                (None, entries, count)
            }
            Flavour::Pv => (Some(self.pv_memory()), core::ptr::null(), 0),
        };
        pv.into_iter().chain((0..count).map(move |index| {
            // SAFETY: the toolstack says that many entries follow one another there.
            let entry = unsafe { entries.add(index) };
            // SAFETY: `memmap` mapped all of them.
            region(unsafe { entry.read() })
        }))
    }

    fn memmap(self) -> (*const MemmapEntry, usize) {
        let info = self.hvm_start_info();
        let size = u64::from(info.memmap_entries) * size_of::<MemmapEntry>() as u64;
        match paging::map(self, info.memmap_paddr, size) {
            Some(table) if info.version >= 1 => {
                (table.cast_const().cast(), info.memmap_entries as usize)
            }
            _ => (core::ptr::null(), 0),
        }
    }

    fn pv_memory(self) -> MemoryRegion {
        let length = self.start_info().nr_pages * PAGE_SIZE as u64;
        MemoryRegion { start: 0, length, kind: MemoryKind::Ram }
    }

    /// Where the PV console is; `None` where the toolstack gave none.
    pub(crate) fn pv_console(self) -> Option<PvSlot> {
        let info = self.start_info();
        pv_slot(info.console_mfn, info.console_evtchn)
    }

    /// What stands in the store's boot slot; `None` where the toolstack left it empty.
    pub(crate) fn pv_store(self) -> Option<PvSlot> {
        let info = self.start_info();
        pv_slot(info.store_mfn, info.store_evtchn)
    }

    /// Number of the frame behind the page at `address`, one of the guest's own, as Xen and
    /// other domains know it.
    #[must_use]
    pub fn frame(self, address: usize) -> u64 {
        let page = address / PAGE_SIZE;
        match self.flavour {
            Flavour::Pvh => page as u64,
            Flavour::Pv => {
                let list = self.start_info().mfn_list;
                let entry = core::ptr::with_exposed_provenance::<u64>(list + page * 8);
                // SAFETY: the list has a word for every page of the guest, and the image's
                // pages are among them.
                unsafe { entry.read_volatile() }
            }
        }
    }

    /// Machine address of a PV guest's shared info page.
    pub(crate) fn pv_shared_info(self) -> usize {
        self.start_info().shared_info
    }

    fn hvm_start_info(self) -> HvmStartInfo {
        debug_assert_eq!(self.flavour, Flavour::Pvh);
        // SAFETY: `install` was promised a start information of this flavour.
        unsafe { self.read() }
    }

    fn start_info(self) -> StartInfo {
        debug_assert_eq!(self.flavour, Flavour::Pv);
        // SAFETY: `install` was promised a start information of this flavour.
        unsafe { self.read() }
    }

    /// # Safety
    /// A `T` must be at the address.
    unsafe fn read<T: Copy>(self) -> T {
        let _ = paging::map(self, self.address as u64, size_of::<T>() as u64);
        // SAFETY: a `T` is there (the caller's obligation), mapped just now.
        unsafe { core::ptr::with_exposed_provenance::<T>(self.address).read() }
    }
}

fn pv_slot(mfn: usize, event_channel: u32) -> Option<PvSlot> {
    if mfn == 0 {
        return None;
    }
    let word = (MACHINE_TO_PHYS + mfn * 8) as *const u64;
    // SAFETY: Xen keeps a word for every machine page readable there, and a page of the
    // guest's own is one that exists.
    let pfn = unsafe { word.read_volatile() };
    Some(PvSlot { pfn, event_channel })
}

fn region(entry: MemmapEntry) -> MemoryRegion {
    let kind = match entry.kind {
        1 => MemoryKind::Ram,
        other => MemoryKind::Other(other),
    };
    MemoryRegion { start: entry.addr, length: entry.size, kind }
}
