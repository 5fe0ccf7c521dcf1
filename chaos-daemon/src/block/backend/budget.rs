//! What one disk may do before the others get their turn.

const REQUESTS: u32 = 64;
const BYTES: usize = 2 << 20;

/// What is left of a turn.
pub(super) struct Budget {
    requests: u32,
    bytes: usize,
}

impl Budget {
    pub(super) fn new() -> Budget {
        Budget { requests: REQUESTS, bytes: BYTES }
    }

    /// One request more, of at most so many bytes.
    pub(super) fn spend(&mut self, bytes: usize) {
        self.requests = self.requests.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    pub(super) fn is_used_up(&self) -> bool {
        self.requests == 0 || self.bytes == 0
    }
}
