//! One guest's XenStore: a tree, its transactions and watches, and the answer to
//! every request. Pure: what is stored here depends on requests and the host's calls
//! alone, in their order.
//!
//! Answers and error names are xenstored's to an unprivileged guest
//! (`tools/xenstore/xenstored_{core,watch,transaction}.c` of Xen 4.17), except that there
//! is nobody else: no other guest's nodes, and nothing of the host's but what this
//! guest may see.

mod path;
mod permissions;
pub mod quota;
mod request;
#[cfg(test)]
mod tests;
mod transaction;
mod tree;
mod view;
mod watches;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use path::Path;
pub use permissions::{Access, Permissions};
pub use tree::{Node, Usage};
pub use watches::WatchEvent;

use super::wire::Kind;
use transaction::Transaction;
use tree::Tree;
use view::{Change, visible};
use watches::Watches;

/// The control domain owns what the host makes.
pub const HOST: u16 = 0;

/// A guest's store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Store {
    guest: u16,
    home: Path,
    tree: Tree,
    generation: u64,
    transactions: BTreeMap<u32, Transaction>,
    next_transaction: u32,
    watches: Watches,
}

/// What a request brings about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// [`Kind::Error`] or the kind of the request.
    pub kind: Kind,
    /// What to answer.
    pub payload: Vec<u8>,
    /// Events to tell before the answer, or behind it for a new watch.
    pub events: Vec<WatchEvent>,
    /// Paths that changed, for the host.
    pub changed: Vec<Path>,
}

impl Store {
    /// A store with `/` and the guest's own folder, `/local/domain/<guest>`.
    pub fn new(guest: u16) -> Store {
        let root = Permissions::owned(HOST, Access::NONE);
        let home = Path::root().join("local/domain").join(guest);
        let tree = Tree::new(guest, root);
        let mut store = Store {
            guest,
            home: home.clone(),
            tree,
            generation: 0,
            transactions: BTreeMap::new(),
            next_transaction: 1,
            watches: Watches::default(),
        };
        store.set(&home, "", &Permissions::owned(HOST, Access::NONE).and(guest, Access::READ));
        store
    }

    /// The guest's number.
    pub fn guest(&self) -> u16 {
        self.guest
    }

    /// The guest's own folder.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// What the guest owns.
    pub fn usage(&self) -> Usage {
        self.tree.usage()
    }

    /// Watches and transactions there are now.
    pub fn open(&self) -> (usize, usize) {
        (self.watches.len(), self.transactions.len())
    }

    /// The node at `path`, whoever may read it.
    pub fn node(&self, path: &Path) -> Option<&Node> {
        self.tree.get(path)
    }

    /// The value at `path` as text; `None` when there is none or it is no UTF-8.
    pub fn text(&self, path: &Path) -> Option<&str> {
        std::str::from_utf8(&self.tree.get(path)?.value).ok()
    }

    /// Names right below `path`.
    pub fn children(&self, path: &Path) -> Vec<String> {
        self.tree.children(path).into_iter().map(str::to_owned).collect()
    }

    /// Sets a node for the host: no quotas. Missing nodes above get the permissions
    /// of what is above them.
    pub fn set(&mut self, path: &Path, value: &str, permissions: &Permissions) -> Vec<WatchEvent> {
        self.generation += 1;
        let missing: Vec<Path> = std::iter::successors(path.parent(), Path::parent)
            .take_while(|path| self.tree.get(path).is_none())
            .collect();
        for path in missing.iter().rev() {
            let above = self.tree.nearest(path).map(|node| node.permissions.inherited_by(HOST));
            let above = above.unwrap_or(Permissions::owned(HOST, Access::NONE));
            self.tree.put(path, Vec::new(), above, self.generation);
        }
        self.tree.put(path, value.into(), permissions.clone(), self.generation);
        self.fire(path, visible(&self.tree, path, self.guest))
    }

    /// Changes the value of a node for the host; one that is not there inherits.
    pub fn update(&mut self, path: &Path, value: &str) -> Vec<WatchEvent> {
        let nearest = self.tree.nearest(path).map(|node| node.permissions.clone());
        self.set(path, value, &nearest.unwrap_or(Permissions::owned(HOST, Access::NONE)))
    }

    /// Removes a node and all below it for the host.
    pub fn remove(&mut self, path: &Path) -> Vec<WatchEvent> {
        if self.tree.get(path).is_none() || path.is_root() {
            return Vec::new();
        }
        self.generation += 1;
        let mut events = Vec::new();
        for doomed in self.tree.subtree(path) {
            let visible = visible(&self.tree, &doomed, self.guest);
            let exact = doomed != *path;
            let change = Change { path: doomed.clone(), exact, visible };
            self.watches.fire(&change, &self.home, |event| events.push(event));
            self.tree.remove(&doomed, self.generation);
        }
        events
    }

    /// Forgets watches and transactions, as after a reconnection.
    pub fn reset_connection(&mut self) {
        self.watches.clear();
        self.transactions.clear();
    }

    fn fire(&self, path: &Path, visible: bool) -> Vec<WatchEvent> {
        let mut events = Vec::new();
        let change = Change { path: path.clone(), exact: false, visible };
        self.watches.fire(&change, &self.home, |event| events.push(event));
        events
    }
}
