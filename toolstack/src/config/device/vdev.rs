//! Names of a guest's disks.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The name under which a guest sees a disk or partition: `xvda`, `xvdb1`, `sda`, `hda`.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = "^(xvd|sd|hd)[a-z]{1,4}[0-9]*$"))]
pub struct Vdev(String);

/// What a name looks like, for messages.
pub(super) const EXPECTED: &str = "a disk's name such as xvda, xvdb1, sda or hda";

impl Vdev {
    /// The name of the nth whole disk, counted from 0: `xvda`, `xvdb`, …, `xvdaa`.
    #[must_use]
    pub fn nth(index: u16) -> Self {
        let mut letters = Vec::new();
        let mut rest = u32::from(index) + 1;
        while rest > 0 {
            rest -= 1;
            letters.push(char::from_digit(10 + rest % 26, 36).unwrap_or('a'));
            rest /= 26;
        }
        Vdev(format!("xvd{}", letters.into_iter().rev().collect::<String>()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number that stands for it in XenStore, as `xen-vbd-interface(7)` has it.
    #[must_use]
    pub fn number(&self) -> u32 {
        // Only names with a number are made.
        number(&self.0).unwrap_or(0)
    }
}

/// The number of a name, if it is one.
fn number(name: &str) -> Option<u32> {
    let (kind, rest) = name.split_at_checked(name.find("d")? + 1)?;
    let letters = rest.trim_end_matches(|c: char| c.is_ascii_digit());
    let disk = disk_of(letters)?;
    let partition = match &rest[letters.len()..] {
        "" => 0,
        digits if digits.starts_with('0') => return None,
        digits => digits.parse().ok()?,
    };
    match (kind, disk, partition) {
        ("xvd", 0..16, 0..16) => Some(202 << 8 | disk << 4 | partition),
        ("xvd", 0..0x10_0000, 0..256) => Some(1 << 28 | disk << 8 | partition),
        ("sd", 0..16, 0..16) => Some(8 << 8 | disk << 4 | partition),
        ("hd", 0..2, 0..64) => Some(3 << 8 | disk << 6 | partition),
        ("hd", 2..4, 0..64) => Some(22 << 8 | (disk - 2) << 6 | partition),
        _ => None,
    }
}

/// `a` is 0, `z` is 25, `aa` is 26, and so on.
fn disk_of(letters: &str) -> Option<u32> {
    const MOST_LETTERS: usize = 4;
    if letters.is_empty() || letters.len() > MOST_LETTERS {
        return None;
    }
    let mut disk = 0;
    for letter in letters.bytes() {
        if !letter.is_ascii_lowercase() {
            return None;
        }
        disk = disk * 26 + u32::from(letter - b'a') + 1;
    }
    Some(disk - 1)
}

impl FromStr for Vdev {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match number(text) {
            Some(_) => Ok(Vdev(text.to_owned())),
            None => Err(format!("not {EXPECTED}")),
        }
    }
}

impl TryFrom<String> for Vdev {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Vdev> for String {
    fn from(vdev: Vdev) -> Self {
        vdev.0
    }
}

impl fmt::Display for Vdev {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_block_interface() {
        for (name, number) in [
            ("xvda", 51712),
            ("xvda1", 51713),
            ("xvdb", 51728),
            ("xvdp15", 51967),
            ("xvdq", 1 << 28 | 16 << 8),
            ("xvda16", 1 << 28 | 16),
            ("xvdaa", 1 << 28 | 26 << 8),
            ("sda1", 2049),
            ("hda", 768),
            ("hdc2", 22 << 8 | 2),
        ] {
            assert_eq!(name.parse::<Vdev>().map(|vdev| vdev.number()), Ok(number), "{name}");
        }
    }

    #[test]
    fn what_is_no_name() {
        for name in ["", "xvd", "xvdA", "xvda01", "xvda256", "hde", "vda", "d0p1", "xvdaaaaa", "é"]
        {
            assert!(name.parse::<Vdev>().is_err(), "{name}");
        }
    }

    #[test]
    fn disks_are_counted_in_letters() {
        for (index, name) in [(0, "xvda"), (25, "xvdz"), (26, "xvdaa"), (701, "xvdzz")] {
            assert_eq!(Vdev::nth(index).as_str(), name);
            assert!(name.parse::<Vdev>().is_ok());
        }
    }
}
