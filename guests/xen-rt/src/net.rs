//! Net devices: whole packets out and in, through buffers granted once and for all.
//!
//! Nothing is negotiated: the rings are there when the guest starts, and the first packet
//! can be sent as soon as its buffer is granted.

use crate::bitmap::Bitmap;
use crate::channel::Channel;
use crate::grant::{Access, Grants};
use crate::pages::Pages;
use crate::paging::PAGE_SIZE;
use crate::slot::Place;
use noxs::RawShared;
use noxs::device::{Config, NetConfig};
use noxs::net::{Rx, RxRequest, RxSlot, Tx, TxRequest, flags};
use noxs::ring::Front;

/// Buffers of either direction at most.
const MOST: usize = 64;

/// A net device in use.
pub struct Net {
    place: Place,
    config: NetConfig,
    sender: Sender,
    receiver: Receiver,
}

impl Net {
    /// Starts to use the first net device of the table, with a third of `pages` to send from
    /// and the rest to receive in. `None` when there is no device, or no grants or pages.
    #[must_use]
    pub fn open(channel: Channel, grants: &mut Grants, pages: Pages) -> Option<Self> {
        let (place, config) = Place::find(channel, |config| match config {
            Config::Net(net) => Some(*net),
            _ => None,
        })?;
        let third = pages.count() / 3;
        let (send, receive) = pages.split(third);
        let sender = Sender::new(&place, grants, send)?;
        let receiver = Receiver::new(&place, grants, receive)?;
        place.take_into_use(0);
        Some(Self { place, config, sender, receiver })
    }

    /// What the page says about the device: its addresses.
    #[must_use]
    pub fn config(&self) -> NetConfig {
        self.config
    }

    /// Bytes of payload of the largest packet; 1500 where the page says nothing.
    #[must_use]
    pub fn mtu(&self) -> usize {
        match usize::from(self.config.mtu) {
            0 => 1500,
            mtu => mtu.min(PAGE_SIZE - 14),
        }
    }

    /// Both directions.
    pub fn halves(&mut self) -> (&mut Receiver, &mut Sender) {
        (&mut self.receiver, &mut self.sender)
    }

    /// Lets the host see what was sent and given back, and tells it if it wants to know.
    pub fn flush(&mut self) {
        // Both, whatever the first says.
        if self.sender.ring.push() | self.receiver.ring.push() {
            self.place.ring();
        }
    }

    /// Whether a packet is there, or room for one that had none. If not, the host will tell
    /// of the next.
    pub fn has_work(&mut self) -> bool {
        let room = !self.sender.has_room() && self.sender.ring.final_check().unwrap_or(false);
        room || self.receiver.has_packet() || self.receiver.ring.final_check().unwrap_or(false)
    }

    /// Whether a packet can be sent now.
    pub fn can_send(&mut self) -> bool {
        self.sender.has_room()
    }

    /// Whether the device is to be closed: it is being removed from the table.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        !self.place.is_present()
    }

    /// Uses the device no more. Buffers stay granted to the back end that had them.
    pub fn close(self) {
        self.place.give_up();
    }
}

/// The way out.
pub struct Sender {
    ring: Front<RawShared, Tx>,
    pages: Pages,
    grants: [u32; MOST],
    used: Bitmap<1>,
}

impl Sender {
    fn new(place: &Place, grants: &mut Grants, pages: Pages) -> Option<Self> {
        let ring = Front::attach(place.frame(0)?);
        let grants = grant(place, grants, &pages, Access::Read)?;
        Some(Self { ring, pages, grants, used: Bitmap::new() })
    }

    fn buffers(&self) -> u32 {
        u32::try_from(self.pages.count().min(MOST)).unwrap_or(0)
    }

    /// Whether there is a free buffer.
    pub fn has_room(&mut self) -> bool {
        // A host that answers what was not asked gets no more packets.
        while let Ok(Some(response)) = self.ring.next_response() {
            self.used.free(u32::from(response.id));
        }
        self.used.has_free(self.buffers()) && self.ring.free() > 0
    }

    /// Sends a packet of `length` bytes, at most a page, that `fill` writes; what was there
    /// before it does so is old. It leaves with the next [`Net::flush`]. `None` when there is
    /// no room.
    pub fn send<R>(&mut self, length: usize, fill: impl FnOnce(&mut [u8]) -> R) -> Option<R> {
        if !self.has_room() || length > PAGE_SIZE {
            return None;
        }
        let index = self.used.take(self.buffers())?;
        // SAFETY: the buffer is free: the host has answered what it was used for before.
        let page = unsafe { self.pages.bytes(index as usize, 1) };
        let result = fill(&mut page[..length]);
        let request = TxRequest {
            grant: self.grants[index as usize],
            id: u16::try_from(index).ok()?,
            size: u16::try_from(length).ok()?,
            ..TxRequest::default()
        };
        self.ring.request(&request.into());
        Some(result)
    }
}

/// The way in.
pub struct Receiver {
    ring: Front<RawShared, Rx>,
    pages: Pages,
    grants: [u32; MOST],
    /// A packet that has come: its buffer, where it begins, its length.
    packet: Option<(u16, usize, usize)>,
    /// Within a packet of several buffers, which nobody asked for.
    skipping: bool,
}

impl Receiver {
    fn new(place: &Place, grants: &mut Grants, pages: Pages) -> Option<Self> {
        let ring = Front::attach(place.frame(1)?);
        let grants = grant(place, grants, &pages, Access::Write)?;
        let mut receiver = Self { ring, pages, grants, packet: None, skipping: false };
        let buffers = u16::try_from(receiver.pages.count().min(MOST)).ok()?;
        (0..buffers).for_each(|id| receiver.give(id));
        Some(receiver)
    }

    /// Gives the host a buffer to fill.
    fn give(&mut self, id: u16) {
        if let Some(&grant) = self.grants.get(usize::from(id)) {
            self.ring.request(&RxRequest { id, grant });
        }
    }

    /// Whether a packet has come.
    pub fn has_packet(&mut self) -> bool {
        while self.packet.is_none() {
            match self.ring.next_response() {
                Ok(Some(slot)) => self.consider(slot),
                // A host that answers what was not asked is heard no more.
                Ok(None) | Err(_) => return false,
            }
        }
        true
    }

    fn consider(&mut self, slot: RxSlot) {
        let response = slot.response();
        let more = response.flags & (flags::MORE_DATA | flags::EXTRA_INFO) != 0;
        let part = core::mem::replace(&mut self.skipping, more) || more;
        let (offset, length) = (usize::from(response.offset), response.status);
        match usize::try_from(length) {
            Ok(length)
                if !part
                    && length > 0
                    && offset + length <= PAGE_SIZE
                    && usize::from(response.id) < self.pages.count() =>
            {
                self.packet = Some((response.id, offset, length));
            }
            _ => self.give(response.id),
        }
    }

    /// Looks at the packet that has come, if one has; it stays.
    pub fn peek<R>(&mut self, read: impl FnOnce(&[u8]) -> R) -> Option<R> {
        self.look(read).map(|(result, _)| result)
    }

    /// Takes the packet that has come, if one has; its buffer goes back to the host.
    pub fn take<R>(&mut self, read: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let (result, id) = self.look(read)?;
        self.packet = None;
        self.give(id);
        Some(result)
    }

    fn look<R>(&mut self, read: impl FnOnce(&[u8]) -> R) -> Option<(R, u16)> {
        if !self.has_packet() {
            return None;
        }
        let (id, offset, length) = self.packet?;
        // SAFETY: the host has answered and so filled the buffer; it gets it back only when
        // the packet is taken.
        let page = unsafe { self.pages.bytes(usize::from(id), 1) };
        Some((read(&page[offset..offset + length]), id))
    }
}

/// Grants all of `pages` to the back end.
fn grant(place: &Place, grants: &mut Grants, pages: &Pages, access: Access) -> Option<[u32; MOST]> {
    let mut numbers = [0; MOST];
    for (index, number) in numbers.iter_mut().enumerate().take(pages.count()) {
        *number = grants.give(place.device.backend, pages.address(index), access)?.number();
    }
    Some(numbers)
}
