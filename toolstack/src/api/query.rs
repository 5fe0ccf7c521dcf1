//! What can stand behind the `?` of a request.

use schemars::JsonSchema;
use serde::de::{Deserializer, Error, Unexpected};
use serde::{Deserialize, Serialize};

/// The query of `DELETE /v1/guests/{guest}`: `?wait=1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DestroyQuery {
    /// Wait until its memory is back (1) or not (0).
    #[serde(deserialize_with = "zero_or_one")]
    #[schemars(range(max = 1))]
    pub wait: u8,
}

/// The query of `DELETE` for a device: `?force=1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RemoveQuery {
    /// Take it away without waiting for the guest to let go (1) or not (0).
    #[serde(deserialize_with = "zero_or_one")]
    #[schemars(range(max = 1))]
    pub force: u8,
}

/// The query of `GET /v1/guests/{guest}/console`: `?write=1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ConsoleQuery {
    /// What is sent goes to the guest (1) or nowhere (0).
    #[serde(deserialize_with = "zero_or_one")]
    #[schemars(range(max = 1))]
    pub write: u8,
}

/// The query of `GET /v1/events`: `?after=5&follow=0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EventsQuery {
    /// Begin behind the event of this number; without it, now.
    #[schemars(with = "u64")]
    pub after: Option<u64>,
    /// Go on as things happen (1), or end where nothing more has happened (0).
    #[serde(deserialize_with = "zero_or_one")]
    #[schemars(range(max = 1))]
    pub follow: u8,
}

impl Default for EventsQuery {
    fn default() -> Self {
        EventsQuery { after: None, follow: 1 }
    }
}

fn zero_or_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    match u8::deserialize(deserializer)? {
        n @ 0..=1 => Ok(n),
        n => Err(D::Error::invalid_value(Unexpected::Unsigned(n.into()), &"0 or 1")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yes_is_one_and_no_is_zero() {
        let query = |json: &str| serde_json::from_str::<EventsQuery>(json);
        assert_eq!(query("{}").unwrap(), EventsQuery { after: None, follow: 1 });
        let query = |follow| query(&format!("{{\"after\":7,\"follow\":{follow}}}"));
        assert_eq!(query(0).unwrap(), EventsQuery { after: Some(7), follow: 0 });
        let no = query(2).unwrap_err().to_string();
        assert!(no.starts_with("invalid value: integer `2`, expected 0 or 1"), "{no}");
    }
}
