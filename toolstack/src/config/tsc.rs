//! How a guest reads the time-stamp counter.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How Xen treats the guest's `rdtsc`. Names are `xl`'s, numbers Xen's (`TSC_MODE_*` in its
/// `asm/time.h`). The fourth mode, `native_paravirt`, no longer exists in Xen and is refused.
///
/// lightvm's own default is [`TscMode::Native`]. Under Xen's `default` the counter is emulated
/// whenever Xen cannot vouch for the host's, and every `rdtsc` then traps, which costs a guest
/// that lives for milliseconds more than the rest of its start. Emulation earns its cost when a
/// guest moves to a host with another frequency; lightvm does not move guests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("enum" = TscMode::ALL.map(TscMode::as_str)))]
pub enum TscMode {
    /// Xen decides: native on hosts with a reliable counter, else emulated.
    Default,
    /// Every `rdtsc` traps and reads a counter that Xen computes from its own clock.
    AlwaysEmulate,
    /// The guest reads the host's counter.
    #[default]
    Native,
}

/// Why something is no [`TscMode`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TscModeError {
    /// No such name.
    #[error("`{0}` is not a TSC mode; use default, always_emulate or native")]
    Name(String),
    /// No such number.
    #[error("{0} is not a TSC mode; use 0 (default), 1 (always_emulate) or 2 (native)")]
    Number(i64),
    /// `native_paravirt`, or its number 3.
    #[error("Xen no longer has the TSC mode native_paravirt; use native")]
    Removed,
}

impl TscMode {
    /// Every mode, in the order of Xen's numbers.
    pub const ALL: [Self; 3] = [Self::Default, Self::AlwaysEmulate, Self::Native];

    /// The name, as written in a configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::AlwaysEmulate => "always_emulate",
            Self::Native => "native",
        }
    }

    /// The number Xen's `XEN_DOMCTL_settscinfo` takes.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Default => 0,
            Self::AlwaysEmulate => 1,
            Self::Native => 2,
        }
    }

    /// The mode with this number.
    ///
    /// # Errors
    /// When `number` is not 0 to 2.
    pub fn from_number(number: i64) -> Result<Self, TscModeError> {
        match number {
            0 => Ok(Self::Default),
            1 => Ok(Self::AlwaysEmulate),
            2 => Ok(Self::Native),
            3 => Err(TscModeError::Removed),
            _ => Err(TscModeError::Number(number)),
        }
    }
}

impl FromStr for TscMode {
    type Err = TscModeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "native_paravirt" {
            return Err(TscModeError::Removed);
        }
        Self::ALL
            .into_iter()
            .find(|mode| mode.as_str() == text)
            .ok_or_else(|| TscModeError::Name(super::error::excerpt(text)))
    }
}

crate::config::text::as_text!(TscMode);

impl fmt::Display for TscMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_round_trip() {
        for mode in TscMode::ALL {
            assert_eq!(mode.to_string().parse(), Ok(mode));
            assert_eq!(TscMode::from_number(mode.number().into()), Ok(mode));
        }
        assert_eq!(TscMode::from_number(4), Err(TscModeError::Number(4)));
        assert_eq!(TscMode::from_number(3), Err(TscModeError::Removed));
        assert_eq!("native_paravirt".parse::<TscMode>(), Err(TscModeError::Removed));
        assert_eq!(TscMode::from_number(-1), Err(TscModeError::Number(-1)));
        assert!("Native".parse::<TscMode>().is_err());
    }
}
