//! Xen's ELF notes.

use super::super::ImageError;
use super::{NotesOrigin, Phys32Reloc, XenNotes, elfnote, owned};

/// Longest string and most notes accepted, as in Xen's `xen/libelf.h`
/// (`ELF_MAX_STRING_LENGTH`, `ELF_MAX_TOTAL_NOTE_COUNT`).
const MAX_STRING: usize = 4096;
const MAX_NOTES: u32 = 65536;

/// Type of the note of the owner "noxs" that holds the version, a 32-bit word.
const NOXS_VERSION: u32 = 1;

/// Reads notes into a [`XenNotes`], counting them.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) notes: XenNotes,
    seen: u32,
}

impl Reader {
    /// Reads one segment's or section's notes; `offset` is where it starts in the file.
    ///
    /// Names and descriptions are padded to four bytes whatever the segment's alignment, as Xen
    /// has it: GRUB aligns its segment to eight and pads to four.
    pub(super) fn read(&mut self, part: &[u8], offset: u64) -> Result<(), ImageError> {
        let mut rest = part;
        while !rest.is_empty() {
            let at = offset + (part.len() - rest.len()) as u64;
            let truncated = || ImageError::Truncated {
                what: "ELF note",
                offset: at,
                needed: rest.len() as u64 + 1,
                end: offset + part.len() as u64,
            };
            let (note, tail) = Note::split(rest).ok_or_else(truncated)?;
            rest = tail;
            self.seen += 1;
            if self.seen > MAX_NOTES {
                let (size, limit) = (self.seen.into(), MAX_NOTES.into());
                return Err(ImageError::TooLarge { what: "set of ELF notes", size, limit });
            }
            match text(note.owner) {
                b"Xen" => {
                    self.notes.origin = NotesOrigin::ElfNotes;
                    note.put(&mut self.notes)?;
                }
                b"noxs" if note.kind == NOXS_VERSION => {
                    self.notes.noxs = note.words()?[0];
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// One note: owner, type and description (System V ABI, "Note Section").
struct Note<'a> {
    owner: &'a [u8],
    kind: u32,
    desc: &'a [u8],
}

impl<'a> Note<'a> {
    /// The first note of `bytes`, and what follows it.
    fn split(bytes: &'a [u8]) -> Option<(Note<'a>, &'a [u8])> {
        let (namesz, bytes) = word(bytes)?;
        let (descsz, bytes) = word(bytes)?;
        let (kind, bytes) = word(bytes)?;
        let (owner, bytes) = padded(bytes, length(namesz)?)?;
        let (desc, bytes) = padded(bytes, length(descsz)?)?;
        Some((Note { owner, kind, desc }, bytes))
    }

    /// Puts what the note says where it belongs. Types without a meaning here are passed over.
    fn put(&self, notes: &mut XenNotes) -> Result<(), ImageError> {
        match self.kind {
            elfnote::ENTRY => notes.entry = Some(self.number()?),
            elfnote::HYPERCALL_PAGE => notes.hypercall_page = Some(self.number()?),
            elfnote::VIRT_BASE => notes.virt_base = Some(self.number()?),
            elfnote::PADDR_OFFSET => notes.paddr_offset = Some(self.number()?),
            elfnote::XEN_VERSION => notes.xen_version = Some(self.string()?),
            elfnote::GUEST_OS => notes.guest_os = Some(self.string()?),
            elfnote::GUEST_VERSION => notes.guest_version = Some(self.string()?),
            elfnote::LOADER => notes.loader = Some(self.string()?),
            elfnote::FEATURES => notes.features.add(&self.string()?)?,
            elfnote::BSD_SYMTAB => notes.bsd_symtab |= self.string()? == "yes",
            elfnote::HV_START_LOW => notes.hv_start_low = Some(self.number()?),
            elfnote::SUSPEND_CANCEL => notes.suspend_cancel = self.number()? != 0,
            elfnote::INIT_P2M => notes.init_p2m = Some(self.number()?),
            elfnote::MOD_START_PFN => notes.mod_start_pfn = self.number()? != 0,
            elfnote::SUPPORTED_FEATURES => {
                notes.features.supported |= self.words()?[0].unwrap_or(0)
            }
            elfnote::PHYS32_ENTRY => notes.phys32_entry = Some(self.number()?),
            elfnote::PHYS32_RELOC => notes.phys32_reloc = Some(self.relocation()?),
            _ => {}
        }
        Ok(())
    }

    fn number(&self) -> Result<u64, ImageError> {
        let mut value = [0; 8];
        match self.desc.len() {
            size @ (1 | 2 | 4 | 8) => value[..size].copy_from_slice(self.desc),
            size => {
                return Err(self.bad(format!("has {size} bytes; a number has 1, 2, 4 or 8")));
            }
        }
        Ok(u64::from_le_bytes(value))
    }

    /// Up to the first NUL, if there is one: Linux writes some strings without.
    fn string(&self) -> Result<String, ImageError> {
        let text = text(self.desc);
        if text.len() > MAX_STRING {
            return Err(self.bad(format!("is longer than {MAX_STRING} bytes")));
        }
        Ok(owned(text))
    }

    /// The first three 32-bit words, as far as there are that many.
    fn words(&self) -> Result<[Option<u32>; 3], ImageError> {
        let (words, odd) = self.desc.as_chunks();
        if !odd.is_empty() {
            let size = self.desc.len();
            return Err(self.bad(format!("has {size} bytes; expected 32-bit words")));
        }
        Ok([0, 1, 2].map(|index| words.get(index).map(|word| u32::from_le_bytes(*word))))
    }

    fn relocation(&self) -> Result<Phys32Reloc, ImageError> {
        let [align, min, max] = self.words()?;
        Ok(Phys32Reloc { align, min: min.unwrap_or(0), max: max.unwrap_or(u32::MAX) })
    }

    fn bad(&self, problem: String) -> ImageError {
        ImageError::note(elfnote::name(self.kind), problem)
    }
}

/// A C string without its terminator, which may be missing; no more of it than shows that it is
/// too long.
fn text(bytes: &[u8]) -> &[u8] {
    let bytes = &bytes[..bytes.len().min(MAX_STRING + 1)];
    bytes.split(|&byte| byte == 0).next().unwrap_or_default()
}

fn word(bytes: &[u8]) -> Option<(u32, &[u8])> {
    bytes.split_first_chunk().map(|(word, rest)| (u32::from_le_bytes(*word), rest))
}

fn length(word: u32) -> Option<usize> {
    usize::try_from(word).ok()
}

/// `size` bytes and what follows their padding. The last note's padding may be missing.
fn padded(bytes: &[u8], size: usize) -> Option<(&[u8], &[u8])> {
    let (field, _) = bytes.split_at_checked(size)?;
    let rest = bytes.get(size.checked_next_multiple_of(4)?..).unwrap_or_default();
    Some((field, rest))
}
