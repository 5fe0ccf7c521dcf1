//! Reading ELF files: headers, loadable segments, and where notes may be.
//!
//! The raw structures are the `elf` crate's; every offset and size they carry is checked here.
//! Layout and names from the System V ABI, chapters "ELF Header", "Section Header" and "Program
//! Header".

use std::ops::Range;

use ::elf::abi;
use ::elf::endian::LittleEndian;
use ::elf::file::{Class, FileHeader, parse_ident};
use ::elf::parse::ParseAt;
use ::elf::section::SectionHeader;
use ::elf::segment::ProgramHeader;

use super::segment::Placed;
use super::{ImageError, MAX_KERNEL};

/// More than any kernel has; keeps the work on a hostile file small.
const MAX_PROGRAM_HEADERS: u16 = 256;

/// An ELF file of an x86 kernel, its header checked.
pub(super) struct ElfFile<'a> {
    bytes: &'a [u8],
    header: FileHeader<LittleEndian>,
}

impl<'a> ElfFile<'a> {
    pub(super) fn is_elf(bytes: &[u8]) -> bool {
        bytes.starts_with(&abi::ELFMAGIC)
    }

    /// Parses the file header and checks that it is one of a little-endian x86 program.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<ElfFile<'a>, ImageError> {
        let size = match bytes.get(abi::EI_CLASS) {
            Some(&abi::ELFCLASS32) => 52,
            Some(&abi::ELFCLASS64) | None => 64,
            Some(&class) => {
                return Err(bad("ELF class", abi::EI_CLASS, class.into(), "1 (32) or 2 (64 bits)"));
            }
        };
        let ehdr = slice(bytes, "ELF file header", 0, size)?;
        let data = ehdr[abi::EI_DATA];
        if data != abi::ELFDATA2LSB {
            return Err(bad("ELF byte order", abi::EI_DATA, data.into(), "1 (little-endian)"));
        }
        let header = parse_ident::<LittleEndian>(ehdr)
            .and_then(|ident| FileHeader::parse_tail(ident, &ehdr[abi::EI_NIDENT..]))
            .map_err(|_| bad("ELF version", abi::EI_VERSION, ehdr[abi::EI_VERSION].into(), "1"))?;
        let file = ElfFile { bytes, header };
        file.check_header()?;
        Ok(file)
    }

    fn check_header(&self) -> Result<(), ImageError> {
        const E_TYPE: usize = 16;
        const E_MACHINE: usize = 18;
        let FileHeader { e_type, e_machine, .. } = self.header;
        if !matches!(e_type, abi::ET_EXEC | abi::ET_DYN) {
            let expected = "2 (executable) or 3 (position-independent)";
            return Err(bad("ELF e_type", E_TYPE, e_type.into(), expected));
        }
        if !matches!(e_machine, abi::EM_386 | abi::EM_X86_64) {
            return Err(bad(
                "ELF e_machine",
                E_MACHINE,
                e_machine.into(),
                "3 (i386) or 62 (x86-64)",
            ));
        }
        Ok(())
    }

    pub(super) fn is_64bit(&self) -> bool {
        self.header.class == Class::ELF64
    }

    /// Whether the code is x86-64: a 64-bit file for that machine.
    pub(super) fn is_x86_64(&self) -> bool {
        self.is_64bit() && self.header.e_machine == abi::EM_X86_64
    }

    pub(super) fn entry(&self) -> u64 {
        self.header.e_entry
    }

    pub(super) fn program_headers(&self) -> Result<Vec<ProgramHeader>, ImageError> {
        let FileHeader { e_phoff, e_phentsize, e_phnum, .. } = self.header;
        let (phentsize_at, phnum_at) = if self.is_64bit() { (54, 56) } else { (42, 44) };
        if e_phnum == 0 || e_phnum > MAX_PROGRAM_HEADERS {
            return Err(bad("ELF e_phnum", phnum_at, e_phnum.into(), "1 to 256 program headers"));
        }
        let entry = ProgramHeader::size_for(self.header.class);
        if usize::from(e_phentsize) != entry {
            let expected = if self.is_64bit() { "56" } else { "32" };
            return Err(bad("ELF e_phentsize", phentsize_at, e_phentsize.into(), expected));
        }
        let size = u64::from(e_phentsize) * u64::from(e_phnum);
        let table = slice(self.bytes, "ELF program header table", e_phoff, size)?;
        Ok(self.entries(table, entry).collect())
    }

    /// Sections other than the first, which is reserved; none when the table is damaged or absent.
    ///
    /// Kernels boot without sections, so a broken table is not an error of its own.
    fn sections(&self) -> Vec<SectionHeader> {
        let FileHeader { e_shoff, e_shentsize, e_shnum, .. } = self.header;
        let entry = SectionHeader::size_for(self.header.class);
        let size = u64::from(e_shentsize) * u64::from(e_shnum);
        match slice(self.bytes, "ELF section header table", e_shoff, size) {
            Ok(table) if usize::from(e_shentsize) == entry => {
                self.entries(table, entry).skip(1).collect()
            }
            _ => Vec::new(),
        }
    }

    fn entries<P: ParseAt>(&self, table: &'a [u8], size: usize) -> impl Iterator<Item = P> {
        let class = self.header.class;
        table
            .chunks_exact(size)
            .filter_map(move |entry| P::parse_at(LittleEndian, class, &mut 0, entry).ok())
    }

    /// The bytes of every `PT_NOTE` segment, with their file offsets.
    ///
    /// One at offset 0 is passed over as Xen does: some binutils wrote that.
    pub(super) fn note_segments(
        &self,
        headers: &[ProgramHeader],
    ) -> Result<Vec<(u64, &'a [u8])>, ImageError> {
        headers
            .iter()
            .filter(|h| h.p_type == abi::PT_NOTE && h.p_offset != 0)
            .map(|h| self.part("ELF note segment", h.p_offset, h.p_filesz))
            .collect()
    }

    /// The bytes of every `SHT_NOTE` section, with their file offsets.
    pub(super) fn note_sections(&self) -> Result<Vec<(u64, &'a [u8])>, ImageError> {
        self.sections()
            .iter()
            .filter(|s| s.sh_type == abi::SHT_NOTE)
            .map(|s| self.part("ELF note section", s.sh_offset, s.sh_size))
            .collect()
    }

    /// The contents of the section of that name.
    pub(super) fn section(&self, name: &str) -> Result<Option<&'a [u8]>, ImageError> {
        let sections = self.sections();
        let strings = usize::from(self.header.e_shstrndx).checked_sub(1);
        let Some(strings) = strings.and_then(|index| sections.get(index)) else {
            return Ok(None);
        };
        let (_, strings) =
            self.part("ELF section name table", strings.sh_offset, strings.sh_size)?;
        let named = |s: &&SectionHeader| {
            let tail = usize::try_from(s.sh_name).ok().and_then(|at| strings.get(at..));
            let rest = tail.and_then(|tail| tail.strip_prefix(name.as_bytes()));
            rest.is_some_and(|rest| rest.first() == Some(&0))
        };
        match sections.iter().find(named) {
            Some(s) => self.part("ELF section", s.sh_offset, s.sh_size).map(|(_, part)| Some(part)),
            None => Ok(None),
        }
    }

    fn part(
        &self,
        what: &'static str,
        offset: u64,
        size: u64,
    ) -> Result<(u64, &'a [u8]), ImageError> {
        Ok((offset, slice(self.bytes, what, offset, size)?))
    }

    /// The loadable segments, ascending by physical address.
    pub(super) fn placed(&self, headers: &[ProgramHeader]) -> Result<Vec<Placed>, ImageError> {
        let mut placed: Vec<Placed> = headers
            .iter()
            .filter(|h| is_loaded(h))
            .map(|h| self.place(h))
            .collect::<Result<_, _>>()?;
        placed.sort_by_key(|p| p.paddr);
        if placed.is_empty() {
            return Err(ImageError::Empty { what: "set of loadable ELF segments (PT_LOAD)" });
        }
        for pair in placed.windows(2) {
            let (end, start) = (pair[0].paddr + pair[0].memsz, pair[1].paddr);
            if end > start {
                return Err(ImageError::SegmentsOverlap { end, start });
            }
        }
        let size: u64 = placed.iter().map(|p| p.file.len() as u64).sum();
        if size > MAX_KERNEL {
            let what = "sum of loadable ELF segments";
            return Err(ImageError::TooLarge { what, size, limit: MAX_KERNEL });
        }
        Ok(placed)
    }

    fn place(&self, header: &ProgramHeader) -> Result<Placed, ImageError> {
        let ProgramHeader { p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_align, .. } = *header;
        let file = range(self.bytes, "loadable ELF segment", p_offset, p_filesz)?;
        let refuse = |what, value, expected| ImageError::BadField {
            what,
            offset: p_offset,
            value,
            expected,
        };
        if p_memsz < p_filesz {
            let expected = "at least the segment's size in the file (p_filesz)";
            return Err(refuse("p_memsz of the ELF segment", p_memsz, expected));
        }
        if p_paddr.checked_add(p_memsz).is_none() {
            let expected = "a size with which the segment does not wrap around the address space";
            return Err(refuse("p_memsz of the ELF segment", p_memsz, expected));
        }
        Ok(Placed { paddr: p_paddr, vaddr: p_vaddr, memsz: p_memsz, align: p_align, file })
    }
}

/// Xen loads what is marked `PT_LOAD` and may be read, written or executed; nothing to load where
/// there is no size.
fn is_loaded(header: &ProgramHeader) -> bool {
    header.p_type == abi::PT_LOAD
        && header.p_flags & (abi::PF_R | abi::PF_W | abi::PF_X) != 0
        && header.p_memsz.max(header.p_filesz) != 0
}

/// `offset..offset + size` if `bytes` has it.
fn range(
    bytes: &[u8],
    what: &'static str,
    offset: u64,
    size: u64,
) -> Result<Range<usize>, ImageError> {
    let end = bytes.len() as u64;
    let truncated = ImageError::Truncated { what, offset, needed: size, end };
    match offset.checked_add(size) {
        Some(last) if last <= end => {
            let as_index = |at| usize::try_from(at).ok();
            as_index(offset).zip(as_index(last)).map(|(from, to)| from..to).ok_or(truncated)
        }
        _ => Err(truncated),
    }
}

fn slice<'a>(
    bytes: &'a [u8],
    what: &'static str,
    offset: u64,
    size: u64,
) -> Result<&'a [u8], ImageError> {
    range(bytes, what, offset, size).map(|range| &bytes[range])
}

fn bad(what: &'static str, offset: usize, value: u64, expected: &'static str) -> ImageError {
    ImageError::BadField { what, offset: offset as u64, value, expected }
}
