//! Numbers as `xl` reads them: C's `strtol` with base 0, with nothing left over.

use super::super::error::{ValueError, excerpt};

/// The number that `text` is, whether it was quoted or not.
pub(super) fn parse_number(text: &str) -> Result<i64, ValueError> {
    let not_a_number = || ValueError::NotANumber(excerpt(text));
    let trimmed = text.trim_start_matches([' ', '\t', '\n', '\x0b', '\x0c', '\r']);
    let (negative, digits) = match trimmed.as_bytes().first() {
        Some(b'-') => (true, &trimmed[1..]),
        Some(b'+') => (false, &trimmed[1..]),
        _ => (false, trimmed),
    };
    let (radix, digits) = if let Some(hex) = digits.strip_prefix("0x").or(digits.strip_prefix("0X"))
    {
        (16, hex)
    } else if digits.len() > 1 && digits.starts_with('0') {
        (8, &digits[1..])
    } else {
        (10, digits)
    };
    // from_str_radix would take a second sign.
    if !digits.starts_with(|first: char| first.is_digit(radix)) {
        return Err(not_a_number());
    }
    let magnitude = i128::from_str_radix(digits, radix).map_err(|_| not_a_number())?;
    let value = if negative { -magnitude } else { magnitude };
    i64::try_from(value).map_err(|_| not_a_number())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases_and_signs() {
        for (text, value) in [
            ("0", 0),
            ("64", 64),
            ("0x40", 64),
            ("0X40", 64),
            ("0100", 64),
            ("00", 0),
            ("-1", -1),
            ("+7", 7),
            (" 7", 7),
            ("9223372036854775807", i64::MAX),
            ("-9223372036854775808", i64::MIN),
        ] {
            assert_eq!(parse_number(text), Ok(value), "{text}");
        }
    }

    #[test]
    fn refuses_the_rest() {
        for text in [
            "",
            " ",
            "-",
            "0x",
            "1f",
            "08",
            "7 ",
            "1_0",
            "--1",
            "0x-1",
            "9223372036854775808",
            "ten",
        ] {
            let result = parse_number(text);
            assert_eq!(result, Err(ValueError::NotANumber(text.to_owned())), "{text}");
        }
    }
}
