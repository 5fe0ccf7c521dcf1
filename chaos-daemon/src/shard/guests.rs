//! The guests of a shard: by number and by UUID.

use std::collections::HashMap;

use lightvm::xen::XenError;
use slab::Slab;
use uuid::Uuid;

use super::GuestId;
use super::arrival::Arrival;
use super::contain::contained;
use super::guest::Guest;
use super::tools::Tools;

/// Every guest of a shard.
#[derive(Default)]
pub(super) struct Guests {
    guests: Slab<Guest>,
    by_uuid: HashMap<Uuid, GuestId>,
    epoch: u32,
}

impl Guests {
    pub(super) fn get(&mut self, id: GuestId) -> Option<&mut Guest> {
        self.guests.get_mut(id.index as usize).filter(|guest| guest.id == id)
    }

    pub(super) fn of_uuid(&self, uuid: Uuid) -> Option<GuestId> {
        self.by_uuid.get(&uuid).copied()
    }

    /// Takes a guest in. One with the same UUID that was not told to leave does so now.
    pub(super) fn add(&mut self, arrival: Arrival, tools: &mut Tools) -> Result<GuestId, XenError> {
        let uuid = arrival.uuid;
        self.remove(uuid, tools);
        self.epoch = self.epoch.wrapping_add(1);
        let entry = self.guests.vacant_entry();
        // A host has fewer than 65,536 domains.
        let index = u32::try_from(entry.key()).unwrap_or(u32::MAX);
        let id = GuestId { index, epoch: self.epoch };
        entry.insert(Guest::new(id, arrival, tools)?);
        self.by_uuid.insert(uuid, id);
        Ok(id)
    }

    /// Disconnects a guest and forgets it.
    pub(super) fn remove(&mut self, uuid: Uuid, tools: &mut Tools) {
        let Some(id) = self.by_uuid.remove(&uuid) else { return };
        let mut guest = self.guests.remove(id.index as usize);
        if let Err(panic) = contained(|| guest.leave(tools)) {
            guest.break_off(panic, tools);
        }
    }
}
