//! Guest names.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

/// A guest's name: 1 to 63 ASCII letters, digits and `.`, `_`, `-`, `+`, `@`, starting with a
/// letter, digit or `_`.
///
/// A name must not be all digits or a UUID, because commands also take a domid or a UUID where
/// they take a name, and `Domain-0` is the host's own. 63 is the longest DNS label, so that a name
/// can become the guest's host name.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = "^[A-Za-z0-9_][A-Za-z0-9._+@-]{0,62}$"))]
pub struct GuestName(String);

/// Why something is no [`GuestName`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NameError {
    /// The empty string.
    #[error("the name is empty; leave it out to have one generated")]
    Empty,
    /// More than 63 bytes.
    #[error("the name is {0} bytes long; at most {max} are allowed", max = GuestName::MAX_BYTES)]
    TooLong(usize),
    /// A character that is not allowed.
    #[error("{0:?} is not allowed in a name; use ASCII letters, digits and . _ - + @")]
    Character(char),
    /// A first character that is only allowed later.
    #[error("a name starts with a letter, a digit or _, not with `{0}`")]
    Start(char),
    /// All digits.
    #[error("`{0}` would be taken for a domid; add a letter")]
    LooksLikeDomid(String),
    /// A UUID.
    #[error("`{0}` would be taken for a UUID; add another letter")]
    LooksLikeUuid(String),
    /// `Domain-0`.
    #[error("`Domain-0` is the host's own domain; choose another name")]
    Reserved,
}

impl GuestName {
    /// The longest name, in bytes.
    pub const MAX_BYTES: usize = 63;

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// This name with `suffix` added, as for the numbered guests of one configuration.
    ///
    /// # Errors
    /// When the longer name is not allowed.
    pub fn with_suffix(&self, suffix: impl fmt::Display) -> Result<Self, NameError> {
        format!("{}{suffix}", self.0).parse()
    }
}

fn check(name: &str) -> Result<(), NameError> {
    let first = name.chars().next().ok_or(NameError::Empty)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-+@".contains(c);
    if let Some(bad) = name.chars().find(|c| !allowed(*c)) {
        return Err(NameError::Character(bad));
    }
    if name.len() > GuestName::MAX_BYTES {
        return Err(NameError::TooLong(name.len()));
    }
    if !first.is_ascii_alphanumeric() && first != '_' {
        return Err(NameError::Start(first));
    }
    if name.bytes().all(|b| b.is_ascii_digit()) {
        return Err(NameError::LooksLikeDomid(name.to_owned()));
    }
    if Uuid::try_parse(name).is_ok() {
        return Err(NameError::LooksLikeUuid(name.to_owned()));
    }
    if name.eq_ignore_ascii_case("Domain-0") {
        return Err(NameError::Reserved);
    }
    Ok(())
}

impl FromStr for GuestName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        check(text).map(|()| Self(text.to_owned()))
    }
}

impl TryFrom<String> for GuestName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        check(&text).map(|()| Self(text))
    }
}

impl From<GuestName> for String {
    fn from(name: GuestName) -> Self {
        name.0
    }
}

impl AsRef<str> for GuestName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GuestName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_names_in_use() {
        let longest = "a".repeat(GuestName::MAX_BYTES);
        for name in ["a", "web-1", "example.pvhlinux", "_x", "7up", "db+replica@eu", &longest] {
            assert_eq!(name.parse::<GuestName>().map(String::from).as_deref(), Ok(name));
        }
    }

    #[test]
    fn says_why_a_name_is_refused() {
        let long = "a".repeat(64);
        for (name, error) in [
            ("", NameError::Empty),
            (long.as_str(), NameError::TooLong(64)),
            ("a b", NameError::Character(' ')),
            ("a/b", NameError::Character('/')),
            ("a\0", NameError::Character('\0')),
            ("käse", NameError::Character('ä')),
            ("-n", NameError::Start('-')),
            ("..", NameError::Start('.')),
            ("42", NameError::LooksLikeDomid("42".into())),
            ("domain-0", NameError::Reserved),
        ] {
            assert_eq!(name.parse::<GuestName>(), Err(error), "{name:?}");
        }
        for uuid in ["67e55044-10b1-426f-9247-bb680e5fe0c8", "67e5504410b1426f9247bb680e5fe0c8"] {
            assert_eq!(
                uuid.parse::<GuestName>(),
                Err(NameError::LooksLikeUuid(uuid.to_owned())),
                "{uuid}"
            );
        }
    }

    #[test]
    fn a_suffix_is_checked_too() {
        let name: GuestName = "a".repeat(62).parse().unwrap();
        assert!(name.with_suffix(1).is_ok());
        assert_eq!(name.with_suffix("-1"), Err(NameError::TooLong(64)));
    }
}
