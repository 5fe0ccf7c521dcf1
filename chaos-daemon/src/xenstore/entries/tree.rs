//! Entries, in the order in which they are written.

use lightvm::xen::DomId;

/// Who may do what with an entry; the host may do everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The guest reads.
    Shown,
    /// The guest owns it, so that it may write; its back end reads.
    Shared,
    /// The guest's alone.
    Private,
}

impl Access {
    /// As the store takes it: the owner and what all others may, then what one other may.
    #[must_use]
    pub fn permissions(self, guest: DomId) -> Vec<String> {
        match self {
            Access::Shown => vec!["n0".to_owned(), format!("r{guest}")],
            Access::Shared => vec![format!("n{guest}"), "r0".to_owned()],
            Access::Private => vec![format!("n{guest}")],
        }
    }
}

/// One entry of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its absolute path.
    pub path: String,
    /// What it says.
    pub value: String,
    /// Set after it has been written; `None` where it is that of the entry above, which the
    /// store gives new entries by itself.
    pub access: Option<Access>,
}

/// Entries in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    entries: Vec<Entry>,
}

impl Tree {
    /// No entries.
    #[must_use]
    pub fn new() -> Self {
        Tree::default()
    }

    /// All entries, each after the one above it.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Adds everything of `other`.
    pub fn append(&mut self, mut other: Tree) {
        self.entries.append(&mut other.entries);
    }

    /// Adds an entry, whose own entries get the same access.
    pub(super) fn folder(&mut self, path: impl Into<String>, access: Access) {
        self.entries.push(Entry { path: path.into(), value: String::new(), access: Some(access) });
    }

    /// Adds an entry with the access of `folder`, which has been added before.
    pub(super) fn say(&mut self, folder: &str, name: &str, value: impl ToString) {
        let path = format!("{folder}/{name}");
        self.entries.push(Entry { path, value: value.to_string(), access: None });
    }
}
