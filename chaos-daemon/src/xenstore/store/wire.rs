//! Requests that `xenstore-rs` does not have: permissions, introductions, transactions, watches.
//!
//! Layout: `struct xsd_sockmsg` of Xen's `io/xs_wire.h`, four words in the machine's order
//! (type, request, transaction, length), then as many bytes.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;

use nix::errno::Errno;

/// Numbers of `enum xsd_sockmsg_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Request {
    Directory = 1,
    Watch = 4,
    TransactionStart = 6,
    TransactionEnd = 7,
    Introduce = 8,
    Release = 9,
    Remove = 13,
    SetPermissions = 14,
}

const WATCH_EVENT: u32 = 15;
const ERROR: u32 = 16;
const HEADER: usize = 16;
/// `XENSTORE_PAYLOAD_MAX`.
const PAYLOAD_MAX: usize = 4096;

/// The store's answers go by name; these are all of `xsd_errors`.
const ERRORS: [(&str, Errno); 16] = [
    ("EINVAL", Errno::EINVAL),
    ("EACCES", Errno::EACCES),
    ("EEXIST", Errno::EEXIST),
    ("EISDIR", Errno::EISDIR),
    ("ENOENT", Errno::ENOENT),
    ("ENOMEM", Errno::ENOMEM),
    ("ENOSPC", Errno::ENOSPC),
    ("EIO", Errno::EIO),
    ("ENOTEMPTY", Errno::ENOTEMPTY),
    ("ENOSYS", Errno::ENOSYS),
    ("EROFS", Errno::EROFS),
    ("EBUSY", Errno::EBUSY),
    ("EAGAIN", Errno::EAGAIN),
    ("EISCONN", Errno::EISCONN),
    ("E2BIG", Errno::E2BIG),
    ("EPERM", Errno::EPERM),
];

/// A connection of its own to xenstored.
#[derive(Debug)]
pub(super) struct Wire<S = UnixStream> {
    stream: S,
    events: VecDeque<String>,
}

impl<S: Read + Write> Wire<S> {
    pub(super) fn new(stream: S) -> Self {
        Wire { stream, events: VecDeque::new() }
    }

    /// Sends `words`, each with its NUL, and waits for the answer.
    pub(super) fn ask(
        &mut self,
        request: Request,
        transaction: u32,
        words: &[&str],
    ) -> io::Result<Vec<u8>> {
        self.send(request, transaction, words)?;
        loop {
            match self.receive()? {
                (WATCH_EVENT, event) => self.events.push_back(watched(&event)),
                (ERROR, name) => return Err(error(&name)),
                (kind, answer) if kind == request as u32 => return Ok(answer),
                (kind, _) => return Err(odd(format!("an answer of type {kind}"))),
            }
        }
    }

    /// Waits until something changes below a path that is watched, and says where.
    pub(super) fn event(&mut self) -> io::Result<String> {
        if let Some(event) = self.events.pop_front() {
            return Ok(event);
        }
        match self.receive()? {
            (WATCH_EVENT, event) => Ok(watched(&event)),
            (kind, _) => Err(odd(format!("a message of type {kind}"))),
        }
    }

    fn send(&mut self, request: Request, transaction: u32, words: &[&str]) -> io::Result<()> {
        let len: usize = words.iter().map(|word| word.len() + 1).sum();
        if len > PAYLOAD_MAX || words.iter().any(|word| word.contains('\0')) {
            return Err(Errno::EINVAL.into());
        }
        let mut message = Vec::with_capacity(HEADER + len);
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        for word in [request as u32, 0, transaction, len] {
            message.extend_from_slice(&word.to_ne_bytes());
        }
        for word in words {
            message.extend_from_slice(word.as_bytes());
            message.push(0);
        }
        self.stream.write_all(&message)
    }

    fn receive(&mut self) -> io::Result<(u32, Vec<u8>)> {
        let mut header = [0; HEADER];
        self.stream.read_exact(&mut header)?;
        let word = |n: usize| {
            let mut bytes = [0; 4];
            bytes.copy_from_slice(&header[n * 4..][..4]);
            u32::from_ne_bytes(bytes)
        };
        let len = usize::try_from(word(3)).unwrap_or(usize::MAX);
        if len > PAYLOAD_MAX {
            return Err(odd(format!("a message of {len} bytes")));
        }
        let mut payload = vec![0; len];
        self.stream.read_exact(&mut payload)?;
        Ok((word(0), payload))
    }
}

/// The words of an answer.
pub(super) fn words(answer: &[u8]) -> impl Iterator<Item = String> {
    answer
        .split(|&byte| byte == 0)
        .filter(|word| !word.is_empty())
        .map(|word| String::from_utf8_lossy(word).into_owned())
}

/// An event carries the path that changed, then the watch's token.
fn watched(event: &[u8]) -> String {
    words(event).next().unwrap_or_default()
}

fn error(name: &[u8]) -> io::Error {
    let name = words(name).next().unwrap_or_default();
    match ERRORS.iter().find(|(known, _)| *known == name) {
        Some((_, errno)) => (*errno).into(),
        None => odd(format!("error `{}`", name.escape_debug())),
    }
}

fn odd(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("unexpected: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the other side sends, and what it got.
    struct Peer {
        answers: io::Cursor<Vec<u8>>,
        got: Vec<u8>,
    }

    impl Read for Peer {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.answers.read(buffer)
        }
    }

    impl Write for Peer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.got.write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn wire(answers: &[(u32, &[u8])]) -> Wire<Peer> {
        let mut bytes = Vec::new();
        for (kind, payload) in answers {
            for word in [*kind, 0, 0, u32::try_from(payload.len()).unwrap()] {
                bytes.extend_from_slice(&word.to_ne_bytes());
            }
            bytes.extend_from_slice(payload);
        }
        Wire::new(Peer { answers: io::Cursor::new(bytes), got: Vec::new() })
    }

    #[test]
    fn a_request_has_the_published_layout() {
        let mut wire = wire(&[(14, b"OK\0")]);
        let words = ["/a", "n0", "r7"];
        assert_eq!(wire.ask(Request::SetPermissions, 5, &words).unwrap(), b"OK\0");
        let mut expected = Vec::new();
        for word in [14_u32, 0, 5, 9] {
            expected.extend_from_slice(&word.to_ne_bytes());
        }
        expected.extend_from_slice(b"/a\0n0\0r7\0");
        assert_eq!(wire.stream.got, expected);
    }

    #[test]
    fn events_between_are_kept_and_errors_named() {
        let mut wire = wire(&[(15, b"@releaseDomain\0t\0"), (16, b"ENOENT\0"), (16, b"EODD\0")]);
        let error = wire.ask(Request::Release, 0, &["4"]).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::ENOENT as i32));
        let error = wire.ask(Request::Release, 0, &["4"]).unwrap_err();
        assert_eq!(error.to_string(), "unexpected: error `EODD`");
        assert_eq!(wire.event().unwrap(), "@releaseDomain");
        assert_eq!(wire.event().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let long = "x".repeat(PAYLOAD_MAX);
        assert!(wire(&[]).ask(Request::Remove, 0, &[&long]).is_err());
        assert!(wire(&[]).ask(Request::Remove, 0, &["a\0b"]).is_err());
        let mut huge = wire(&[]);
        let header = [1_u32, 0, 0, u32::MAX].map(u32::to_ne_bytes).concat();
        huge.stream.answers = io::Cursor::new(header);
        assert!(huge.event().unwrap_err().to_string().contains("4294967295 bytes"));
    }
}
