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
    Write = 11,
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
        self.answer(request)
    }

    /// The same request of each of `words`, all sent before the first answer is read; the outer
    /// error is the end of all.
    pub(super) fn ask_all(
        &mut self,
        request: Request,
        transaction: u32,
        words: &[&str],
    ) -> io::Result<Vec<io::Result<Vec<u8>>>> {
        for word in words {
            self.send(request, transaction, &[word])?;
        }
        let mut answers = Vec::with_capacity(words.len());
        for _ in words {
            let answer = self.answer(request);
            match answer {
                // The store's refusals have numbers, a broken connection's errors need not.
                Err(e) if e.raw_os_error().is_none() => return Err(e),
                answer => answers.push(answer),
            }
        }
        Ok(answers)
    }

    fn answer(&mut self, request: Request) -> io::Result<Vec<u8>> {
        loop {
            match self.receive()? {
                (WATCH_EVENT, event) => self.events.push_back(watched(&event)),
                (ERROR, name) => return Err(error(&name)),
                (kind, answer) if kind == request as u32 => return Ok(answer),
                (kind, _) => return Err(odd(format!("an answer of type {kind}"))),
            }
        }
    }

    /// Sends all of `requests` before it reads the first answer; the first error is the answer.
    /// Saves the wait for xenstored between one and the next.
    ///
    /// # Errors
    /// The position of the first request that failed, and its error.
    pub(super) fn batch(
        &mut self,
        requests: &[(Request, Vec<&str>)],
    ) -> Result<(), (usize, io::Error)> {
        // Far less than what a socket holds, as are the answers.
        const AT_A_TIME: usize = 64;
        let mut first = Ok(());
        for (part, requests) in requests.chunks(AT_A_TIME).enumerate() {
            let at = |n: usize| part * AT_A_TIME + n;
            for (n, (request, words)) in requests.iter().enumerate() {
                self.send(*request, 0, words).map_err(|e| (at(n), e))?;
            }
            for (n, (request, _)) in requests.iter().enumerate() {
                match self.answer(*request) {
                    Ok(_) => {}
                    // Not the answer to this request but the end of all.
                    Err(e) if e.raw_os_error().is_none() => return Err((at(n), e)),
                    Err(e) if first.is_ok() => first = Err((at(n), e)),
                    Err(_) => {}
                }
            }
        }
        first
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
        // A value, the last word of a write, ends with the message.
        let nuls = words.len() - usize::from(request == Request::Write);
        let len = words.iter().map(|word| word.len()).sum::<usize>() + nuls;
        if len > PAYLOAD_MAX || words.iter().any(|word| word.contains('\0')) {
            return Err(Errno::EINVAL.into());
        }
        let mut message = Vec::with_capacity(HEADER + len);
        let size = u32::try_from(len).unwrap_or(u32::MAX);
        for word in [request as u32, 0, transaction, size] {
            message.extend_from_slice(&word.to_ne_bytes());
        }
        for word in words {
            message.extend_from_slice(word.as_bytes());
            message.push(0);
        }
        message.truncate(HEADER + len);
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
        let error = wire.ask(Request::Remove, 0, &["/4"]).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(Errno::ENOENT as i32));
        let error = wire.ask(Request::Remove, 0, &["/4"]).unwrap_err();
        assert_eq!(error.to_string(), "unexpected: error `EODD`");
        assert_eq!(wire.event().unwrap(), "@releaseDomain");
        assert_eq!(wire.event().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn a_batch_reads_every_answer_and_tells_the_first_error() {
        let mut wire =
            wire(&[(11, b"OK\0"), (16, b"EACCES\0"), (16, b"ENOENT\0"), (15, b"/x\0t\0")]);
        let write = |path| (Request::Write, vec![path, "1"]);
        let (at, error) = wire.batch(&[write("/a"), write("/b"), write("/c")]).unwrap_err();
        assert_eq!((at, error.raw_os_error()), (1, Some(Errno::EACCES as i32)));
        assert_eq!(wire.event().unwrap(), "/x");
        assert_eq!(wire.stream.got[16..20], *b"/a\x001");
    }

    #[test]
    fn each_of_many_gets_its_own_answer() {
        let mut wire = wire(&[(1, b"a\0"), (16, b"ENOENT\0"), (1, b"")]);
        let answers = wire.ask_all(Request::Directory, 3, &["/a", "/b", "/c"]).unwrap();
        assert_eq!(answers[0].as_ref().unwrap(), b"a\0");
        assert_eq!(answers[1].as_ref().unwrap_err().raw_os_error(), Some(Errno::ENOENT as i32));
        assert!(answers[2].as_ref().unwrap().is_empty());
        assert!(wire.ask_all(Request::Directory, 3, &["/a"]).is_err());
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
