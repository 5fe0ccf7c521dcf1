//! What stands on the disk: every eight bytes tell where they belong and who wrote them.

/// The word at byte `offset` of the disk, as pass `seed` writes it.
fn word(seed: u64, offset: u64) -> u64 {
    (offset / 8 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ seed.wrapping_mul(0xd1b5_4a32_d192_ed03)
}

/// Writes what belongs at byte `offset`.
pub(crate) fn fill(bytes: &mut [u8], seed: u64, offset: u64) {
    for (place, index) in bytes.chunks_exact_mut(8).zip(0_u64..) {
        place.copy_from_slice(&word(seed, offset + index * 8).to_le_bytes());
    }
}

/// The first offset at which something else stands.
pub(crate) fn find_error(bytes: &[u8], seed: u64, offset: u64) -> Option<u64> {
    let right = |place: &[u8], at| place == word(seed, at).to_le_bytes();
    let offsets = (0_u64..).map(|index| offset + index * 8);
    bytes.chunks_exact(8).zip(offsets).find(|&(place, at)| !right(place, at)).map(|(_, at)| at)
}

/// Numbers that look random: xorshift64.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(2).wrapping_add(0x9e37_79b9_7f4a_7c15))
    }

    /// A number below `limit`, which is not 0.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}
