//! The kernel image as domain builders see it.

use std::ops::Range;
use std::path::Path;

use super::boot::{BootMode, BootModes, PvBoot, PvhBoot};
use super::elf::ElfFile;
use super::file::{self, ImageFile};
use super::segment::{self, Segment};
use super::{ImageError, MAX_KERNEL_FILE, XenNotes, bzimage, payload};

/// Word size of a kernel's ELF file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElfClass {
    /// `ELFCLASS32`
    Elf32,
    /// `ELFCLASS64`
    Elf64,
}

/// A kernel ready to be loaded. Owns its decompressed bytes.
#[derive(Clone, Debug)]
pub struct Kernel {
    class: ElfClass,
    x86_64: bool,
    entry: u64,
    max_align: u64,
    segments: Vec<Segment>,
    notes: XenNotes,
}

impl Kernel {
    /// Opens a kernel file of at most [`MAX_KERNEL_FILE`] bytes and parses it.
    ///
    /// The file is memory-mapped while what is needed is copied out, but not during decompression:
    /// a few milliseconds in which truncating it would kill the process with SIGBUS. Replace
    /// kernels by renaming a new file over the old one, as package managers do.
    ///
    /// # Errors
    /// [`ImageError::InFile`] with the path and what is wrong.
    pub fn open(path: &Path) -> Result<Kernel, ImageError> {
        Kernel::open_file(path).map_err(|problem| problem.in_file(path))
    }

    fn open_file(path: &Path) -> Result<Kernel, ImageError> {
        let map = ImageFile::open(path, "kernel", MAX_KERNEL_FILE)?.map()?;
        let copied = match Container::of(&map)? {
            Container::Elf(elf) => return Kernel::from_borrowed(elf),
            Container::Compressed(payload) => {
                let mut copy = file::reserve("compressed kernel", payload.len() as u64)?;
                copy.extend_from_slice(payload);
                copy
            }
        };
        drop(map);
        Kernel::from_payload(&copied)
    }

    /// Parses a kernel in memory: an ELF, a gzip-compressed ELF, or a bzImage.
    ///
    /// # Errors
    /// Whatever is wrong with the image; never [`ImageError::InFile`].
    pub fn parse(bytes: &[u8]) -> Result<Kernel, ImageError> {
        match Container::of(bytes)? {
            Container::Elf(elf) => Kernel::from_borrowed(elf),
            Container::Compressed(payload) => Kernel::from_payload(payload),
        }
    }

    fn from_payload(payload: &[u8]) -> Result<Kernel, ImageError> {
        let elf = payload::decompress(payload)?;
        let (mut kernel, placed) = Kernel::from_headers(&elf)?;
        kernel.segments = segment::share(&placed, elf);
        Ok(kernel)
    }

    fn from_borrowed(elf: &[u8]) -> Result<Kernel, ImageError> {
        let (mut kernel, placed) = Kernel::from_headers(elf)?;
        kernel.segments = segment::copy(&placed, elf)?;
        Ok(kernel)
    }

    /// A kernel that lacks its segments yet, and where they are.
    fn from_headers(bytes: &[u8]) -> Result<(Kernel, Vec<segment::Placed>), ImageError> {
        let elf = ElfFile::parse(bytes)?;
        let headers = elf.program_headers()?;
        let placed = elf.placed(&headers)?;
        let kernel = Kernel {
            class: if elf.is_64bit() { ElfClass::Elf64 } else { ElfClass::Elf32 },
            x86_64: elf.is_x86_64(),
            entry: elf.entry(),
            max_align: placed.iter().map(|p| p.align).max().unwrap_or(0),
            segments: Vec::new(),
            notes: XenNotes::find(&elf, &headers)?,
        };
        Ok((kernel, placed))
    }

    /// What to load: at least one segment, ascending by physical address, not overlapping, each
    /// with no more bytes of data than it has memory.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The entry point in the ELF file header (`e_entry`). How a guest is really entered is said
    /// by [`pvh`](Kernel::pvh) and [`pv`](Kernel::pv).
    pub fn elf_entry(&self) -> u64 {
        self.entry
    }

    /// Word size of the ELF file.
    pub fn class(&self) -> ElfClass {
        self.class
    }

    /// Whether the ELF file is 64-bit and for x86-64.
    pub fn is_x86_64(&self) -> bool {
        self.x86_64
    }

    /// What the image tells Xen.
    pub fn notes(&self) -> &XenNotes {
        &self.notes
    }

    /// The version of the noxs channel that it speaks, if it does.
    pub fn noxs_version(&self) -> Option<u32> {
        self.notes.noxs
    }

    /// Guest-physical addresses from the first byte of all segments to behind the last.
    pub fn physical_range(&self) -> Range<u64> {
        let start = self.segments.first().map_or(0, |s| s.paddr);
        start..self.segments.last().map_or(start, Segment::end)
    }

    /// Largest `p_align` of the segments, in bytes.
    pub(super) fn max_align(&self) -> u64 {
        self.max_align
    }

    /// How to boot this kernel as a PVH guest.
    ///
    /// # Errors
    /// [`ImageError::NotXen`], [`ImageError::NoPvhEntry`], or [`ImageError::OutOfRange`] for an
    /// image that does not fit below 4 GiB or is entered outside itself.
    pub fn pvh(&self) -> Result<PvhBoot, ImageError> {
        PvhBoot::of(self)
    }

    /// How to boot this kernel as a 64-bit PV guest.
    ///
    /// # Errors
    /// [`ImageError::NotXen`], [`ImageError::NotPv`], [`ImageError::BadNote`] or
    /// [`ImageError::OutOfRange`]: the checks are those of Xen's `common/libelf/libelf-dominfo.c`
    /// and `libs/guest`, and some more.
    pub fn pv(&self) -> Result<PvBoot, ImageError> {
        PvBoot::of(self)
    }

    /// The modes for which [`pvh`](Kernel::pvh) and [`pv`](Kernel::pv) succeed.
    pub fn boot_modes(&self) -> BootModes {
        BootModes { pvh: self.pvh().is_ok(), pv: self.pv().is_ok() }
    }

    /// The mode to boot in when nobody asked for one: PVH if the image can, else PV.
    ///
    /// # Errors
    /// [`ImageError::NotXen`], or [`ImageError::NotBootable`] with the reasons against both.
    pub fn preferred_mode(&self) -> Result<BootMode, ImageError> {
        match (self.pvh(), self.pv()) {
            (Ok(_), _) => Ok(BootMode::Pvh),
            (_, Ok(_)) => Ok(BootMode::Pv),
            (Err(ImageError::NotXen), _) => Err(ImageError::NotXen),
            (Err(pvh), Err(pv)) => {
                Err(ImageError::NotBootable { pvh: Box::new(pvh), pv: Box::new(pv) })
            }
        }
    }
}

/// What a kernel file turns out to be.
enum Container<'a> {
    Elf(&'a [u8]),
    Compressed(&'a [u8]),
}

impl Container<'_> {
    fn of(file: &[u8]) -> Result<Container<'_>, ImageError> {
        if file.is_empty() {
            Err(ImageError::Empty { what: "kernel" })
        } else if ElfFile::is_elf(file) {
            Ok(Container::Elf(file))
        } else if bzimage::is_bzimage(file) {
            bzimage::payload(file).map(Container::Compressed)
        } else if payload::is_gzip(file) {
            Ok(Container::Compressed(file))
        } else {
            Err(ImageError::UnknownFormat { start: ImageError::start_of(file) })
        }
    }
}
