//! The pages and ports through which a guest and its host talk.
//!
//! They follow each other, inside the memory that the guest was promised:
//!
//! ```text
//! channel page | console | rings of the first device | of the second | … | user data
//! ```
//!
//! The channel page is what the boot slots of XenStore name: a noxs page for guests that speak it,
//! a XenStore ring for all others. A guest without a channel has the console alone.

use serde::{Deserialize, Serialize};

use super::ConsoleRing;
use super::memory::Frames;
use super::writes::Writes;
use crate::config::GuestConfig;
use crate::xen::abi::PAGE_SIZE;
use crate::xen::{DomId, Xen, XenError};

/// What stands in a guest's boot slots for XenStore.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Control {
    /// Nothing: the guest finds no store.
    #[default]
    None,
    /// A noxs page. Console, devices and control share one event channel.
    Noxs,
    /// A XenStore ring with an event channel of its own.
    Store,
}

/// The rings of a device that are there before the guest starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingSpec {
    /// How many rings it has.
    pub rings: u8,
    /// Pages of each.
    pub pages_each: u8,
}

impl RingSpec {
    /// A network interface: one to send, one to receive.
    pub const NET: RingSpec = RingSpec { rings: 2, pages_each: 1 };
    /// A disk.
    pub const BLOCK: RingSpec = RingSpec { rings: 1, pages_each: 1 };
    /// Room for a device of any kind that comes later.
    pub const SPARE: RingSpec = RingSpec { rings: 2, pages_each: 1 };

    fn frames(self) -> u64 {
        u64::from(self.rings) * u64::from(self.pages_each)
    }
}

/// What a guest's channel is built to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelSpec {
    /// What stands in the boot slots.
    pub control: Control,
    /// The rings of each device, for a noxs page.
    pub rings: Vec<RingSpec>,
    /// Pages for what is handed to the guest and does not fit the noxs page.
    pub data_pages: u8,
    /// Frames of the grant table that a PVH guest finds mapped; 0: it maps its own. With any, its
    /// shared info page is mapped too.
    pub grant_frames: u16,
}

/// Bytes of user data that fit the noxs page (`docs/noxs.md`).
const INLINE_USER_DATA: usize = 512;
/// The most grant frames mapped in advance.
const MAX_GRANT_FRAMES: u16 = 16;

impl ChannelSpec {
    /// No channel: a console alone.
    #[must_use]
    pub fn none() -> Self {
        ChannelSpec::default()
    }

    /// The channel for `config`: with a noxs page, rings for its network interfaces, then its
    /// disks, then the slots it keeps free, in this order.
    #[must_use]
    pub fn for_guest(control: Control, config: &GuestConfig) -> Self {
        if control != Control::Noxs {
            return ChannelSpec { control, ..ChannelSpec::default() };
        }
        let count = |n: usize| u8::try_from(n).unwrap_or(u8::MAX);
        let data = config.user_data().len();
        let over = if data > INLINE_USER_DATA { data.div_ceil(4096) } else { 0 };
        ChannelSpec::noxs(
            count(config.nics().len()),
            count(config.disks().len()),
            u8::try_from(config.hotplug_slots()).unwrap_or(u8::MAX),
            count(over),
        )
    }

    /// The channel of a guest with a noxs page: rings for `nics` network interfaces, `disks` disks
    /// and `spare` slots that are kept free, in this order, and `data_pages` for user data.
    #[must_use]
    pub fn noxs(nics: u8, disks: u8, spare: u8, data_pages: u8) -> Self {
        let rings = [(RingSpec::NET, nics), (RingSpec::BLOCK, disks), (RingSpec::SPARE, spare)];
        let rings = rings.into_iter().flat_map(|(ring, n)| std::iter::repeat_n(ring, n.into()));
        let grant_frames = u16::from(nics) + u16::from(disks) + u16::from(spare > 0);
        ChannelSpec {
            control: Control::Noxs,
            rings: rings.collect(),
            data_pages,
            grant_frames: grant_frames.clamp(1, MAX_GRANT_FRAMES),
        }
    }

    /// Pages of the guest's memory that it takes, the console's among them.
    pub(crate) fn pages(&self) -> u64 {
        let rings: u64 = self.rings.iter().map(|ring| ring.frames()).sum();
        self.console_offset() + 1 + rings + u64::from(self.data_pages)
    }

    /// Pages before the console's.
    pub(crate) fn console_offset(&self) -> u64 {
        u64::from(self.control != Control::None)
    }

    /// Adds the content of its pages, which start at guest frame `first`.
    pub(crate) fn write(&self, xen: &Xen, writes: &mut Writes<'_>, first: u64) {
        writes.clear(xen, first * PAGE_SIZE, self.pages() * PAGE_SIZE);
        let mut at = first + self.console_offset() + 1;
        for spec in &self.rings {
            for _ in 0..spec.rings {
                writes.add(at * PAGE_SIZE, noxs::ring::FRESH.as_slice());
                at += u64::from(spec.pages_each);
            }
        }
    }

    /// The channel whose pages start at guest frame `first`; `frame` says by which number Xen
    /// knows a page.
    pub(crate) fn place(
        &self,
        first: u64,
        ports: Ports,
        mapped: Mapped,
        frame: impl Fn(u64) -> u64,
    ) -> Option<Channel> {
        let port = ports.channel?;
        let mut at = first + self.console_offset();
        let console = ConsoleRing { frame: frame(at), port: ports.console };
        at += 1;
        let mut take = |count: u64| {
            let pages = Frames { start: at, count };
            at = pages.end();
            Pages {
                guest_first: pages.start,
                host: (pages.start..pages.end()).map(&frame).collect(),
            }
        };
        let rings = self.rings.iter().map(|ring| take(ring.frames())).collect();
        let user_data = (self.data_pages > 0).then(|| take(u64::from(self.data_pages)));
        Some(Channel {
            control: self.control,
            page: frame(first),
            guest_frame: first,
            port,
            console,
            rings,
            user_data,
            grant_table: mapped.grant_table,
            shared_info: mapped.shared_info,
        })
    }
}

/// A guest's channel. Frames are numbered as foreign mappings count, gfns for PVH and mfns for PV,
/// where nothing else is said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// What it is; never [`Control::None`].
    pub control: Control,
    /// The frame of the noxs page, or of the XenStore ring.
    pub page: u64,
    /// The same as the guest counts: gfn or pfn.
    pub guest_frame: u64,
    /// The guest's port of it.
    pub port: u32,
    /// Its console; with a noxs page the port is the same.
    pub console: ConsoleRing,
    /// The pages of each of [`ChannelSpec::rings`].
    #[serde(default)]
    pub rings: Vec<Pages>,
    /// The pages for user data that does not fit the noxs page; the toolstack leaves them empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_data: Option<Pages>,
    /// Where the guest finds its grant table, if it is mapped: first gfn and number of frames.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant_table: Option<(u64, u32)>,
    /// Where the guest finds its shared info page, if it is mapped: a gfn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_info: Option<u64>,
}

/// Pages that follow each other in the guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pages {
    /// The first as the guest counts: gfn or pfn.
    pub guest_first: u64,
    /// Each as foreign mappings count.
    pub host: Vec<u64>,
}

/// The guest's ports that its host may bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ports {
    pub(crate) console: u32,
    pub(crate) channel: Option<u32>,
}

impl Ports {
    pub(crate) fn make(xen: &Xen, domain: DomId, control: Control) -> Result<Self, XenError> {
        let console = xen.alloc_unbound(domain)?;
        let channel = match control {
            Control::None => None,
            Control::Noxs => Some(console),
            Control::Store => Some(xen.alloc_unbound(domain)?),
        };
        Ok(Ports { console, channel })
    }
}

/// Xen's own pages that the guest finds in its address space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mapped {
    pub(crate) grant_table: Option<(u64, u32)>,
    pub(crate) shared_info: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> ChannelSpec {
        ChannelSpec {
            control: Control::Noxs,
            rings: vec![RingSpec::NET, RingSpec { rings: 1, pages_each: 4 }],
            data_pages: 2,
            grant_frames: 2,
        }
    }

    #[test]
    fn pages_follow_each_other() {
        let spec = spec();
        assert_eq!(spec.pages(), 1 + 1 + 2 + 4 + 2);
        let ports = Ports { console: 3, channel: Some(3) };
        let channel = spec.place(100, ports, Mapped::default(), |gfn| gfn + 1000).unwrap();
        assert_eq!((channel.guest_frame, channel.page), (100, 1100));
        assert_eq!(channel.console, ConsoleRing { frame: 1101, port: 3 });
        assert_eq!(channel.rings[0], Pages { guest_first: 102, host: vec![1102, 1103] });
        assert_eq!(channel.rings[1].guest_first, 104);
        assert_eq!(channel.user_data, Some(Pages { guest_first: 108, host: vec![1108, 1109] }));
        let json = serde_json::to_string(&channel).unwrap();
        assert_eq!(serde_json::from_str::<Channel>(&json).unwrap(), channel);
    }

    #[test]
    fn without_a_channel_there_is_the_console_alone() {
        let spec = ChannelSpec::none();
        assert_eq!((spec.pages(), spec.console_offset()), (1, 0));
        let ports = Ports { console: 3, channel: None };
        assert_eq!(spec.place(100, ports, Mapped::default(), |gfn| gfn), None);
    }
}
