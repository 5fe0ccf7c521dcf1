//! The shells that wait, by flavour.

use std::collections::{HashMap, VecDeque};

use lightvm::build::Control;
use lightvm::create::{CreateError, Creator, Images};
use lightvm::domain::{Loaded, Shell};
use lightvm::xen::{DomId, DomainState, ForeignMapping, Xen, XenError};
use uuid::Uuid;

use crate::pool::FlavourId;

/// A shell that waits. Dropping it destroys its domain.
#[derive(Debug)]
pub(super) struct Kept {
    // Unmapped before the domain goes.
    page: Option<ForeignMapping>,
    domain: Domain,
}

#[derive(Debug)]
enum Domain {
    /// Without an image.
    Blank(Shell),
    /// With one.
    Loaded(Loaded),
}

/// A shell with a guest's image in it.
#[derive(Debug)]
pub(crate) struct Ready {
    /// Its control page, when it was mapped in advance.
    pub(crate) page: Option<ForeignMapping>,
    /// Its domain.
    pub(crate) loaded: Loaded,
}

impl Kept {
    /// A shell without an image.
    pub(super) fn blank(shell: Shell) -> Kept {
        Kept { page: None, domain: Domain::Blank(shell) }
    }

    /// A shell with an image, its control page mapped if it has one.
    ///
    /// # Errors
    /// Those of mapping it.
    pub(super) fn loaded(xen: &Xen, loaded: Loaded) -> Result<Kept, XenError> {
        let channel = loaded.channel().filter(|channel| channel.control == Control::Noxs);
        let page = channel.map(|channel| xen.map(loaded.domid(), &[channel.page])).transpose()?;
        Ok(Kept { page, domain: Domain::Loaded(loaded) })
    }

    pub(super) fn uuid(&self) -> Uuid {
        match &self.domain {
            Domain::Blank(shell) => shell.uuid(),
            Domain::Loaded(loaded) => loaded.uuid(),
        }
    }

    fn domid(&self) -> DomId {
        match &self.domain {
            Domain::Blank(shell) => shell.domid(),
            Domain::Loaded(loaded) => loaded.domid(),
        }
    }

    /// Whether its domain is there and has not begun to end.
    pub(super) fn is_sound(&self, xen: &Xen) -> bool {
        let lives = |state| !matches!(state, DomainState::Dying | DomainState::Shutdown(_));
        xen.domain_info(self.domid()).is_ok_and(|i| i.uuid == self.uuid() && lives(i.state))
    }

    /// Loads `images` where none are.
    pub(super) fn ready(
        self,
        creator: &Creator,
        images: &Images<'_>,
    ) -> Result<Ready, CreateError> {
        let loaded = match self.domain {
            Domain::Blank(shell) => creator.load(shell, images)?,
            Domain::Loaded(loaded) => loaded,
        };
        Ok(Ready { page: self.page, loaded })
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
