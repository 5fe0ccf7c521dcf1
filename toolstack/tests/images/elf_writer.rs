//! Writes small ELF kernels, field by field.
//!
//! Layout: file header, program headers, segment contents, notes, section name table, section
//! headers. Offsets of fields from the System V ABI.

/// A program header of type `PT_LOAD` to be.
#[derive(Clone)]
pub(crate) struct Load {
    pub(crate) paddr: u64,
    pub(crate) vaddr: u64,
    pub(crate) memsz: u64,
    pub(crate) data: Vec<u8>,
}

/// What the file should be like. [`ElfWriter::pv`] and [`ElfWriter::pvh`] are bootable as they are.
#[derive(Clone)]
pub(crate) struct ElfWriter {
    pub(crate) bits64: bool,
    pub(crate) machine: u16,
    pub(crate) entry: u64,
    pub(crate) loads: Vec<Load>,
    /// Contents of a `PT_NOTE` segment.
    pub(crate) notes: Vec<u8>,
    /// Sections: name, type, contents.
    pub(crate) sections: Vec<(&'static str, u32, Vec<u8>)>,
}

pub(crate) const EM_386: u16 = 3;
pub(crate) const EM_X86_64: u16 = 62;
pub(crate) const SHT_PROGBITS: u32 = 1;
pub(crate) const SHT_STRTAB: u32 = 3;
pub(crate) const SHT_NOTE: u32 = 7;

impl ElfWriter {
    /// A 64-bit kernel without notes: 16 bytes at 1 MiB, in two pages of memory.
    pub(crate) fn bare() -> ElfWriter {
        ElfWriter {
            bits64: true,
            machine: EM_X86_64,
            entry: 0x10_0000,
            loads: vec![Load {
                paddr: 0x10_0000,
                vaddr: 0x10_0000,
                memsz: 0x2000,
                data: vec![0xf4; 16],
            }],
            notes: Vec::new(),
            sections: Vec::new(),
        }
    }

    /// The same with the notes a PV kernel must have.
    pub(crate) fn pv() -> ElfWriter {
        let mut elf = ElfWriter::bare();
        elf.notes.extend(note("Xen", 8, b"generic\0"));
        elf.notes.extend(note("Xen", 5, b"xen-3.0\0"));
        elf
    }

    /// The same with a PVH entry point.
    pub(crate) fn pvh() -> ElfWriter {
        let mut elf = ElfWriter::bare();
        elf.notes.extend(note("Xen", 18, &0x10_0000_u32.to_le_bytes()));
        elf
    }

    pub(crate) fn with_note(mut self, kind: u32, desc: &[u8]) -> ElfWriter {
        self.notes.extend(note("Xen", kind, desc));
        self
    }

    pub(crate) fn with_section(mut self, name: &'static str, kind: u32, body: &[u8]) -> ElfWriter {
        self.sections.push((name, kind, body.to_vec()));
        self
    }

    pub(crate) fn header_size(&self) -> usize {
        if self.bits64 { 64 } else { 52 }
    }

    pub(crate) fn program_header_size(&self) -> usize {
        if self.bits64 { 56 } else { 32 }
    }

    /// The file.
    pub(crate) fn build(&self) -> Vec<u8> {
        let headers = self.loads.len() + usize::from(!self.notes.is_empty());
        let mut at = self.header_size() + headers * self.program_header_size();
        let mut table = Vec::new();
        let mut contents = Vec::new();
        for load in &self.loads {
            self.program_header(&mut table, 1, at, load);
            contents.extend_from_slice(&load.data);
            at += load.data.len();
        }
        if !self.notes.is_empty() {
            let notes = Load { paddr: 0, vaddr: 0, memsz: 0, data: self.notes.clone() };
            self.program_header(&mut table, 4, at, &notes);
            contents.extend_from_slice(&self.notes);
            at += self.notes.len();
        }
        let (sections, bodies) = self.section_headers(at);
        let shoff = if sections.is_empty() { 0 } else { at + bodies.len() };
        let shnum = if sections.is_empty() { 0 } else { self.sections.len() + 2 };

        let mut file = self.file_header(headers, shoff, shnum);
        for part in [table, contents, bodies, sections] {
            file.extend(part);
        }
        file
    }

    fn file_header(&self, phnum: usize, shoff: usize, shnum: usize) -> Vec<u8> {
        let class = if self.bits64 { 2 } else { 1 };
        let mut out = vec![0x7f, b'E', b'L', b'F', class, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        out.extend(2_u16.to_le_bytes());
        out.extend(self.machine.to_le_bytes());
        out.extend(1_u32.to_le_bytes());
        self.word(&mut out, self.entry);
        self.word(&mut out, self.header_size() as u64);
        self.word(&mut out, shoff as u64);
        out.extend(0_u32.to_le_bytes());
        let section_header = if self.bits64 { 64 } else { 40 };
        let shstrndx = shnum.saturating_sub(1);
        for half in
            [self.header_size(), self.program_header_size(), phnum, section_header, shnum, shstrndx]
        {
            out.extend(u16::try_from(half).unwrap().to_le_bytes());
        }
        out
    }

    fn program_header(&self, out: &mut Vec<u8>, kind: u32, offset: usize, load: &Load) {
        const READ_EXECUTE: u32 = 5;
        out.extend(kind.to_le_bytes());
        if self.bits64 {
            out.extend(READ_EXECUTE.to_le_bytes());
        }
        let filesz = load.data.len() as u64;
        for word in [offset as u64, load.vaddr, load.paddr, filesz, load.memsz] {
            self.word(out, word);
        }
        if !self.bits64 {
            out.extend(READ_EXECUTE.to_le_bytes());
        }
        self.word(out, 0x1000);
    }

    /// Section headers and the contents they point to, the first of which is at `at`.
    fn section_headers(&self, mut at: usize) -> (Vec<u8>, Vec<u8>) {
        let (mut headers, mut bodies, mut names) = (Vec::new(), Vec::new(), vec![0]);
        if self.sections.is_empty() {
            return (headers, bodies);
        }
        self.section_header(&mut headers, 0, 0, 0, 0);
        for (name, kind, body) in &self.sections {
            self.section_header(&mut headers, names.len(), *kind, at, body.len());
            names.extend_from_slice(name.as_bytes());
            names.push(0);
            bodies.extend_from_slice(body);
            at += body.len();
        }
        self.section_header(&mut headers, 0, SHT_STRTAB, at, names.len());
        bodies.extend(names);
        (headers, bodies)
    }

    fn section_header(&self, out: &mut Vec<u8>, name: usize, kind: u32, at: usize, size: usize) {
        out.extend(u32::try_from(name).unwrap().to_le_bytes());
        out.extend(kind.to_le_bytes());
        for word in [0, 0, at as u64, size as u64] {
            self.word(out, word);
        }
        out.extend([0; 8]);
        self.word(out, 1);
        self.word(out, 0);
    }

    /// An address, offset or size in the file's class.
    fn word(&self, out: &mut Vec<u8>, value: u64) {
        if self.bits64 {
            out.extend(value.to_le_bytes());
        } else {
            out.extend(u32::try_from(value).unwrap().to_le_bytes());
        }
    }
}

/// One ELF note, padded to four bytes.
pub(crate) fn note(owner: &str, kind: u32, desc: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(u32::try_from(owner.len() + 1).unwrap().to_le_bytes());
    out.extend(u32::try_from(desc.len()).unwrap().to_le_bytes());
    out.extend(kind.to_le_bytes());
    out.extend(owner.bytes());
    out.push(0);
    out.resize(out.len().next_multiple_of(4), 0);
    out.extend(desc);
    out.resize(out.len().next_multiple_of(4), 0);
    out
}
