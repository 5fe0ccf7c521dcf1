//! What to do with a guest that stops.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What becomes of a guest after it powered off, rebooted or crashed. Names are `xl`'s.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("enum" = Action::ALL.map(Action::as_str)))]
pub enum Action {
    /// Destroy the domain.
    Destroy,
    /// Destroy the domain and create the same guest again.
    Restart,
    /// Keep the stopped domain for inspection.
    Preserve,
    /// Rename the stopped domain, keep it, and create the same guest again.
    RenameRestart,
}

/// Why something is no [`Action`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ActionError {
    /// No action of `xl`'s or ours.
    #[error("`{0}` is not an action; use destroy, restart, preserve or rename-restart")]
    Unknown(String),
    /// `coredump-…`: this version writes no core dumps.
    #[error("`{0}` needs core dumps, which this version does not write; use `{1}`")]
    CoreDump(&'static str, Action),
    /// `soft-reset`: no guest type of ours can be reset in place.
    #[error("`soft-reset` is for hvm guests only; use destroy or restart")]
    SoftReset,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 4] = [Self::Destroy, Self::Restart, Self::Preserve, Self::RenameRestart];

    /// The name, as written in a configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Destroy => "destroy",
            Self::Restart => "restart",
            Self::Preserve => "preserve",
            Self::RenameRestart => "rename-restart",
        }
    }
}

impl FromStr for Action {
    type Err = ActionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "coredump-destroy" => {
                return Err(ActionError::CoreDump("coredump-destroy", Self::Destroy));
            }
            "coredump-restart" => {
                return Err(ActionError::CoreDump("coredump-restart", Self::Restart));
            }
            "soft-reset" => return Err(ActionError::SoftReset),
            _ => {}
        }
        Self::ALL
            .into_iter()
            .find(|action| action.as_str() == text)
            .ok_or_else(|| ActionError::Unknown(super::error::excerpt(text)))
    }
}

crate::config::text::as_text!(Action);

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for action in Action::ALL {
            assert_eq!(action.to_string().parse(), Ok(action));
        }
    }

    #[test]
    fn core_dumps_are_refused_with_the_nearest_action() {
        let error = "coredump-restart".parse::<Action>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`coredump-restart` needs core dumps, which this version does not write; use `restart`"
        );
        assert_eq!("soft-reset".parse::<Action>(), Err(ActionError::SoftReset));
        assert_eq!("Destroy".parse::<Action>(), Err(ActionError::Unknown("Destroy".into())));
    }
}
