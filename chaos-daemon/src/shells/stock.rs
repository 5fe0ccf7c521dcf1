//! The shells that wait, by flavour.

use std::collections::{HashMap, VecDeque};

use lightvm::create::{CreateError, Creator, Images};
use lightvm::domain::{Loaded, Shell};
use lightvm::xen::{DomId, DomainState, Xen};
use uuid::Uuid;

use crate::pool::FlavourId;

/// A shell that waits. Dropping it destroys its domain.
#[derive(Debug)]
pub(super) enum Kept {
    /// Without an image.
    Blank(Shell),
    /// With one.
    Loaded(Loaded),
}

impl Kept {
    pub(super) fn uuid(&self) -> Uuid {
        match self {
            Kept::Blank(shell) => shell.uuid(),
            Kept::Loaded(loaded) => loaded.uuid(),
        }
    }

    fn domid(&self) -> DomId {
        match self {
            Kept::Blank(shell) => shell.domid(),
            Kept::Loaded(loaded) => loaded.domid(),
        }
    }

    /// Whether its domain is there and has not begun to end.
    pub(super) fn is_sound(&self, xen: &Xen) -> bool {
        let lives = |state| !matches!(state, DomainState::Dying | DomainState::Shutdown(_));
        xen.domain_info(self.domid()).is_ok_and(|i| i.uuid == self.uuid() && lives(i.state))
    }

    /// Loads `images` where none are.
    pub(super) fn loaded(
        self,
        creator: &Creator,
        images: &Images<'_>,
    ) -> Result<Loaded, CreateError> {
        match self {
            Kept::Blank(shell) => creator.load(shell, images),
            Kept::Loaded(loaded) => Ok(loaded),
        }
    }
}

/// The shells that wait.
#[derive(Debug, Default)]
pub(super) struct Stock(HashMap<FlavourId, VecDeque<Kept>>);

impl Stock {
    pub(super) fn put(&mut self, id: FlavourId, shell: Kept) {
        self.0.entry(id).or_default().push_back(shell);
    }

    /// The one built last, whose memory is most likely near.
    pub(super) fn newest(&mut self, id: FlavourId) -> Option<Kept> {
        let shelf = self.0.get_mut(&id)?;
        let shell = shelf.pop_back();
        if shelf.is_empty() {
            self.0.remove(&id);
        }
        shell
    }

    pub(super) fn take_all(&mut self) -> Vec<Kept> {
        self.0.drain().flat_map(|(_, shelf)| shelf).collect()
    }

    pub(super) fn oldest(&mut self, id: FlavourId, count: u32) -> Vec<Kept> {
        let Some(shelf) = self.0.get_mut(&id) else { return Vec::new() };
        let count = shelf.len().min(count as usize);
        let shells = shelf.drain(..count).collect();
        if shelf.is_empty() {
            self.0.remove(&id);
        }
        shells
    }
}
