//! LZO1X blocks in the file format of `lzop`.
//!
//! `lzop` has no written specification; the layout here is what Linux `lib/decompress_unlzo.c`
//! reads, with the checksums its writer may add. All numbers are big-endian.
//!
//! | header field | bytes |
//! |---|---|
//! | magic | 9 |
//! | version, library version | 2, 2 |
//! | version needed to extract (since 0x0940) | 2 |
//! | method; level (since 0x0940) | 1; 1 |
//! | flags | 4 |
//! | filter (if flag) | 4 |
//! | mode, modification time | 4, 4 |
//! | modification time, high half (since 0x0940) | 4 |
//! | file name length, file name | 1, n |
//! | header checksum | 4 |
//!
//! Blocks follow, each: uncompressed size (0 ends the file), compressed size, checksums of the
//! uncompressed bytes, checksums of the compressed bytes (unless stored), data. A block whose two
//! sizes are equal is stored. Checksums are passed over, as Linux does.

use std::io::{self, Read};

const MAGIC: [u8; 9] = [0x89, b'L', b'Z', b'O', 0, b'\r', b'\n', 0x1a, b'\n'];
const VERSION_0940: u16 = 0x0940;
const MAX_BLOCK: usize = 256 << 10;

const FLAG_ADLER32_D: u32 = 0x0001;
const FLAG_ADLER32_C: u32 = 0x0002;
const FLAG_CRC32_D: u32 = 0x0100;
const FLAG_CRC32_C: u32 = 0x0200;
const FLAG_FILTER: u32 = 0x0800;

/// Decodes an `lzop` file.
pub(super) struct LzopReader<'a> {
    input: Input<'a>,
    flags: u32,
    block: Vec<u8>,
    taken: usize,
    ended: bool,
}

impl<'a> LzopReader<'a> {
    pub(super) fn new(file: &'a [u8]) -> io::Result<LzopReader<'a>> {
        let mut input = Input(file);
        let flags = header(&mut input)?;
        Ok(LzopReader { input, flags, block: Vec::new(), taken: 0, ended: false })
    }

    fn next_block(&mut self) -> io::Result<()> {
        let size = self.input.be32()?;
        if size == 0 {
            self.ended = true;
            return Ok(());
        }
        let compressed = self.input.be32()?;
        let stored = compressed == size;
        self.input.take(self.checksums(stored))?;

        let index = |size| usize::try_from(size).unwrap_or(usize::MAX);
        let (size, compressed) = (index(size), index(compressed));
        if size > MAX_BLOCK || compressed == 0 || compressed > size {
            return Err(corrupt("a block size is out of range"));
        }
        let data = self.input.take(compressed)?;
        self.taken = 0;
        self.block.resize(size, 0);
        if stored {
            self.block.copy_from_slice(data);
            return Ok(());
        }
        match lzokay::decompress::decompress(data, &mut self.block) {
            Ok(written) if written == size => Ok(()),
            Ok(_) => Err(corrupt("a block is shorter than it says")),
            Err(problem) => Err(io::Error::new(io::ErrorKind::InvalidData, problem)),
        }
    }

    /// Bytes of checksums before a block's data.
    fn checksums(&self, stored: bool) -> usize {
        let plain = FLAG_ADLER32_D | FLAG_CRC32_D;
        let present = if stored { plain } else { plain | FLAG_ADLER32_C | FLAG_CRC32_C };
        let count = (self.flags & present).count_ones();
        4 * count as usize
    }
}

impl Read for LzopReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.block.len() && !self.ended {
            self.next_block()?;
        }
        let count = (&self.block[self.taken..]).read(buffer)?;
        self.taken += count;
        Ok(count)
    }
}

/// Reads past the header; returns its flags.
fn header(input: &mut Input<'_>) -> io::Result<u32> {
    if input.take(MAGIC.len())? != MAGIC {
        return Err(corrupt("the lzop magic is damaged"));
    }
    let version = input.be16()?;
    let newer = version >= VERSION_0940;
    // Library version; then version needed, method and level, or method alone.
    input.take(2 + if newer { 4 } else { 1 })?;
    let flags = input.be32()?;
    let filter = if flags & FLAG_FILTER != 0 { 4 } else { 0 };
    input.take(filter + if newer { 12 } else { 8 })?;
    let [name] = input.array()?;
    input.take(usize::from(name) + 4)?;
    Ok(flags)
}

/// Bytes not read yet.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> io::Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(io::ErrorKind::UnexpectedEof)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk().ok_or(io::ErrorKind::UnexpectedEof)?;
        self.0 = rest;
        Ok(*array)
    }

    fn be16(&mut self) -> io::Result<u16> {
        self.array().map(u16::from_be_bytes)
    }

    fn be32(&mut self) -> io::Result<u32> {
        self.array().map(u32::from_be_bytes)
    }
}

fn corrupt(problem: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}
