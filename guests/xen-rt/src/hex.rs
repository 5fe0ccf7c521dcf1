//! Numbers as text without `core::fmt`, which would be most of a small guest.

/// Digits of the longest number.
pub(crate) const LENGTH: usize = 16;

/// The hexadecimal digits of `value`, written to the end of `text`.
///
/// Free of panics, whose messages would bring `core::fmt` in again.
pub(crate) fn digits(value: u64, text: &mut [u8; LENGTH]) -> &[u8] {
    let mut rest = value;
    for digit in text.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(rest % 16) as usize];
        rest /= 16;
    }
    let zeros = text.iter().take_while(|&&digit| digit == b'0').count();
    text.get(zeros.min(LENGTH - 1)..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_hexadecimal() {
        assert_eq!(digits(0, &mut [0; LENGTH]), b"0");
        assert_eq!(digits(0xfee0_1000, &mut [0; LENGTH]), b"fee01000");
        assert_eq!(digits(u64::MAX, &mut [0; LENGTH]), b"ffffffffffffffff");
    }
}
