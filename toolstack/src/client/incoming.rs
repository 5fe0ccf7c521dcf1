//! What came on a connection and was not looked at yet.

use std::io::{self, Read};

/// Room that is made for the first bytes: most answers fit.
const FIRST: usize = 2 << 10;

/// Bytes in the order in which they came. Room for them is made once and used again.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    room: Vec<u8>,
    start: usize,
    end: usize,
}

impl Incoming {
    /// What came.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.room[self.start..self.end]
    }

    pub(super) fn len(&self) -> usize {
        self.end - self.start
    }

    /// Drops the first `length` bytes.
    ///
    /// # Panics
    /// When fewer have come.
    pub(super) fn pass_over(&mut self, length: usize) {
        assert!(length <= self.len());
        self.start += length;
    }

    /// The first `length` bytes.
    ///
    /// # Panics
    /// When fewer have come.
    pub(super) fn take(&mut self, length: usize) -> Vec<u8> {
        let taken = self.bytes()[..length].to_vec();
        self.pass_over(length);
        taken
    }

    /// Reads once from `source`; how many bytes came.
    ///
    /// # Errors
    /// Those of reading.
    pub(super) fn read_from(&mut self, source: &mut impl Read) -> io::Result<usize> {
        if self.end == self.room.len() || self.start == self.end {
            self.room.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.len());
        }
        if self.end == self.room.len() {
            self.room.resize((self.room.len() * 2).max(FIRST), 0);
        }
        let read = source.read(&mut self.room[self.end..])?;
        self.end += read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Gives its bytes in pieces of given lengths.
    struct Pieces<'a>(&'a [u8], usize);

    impl Read for Pieces<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let (now, rest) = self.0.split_at(self.1.min(out.len()).min(self.0.len()));
            out[..now.len()].copy_from_slice(now);
            self.0 = rest;
            Ok(now.len())
        }
    }

    proptest! {
        #[test]
        fn everything_comes_out_in_order(
            sent in prop::collection::vec(any::<u8>(), 0..9000),
            steps in prop::collection::vec((0_usize..5000, 0_usize..5000), 1..40),
        ) {
            let (mut incoming, mut source, mut seen) = (Incoming::default(), Pieces(&sent, 0), vec![]);
            for (arrives, leaves) in steps {
                source.1 = arrives;
                incoming.read_from(&mut source).unwrap();
                seen.extend(incoming.take(leaves.min(incoming.len())));
            }
            seen.extend_from_slice(incoming.bytes());
            prop_assert_eq!(&seen[..], &sent[..seen.len()]);
            prop_assert_eq!(source.0.len() + seen.len(), sent.len());
        }
    }
}
