//! A client's key of a creation.

use std::fmt;
use std::str::FromStr;

use lightvm::api::MAX_KEY;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A client's name for one creation: the same in each try.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key(Box<str>);

/// Why a text is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("an idempotency key has 1 to {MAX_KEY} visible ASCII characters")]
pub struct NoKey;

impl FromStr for Key {
    type Err = NoKey;

    fn from_str(text: &str) -> Result<Key, NoKey> {
        let sound = (1..=MAX_KEY).contains(&text.len());
        match sound && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            true => Ok(Key(text.into())),
            false => Err(NoKey),
        }
    }
}

impl TryFrom<String> for Key {
    type Error = NoKey;

    fn try_from(text: String) -> Result<Key, NoKey> {
        text.parse()
    }
}

impl From<Key> for String {
    fn from(key: Key) -> String {
        key.0.into()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A key with what it was used for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyClaim {
    /// The key.
    pub key: Key,
    /// [`digest`] of the request.
    pub digest: u64,
    /// When it came, in milliseconds since the host's boot: the clock that ends with the journal.
    pub at_ms: u64,
}

impl KeyClaim {
    /// A claim that comes now.
    #[must_use]
    pub fn now(key: Key, digest: u64) -> KeyClaim {
        KeyClaim { key, digest, at_ms: now_ms() }
    }
}

/// Milliseconds since the host's boot, time asleep included.
pub(super) fn now_ms() -> u64 {
    let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME);
    now.map_or(0, |time| u64::try_from(std::time::Duration::from(time).as_millis()).unwrap_or(0))
}

/// Tells requests apart: FNV-1a, 64 bits. It is written down, so it must stay what it is.
#[must_use]
pub fn digest(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_short_and_visible() {
        for good in ["a", "0f3b-1", &"k".repeat(MAX_KEY)] {
            assert_eq!(good.parse::<Key>().unwrap().to_string(), good);
        }
        for bad in ["", "a b", "a\n", "ä", &"k".repeat(MAX_KEY + 1)] {
            assert_eq!(bad.parse::<Key>(), Err(NoKey));
        }
    }

    #[test]
    fn the_digest_is_the_published_one() {
        // The test vectors of the FNV authors.
        assert_eq!(digest(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(digest(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(digest(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
