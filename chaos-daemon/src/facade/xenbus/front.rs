//! What a front end wrote in its folder.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::block::BlockFront;
use super::net::NetFront;
use crate::facade::store::{Path, Store};

/// What a front end said about its rings, as it was when it said it was ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Front {
    /// A network device's.
    Net(NetFront),
    /// A block device's.
    Block(BlockFront),
}

/// A front end that cannot be served.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FrontEnd {
    /// A node that must be there is not.
    #[error("the front end did not write {0}")]
    Missing(String),
    /// A node holds no number.
    #[error("the front end's {0} is no number")]
    NoNumber(String),
    /// It asks for something the host does not have.
    #[error("the front end asks for {0}")]
    Unsupported(&'static str),
}

/// Reads the nodes of one front end.
pub(super) struct Reader<'a> {
    store: &'a Store,
    folder: &'a Path,
}

impl<'a> Reader<'a> {
    pub(super) fn new(store: &'a Store, folder: &'a Path) -> Reader<'a> {
        Reader { store, folder }
    }

    /// The text of a node; `None` when there is none.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        self.store.text(&self.folder.join(name))
    }

    /// The number in a node; `None` when there is none.
    pub(super) fn number(&self, name: &str) -> Result<Option<u32>, FrontEnd> {
        let parse = |text: &str| text.parse().map_err(|_| FrontEnd::NoNumber(name.to_owned()));
        self.text(name).map(parse).transpose()
    }

    /// The number in a node that must be there.
    pub(super) fn needed(&self, name: &str) -> Result<u32, FrontEnd> {
        self.number(name)?.ok_or_else(|| FrontEnd::Missing(name.to_owned()))
    }
}
