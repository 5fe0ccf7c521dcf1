//! LZ4's legacy frame format, as `lz4 -l` writes it.
//!
//! From lz4's `doc/lz4_Frame_format.md`, "Legacy frame": a magic number, then blocks of at most
//! 8 MiB each, with a four-byte little-endian compressed size before each. The frame ends with the
//! file, or where another frame's magic stands in place of a size.

use std::io::{self, Read};

const MAGIC: u32 = 0x184c_2102;
const BLOCK_SIZE: usize = 8 << 20;
/// The most an incompressible block can grow to: `LZ4_COMPRESSBOUND(BLOCK_SIZE)`.
const MAX_COMPRESSED: usize = BLOCK_SIZE + BLOCK_SIZE / 255 + 16;
/// No LZ4 byte stands for more than this many.
const MAX_RATIO: usize = 255;

/// Decodes one frame after another until the input ends.
///
/// Up to four bytes that are left over at the end are passed over: Linux writes the size of the
/// kernel there.
pub(super) struct LegacyReader<'a> {
    input: &'a [u8],
    block: Vec<u8>,
    taken: usize,
}

impl<'a> LegacyReader<'a> {
    pub(super) fn new(input: &'a [u8]) -> LegacyReader<'a> {
        LegacyReader { input, block: Vec::new(), taken: 0 }
    }

    /// Decodes the next block; `false` at the end.
    fn next_block(&mut self) -> io::Result<bool> {
        loop {
            let Some((size, rest)) = self.input.split_first_chunk() else { return Ok(false) };
            if rest.is_empty() {
                return Ok(false);
            }
            self.input = rest;
            let size = u32::from_le_bytes(*size);
            if size != MAGIC {
                return self.decode(size).map(|()| true);
            }
        }
    }

    fn decode(&mut self, size: u32) -> io::Result<()> {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        if size == 0 || size > MAX_COMPRESSED {
            return Err(corrupt("a block size is out of range"));
        }
        let (block, rest) =
            self.input.split_at_checked(size).ok_or(io::ErrorKind::UnexpectedEof)?;
        self.input = rest;
        self.taken = 0;
        self.block.resize(BLOCK_SIZE.min(size * MAX_RATIO), 0);
        let written = lz4_flex::block::decompress_into(block, &mut self.block)
            .map_err(|problem| io::Error::new(io::ErrorKind::InvalidData, problem))?;
        self.block.truncate(written);
        Ok(())
    }
}

impl Read for LegacyReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.block.len() {
            if !self.next_block()? {
                return Ok(0);
            }
        }
        let count = (&self.block[self.taken..]).read(buffer)?;
        self.taken += count;
        Ok(count)
    }
}

fn corrupt(problem: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}
