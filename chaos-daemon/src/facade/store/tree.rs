//! The nodes of one guest's store.
//!
//! A copy shares the nodes with its original until one of them changes, so a
//! transaction's copy costs a map, not the values.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::path::Path;
use super::permissions::Permissions;

/// Value and permissions of a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// What is stored; any bytes.
    pub value: Vec<u8>,
    /// Who may see and change it.
    pub permissions: Permissions,
    /// Changes with every change of the node or of the list of its children; never
    /// the same for two states of a path.
    pub generation: u64,
    /// Bytes of its children's names, a NUL each.
    pub children_len: usize,
}

/// Nodes by path. Every node's parent is there, too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tree {
    nodes: BTreeMap<Path, Arc<Node>>,
    guest: u16,
    usage: Usage,
}

/// What belongs to the guest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Nodes it owns.
    pub nodes: usize,
    /// Bytes of their paths and values.
    pub bytes: usize,
}

impl Tree {
    /// A tree with nothing but `/`, counting what belongs to domain `guest`.
    pub(super) fn new(guest: u16, root: Permissions) -> Tree {
        let mut tree = Tree { nodes: BTreeMap::new(), guest, usage: Usage::default() };
        tree.put(&Path::root(), Vec::new(), root, 0);
        tree
    }

    /// The node at `path`.
    pub(super) fn get(&self, path: &Path) -> Option<&Node> {
        self.nodes.get(path).map(Arc::as_ref)
    }

    /// What belongs to the guest.
    pub(super) fn usage(&self) -> Usage {
        self.usage
    }

    /// The nearest node at or above `path`.
    pub(super) fn nearest(&self, path: &Path) -> Option<&Node> {
        std::iter::successors(Some(path.clone()), Path::parent).find_map(|path| self.get(&path))
    }

    /// Creates or changes a node; a new one is entered with its parent, which must
    /// be there (or is changed, too, when it is not: nothing is lost but its mark).
    pub(super) fn put(
        &mut self,
        path: &Path,
        value: Vec<u8>,
        permissions: Permissions,
        generation: u64,
    ) {
        let old = self.nodes.remove(path);
        let children_len = old.as_ref().map_or(0, |node| node.children_len);
        let node = Node { value, permissions, generation, children_len };
        match old {
            Some(old) => self.count(path, &old, false),
            None => self.mark_parent(path, generation, true),
        }
        self.count(path, &node, true);
        self.nodes.insert(path.clone(), Arc::new(node));
    }

    /// Removes one node; its children must be gone.
    pub(super) fn remove(&mut self, path: &Path, generation: u64) {
        if let Some(old) = self.nodes.remove(path) {
            self.count(path, &old, false);
            self.mark_parent(path, generation, false);
        }
    }

    /// Names of the children of `path`, in order.
    pub(super) fn children<'a>(&'a self, path: &'a Path) -> Vec<&'a str> {
        let names = self.range_below(path).filter_map(|(child, _)| child.below(path));
        names.filter(|name| !name.contains('/')).collect()
    }

    /// All paths below `path`, deepest first; `path` itself comes last.
    pub(super) fn subtree(&self, path: &Path) -> Vec<Path> {
        let mut paths: Vec<Path> = self.range_below(path).map(|(path, _)| path.clone()).collect();
        paths.push(path.clone());
        paths.sort_by(|a, b| b.cmp(a));
        paths
    }

    fn range_below<'a>(&'a self, path: &'a Path) -> impl Iterator<Item = (&'a Path, &'a Node)> {
        let after = self.nodes.range((Bound::Excluded(path), Bound::Unbounded));
        // "/a-b" and "/a.b" sort between "/a" and "/a/b": they are passed over, and
        // what does not even begin alike ends the search.
        after
            .take_while(|(other, _)| other.as_str().starts_with(path.as_str()))
            .filter(|(other, _)| other.below(path).is_some())
            .map(|(path, node)| (path, node.as_ref()))
    }

    fn mark_parent(&mut self, child: &Path, generation: u64, added: bool) {
        let Some(parent) = child.parent() else { return };
        let Some(node) = self.nodes.get_mut(&parent) else { return };
        let node = Arc::make_mut(node);
        let len = child.name().len() + 1;
        node.generation = generation;
        node.children_len =
            if added { node.children_len + len } else { node.children_len.saturating_sub(len) };
    }

    fn count(&mut self, path: &Path, node: &Node, added: bool) {
        if node.permissions.owner() != self.guest {
            return;
        }
        let bytes = path.as_str().len() + node.value.len();
        if added {
            self.usage.nodes += 1;
            self.usage.bytes += bytes;
        } else {
            self.usage.nodes -= 1;
            self.usage.bytes -= bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::permissions::Access;
    use super::*;

    fn path(text: &str) -> Path {
        Path::absolute(text).unwrap()
    }

    #[test]
    fn neighbours_in_the_order_of_bytes_are_no_children() {
        let mut tree = Tree::new(1, Permissions::owned(0, Access::NONE));
        for text in ["/a", "/a-b", "/a-b/c", "/a/x", "/a/x/y", "/a/z", "/a0", "/ab"] {
            tree.put(&path(text), Vec::new(), Permissions::owned(1, Access::NONE), 1);
        }
        assert_eq!(tree.children(&path("/a")), ["x", "z"]);
        assert_eq!(tree.children(&Path::root()), ["a", "a-b", "a0", "ab"]);
        assert_eq!(tree.subtree(&path("/a")), ["/a/z", "/a/x/y", "/a/x", "/a"].map(path));
    }

    proptest! {
        #[test]
        fn usage_is_what_a_recount_gives(
            steps in proptest::collection::vec(("(/[ab-]{1,2}){1,2}", 0usize..9, 0u16..3, any::<bool>()), 0..60),
        ) {
            let mut tree = Tree::new(1, Permissions::owned(0, Access::NONE));
            for (n, (text, len, owner, remove)) in steps.into_iter().enumerate() {
                let path = path(&text);
                let generation = n as u64 + 1;
                if remove {
                    for path in tree.subtree(&path) {
                        tree.remove(&path, generation);
                    }
                } else {
                    let up: Vec<Path> = std::iter::successors(path.parent(), Path::parent)
                        .filter(|path| tree.get(path).is_none()).collect();
                    for path in up.iter().rev() {
                        tree.put(path, Vec::new(), Permissions::owned(owner, Access::NONE), generation);
                    }
                    tree.put(&path, vec![0; len], Permissions::owned(owner, Access::NONE), generation);
                }
            }
            let own: Vec<_> = tree.nodes.iter().filter(|(_, node)| node.permissions.owner() == 1).collect();
            let bytes = own.iter().map(|(path, node)| path.as_str().len() + node.value.len()).sum();
            prop_assert_eq!(tree.usage(), Usage { nodes: own.len(), bytes });
            for (path, node) in &tree.nodes {
                let len: usize = tree.children(path).iter().map(|name| name.len() + 1).sum();
                prop_assert_eq!(node.children_len, len);
            }
        }
    }
}
