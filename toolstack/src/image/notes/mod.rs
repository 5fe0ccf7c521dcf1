//! What a kernel tells Xen: ELF notes, or the `__xen_guest` section of older ones.
//!
//! Where they are looked for, in which order, and what they mean follows Xen's
//! `common/libelf/libelf-dominfo.c`.

mod elf_notes;
pub mod elfnote;
mod features;
mod guest_section;

use ::elf::segment::ProgramHeader;

pub use features::{Feature, Features};

use super::ImageError;
use super::elf::ElfFile;

/// Where the notes of an image were found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NotesOrigin {
    /// There are none.
    #[default]
    Nowhere,
    /// In ELF notes of the owner "Xen".
    ElfNotes,
    /// In the section `__xen_guest`.
    GuestSection,
}

/// What the image says, unchecked and without defaults. See [`elfnote`] for each note's meaning.
///
/// Notes without use for a domain builder on x86-64 are not kept: `PAE_MODE`, `L1_MFN_VALID`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct XenNotes {
    /// Where this was found.
    pub origin: NotesOrigin,
    /// [`GUEST_OS`](elfnote::GUEST_OS)
    pub guest_os: Option<String>,
    /// [`GUEST_VERSION`](elfnote::GUEST_VERSION)
    pub guest_version: Option<String>,
    /// [`XEN_VERSION`](elfnote::XEN_VERSION)
    pub xen_version: Option<String>,
    /// [`LOADER`](elfnote::LOADER)
    pub loader: Option<String>,
    /// [`ENTRY`](elfnote::ENTRY), a virtual address
    pub entry: Option<u64>,
    /// [`HYPERCALL_PAGE`](elfnote::HYPERCALL_PAGE), a virtual address also where the image gave a
    /// page number
    pub hypercall_page: Option<u64>,
    /// [`VIRT_BASE`](elfnote::VIRT_BASE), a virtual address
    pub virt_base: Option<u64>,
    /// [`PADDR_OFFSET`](elfnote::PADDR_OFFSET), in bytes
    pub paddr_offset: Option<u64>,
    /// [`INIT_P2M`](elfnote::INIT_P2M), a virtual address
    pub init_p2m: Option<u64>,
    /// [`HV_START_LOW`](elfnote::HV_START_LOW), a virtual address
    pub hv_start_low: Option<u64>,
    /// [`PHYS32_ENTRY`](elfnote::PHYS32_ENTRY), a physical address
    pub phys32_entry: Option<u64>,
    /// [`PHYS32_RELOC`](elfnote::PHYS32_RELOC)
    pub phys32_reloc: Option<Phys32Reloc>,
    /// [`FEATURES`](elfnote::FEATURES) and [`SUPPORTED_FEATURES`](elfnote::SUPPORTED_FEATURES)
    pub features: Features,
    /// [`BSD_SYMTAB`](elfnote::BSD_SYMTAB)
    pub bsd_symtab: bool,
    /// [`SUSPEND_CANCEL`](elfnote::SUSPEND_CANCEL)
    pub suspend_cancel: bool,
    /// [`MOD_START_PFN`](elfnote::MOD_START_PFN)
    pub mod_start_pfn: bool,
    /// The version of the noxs channel that the image speaks: its note of type 1 and the owner
    /// "noxs" (`docs/noxs.md`).
    pub noxs: Option<u32>,
}

/// Where else a PVH kernel may be loaded: the note `PHYS32_RELOC` as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phys32Reloc {
    /// Alignment of the load address in bytes, if the note gives one.
    pub align: Option<u32>,
    /// Lowest physical address of the first byte; 0 if the note does not say.
    pub min: u32,
    /// Highest physical address of the last byte; 0xffffffff if the note does not say.
    pub max: u32,
}

impl XenNotes {
    /// Looks into note segments, else note sections, else the section `__xen_guest`.
    pub(super) fn find(
        elf: &ElfFile<'_>,
        headers: &[ProgramHeader],
    ) -> Result<XenNotes, ImageError> {
        let mut reader = elf_notes::Reader::default();
        for (offset, segment) in elf.note_segments(headers)? {
            reader.read(segment, offset)?;
        }
        if reader.notes.origin == NotesOrigin::Nowhere {
            for (offset, section) in elf.note_sections()? {
                reader.read(section, offset)?;
            }
        }
        if reader.notes.origin == NotesOrigin::Nowhere
            && let Some(section) = elf.section("__xen_guest")?
        {
            return guest_section::parse(section);
        }
        Ok(reader.notes)
    }

    /// Parses the contents of a note segment.
    ///
    /// # Errors
    /// [`ImageError::Truncated`], [`ImageError::BadNote`] or [`ImageError::TooLarge`].
    pub fn from_elf_notes(segment: &[u8]) -> Result<XenNotes, ImageError> {
        let mut reader = elf_notes::Reader::default();
        reader.read(segment, 0)?;
        Ok(reader.notes)
    }

    /// Parses the contents of a `__xen_guest` section.
    ///
    /// # Errors
    /// [`ImageError::BadNote`] or [`ImageError::TooLarge`].
    pub fn from_guest_section(section: &[u8]) -> Result<XenNotes, ImageError> {
        guest_section::parse(section)
    }
}

/// Text as a string. Copied before it is validated: the bytes may be in a file mapping.
fn owned(text: &[u8]) -> String {
    let copy = text.to_vec();
    String::from_utf8(copy)
        .unwrap_or_else(|problem| String::from_utf8_lossy(problem.as_bytes()).into_owned())
}
