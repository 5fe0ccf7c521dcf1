//! The log: a ring of records that the guest writes and the host forwards.
//!
//! A record is a header of 12 bytes, text, and bytes that make its length a multiple of
//! four. Positions count bytes and run freely. A record may go on at the ring's begin.

use core::error::Error;
use core::fmt;
use core::sync::atomic::Ordering;

use crate::bytes::{get, put, u16, u64};
use crate::layout::{LOG, LOG_CONSUMED, LOG_DROPPED, LOG_PRODUCED, LOG_SIZE};
use crate::ring::RingError;
use crate::{Lie, SharedMemory};

/// Bytes of a record before its text.
pub const HEADER: usize = 12;
/// Bytes of the longest text.
pub const MAX_TEXT: usize = LOG_SIZE - HEADER;
/// Flags: bytes at the record's end that are not text.
pub const FLAG_PADDING: u8 = 0b11;
/// Flag: the text was longer.
pub const FLAG_CUT: u8 = 1 << 2;

#[allow(clippy::cast_possible_truncation, reason = "1024")]
const SIZE: u32 = LOG_SIZE as u32;

/// How urgent a record is: syslog's severities (RFC 5424).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Severity {
    /// The guest is unusable.
    Emergency = 0,
    /// Act at once.
    Alert = 1,
    /// It failed: last words.
    Critical = 2,
    /// Something failed.
    Error = 3,
    /// Something may fail.
    Warning = 4,
    /// Worth knowing.
    Notice = 5,
    /// All is well.
    Info = 6,
    /// For its developers.
    Debug = 7,
}

impl Severity {
    const ALL: [Severity; 8] = [
        Severity::Emergency,
        Severity::Alert,
        Severity::Critical,
        Severity::Error,
        Severity::Warning,
        Severity::Notice,
        Severity::Info,
        Severity::Debug,
    ];

    fn from_code(code: u8) -> Result<Severity, Lie> {
        Severity::ALL.get(usize::from(code)).copied().ok_or(Lie::Severity(code))
    }
}

/// A record that was read; its text is in the reader's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// How urgent.
    pub severity: Severity,
    /// Nanoseconds since the guest booted, by its own clock.
    pub time_ns: u64,
    /// Bytes of text. Any bytes: the guest should write UTF-8, but who knows.
    pub len: usize,
    /// The guest had more to say.
    pub cut: bool,
}

/// The log has no room; the guest counted the record as dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the log is full")
    }
}

impl Error for Full {}

/// The guest's end.
#[derive(Debug)]
pub(crate) struct Writer {
    produced: u32,
    dropped: u32,
}

impl Writer {
    pub(crate) fn attach<M: SharedMemory>(memory: &M) -> Writer {
        let load = |at| memory.load(at, Ordering::Acquire);
        Writer { produced: load(LOG_PRODUCED), dropped: load(LOG_DROPPED) }
    }

    /// Puts a record in, its text cut to [`MAX_TEXT`].
    pub(crate) fn push<M: SharedMemory>(
        &mut self,
        memory: &M,
        severity: Severity,
        time_ns: u64,
        text: &[u8],
    ) -> Result<(), Full> {
        let kept = &text[..text.len().min(MAX_TEXT)];
        let (header, len) = header(severity, time_ns, kept.len(), kept.len() < text.len());
        let used = self.produced.wrapping_sub(memory.load(LOG_CONSUMED, Ordering::Acquire));
        if SIZE.saturating_sub(used) < u32::from(len) {
            self.dropped = self.dropped.wrapping_add(1);
            memory.store(LOG_DROPPED, self.dropped, Ordering::Relaxed);
            return Err(Full);
        }
        copy_in(memory, self.produced, &header);
        copy_in(memory, self.produced.wrapping_add(HEADER_U32), kept);
        self.produced = self.produced.wrapping_add(u32::from(len));
        memory.store(LOG_PRODUCED, self.produced, Ordering::Release);
        Ok(())
    }
}

#[allow(clippy::cast_possible_truncation, reason = "12")]
const HEADER_U32: u32 = HEADER as u32;

/// The header of a record with `text` bytes of text, and the record's length.
fn header(severity: Severity, time_ns: u64, text: usize, cut: bool) -> ([u8; HEADER], u16) {
    let len = (HEADER + text).next_multiple_of(4);
    let padding = u8::try_from(len - HEADER - text).unwrap_or(0);
    // At most `LOG_SIZE`.
    let len = u16::try_from(len).unwrap_or(u16::MAX);
    let mut header = [0; HEADER];
    put(&mut header, 0, &len.to_le_bytes());
    header[2] = severity as u8;
    header[3] = padding | if cut { FLAG_CUT } else { 0 };
    put(&mut header, 4, &time_ns.to_le_bytes());
    (header, len)
}

/// The host's end.
#[derive(Debug)]
pub(crate) struct Reader {
    consumed: u32,
    published: u32,
}

impl Reader {
    pub(crate) fn attach<M: SharedMemory>(memory: &M) -> Reader {
        let consumed = memory.load(LOG_CONSUMED, Ordering::Acquire);
        Reader { consumed, published: consumed }
    }

    /// Takes the next record. After a lie, what the ring held is skipped.
    pub(crate) fn next<M: SharedMemory>(
        &mut self,
        memory: &M,
        text: &mut [u8; MAX_TEXT],
    ) -> Result<Option<Record>, Lie> {
        let produced = memory.load(LOG_PRODUCED, Ordering::Acquire);
        let result = self.read(memory, produced, text);
        if result.is_err() {
            self.consumed = produced;
        }
        result
    }

    fn read<M: SharedMemory>(
        &mut self,
        memory: &M,
        produced: u32,
        text: &mut [u8; MAX_TEXT],
    ) -> Result<Option<Record>, Lie> {
        let waiting = produced.wrapping_sub(self.consumed);
        if waiting == 0 {
            return Ok(None);
        }
        if waiting > SIZE || !waiting.is_multiple_of(4) || waiting < HEADER_U32 {
            return Err(RingError { produced, consumed: self.consumed, size: SIZE }.into());
        }
        let mut header = [0; HEADER];
        copy_out(memory, self.consumed, &mut header);
        let (len, record) = parse(&header, waiting)?;
        copy_out(memory, self.consumed.wrapping_add(HEADER_U32), &mut text[..record.len]);
        self.consumed = self.consumed.wrapping_add(u32::from(len));
        Ok(Some(record))
    }

    /// Gives the guest the room of what was read; true when the ring had less than
    /// half of it free before.
    pub(crate) fn release<M: SharedMemory>(&mut self, memory: &M) -> bool {
        let taken = self.consumed.wrapping_sub(self.published);
        if taken != 0 {
            memory.store(LOG_CONSUMED, self.consumed, Ordering::Release);
            self.published = self.consumed;
        }
        taken > SIZE / 2
    }
}

/// Checks a header that was copied out, in a ring where `waiting` bytes wait.
fn parse(header: &[u8; HEADER], waiting: u32) -> Result<(u16, Record), Lie> {
    let len = u16(header, 0);
    let text = usize::from(len).checked_sub(HEADER + usize::from(header[3] & FLAG_PADDING));
    let Some(text) = text.filter(|_| len.is_multiple_of(4) && u32::from(len) <= waiting) else {
        return Err(Lie::RecordLength(len));
    };
    let severity = Severity::from_code(header[2])?;
    let cut = header[3] & FLAG_CUT != 0;
    Ok((
        len,
        Record { severity, time_ns: u64(get::<HEADER>(header, 0).as_slice(), 4), len: text, cut },
    ))
}

/// The offset of a position, and the bytes from there to the ring's end.
fn place(position: u32) -> (usize, usize) {
    let index = (position & (SIZE - 1)) as usize;
    (LOG + index, LOG_SIZE - index)
}

fn copy_in<M: SharedMemory>(memory: &M, position: u32, bytes: &[u8]) {
    let (offset, rest) = place(position);
    let (head, tail) = bytes.split_at(bytes.len().min(rest));
    memory.write(offset, head);
    memory.write(LOG, tail);
}

fn copy_out<M: SharedMemory>(memory: &M, position: u32, to: &mut [u8]) {
    let (offset, rest) = place(position);
    let split = to.len().min(rest);
    let (head, tail) = to.split_at_mut(split);
    memory.read(offset, head);
    memory.read(LOG, tail);
}

#[cfg(test)]
mod tests;
