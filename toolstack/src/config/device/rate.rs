//! How much a network interface may send.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most a guest may send through an interface. Written as in `xl.cfg`, `10MB/s` or `80Mb/s`
/// (bytes or bits, with `K`, `M` or `G` for thousands, millions and thousands of millions), as
/// packets, `2000p/s`, or as both, `10MB/s+2000p/s`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = r"^[0-9]+[KMG]?([Bb]/s(@[^+]*)?|p/s)(\+[0-9]+[KMG]?([Bb]/s(@[^+]*)?|p/s))?$"))]
pub struct Rate {
    /// Bytes a second, or `None` for any number.
    pub bytes_per_s: Option<NonZeroU64>,
    /// Packets a second, or `None` for any number.
    pub packets_per_s: Option<NonZeroU64>,
}

/// What a rate looks like, for messages.
pub(super) const EXPECTED: &str = "a rate such as 10MB/s, 80Mb/s, 2000p/s or 10MB/s+2000p/s";

const UNIT: &str = "p/s";

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (bytes_per_s, packets_per_s) =
            parse(text, UNIT).ok_or_else(|| format!("not {EXPECTED}"))?;
        Ok(Rate { bytes_per_s, packets_per_s })
    }
}

/// A number of bytes, a number of what `unit` counts, or both with a `+` between them.
pub(super) fn parse(text: &str, unit: &str) -> Option<(Option<NonZeroU64>, Option<NonZeroU64>)> {
    let (mut bytes_per_s, mut count_per_s) = (None, None);
    for term in text.split('+') {
        match term.strip_suffix(unit) {
            Some(count) => set(&mut count_per_s, scaled(count))?,
            None => set(&mut bytes_per_s, bytes(term))?,
        }
    }
    Some((bytes_per_s, count_per_s))
}

/// As [`parse`] reads it.
pub(super) fn write(
    f: &mut fmt::Formatter<'_>,
    bytes: Option<NonZeroU64>,
    count: Option<NonZeroU64>,
    unit: &str,
) -> fmt::Result {
    match (bytes, count) {
        (Some(bytes), Some(count)) => write!(f, "{bytes}B/s+{count}{unit}"),
        (Some(bytes), None) => write!(f, "{bytes}B/s"),
        (None, Some(count)) => write!(f, "{count}{unit}"),
        (None, None) => Ok(()),
    }
}

/// Fills `place`, which must be empty, with a number that must not be zero.
fn set(place: &mut Option<NonZeroU64>, number: Option<u64>) -> Option<()> {
    let number = NonZeroU64::new(number?)?;
    place.replace(number).is_none().then_some(())
}

/// A number of bytes or bits a second; `@20ms`, how often `xl`'s back end refills the budget,
/// makes no difference here.
fn bytes(term: &str) -> Option<u64> {
    let (amount, _interval) = term.split_once('@').unwrap_or((term, ""));
    let amount = amount.strip_suffix("/s")?;
    match amount.strip_suffix('b') {
        Some(bits) => scaled(bits).map(|bits| bits / 8),
        None => scaled(amount.strip_suffix('B')?),
    }
}

fn scaled(text: &str) -> Option<u64> {
    let (digits, factor) = match text.char_indices().next_back()? {
        (at, 'K') => (&text[..at], 1_000),
        (at, 'M') => (&text[..at], 1_000_000),
        (at, 'G') => (&text[..at], 1_000_000_000),
        _ => (text, 1),
    };
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, self.bytes_per_s, self.packets_per_s, UNIT)
    }
}

crate::config::text::as_text!(Rate);

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(text: &str) -> Option<(u64, u64)> {
        let rate: Rate = text.parse().ok()?;
        let number = |n: Option<NonZeroU64>| n.map_or(0, NonZeroU64::get);
        Some((number(rate.bytes_per_s), number(rate.packets_per_s)))
    }

    #[test]
    fn units() {
        assert_eq!(rate("10MB/s"), Some((10_000_000, 0)));
        assert_eq!(rate("80Mb/s"), Some((10_000_000, 0)));
        assert_eq!(rate("7B/s@20ms"), Some((7, 0)));
        assert_eq!(rate("2Kp/s"), Some((0, 2000)));
        assert_eq!(rate("1GB/s+5p/s"), Some((1_000_000_000, 5)));
    }

    #[test]
    fn what_is_no_rate() {
        for text in ["", "10", "10MB", "MB/s", "0B/s", "7b/s", "-1B/s", "+1B/s", "1p/s+2p/s"] {
            assert_eq!(rate(text), None, "{text}");
        }
        assert_eq!(rate("99999999999GB/s"), None);
    }

    #[test]
    fn text_round_trips() {
        for text in ["7B/s", "3p/s", "1B/s+2p/s"] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), text);
        }
    }
}
