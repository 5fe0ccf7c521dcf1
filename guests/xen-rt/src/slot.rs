//! A slot of the noxs page's device table.

use crate::bare;
use crate::channel::Channel;
use crate::paging::PAGE_SIZE;
use crate::shared::SharedPage;
use core::ptr::NonNull;
use noxs::RawShared;
use noxs::layout as at;

pub(crate) const KIND_NET: u8 = 2;
pub(crate) const KIND_BLOCK: u8 = 3;
const PRESENT: u8 = 1;

/// A device's place in the table.
pub(crate) struct Slot {
    channel: Channel,
    number: u8,
}

impl Slot {
    /// The first present device of this kind that is not in use.
    pub(crate) fn find(channel: Channel, kind: u8) -> Option<Self> {
        let slots = u8::try_from(at::SLOTS).ok()?;
        (0..slots).map(|number| Self { channel, number }).find(|slot| {
            let in_use = slot.page().load_half(slot.field(at::SLOT_GUEST_FEATURES)) & at::IN_USE;
            slot.byte(at::SLOT_KIND) == kind && slot.is_present() && in_use == 0
        })
    }

    fn page(&self) -> SharedPage {
        self.channel.page()
    }

    fn field(&self, offset: usize) -> usize {
        at::TABLE + usize::from(self.number) * at::SLOT_SIZE + offset
    }

    fn byte(&self, offset: usize) -> u8 {
        let mut byte = [0];
        self.page().read(self.field(offset), &mut byte);
        byte[0]
    }

    pub(crate) fn is_present(&self) -> bool {
        self.byte(at::SLOT_STATE) == PRESENT
    }

    pub(crate) fn backend(&self) -> u16 {
        self.page().load_half(self.field(at::SLOT_BACKEND))
    }

    pub(crate) fn mtu(&self) -> u16 {
        self.page().load_half(self.field(at::SLOT_MTU))
    }

    /// Frames of the device's rings.
    pub(crate) fn frames(&self) -> u8 {
        self.byte(at::SLOT_FRAMES)
    }

    /// What the kind of device has to say.
    pub(crate) fn config(&self) -> [u8; at::SLOT_CONFIG_SIZE] {
        let mut config = [0; at::SLOT_CONFIG_SIZE];
        self.page().read(self.field(at::SLOT_CONFIG), &mut config);
        config
    }

    /// Ring frame `index`, as shared memory.
    pub(crate) fn frame(&self, index: u8) -> Option<RawShared> {
        (index < self.frames()).then_some(())?;
        self.memory(index, 1)
    }

    /// All ring frames, which follow one another.
    pub(crate) fn ring_memory(&self) -> Option<RawShared> {
        self.memory(0, self.frames())
    }

    fn memory(&self, index: u8, count: u8) -> Option<RawShared> {
        let first = u64::from(self.page().load(self.field(at::SLOT_FIRST_FRAME)));
        let mut base = None;
        for frame in (index..index + count).rev() {
            base = Some(bare::frame(self.channel.boot(), first + u64::from(frame))?);
        }
        let base = core::ptr::with_exposed_provenance_mut(base?.address());
        // SAFETY: the toolstack set these frames aside for the ring; they were mapped for good
        // just now, one behind the other, and hold nothing else.
        Some(unsafe { RawShared::new(NonNull::new(base)?, usize::from(count) * PAGE_SIZE) })
    }

    /// Says that the guest uses the device, and which features it takes.
    pub(crate) fn take_into_use(&self, features: u16) {
        self.page().store_half(self.field(at::SLOT_GUEST_FEATURES), features | at::IN_USE);
    }

    /// Says that the guest uses the device no more.
    pub(crate) fn give_up(&self) {
        self.page().store_half(self.field(at::SLOT_GUEST_FEATURES), 0);
        self.ring();
    }

    /// Tells the host that there is work.
    pub(crate) fn ring(&self) {
        self.channel.ring(self.number);
    }
}
