//! The shells that wait, by flavour.

use std::collections::VecDeque;

use foldhash::HashMap;
use lightvm::build::Control;
use lightvm::create::{CreateError, Creator, Images};
use lightvm::domain::{Loaded, Shell};
use lightvm::registry::{Outline, Reserved};
use lightvm::xen::{DomId, DomainState, ForeignMapping, Xen, XenError};
use uuid::Uuid;

use crate::daemon::Daemon;
use crate::guests::OpenRecord;
use crate::pool::FlavourId;
use crate::shard::Wire;

/// A shell that waits. Dropping it destroys its domain.
#[derive(Debug)]
pub(super) struct Kept {
    /// Unmapped and let go before the domain goes.
    fittings: Fittings,
    domain: Domain,
}

/// What is prepared around a shell, so that its finish need not.
#[derive(Debug, Default)]
pub(crate) struct Fittings {
    /// Its control page, mapped.
    pub(crate) page: Option<ForeignMapping>,
    /// The number of a shard, and its end of the shell's port.
    pub(crate) wire: Option<(usize, Wire)>,
    /// The place of the guest's record among those of all guests.
    pub(crate) place: Option<Reserved>,
    /// The file of the daemon's own record.
    pub(crate) open: Option<OpenRecord>,
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
    /// What is around it.
    pub(crate) fittings: Fittings,
    /// Its domain.
    pub(crate) loaded: Loaded,
}

impl Kept {
    /// A shell without an image.
    pub(super) fn blank(shell: Shell) -> Kept {
        Kept { fittings: Fittings::default(), domain: Domain::Blank(shell) }
    }

    /// A shell with an image, whose record is `open`. One with a control page has it mapped, and its
    /// port bound to the next of the daemon's shards.
    ///
    /// # Errors
    /// Those of mapping and binding.
    pub(super) fn loaded(
        daemon: &Daemon,
        loaded: Loaded,
        open: OpenRecord,
    ) -> Result<Kept, XenError> {
        let (xen, domid) = (&daemon.xen, loaded.domid());
        let mut fittings = Fittings::default();
        if let Some(channel) = loaded.channel().filter(|c| c.control == Control::Noxs) {
            fittings.page = Some(xen.map(domid, &[channel.page])?);
            let shard = daemon.guests.next_shard(daemon.shards.len());
            fittings.wire = Some((shard, daemon.shards[shard].wire(xen, domid, channel.port)?));
        }
        // Without it, as where descriptors run out, a finish takes longer.
        fittings.place = daemon.lifecycle.registry().reserve(Outline::of(&loaded)).ok();
        fittings.open = Some(open);
        Ok(Kept { fittings, domain: Domain::Loaded(loaded) })
    }

    /// Whether its shard is connected to it already.
    pub(super) fn is_wired(&self) -> bool {
        self.fittings.wire.is_some()
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
        Ok(Ready { fittings: self.fittings, loaded })
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
