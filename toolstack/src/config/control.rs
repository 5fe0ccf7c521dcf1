//! By which channel a guest and its host talk.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The channel through which a guest finds its devices and hears requests such as "power off".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("enum" = ControlMode::ALL.map(ControlMode::as_str)))]
pub enum ControlMode {
    /// `noxs` where the image says that it speaks it, else `facade`; `none` without the daemon.
    #[default]
    Auto,
    /// No channel: a console ring and nothing else, as `lvm create --direct` makes guests.
    None,
    /// The noxs page (`docs/noxs.md`), for guests made for it.
    Noxs,
    /// A XenStore that the daemon answers from the guest's own tree, for unmodified guests.
    Facade,
    /// The host's XenStore, for use with the tools and kernel back ends of other toolstacks.
    XenStore,
}

/// Not a [`ControlMode`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is not a control channel; use auto, none, noxs, facade or xenstore")]
pub struct ControlModeError(String);

impl ControlMode {
    /// Every mode.
    pub const ALL: [Self; 5] = [Self::Auto, Self::None, Self::Noxs, Self::Facade, Self::XenStore];

    /// The name, as written in a configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::None => "none",
            Self::Noxs => "noxs",
            Self::Facade => "facade",
            Self::XenStore => "xenstore",
        }
    }
}

impl FromStr for ControlMode {
    type Err = ControlModeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|mode| mode.as_str() == text)
            .ok_or_else(|| ControlModeError(super::error::excerpt(text)))
    }
}

crate::config::text::as_text!(ControlMode);

impl fmt::Display for ControlMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for mode in ControlMode::ALL {
            assert_eq!(mode.to_string().parse(), Ok(mode));
        }
        assert!("Noxs".parse::<ControlMode>().is_err());
    }
}
