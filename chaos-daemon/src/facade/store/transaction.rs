//! Transactions: a copy to work on, and what must not change meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::path::Path;
use super::quota;
use super::tree::{Tree, Usage};
use super::view::Change;
use crate::facade::wire::Errno;

/// A copy of the tree and what was done with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Transaction {
    /// The copy.
    pub(super) tree: Tree,
    /// What the guest owned when the copy was made.
    before: Usage,
    /// Nodes looked at or changed, with their generation in the original.
    accessed: BTreeMap<Path, Option<u64>>,
    accessed_bytes: usize,
    modified: BTreeSet<Path>,
    changes: BTreeMap<Path, Change>,
    failed: bool,
}

impl Transaction {
    pub(super) fn start(live: &Tree) -> Transaction {
        Transaction {
            tree: live.clone(),
            before: live.usage(),
            accessed: BTreeMap::new(),
            accessed_bytes: 0,
            modified: BTreeSet::new(),
            changes: BTreeMap::new(),
            failed: false,
        }
    }

    /// Notes that the outcome depends on `path`.
    ///
    /// # Errors
    /// `ENOSPC` when it touches too much; it can then only fail.
    pub(super) fn access(&mut self, path: &Path) -> Result<(), Errno> {
        if self.accessed.contains_key(path) {
            return Ok(());
        }
        let bytes = self.accessed_bytes + path.as_str().len();
        if self.accessed.len() >= quota::TRANSACTION_NODES || bytes > quota::TRANSACTION_BYTES {
            self.failed = true;
            return Err(Errno::NoSpace);
        }
        self.accessed_bytes = bytes;
        let generation = self.tree.get(path).map(|node| node.generation);
        self.accessed.insert(path.clone(), generation);
        Ok(())
    }

    /// Notes that `path` is changed; it has been [accessed](Self::access).
    pub(super) fn modify(&mut self, path: &Path) {
        self.modified.insert(path.clone());
    }

    /// Notes an event for later. Of two for a path the one for more watches stays.
    pub(super) fn change(&mut self, change: Change) {
        let known = self.changes.entry(change.path.clone()).or_insert_with(|| change.clone());
        known.exact &= change.exact;
        known.visible |= change.visible;
    }

    /// Makes `live` what the copy is, where it was changed.
    ///
    /// # Errors
    /// `EAGAIN` when something it looked at has changed in `live`; `ENOMEM` after it
    /// failed; `ENOSPC` when the guest would own too much. `live` is then as it was.
    pub(super) fn commit(self, live: &mut Tree, generation: u64) -> Result<Vec<Change>, Errno> {
        if self.failed {
            return Err(Errno::NoMemory);
        }
        let now = |path: &Path| live.get(path).map(|node| node.generation);
        if self.accessed.iter().any(|(path, generation)| now(path) != *generation) {
            return Err(Errno::Again);
        }
        let after = self.tree.usage();
        let grows = |live: usize, after: usize, before: usize, limit: usize| {
            after > before && live + (after - before) > limit
        };
        let usage = live.usage();
        if grows(usage.nodes, after.nodes, self.before.nodes, quota::NODES)
            || grows(usage.bytes, after.bytes, self.before.bytes, quota::NODE_BYTES)
        {
            return Err(Errno::NoSpace);
        }
        self.apply(live, generation);
        Ok(self.changes.into_values().collect())
    }

    /// Parents come before their children in the order of paths: created downwards,
    /// removed upwards.
    fn apply(&self, live: &mut Tree, generation: u64) {
        for path in &self.modified {
            if let Some(node) = self.tree.get(path) {
                live.put(path, node.value.clone(), node.permissions.clone(), generation);
            }
        }
        for path in self.modified.iter().rev() {
            if self.tree.get(path).is_none() {
                live.remove(path, generation);
            }
        }
    }
}
