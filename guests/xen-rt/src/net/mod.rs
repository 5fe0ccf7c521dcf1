//! Net devices: whole packets out and in, through buffers granted for as long as the device is
//! used.
//!
//! Nothing is negotiated: the rings are there when the guest starts, and the first packet
//! can be sent as soon as its buffer is granted.

mod chain;
mod receive;
mod send;

pub use receive::{Packet, Receiver};
pub use send::{Checksum, Sender};

use crate::channel::Channel;
use crate::grant::{Access, Granted, Grants};
use crate::pages::Pages;
use crate::paging::PAGE_SIZE;
use crate::slot::{Place, Standing};
use noxs::device::{
    Config, GRANTS_STAY, NET_CSUM, NET_GSO_TCPV4, NET_GSO_TCPV6, NET_SG, NetConfig,
};

/// Buffers of either direction at most.
const MOST: usize = 64;
/// Pages of the longest packet there is.
const LONGEST: usize = 16;

/// Pages for the packets of a device.
pub struct Buffers {
    send: Pages,
    receive: Pages,
    /// Where long packets are put together; no pages where the guest takes none.
    whole: Pages,
}

impl Buffers {
    /// A third of `pages` to send from, the rest to receive in. From 96 on, 16 of them are for
    /// packets longer than a page.
    #[must_use]
    pub fn new(pages: Pages) -> Self {
        let whole = if pages.count() < 96 { 0 } else { LONGEST };
        let (whole, pages) = pages.split(whole);
        let third = pages.count() / 3;
        let (send, receive) = pages.split(third);
        Self { send, receive, whole }
    }

    /// The features that the guest can take, of those the host has.
    fn features(&self, offered: u16) -> u16 {
        let long = NET_SG | NET_GSO_TCPV4 | NET_GSO_TCPV6;
        // Buffers are granted from the first packet to the last.
        let always = NET_CSUM | GRANTS_STAY;
        let known = if self.whole.count() > 0 { always | long } else { always };
        offered & known
    }
}

/// A net device in use.
pub struct Net {
    place: Place,
    config: NetConfig,
    features: u16,
    sender: Sender,
    receiver: Receiver,
}

impl Net {
    /// Starts to use the first net device of the table that is not in use. `None` when there
    /// is none, and then `buffers` stay, or when nothing can be granted.
    #[must_use]
    pub fn open(
        channel: Channel,
        grants: &mut Grants,
        buffers: &mut Option<Buffers>,
    ) -> Option<Self> {
        let (place, config) = Place::find(channel, |config| match config {
            Config::Net(net) => Some(*net),
            _ => None,
        })?;
        let buffers = buffers.take()?;
        let features = buffers.features(place.device.features);
        let Buffers { send, receive, whole } = buffers;
        let peer = place.device.backend;
        let send = Granted::new(grants, peer, send, Access::Read)?;
        let receive = Granted::new(grants, peer, receive, Access::Write)?;
        let sender = Sender::new(place.frame(0)?, send);
        let receiver = Receiver::new(place.frame(1)?, receive, whole);
        place.take_into_use(features);
        Some(Self { place, config, features, sender, receiver })
    }

    /// What the page says about the device: its addresses.
    #[must_use]
    pub fn config(&self) -> NetConfig {
        self.config
    }

    /// Which of its kind the device is, from 0.
    #[must_use]
    pub fn index(&self) -> u8 {
        self.place.device.index
    }

    /// Whether TCP and UDP checksums can be left to the host, and need not be looked at.
    #[must_use]
    pub fn leaves_checksums(&self) -> bool {
        self.features & NET_CSUM != 0
    }

    /// Bytes of payload of the largest packet to send; 1500 where the page says nothing.
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
        if self.sender.push() | self.receiver.push() {
            self.place.ring();
        }
    }

    /// Whether a packet is there, or room for one that had none. If not, the host will tell
    /// of the next.
    pub fn has_work(&mut self) -> bool {
        self.sender.has_room_again() || self.receiver.has_packet_or_waits()
    }

    /// Whether a packet can be sent now.
    pub fn can_send(&mut self) -> bool {
        self.sender.has_room()
    }

    /// How the device stands: one that is not served any more is to be closed.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.place.standing()
    }

    /// Uses the device no more.
    #[must_use]
    pub fn close(self) -> Closing {
        self.place.give_up();
        Closing { place: self.place, send: self.sender.end(), receive: self.receiver.end() }
    }
}

/// A net device that the host has not let go of yet.
pub struct Closing {
    place: Place,
    send: Granted<MOST>,
    receive: (Granted<MOST>, Pages),
}

impl Closing {
    /// The buffers of the device, once the host has let go of it. `None`: the host has let go
    /// of it, but not of them.
    ///
    /// # Errors
    /// Itself, while the host has not.
    #[expect(clippy::result_large_err, reason = "moved once, there is no heap")]
    pub fn end(self, grants: &mut Grants) -> Result<Option<Buffers>, Self> {
        if self.place.standing() != Standing::Gone {
            return Err(self);
        }
        let (receive, whole) = self.receive;
        let pages = self.send.end(grants).zip(receive.end(grants));
        Ok(pages.map(|(send, receive)| Buffers { send, receive, whole }))
    }
}
