//! The Internet checksum (RFC 1071) and the finishing of packets whose sender left it out.

use super::frame::{Malformed, Transport};
use super::packet::{Checksum, Packet};

/// Adds up `data` as big-endian words, to be folded; an odd last byte counts as if a zero
/// followed it. At most 2^32 words may be added up.
pub fn sum(data: &[u8]) -> u64 {
    let (words, rest) = data.as_chunks::<4>();
    let mut total: u64 = words.iter().map(|w| u64::from(u32::from_be_bytes(*w))).sum();
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    total += u64::from(u32::from_be_bytes(last));
    total
}

/// Folds a sum to 16 bits by adding the carries.
pub fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u16::try_from(sum).expect("just folded")
}

/// The checksum of data that adds up to `sum`.
pub fn finish(sum: u64) -> u16 {
    !fold(sum)
}

/// The sum over the pseudo header of the transport at `at` with `len` bytes.
pub(super) fn pseudo_header(frame: &[u8], at: &Transport, len: usize) -> u64 {
    let addresses = if at.v6 { 8..40 } else { 12..20 };
    let addresses = &frame[at.network + addresses.start..at.network + addresses.end];
    sum(addresses) + u64::from(at.protocol) + len as u64
}

/// Notes in `packet` where its missing checksum belongs, as its headers say.
///
/// # Errors
/// When it is not whole TCP or UDP over IP.
pub fn mark_blank(packet: &mut Packet) -> Result<Transport, Malformed> {
    let at = Transport::find(packet.frame()).ok_or(Malformed)?;
    packet.offload.checksum = blank(&at)?;
    Ok(at)
}

fn blank(at: &Transport) -> Result<Checksum, Malformed> {
    let start = u16::try_from(at.start).map_err(|_| Malformed)?;
    let field = if at.checksum_field() == 16 { 16 } else { 6 };
    Ok(Checksum::Blank { start, field })
}

/// Puts the sum of the pseudo header where a blank checksum expects it.
///
/// Some senders of long packets leave the field at zero.
pub fn seed(frame: &mut [u8], at: &Transport) {
    let seed = fold(pseudo_header(frame, at, at.end - at.start));
    let field = at.start + at.checksum_field();
    frame[field..field + 2].copy_from_slice(&seed.to_be_bytes());
}

/// Computes a checksum that is blank.
///
/// # Errors
/// When its place is outside the packet.
pub fn complete(packet: &mut Packet) -> Result<(), Malformed> {
    let Checksum::Blank { start, field } = packet.offload.checksum else { return Ok(()) };
    let end = Transport::find(packet.frame()).map_or(packet.frame().len(), |at| at.end);
    let (start, field) = (usize::from(start), usize::from(field));
    let covered = packet.frame_mut().get_mut(start..end).ok_or(Malformed)?;
    let value = match finish(sum(covered)) {
        0 => 0xffff,
        value => value,
    };
    let place = covered.get_mut(field..field + 2).ok_or(Malformed)?;
    place.copy_from_slice(&value.to_be_bytes());
    packet.offload.checksum = Checksum::Verified;
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition: 16-bit words, one at a time.
    fn slow(data: &[u8]) -> u16 {
        let mut total = 0u32;
        for pair in data.chunks(2) {
            let word = u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]);
            total += u32::from(word);
            total = (total & 0xffff) + (total >> 16);
        }
        u16::try_from(total).unwrap()
    }

    #[test]
    fn the_example_of_rfc_1071() {
        let data = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(fold(sum(&data)), 0xddf2);
    }

    proptest! {
        #[test]
        fn as_word_by_word(data in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(fold(sum(&data)), slow(&data));
        }
    }
}
