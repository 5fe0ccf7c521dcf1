//! The tree as the guest may see and change it, inside a transaction or not.

use super::path::Path;
use super::permissions::{Access, Permissions};
use super::quota;
use super::transaction::Transaction;
use super::tree::{Node, Tree};
use crate::facade::wire::Errno;

use serde::{Deserialize, Serialize};

/// Something changed at a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Change {
    pub(super) path: Path,
    /// Only for watches of this very path: it went with a path above it.
    pub(super) exact: bool,
    /// The guest may read it or what is above it, or might before.
    pub(super) visible: bool,
}

/// What a request works on.
pub(super) enum Scope<'a> {
    /// The tree itself; changes take place at once.
    Live(&'a mut Tree, &'a mut Vec<Change>),
    /// A transaction's copy.
    Transaction(&'a mut Transaction),
}

/// A guest's view.
pub(super) struct View<'a> {
    pub(super) guest: u16,
    pub(super) generation: u64,
    pub(super) scope: Scope<'a>,
}

impl View<'_> {
    fn tree(&self) -> &Tree {
        match &self.scope {
            Scope::Live(tree, _) => tree,
            Scope::Transaction(transaction) => &transaction.tree,
        }
    }

    /// The node at `path` when the guest has `wanted` access. One that is not there
    /// says so only to who might make it.
    pub(super) fn node(&mut self, path: &Path, wanted: Access) -> Result<&Node, Errno> {
        self.access(path)?;
        let (tree, guest) = (self.tree(), self.guest);
        let above = |node: &Node| node.permissions.of(guest).allows(wanted);
        match tree.get(path) {
            Some(node) if node.permissions.of(guest).allows(wanted) => Ok(node),
            Some(_) => Err(Errno::Access),
            None if tree.nearest(path).is_some_and(above) => Err(Errno::NotFound),
            None => Err(Errno::Access),
        }
    }

    pub(super) fn children(&self, path: &Path) -> Vec<u8> {
        let names = self.tree().children(path);
        names.into_iter().flat_map(|name| name.bytes().chain([0])).collect()
    }

    /// Sets a value, making the node and those above it where they are missing.
    pub(super) fn write(&mut self, path: &Path, value: &[u8]) -> Result<(), Errno> {
        match self.node(path, Access::WRITE) {
            Ok(node) => {
                let permissions = node.permissions.clone();
                self.put(path, value, permissions)?;
                self.changed(path, false, None);
                Ok(())
            }
            Err(Errno::NotFound) => self.create(path, value),
            Err(e) => Err(e),
        }
    }

    /// Makes a node unless it is there.
    pub(super) fn mkdir(&mut self, path: &Path) -> Result<(), Errno> {
        match self.node(path, Access::WRITE) {
            Err(Errno::NotFound) => self.create(path, b""),
            other => other.map(drop),
        }
    }

    /// Removes a node and all below it.
    pub(super) fn remove(&mut self, path: &Path) -> Result<(), Errno> {
        let found = self.node(path, Access::WRITE).map(drop);
        let Some(parent) = path.parent() else { return found.and(Err(Errno::Invalid)) };
        match found {
            Err(Errno::NotFound) => {
                self.access(&parent)?;
                return self.tree().get(&parent).map(drop).ok_or(Errno::NotFound);
            }
            other => other?,
        }
        self.access(&parent)?;
        let doomed = self.tree().subtree(path);
        for path in &doomed {
            self.access(path)?;
        }
        for doomed in &doomed {
            self.changed(doomed, doomed != path, None);
            self.forget(doomed);
        }
        Ok(())
    }

    /// Gives a node new permissions; the owner stays.
    pub(super) fn set_permissions(&mut self, path: &Path, new: Permissions) -> Result<(), Errno> {
        let guest = self.guest;
        let node = self.node(path, Access::WRITE)?;
        if node.permissions.owner() != guest {
            return Err(Errno::Access);
        }
        if new.owner() != guest {
            return Err(Errno::Permission);
        }
        let (value, old) = (node.value.clone(), node.permissions.clone());
        self.put(path, &value, new)?;
        self.changed(path, false, Some(&old));
        Ok(())
    }

    fn create(&mut self, path: &Path, value: &[u8]) -> Result<(), Errno> {
        let missing: Vec<Path> = std::iter::successors(Some(path.clone()), Path::parent)
            .take_while(|path| self.tree().get(path).is_none())
            .collect();
        let parent = missing.last().and_then(Path::parent).ok_or(Errno::Invalid)?;
        self.access(&parent)?;
        let parent_node = self.tree().get(&parent).ok_or(Errno::Invalid)?;
        let permissions = parent_node.permissions.inherited_by(self.guest);
        self.check_creation(&missing, parent_node, &permissions, value)?;
        for path in &missing {
            self.access(path)?;
        }
        for path in missing.iter().rev() {
            let value = if path == missing.first().unwrap_or(path) { value } else { b"" };
            self.store(path, value, permissions.clone());
        }
        self.changed(path, false, None);
        Ok(())
    }

    /// All quotas are checked first, so nothing is half made.
    fn check_creation(
        &self,
        missing: &[Path],
        parent: &Node,
        permissions: &Permissions,
        value: &[u8],
    ) -> Result<(), Errno> {
        let usage = self.tree().usage();
        let bytes: usize = missing.iter().map(|path| path.as_str().len()).sum();
        let name = |path: &Path| path.name().len() + 1;
        let perms = permissions.len();
        let mut children = missing.iter().map(name);
        let last = children.next_back().unwrap_or(0);
        let fits = quota::entry_fits(value.len(), perms, 0)
            && children.all(|len| quota::entry_fits(0, perms, len))
            && quota::entry_fits(
                parent.value.len(),
                parent.permissions.len(),
                parent.children_len + last,
            )
            && usage.nodes + missing.len() <= quota::NODES
            && usage.bytes + bytes + value.len() <= quota::NODE_BYTES;
        fits.then_some(()).ok_or(Errno::NoSpace)
    }

    /// Changes a node that is there, within the quotas.
    fn put(&mut self, path: &Path, value: &[u8], permissions: Permissions) -> Result<(), Errno> {
        let tree = self.tree();
        let old = tree.get(path).ok_or(Errno::NotFound)?;
        let grows = value.len().saturating_sub(old.value.len());
        let owned = permissions.owner() == self.guest;
        if !quota::entry_fits(value.len(), permissions.len(), old.children_len)
            || (owned && grows > 0 && tree.usage().bytes + grows > quota::NODE_BYTES)
        {
            return Err(Errno::NoSpace);
        }
        self.store(path, value, permissions);
        Ok(())
    }

    fn store(&mut self, path: &Path, value: &[u8], permissions: Permissions) {
        let generation = self.generation;
        match &mut self.scope {
            Scope::Live(tree, _) => tree.put(path, value.to_vec(), permissions, generation),
            Scope::Transaction(transaction) => {
                transaction.tree.put(path, value.to_vec(), permissions, generation);
                transaction.modify(path);
            }
        }
    }

    fn forget(&mut self, path: &Path) {
        let generation = self.generation;
        match &mut self.scope {
            Scope::Live(tree, _) => tree.remove(path, generation),
            Scope::Transaction(transaction) => {
                transaction.tree.remove(path, generation);
                transaction.modify(path);
            }
        }
    }

    fn access(&mut self, path: &Path) -> Result<(), Errno> {
        match &mut self.scope {
            Scope::Live(..) => Ok(()),
            Scope::Transaction(transaction) => transaction.access(path),
        }
    }

    fn changed(&mut self, path: &Path, exact: bool, old: Option<&Permissions>) {
        let visible = old.is_some_and(|perms| perms.of(self.guest).read)
            || visible(self.tree(), path, self.guest);
        let change = Change { path: path.clone(), exact, visible };
        match &mut self.scope {
            Scope::Live(_, changes) => changes.push(change),
            Scope::Transaction(transaction) => transaction.change(change),
        }
    }
}

/// True when `guest` may read the node or its parent.
pub(super) fn visible(tree: &Tree, path: &Path, guest: u16) -> bool {
    let readable = |path: &Path| tree.get(path).is_some_and(|node| node.permissions.of(guest).read);
    readable(path) || path.parent().is_some_and(|parent| readable(&parent))
}
