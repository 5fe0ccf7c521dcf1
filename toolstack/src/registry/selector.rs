//! How a user names a guest.

use uuid::Uuid;

use crate::xen::DomId;

/// A guest as a user names it: everything that is a UUID is one, everything that is a
/// number is a domain number, all else is a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// By domain number.
    DomId(DomId),
    /// By UUID.
    Uuid(Uuid),
    /// By name.
    Name(String),
}

impl From<&str> for Selector {
    fn from(text: &str) -> Self {
        if let Ok(n) = text.parse::<u16>() {
            Selector::DomId(DomId(n))
        } else if let Ok(uuid) = Uuid::try_parse(text) {
            Selector::Uuid(uuid)
        } else {
            Selector::Name(text.to_owned())
        }
    }
}
