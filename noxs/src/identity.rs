//! Who a guest is: its name and its user data. Its UUID is in the [`crate::page::Header`].

use core::fmt;

use crate::SharedMemory;
use crate::layout::{
    IDENTITY_NAME, IDENTITY_NAME_LEN, IDENTITY_OVERFLOW_FRAME, IDENTITY_OVERFLOW_PAGES,
    IDENTITY_USER, IDENTITY_USER_LEN, NAME_MAX, PAGE_SIZE, USER_INLINE,
};

/// A guest's name: at most [`NAME_MAX`] bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Name {
    len: u8,
    bytes: [u8; NAME_MAX],
}

impl Name {
    /// The name, cut after [`NAME_MAX`] bytes at a character's end.
    #[must_use]
    pub fn new(name: &str) -> Name {
        let end = (0..=NAME_MAX.min(name.len())).rfind(|&end| name.is_char_boundary(end));
        let end = end.unwrap_or(0);
        let mut bytes = [0; NAME_MAX];
        bytes[..end].copy_from_slice(&name.as_bytes()[..end]);
        // `end` is at most 63.
        Name { len: u8::try_from(end).unwrap_or(0), bytes }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let bytes = &self.bytes[..usize::from(self.len).min(NAME_MAX)];
        core::str::from_utf8(bytes)
            .unwrap_or_else(|e| core::str::from_utf8(&bytes[..e.valid_up_to()]).unwrap_or_default())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

/// User data that did not fit into the page: whole pages of the guest's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow {
    /// Guest frame number of the first page.
    pub frame: u64,
    /// Pages, next to each other.
    pub pages: u32,
}

/// What the host says about the user data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UserData {
    /// Bytes, inline and overflow together.
    pub len: u32,
    /// Where those after the first [`USER_INLINE`] are.
    pub overflow: Option<Overflow>,
}

impl UserData {
    /// Bytes of it that are in the page.
    #[must_use]
    pub fn inline_len(&self) -> usize {
        (self.len as usize).min(USER_INLINE)
    }

    /// Overflow pages that `len` bytes need.
    #[must_use]
    pub fn pages_for(len: usize) -> usize {
        len.saturating_sub(USER_INLINE).div_ceil(PAGE_SIZE)
    }
}

pub(crate) fn write_name<M: SharedMemory>(memory: &M, name: Name) {
    memory.write(IDENTITY_NAME_LEN, &[name.len]);
    memory.write(IDENTITY_NAME, &name.bytes);
}

pub(crate) fn read_name<M: SharedMemory>(memory: &M) -> Name {
    let (mut len, mut bytes) = ([0], [0; NAME_MAX]);
    memory.read(IDENTITY_NAME_LEN, &mut len);
    memory.read(IDENTITY_NAME, &mut bytes);
    Name { len: len[0], bytes }
}

pub(crate) fn write_user<M: SharedMemory>(memory: &M, inline: &[u8], user: UserData) {
    let overflow = user.overflow.unwrap_or(Overflow { frame: 0, pages: 0 });
    memory.write(IDENTITY_USER_LEN, &user.len.to_le_bytes());
    memory.write(IDENTITY_OVERFLOW_PAGES, &overflow.pages.to_le_bytes());
    memory.write(IDENTITY_OVERFLOW_FRAME, &overflow.frame.to_le_bytes());
    memory.write(IDENTITY_USER, &inline[..inline.len().min(user.inline_len())]);
}

pub(crate) fn read_user<M: SharedMemory>(memory: &M) -> UserData {
    let (mut len, mut pages, mut frame) = ([0; 4], [0; 4], [0; 8]);
    memory.read(IDENTITY_USER_LEN, &mut len);
    memory.read(IDENTITY_OVERFLOW_PAGES, &mut pages);
    memory.read(IDENTITY_OVERFLOW_FRAME, &mut frame);
    let pages = u32::from_le_bytes(pages);
    let overflow = Overflow { frame: u64::from_le_bytes(frame), pages };
    UserData { len: u32::from_le_bytes(len), overflow: (pages > 0).then_some(overflow) }
}
