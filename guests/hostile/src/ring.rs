//! A shared ring as bare memory: `struct name##_sring`, Xen `public/io/ring.h`.

use xen_rt::shared::SharedPage;

const REQ_PROD: usize = 0;
const REQ_EVENT: usize = 4;
const RSP_PROD: usize = 8;
const RSP_EVENT: usize = 12;
const SLOTS: usize = 64;

/// One ring page, with nothing between the attacker and its words.
pub(crate) struct Ring {
    page: SharedPage,
    /// Bytes of a slot.
    size: usize,
    /// Slots, a power of two.
    pub(crate) slots: u32,
}

impl Ring {
    pub(crate) fn new(page: SharedPage, size: usize, slots: u32) -> Self {
        Self { page, size, slots }
    }

    pub(crate) fn produced(&self) -> u32 {
        self.page.load(REQ_PROD)
    }

    pub(crate) fn answered(&self) -> u32 {
        self.page.load(RSP_PROD)
    }

    pub(crate) fn set_produced(&self, position: u32) {
        self.page.store(REQ_PROD, position);
    }

    pub(crate) fn set_answered(&self, position: u32) {
        self.page.store(RSP_PROD, position);
    }

    pub(crate) fn set_events(&self, request: u32, response: u32) {
        self.page.store(REQ_EVENT, request);
        self.page.store(RSP_EVENT, response);
    }

    /// Fills the slot of `position`.
    pub(crate) fn put(&self, position: u32, request: &[u8]) {
        let slot = (position & (self.slots - 1)) as usize;
        let length = request.len().min(self.size);
        self.page.write(SLOTS + slot * self.size, &request[..length]);
    }

    /// Fills the next slot and says so.
    pub(crate) fn push(&self, request: &[u8]) {
        let position = self.produced();
        self.put(position, request);
        self.set_produced(position.wrapping_add(1));
    }
}
