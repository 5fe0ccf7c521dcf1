//! MAC addresses as text in stored configurations.

use macaddr::MacAddr6;
use serde::{Deserialize, Deserializer, Serializer};

#[expect(clippy::ref_option, reason = "serde's `with` passes a reference to the field")]
pub(super) fn serialize<S: Serializer>(
    mac: &Option<MacAddr6>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match mac {
        Some(mac) => serializer.collect_str(mac),
        None => serializer.serialize_none(),
    }
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<MacAddr6>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| text.parse().map_err(serde::de::Error::custom)).transpose()
}
