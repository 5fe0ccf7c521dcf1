//! The console's ring (`public/io/console.h`): 1024 bytes in, 2048 out.

use core::sync::atomic::Ordering;

use crate::SharedMemory;
use crate::ring::RingError;

/// Input, from the host: its bytes.
pub const IN: usize = 0;
/// Bytes of the input ring.
pub const IN_SIZE: u32 = 1024;
/// Output, from the guest: its bytes.
pub const OUT: usize = 1024;
/// Bytes of the output ring.
pub const OUT_SIZE: u32 = 2048;
/// u32, guest: input consumed.
pub const IN_CONSUMED: usize = 3072;
/// u32, host: input produced.
pub const IN_PRODUCED: usize = 3076;
/// u32, host: output consumed.
pub const OUT_CONSUMED: usize = 3080;
/// u32, guest: output produced.
pub const OUT_PRODUCED: usize = 3084;

/// One direction of a console.
#[derive(Clone, Copy, Debug)]
struct Stream {
    bytes: usize,
    size: u32,
    produced: usize,
    consumed: usize,
}

const INPUT: Stream =
    Stream { bytes: IN, size: IN_SIZE, produced: IN_PRODUCED, consumed: IN_CONSUMED };
const OUTPUT: Stream =
    Stream { bytes: OUT, size: OUT_SIZE, produced: OUT_PRODUCED, consumed: OUT_CONSUMED };

impl Stream {
    /// Bytes between a consumer at `consumed` and the other side's position.
    fn waiting<M: SharedMemory>(&self, memory: &M, consumed: u32) -> Result<u32, RingError> {
        let produced = memory.load(self.produced, Ordering::Acquire);
        self.distance(produced, consumed)
    }

    /// Bytes that fit between a producer at `produced` and the other side's position.
    fn room<M: SharedMemory>(&self, memory: &M, produced: u32) -> Result<u32, RingError> {
        let consumed = memory.load(self.consumed, Ordering::Acquire);
        Ok(self.size - self.distance(produced, consumed)?)
    }

    fn distance(&self, produced: u32, consumed: u32) -> Result<u32, RingError> {
        let n = produced.wrapping_sub(consumed);
        if n <= self.size { Ok(n) } else { Err(RingError { produced, consumed, size: self.size }) }
    }

    /// The two parts of `len` bytes at `position`: (offset, length) and what wrapped.
    fn parts(&self, position: u32, len: usize) -> [(usize, usize); 2] {
        let index = (position & (self.size - 1)) as usize;
        let first = len.min(self.size as usize - index);
        [(self.bytes + index, first), (self.bytes, len - first)]
    }

    fn get<M: SharedMemory>(&self, memory: &M, position: u32, to: &mut [u8]) {
        let [(a, first), (b, _)] = self.parts(position, to.len());
        let (head, tail) = to.split_at_mut(first);
        memory.read(a, head);
        memory.read(b, tail);
    }

    fn put<M: SharedMemory>(&self, memory: &M, position: u32, from: &[u8]) {
        let [(a, first), (b, _)] = self.parts(position, from.len());
        let (head, tail) = from.split_at(first);
        memory.write(a, head);
        memory.write(b, tail);
    }

    /// Reads what waits; returns how many bytes that was. Publishes nothing.
    fn read<M: SharedMemory>(
        &self,
        memory: &M,
        consumed: u32,
        to: &mut [u8],
    ) -> Result<u32, RingError> {
        let n = self.waiting(memory, consumed)?.min(u32::try_from(to.len()).unwrap_or(u32::MAX));
        self.get(memory, consumed, &mut to[..n as usize]);
        Ok(n)
    }

    /// Writes what fits and publishes it; returns how many bytes that was.
    fn write<M: SharedMemory>(
        &self,
        memory: &M,
        produced: u32,
        from: &[u8],
    ) -> Result<u32, RingError> {
        let n = self.room(memory, produced)?.min(u32::try_from(from.len()).unwrap_or(u32::MAX));
        self.put(memory, produced, &from[..n as usize]);
        memory.store(self.produced, produced.wrapping_add(n), Ordering::Release);
        Ok(n)
    }
}

/// The host's end of a console.
#[derive(Debug)]
pub struct Back<M> {
    memory: M,
    consumed: u32,
    published: u32,
    produced: u32,
}

impl<M: SharedMemory> Back<M> {
    /// Takes the console over where the last back end left it. A fresh page is zeroes.
    ///
    /// # Panics
    /// When the memory is smaller than a page.
    pub fn attach(memory: M) -> Back<M> {
        let consumed = memory.load(OUT_CONSUMED, Ordering::Acquire);
        let produced = memory.load(IN_PRODUCED, Ordering::Acquire);
        Back { memory, consumed, published: consumed, produced }
    }

    /// Takes what the guest printed; returns how many bytes of `to` that filled. The
    /// guest sees the room at the next [`Back::release`].
    ///
    /// # Errors
    /// [`RingError`]: the guest's position cannot be; see [`Back::skip`].
    pub fn read(&mut self, to: &mut [u8]) -> Result<usize, RingError> {
        let n = OUTPUT.read(&self.memory, self.consumed, to)?;
        self.consumed = self.consumed.wrapping_add(n);
        Ok(n as usize)
    }

    /// Gives the guest the room of what was read; true when that is news for it.
    #[must_use = "the guest may wait for room"]
    pub fn release(&mut self) -> bool {
        if self.published == self.consumed {
            return false;
        }
        self.published = self.consumed;
        self.memory.store(OUT_CONSUMED, self.consumed, Ordering::Release);
        true
    }

    /// Bytes that the guest printed and nobody read.
    ///
    /// # Errors
    /// As [`Back::read`].
    pub fn waiting(&self) -> Result<usize, RingError> {
        OUTPUT.waiting(&self.memory, self.consumed).map(|n| n as usize)
    }

    /// After a [`RingError`]: goes on at the guest's position, whatever was before it.
    pub fn skip(&mut self) {
        self.consumed = self.memory.load(OUT_PRODUCED, Ordering::Acquire);
    }

    /// Types `from` into the guest as far as it fits; returns how many bytes that was.
    ///
    /// # Errors
    /// [`RingError`]: the guest's position cannot be.
    pub fn write(&mut self, from: &[u8]) -> Result<usize, RingError> {
        let n = INPUT.write(&self.memory, self.produced, from)?;
        self.produced = self.produced.wrapping_add(n);
        Ok(n as usize)
    }
}

/// The guest's end of a console.
#[derive(Debug)]
pub struct Front<M> {
    memory: M,
    produced: u32,
    consumed: u32,
}

impl<M: SharedMemory> Front<M> {
    /// Attaches where the page says the guest is.
    ///
    /// # Panics
    /// When the memory is smaller than a page.
    pub fn attach(memory: M) -> Front<M> {
        let produced = memory.load(OUT_PRODUCED, Ordering::Acquire);
        let consumed = memory.load(IN_CONSUMED, Ordering::Acquire);
        Front { memory, produced, consumed }
    }

    /// Prints `from` as far as it fits; returns how many bytes that was. The host has
    /// to be notified.
    ///
    /// # Errors
    /// [`RingError`]: the host's position cannot be.
    pub fn write(&mut self, from: &[u8]) -> Result<usize, RingError> {
        let n = OUTPUT.write(&self.memory, self.produced, from)?;
        self.produced = self.produced.wrapping_add(n);
        Ok(n as usize)
    }

    /// Takes what was typed; returns how many bytes of `to` that filled.
    ///
    /// # Errors
    /// [`RingError`]: the host's position cannot be.
    pub fn read(&mut self, to: &mut [u8]) -> Result<usize, RingError> {
        let n = INPUT.read(&self.memory, self.consumed, to)?;
        self.consumed = self.consumed.wrapping_add(n);
        self.memory.store(IN_CONSUMED, self.consumed, Ordering::Release);
        Ok(n as usize)
    }
}

#[cfg(test)]
mod tests;
