//! Who may read and write a node.

use serde::{Deserialize, Serialize};

use crate::facade::wire::Errno;

/// What a domain may do with a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// It may read value, children and permissions.
    pub read: bool,
    /// It may write, remove, and add children.
    pub write: bool,
}

impl Access {
    /// `n`: nothing.
    pub const NONE: Access = Access { read: false, write: false };
    /// `r`: reading.
    pub const READ: Access = Access { read: true, write: false };
    /// `w`: writing.
    pub const WRITE: Access = Access { read: false, write: true };
    /// `b`: both.
    pub const BOTH: Access = Access { read: true, write: true };

    /// True when everything in `wanted` is allowed.
    pub fn allows(self, wanted: Access) -> bool {
        (self.read || !wanted.read) && (self.write || !wanted.write)
    }

    fn letter(self) -> char {
        match (self.read, self.write) {
            (false, false) => 'n',
            (true, false) => 'r',
            (false, true) => 'w',
            (true, true) => 'b',
        }
    }

    fn from_letter(letter: char) -> Option<Access> {
        [Access::NONE, Access::READ, Access::WRITE, Access::BOTH]
            .into_iter()
            .find(|access| access.letter() == letter)
    }
}

/// A node's permissions: the owner, what domains not named may do, and exceptions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permissions {
    owner: u16,
    others: Access,
    named: Vec<(u16, Access)>,
}

impl Permissions {
    /// Owned by domain `owner`; `others` for everyone who is not [named](Self::and).
    pub fn owned(owner: u16, others: Access) -> Permissions {
        Permissions { owner, others, named: Vec::new() }
    }

    /// With an exception for domain `domain`.
    #[must_use]
    pub fn and(mut self, domain: u16, access: Access) -> Permissions {
        self.named.push((domain, access));
        self
    }

    /// The domain the node belongs to.
    pub fn owner(&self) -> u16 {
        self.owner
    }

    /// The same permissions for a node made by `owner` below.
    #[must_use]
    pub fn inherited_by(&self, owner: u16) -> Permissions {
        Permissions { owner, ..self.clone() }
    }

    /// What `domain` may do. An owner may do everything.
    pub fn of(&self, domain: u16) -> Access {
        if domain == self.owner {
            return Access::BOTH;
        }
        let named = self.named.iter().find(|(id, _)| *id == domain);
        named.map_or(self.others, |(_, access)| *access)
    }

    /// How many entries there are; the owner's is one.
    pub fn len(&self) -> usize {
        1 + self.named.len()
    }

    /// Never: the owner's entry is always there.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// As the protocol has them: `n7\0r0\0`.
    pub fn to_wire(&self) -> Vec<u8> {
        let first = (self.owner, self.others);
        let entries = std::iter::once(&first).chain(&self.named);
        entries.flat_map(|(id, access)| format!("{}{id}\0", access.letter()).into_bytes()).collect()
    }

    /// From the protocol's strings, without their NULs.
    ///
    /// # Errors
    /// `EINVAL` for none, an unknown letter, or no number of a domain.
    pub fn from_wire<'a>(entries: impl Iterator<Item = &'a str>) -> Result<Permissions, Errno> {
        let mut entries = entries.map(entry);
        let (owner, others) = entries.next().ok_or(Errno::Invalid)??;
        let named = entries.collect::<Result<_, _>>()?;
        Ok(Permissions { owner, others, named })
    }
}

fn entry(text: &str) -> Result<(u16, Access), Errno> {
    let mut chars = text.chars();
    let access = chars.next().and_then(Access::from_letter).ok_or(Errno::Invalid)?;
    let domain = chars.as_str();
    if !domain.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Errno::Invalid);
    }
    Ok((domain.parse().map_err(|_| Errno::Invalid)?, access))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn who_may_what() {
        let perms = Permissions::from_wire(["n7", "r0", "b9"].into_iter()).unwrap();
        assert_eq!(perms.owner(), 7);
        assert_eq!(perms.of(7), Access::BOTH);
        assert_eq!(perms.of(0), Access::READ);
        assert_eq!(perms.of(9), Access::BOTH);
        assert_eq!(perms.of(3), Access::NONE);
        assert!(!perms.of(0).allows(Access::WRITE));
        assert_eq!(perms.inherited_by(3).to_wire(), b"n3\0r0\0b9\0");
    }

    #[test]
    fn bad_entries() {
        for bad in ["", "r", "x1", "r-1", "r+1", "r65536", "r1 ", "\u{e4}1"] {
            assert_eq!(Permissions::from_wire([bad].into_iter()), Err(Errno::Invalid), "{bad}");
        }
        assert_eq!(Permissions::from_wire([].into_iter()), Err(Errno::Invalid));
    }

    proptest! {
        #[test]
        fn wire_and_back(entries in proptest::collection::vec("[nrwb](0|[1-9][0-9]{0,3})", 1..6)) {
            let perms = Permissions::from_wire(entries.iter().map(String::as_str)).unwrap();
            prop_assert_eq!(perms.to_wire(), entries.join("\0").into_bytes().into_iter().chain([0]).collect::<Vec<_>>());
            prop_assert_eq!(perms.len(), entries.len());
        }
    }
}
