//! Bulk data over TCP.

use std::io::{self, Read, Write};

const CHUNK: usize = 256 << 10;

/// Reads `bytes` and forgets them.
pub(crate) fn sink(from: &mut impl Read, bytes: u64) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    let mut left = bytes;
    while left > 0 {
        match from.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => left = left.saturating_sub(n as u64),
        }
    }
    Ok(())
}

/// Writes `bytes` of zeros.
pub(crate) fn source(to: &mut impl Write, bytes: u64) -> io::Result<()> {
    let buffer = vec![0; CHUNK];
    let mut left = bytes;
    while left > 0 {
        let part = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
        to.write_all(&buffer[..part])?;
        left -= part as u64;
    }
    Ok(())
}
