//! Messages of the XenStore protocol: `public/io/xs_wire.h` and
//! `docs/misc/xenstore.txt` of the Xen source.

/// Bytes of a message header (`struct xsd_sockmsg`).
pub const HEADER_SIZE: usize = 16;

/// Most bytes after a header (`XENSTORE_PAYLOAD_MAX`).
pub const PAYLOAD_MAX: usize = 4096;

/// Longest absolute path (`XENSTORE_ABS_PATH_MAX`).
pub const ABSOLUTE_PATH_MAX: usize = 3072;

/// Longest path below a guest's own folder (`XENSTORE_REL_PATH_MAX`).
pub const RELATIVE_PATH_MAX: usize = 2048;

/// What a message is (`enum xsd_sockmsg_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
#[expect(missing_docs, reason = "the protocol's own names")]
pub enum Kind {
    Control = 0,
    Directory = 1,
    Read = 2,
    GetPerms = 3,
    Watch = 4,
    Unwatch = 5,
    TransactionStart = 6,
    TransactionEnd = 7,
    Introduce = 8,
    Release = 9,
    GetDomainPath = 10,
    Write = 11,
    Mkdir = 12,
    Rm = 13,
    SetPerms = 14,
    WatchEvent = 15,
    Error = 16,
    IsDomainIntroduced = 17,
    Resume = 18,
    SetTarget = 19,
    ResetWatches = 21,
    DirectoryPart = 22,
}

impl Kind {
    const ALL: [Kind; 22] = [
        Kind::Control,
        Kind::Directory,
        Kind::Read,
        Kind::GetPerms,
        Kind::Watch,
        Kind::Unwatch,
        Kind::TransactionStart,
        Kind::TransactionEnd,
        Kind::Introduce,
        Kind::Release,
        Kind::GetDomainPath,
        Kind::Write,
        Kind::Mkdir,
        Kind::Rm,
        Kind::SetPerms,
        Kind::WatchEvent,
        Kind::Error,
        Kind::IsDomainIntroduced,
        Kind::Resume,
        Kind::SetTarget,
        Kind::ResetWatches,
        Kind::DirectoryPart,
    ];

    /// The kind with this number; `None` when the protocol has none.
    pub fn from_number(number: u32) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| *kind as u32 == number)
    }
}

/// An error as the protocol names it: a string, not a number (`xsd_errors`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Errno {
    /// The request makes no sense.
    #[error("EINVAL")]
    Invalid,
    /// Not allowed, or not for the asker to know.
    #[error("EACCES")]
    Access,
    /// There already.
    #[error("EEXIST")]
    Exists,
    /// Not there.
    #[error("ENOENT")]
    NotFound,
    /// The guest's share of memory is used up.
    #[error("ENOMEM")]
    NoMemory,
    /// A quota is used up.
    #[error("ENOSPC")]
    NoSpace,
    /// No such request.
    #[error("ENOSYS")]
    NotSupported,
    /// Not now.
    #[error("EBUSY")]
    Busy,
    /// Something changed under a transaction; start it again.
    #[error("EAGAIN")]
    Again,
    /// Too many or too much.
    #[error("E2BIG")]
    TooBig,
    /// Only the control domain may.
    #[error("EPERM")]
    Permission,
}

/// A message's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Number of its [`Kind`], unchecked.
    pub kind: u32,
    /// Chosen by the asker, repeated in the answer.
    pub request: u32,
    /// Transaction it belongs to; 0 for none.
    pub transaction: u32,
    /// Bytes that follow.
    pub len: u32,
}

impl Header {
    /// Reads a header; `None` when `bytes` are fewer than [`HEADER_SIZE`].
    pub fn parse(bytes: &[u8]) -> Option<Header> {
        let word = |n: usize| {
            let bytes = bytes.get(n * 4..n * 4 + 4)?;
            Some(u32::from_le_bytes(bytes.try_into().ok()?))
        };
        Some(Header { kind: word(0)?, request: word(1)?, transaction: word(2)?, len: word(3)? })
    }

    /// The header as it is sent.
    pub fn bytes(&self) -> [u8; HEADER_SIZE] {
        let mut bytes = [0; HEADER_SIZE];
        let words = [self.kind, self.request, self.transaction, self.len];
        for (to, word) in bytes.chunks_exact_mut(4).zip(words) {
            to.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}

/// A whole message: header and payload.
///
/// # Panics
/// When the payload is longer than [`PAYLOAD_MAX`].
pub fn message(kind: Kind, request: u32, transaction: u32, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() <= PAYLOAD_MAX, "{} bytes in one message", payload.len());
    let len = u32::try_from(payload.len()).unwrap_or(0);
    let header = Header { kind: kind as u32, request, transaction, len };
    [&header.bytes()[..], payload].concat()
}

/// Puts a message together from the pieces in which it comes.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Assembler {
    bytes: Vec<u8>,
}

/// A header announced more than [`PAYLOAD_MAX`] bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message of {len} bytes was announced; {PAYLOAD_MAX} is the most")]
pub struct TooLong {
    /// Bytes announced.
    pub len: u32,
}

impl Assembler {
    /// Bytes missing until the header, or when that is there the message, is whole.
    /// Zero only for a message that waits for [`Assembler::take`].
    pub fn missing(&self) -> Result<usize, TooLong> {
        let Some(header) = Header::parse(&self.bytes) else {
            return Ok(HEADER_SIZE - self.bytes.len());
        };
        match usize::try_from(header.len) {
            Ok(len) if len <= PAYLOAD_MAX => Ok(HEADER_SIZE + len - self.bytes.len()),
            _ => Err(TooLong { len: header.len }),
        }
    }

    /// Adds what came; at most what is [missing](Assembler::missing).
    pub fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The message, when it is whole.
    pub fn take(&mut self) -> Option<(Header, Vec<u8>)> {
        let header = Header::parse(&self.bytes)?;
        if self.missing() != Ok(0) {
            return None;
        }
        let payload = self.bytes.split_off(HEADER_SIZE);
        self.bytes = Vec::new();
        Some((header, payload))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_those_of_the_header_file() {
        assert_eq!(Kind::from_number(21), Some(Kind::ResetWatches));
        assert_eq!(Kind::from_number(20), None);
        assert_eq!(Kind::from_number(23), None);
        assert_eq!(Kind::from_number(0xffff), None);
    }

    #[test]
    fn golden_bytes() {
        let bytes = message(Kind::Read, 7, 3, b"name\0");
        assert_eq!(bytes, *b"\x02\0\0\0\x07\0\0\0\x03\0\0\0\x05\0\0\0name\0");
        assert_eq!(Errno::TooBig.to_string(), "E2BIG");
    }

    #[test]
    fn a_payload_over_the_limit_is_refused_at_its_header() {
        let mut input = Assembler::default();
        input.add(&Header { kind: 2, request: 0, transaction: 0, len: 4097 }.bytes());
        assert_eq!(input.missing(), Err(TooLong { len: 4097 }));
        assert_eq!(input.take(), None);
    }

    proptest! {
        #[test]
        fn pieces_make_the_message(
            payload in proptest::collection::vec(any::<u8>(), 0..PAYLOAD_MAX),
            request: u32,
            cuts in proptest::collection::vec(1usize..600, 1..8),
        ) {
            let bytes = message(Kind::Write, request, 1, &payload);
            let mut input = Assembler::default();
            let mut rest = &bytes[..];
            for cut in cuts.iter().cycle() {
                let n = input.missing().unwrap().min(*cut);
                if n == 0 {
                    break;
                }
                prop_assert_eq!(input.take(), None);
                let (now, later) = rest.split_at(n);
                input.add(now);
                rest = later;
            }
            prop_assert!(rest.is_empty());
            let (header, got) = input.take().unwrap();
            prop_assert_eq!(header.request, request);
            prop_assert_eq!(got, payload);
            prop_assert_eq!(input, Assembler::default());
        }
    }
}
