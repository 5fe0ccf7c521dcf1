//! Memory sizes.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// An amount of guest memory: at least one page, whole pages of 4 KiB, at most 16 TiB.
///
/// Text is a number with `KiB`, `MiB`, `GiB` or `TiB`; a bare number is MiB, as in `xl.cfg`.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = "^[0-9]+\\s*([KMGT]iB)?$"))]
pub struct MemSize {
    kib: u64,
}

/// Why something is no [`MemSize`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MemSizeError {
    /// Not a number with a known unit.
    #[error(
        "`{0}` is not a memory size; write a number of MiB, or a number with KiB, MiB, GiB or TiB, \
         such as \"512KiB\""
    )]
    Syntax(String),
    /// Zero.
    #[error("a guest needs some memory; 4 KiB is the smallest size")]
    Zero,
    /// Not a whole number of pages.
    #[error("{0} KiB is not a whole number of 4 KiB pages")]
    NotPages(u64),
    /// More than 16 TiB.
    #[error("more than 16 TiB, the most Xen supports on x86")]
    TooLarge,
}

const UNITS: [(&str, u64); 4] = [("KiB", 1), ("MiB", 1 << 10), ("GiB", 1 << 20), ("TiB", 1 << 30)];

impl MemSize {
    /// The largest size: 16 TiB, the most Xen manages on x86 unless built with `CONFIG_BIGMEM`.
    pub const MAX: Self = Self { kib: 16 << 30 };

    const PAGE_KIB: u64 = 4;

    /// A size of `kib` KiB.
    ///
    /// # Errors
    /// When `kib` is zero, not a multiple of 4, or more than [`MemSize::MAX`].
    pub const fn from_kib(kib: u64) -> Result<Self, MemSizeError> {
        if kib == 0 {
            Err(MemSizeError::Zero)
        } else if kib > Self::MAX.kib {
            Err(MemSizeError::TooLarge)
        } else if !kib.is_multiple_of(Self::PAGE_KIB) {
            Err(MemSizeError::NotPages(kib))
        } else {
            Ok(Self { kib })
        }
    }

    /// A size of `mib` MiB.
    ///
    /// # Errors
    /// When `mib` is zero or more than [`MemSize::MAX`].
    pub const fn from_mib(mib: u64) -> Result<Self, MemSizeError> {
        match mib.checked_mul(1 << 10) {
            Some(kib) => Self::from_kib(kib),
            None => Err(MemSizeError::TooLarge),
        }
    }

    /// The size in KiB.
    #[must_use]
    pub const fn kib(self) -> u64 {
        self.kib
    }

    /// The size in bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.kib << 10
    }

    /// The size in pages of 4 KiB.
    #[must_use]
    pub const fn pages(self) -> u64 {
        self.kib / Self::PAGE_KIB
    }
}

impl FromStr for MemSize {
    type Err = MemSizeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let syntax = || MemSizeError::Syntax(super::error::excerpt(text));
        let (digits, kib_per_unit) = UNITS
            .iter()
            .find_map(|&(unit, kib)| Some((text.strip_suffix(unit)?.trim_end(), kib)))
            .unwrap_or((text, 1 << 10));
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(syntax());
        }
        let count: u64 = digits.parse().map_err(|_| MemSizeError::TooLarge)?;
        Self::from_kib(count.checked_mul(kib_per_unit).ok_or(MemSizeError::TooLarge)?)
    }
}

/// The size in the largest unit that leaves a whole number: `4MiB`, `1028KiB`.
impl fmt::Display for MemSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, per_unit) =
            UNITS.into_iter().rfind(|(_, kib)| self.kib.is_multiple_of(*kib)).unwrap_or(UNITS[0]);
        write!(f, "{}{unit}", self.kib / per_unit)
    }
}

crate::config::text::as_text!(MemSize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_unit() {
        for (text, kib) in [
            ("4", 4096),
            ("4MiB", 4096),
            ("512KiB", 512),
            ("1GiB", 1 << 20),
            ("2TiB", 2 << 30),
            ("16TiB", 16 << 30),
            ("4 MiB", 4096),
        ] {
            assert_eq!(text.parse::<MemSize>().map(MemSize::kib), Ok(kib), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_size() {
        for text in ["", "MiB", "-4", "+4", "4.5", "4MB", "4mib", "4M", "0x10", "four", " 4", "4 "]
        {
            let result = text.parse::<MemSize>();
            assert!(matches!(result, Err(MemSizeError::Syntax(_))), "{text}: {result:?}");
        }
        assert_eq!("0".parse::<MemSize>(), Err(MemSizeError::Zero));
        assert_eq!("6KiB".parse::<MemSize>(), Err(MemSizeError::NotPages(6)));
        for text in ["17TiB", "18446744073709551615TiB", "99999999999999999999"] {
            assert_eq!(text.parse::<MemSize>(), Err(MemSizeError::TooLarge), "{text}");
        }
    }

    #[test]
    fn shows_the_largest_whole_unit() {
        for text in ["4KiB", "1028KiB", "4MiB", "3GiB", "16TiB"] {
            assert_eq!(text.parse::<MemSize>().map(|s| s.to_string()), Ok(text.to_owned()));
        }
        assert_eq!(MemSize::from_mib(1024).map(|s| s.to_string()), Ok("1GiB".to_owned()));
    }

    #[test]
    fn converts_units() {
        let size = MemSize::from_mib(4).unwrap();
        assert_eq!((size.bytes(), size.pages()), (4 << 20, 1024));
    }
}
