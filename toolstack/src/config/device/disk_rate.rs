//! How fast a guest may use a disk.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rate;

/// The most a guest may do with a disk, reading and writing together. Written as bytes or bits,
/// `20MB/s` or `160Mb/s`, as requests, `500r/s`, or as both, `20MB/s+500r/s`; with `K`, `M` or
/// `G` for thousands, millions and thousands of millions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = r"^[0-9]+[KMG]?([Bb]/s(@[^+]*)?|r/s)(\+[0-9]+[KMG]?([Bb]/s(@[^+]*)?|r/s))?$"))]
pub struct DiskRate {
    /// Bytes a second, or `None` for any number.
    pub bytes_per_s: Option<NonZeroU64>,
    /// Requests a second, or `None` for any number.
    pub requests_per_s: Option<NonZeroU64>,
}

/// What a rate looks like, for messages.
pub(super) const EXPECTED: &str = "a rate such as 20MB/s, 160Mb/s, 500r/s or 20MB/s+500r/s";

const UNIT: &str = "r/s";

impl FromStr for DiskRate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (bytes_per_s, requests_per_s) =
            rate::parse(text, UNIT).ok_or_else(|| format!("not {EXPECTED}"))?;
        Ok(DiskRate { bytes_per_s, requests_per_s })
    }
}

impl fmt::Display for DiskRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        rate::write(f, self.bytes_per_s, self.requests_per_s, UNIT)
    }
}

impl TryFrom<String> for DiskRate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<DiskRate> for String {
    fn from(rate: DiskRate) -> Self {
        rate.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_requests() {
        let rate: DiskRate = "160Mb/s+2Kr/s".parse().unwrap();
        assert_eq!(rate.bytes_per_s, NonZeroU64::new(20_000_000));
        assert_eq!(rate.requests_per_s, NonZeroU64::new(2000));
        assert_eq!(rate.to_string(), "20000000B/s+2000r/s");
    }

    #[test]
    fn what_is_no_rate() {
        for text in ["", "5p/s", "0r/s", "r/s", "1r/s+2r/s", "20MB"] {
            let error = text.parse::<DiskRate>().expect_err(text);
            assert_eq!(error, format!("not {EXPECTED}"));
        }
    }
}
