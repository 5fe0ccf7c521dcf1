//! One connection: HTTP/1.1 requests and answers, one after the other.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::ClientError;
use super::incoming::Incoming;
use crate::api::KEY_HEADER;

/// The most bytes of an answer's head.
const MAX_HEAD: usize = 16 << 10;
/// The most bytes of an answer's body: more than any log that is kept.
const MAX_BODY: usize = 256 << 20;
const MAX_HEADERS: usize = 32;
/// What a socket always takes at once: by default it has room for three times as much.
const ROOMY: usize = 64 << 10;

/// A connection to the daemon.
#[derive(Debug)]
pub(super) struct Connection {
    stream: UnixStream,
    /// What came and was not looked at yet.
    waiting: Incoming,
    /// The longest wait for anything of an answer.
    patience: Option<Duration>,
}

/// A request.
pub(super) struct Request<'a> {
    pub(super) method: &'static str,
    pub(super) target: &'a str,
    /// JSON, or nothing.
    pub(super) body: &'a [u8],
    /// The client's name for it, if it may come twice.
    pub(super) key: Option<&'a str>,
}

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    /// Whether another request may follow.
    pub(super) keep_alive: bool,
}

/// The head of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) status: u16,
    length: Length,
    keep_alive: bool,
}

/// How long a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    Bytes(usize),
    Chunked,
    /// Until the connection ends.
    Open,
}

impl Connection {
    pub(super) fn open(socket: &Path) -> Result<Self, ClientError> {
        let stream = UnixStream::connect(socket)
            .map_err(|source| ClientError::Connect { socket: socket.to_owned(), source })?;
        Ok(Connection::over(stream))
    }

    pub(super) fn over(stream: UnixStream) -> Self {
        Connection { stream, waiting: Incoming::default(), patience: None }
    }

    /// Gives up on an answer of which nothing comes for so long; never without a limit.
    pub(super) fn set_patience(&mut self, patience: Option<Duration>) {
        self.patience = patience;
    }

    /// Whether nothing came unasked.
    pub(super) fn is_clean(&self) -> bool {
        self.waiting.len() == 0
    }

    /// Sends a request.
    ///
    /// # Errors
    /// When the other side takes no more: it has not got all of the request then.
    pub(super) fn send(&mut self, request: &Request<'_>) -> io::Result<()> {
        let Request { method, target, body, key } = *request;
        let mut message = Vec::with_capacity(256 + body.len());
        write!(message, "{method} {target} HTTP/1.1\r\nhost: lightvm\r\n")?;
        if !body.is_empty() {
            message.extend_from_slice(b"content-type: application/json\r\n");
        }
        if let Some(key) = key {
            write!(message, "{KEY_HEADER}: {key}\r\n")?;
        }
        if method != "GET" {
            write!(message, "content-length: {}\r\n", body.len())?;
        }
        message.extend_from_slice(b"\r\n");
        message.extend_from_slice(body);
        if message.len() > ROOMY {
            self.stream.set_write_timeout(self.patience)?;
        }
        self.stream.write_all(&message)
    }

    /// Waits for the whole answer to a request of which `sent` became.
    pub(super) fn answer_to(&mut self, sent: io::Result<()>) -> Result<Answer, ClientError> {
        // A daemon that refuses may answer before it has read everything.
        match (self.answer(), sent) {
            (Err(ClientError::Broken(_)), Err(e)) => Err(ClientError::Broken(e)),
            (answer, _) => answer,
        }
    }

    /// Asks for the connection to become something else; answers whether it did.
    pub(super) fn upgrade(&mut self, target: &str, protocol: &str) -> Result<Head, ClientError> {
        let text = format!(
            "GET {target} HTTP/1.1\r\nhost: lightvm\r\nconnection: upgrade\r\n\
             upgrade: {protocol}\r\n\r\n"
        );
        self.stream.write_all(text.as_bytes())?;
        self.head()
    }

    /// Asks for an answer that may have no end; it is taken with [`Connection::chunk`].
    pub(super) fn stream(&mut self, target: &str) -> Result<(), ClientError> {
        let text = format!("GET {target} HTTP/1.1\r\nhost: lightvm\r\n\r\n");
        self.stream.write_all(text.as_bytes())?;
        let head = self.head()?;
        match head {
            Head { status: 200..300, length: Length::Chunked, .. } => Ok(()),
            _ => match super::accept(self.body_of(head)?) {
                Ok(_) => Err(ClientError::Protocol("it is no stream")),
                Err(e) => Err(e),
            },
        }
    }

    /// What comes next in a stream; nothing at its end.
    pub(super) fn chunk(&mut self) -> Result<Option<Vec<u8>>, ClientError> {
        let size = self.chunk_size()?;
        if size > MAX_BODY {
            return Err(ClientError::Protocol("it is too large"));
        }
        let chunk = self.take(size)?;
        if self.take(2)? != b"\r\n" {
            return Err(ClientError::Protocol("a chunk does not end where it should"));
        }
        Ok((size > 0).then_some(chunk))
    }

    /// The stream, and what came behind the last answer.
    pub(super) fn into_parts(mut self) -> (UnixStream, Vec<u8>) {
        let came = self.waiting.take(self.waiting.len());
        (self.stream, came)
    }

    fn answer(&mut self) -> Result<Answer, ClientError> {
        let head = self.head()?;
        self.body_of(head)
    }

    /// The rest of an answer.
    pub(super) fn body_of(&mut self, head: Head) -> Result<Answer, ClientError> {
        let body = match head.length {
            Length::Bytes(length) => self.take(length)?,
            Length::Chunked => self.chunks()?,
            Length::Open => self.rest()?,
        };
        let keep_alive = head.keep_alive && head.length != Length::Open;
        Ok(Answer { status: head.status, body, keep_alive })
    }

    /// The head of the next answer that is more than "continue".
    fn head(&mut self) -> Result<Head, ClientError> {
        loop {
            match parse_head(self.waiting.bytes())? {
                Some((head, length)) => {
                    self.waiting.pass_over(length);
                    if head.status == 101 || head.status >= 200 {
                        return Ok(head);
                    }
                }
                None if self.waiting.len() > MAX_HEAD => {
                    return Err(ClientError::Protocol("its head does not end"));
                }
                None => self.more()?,
            }
        }
    }

    fn chunks(&mut self) -> Result<Vec<u8>, ClientError> {
        let mut body = Vec::new();
        loop {
            let Some(chunk) = self.chunk()? else { return Ok(body) };
            if chunk.len() > MAX_BODY - body.len() {
                return Err(ClientError::Protocol("it is too large"));
            }
            body.extend(chunk);
        }
    }

    /// The length of the next chunk; trailers are not sent by the daemon.
    fn chunk_size(&mut self) -> Result<usize, ClientError> {
        loop {
            match httparse::parse_chunk_size(self.waiting.bytes()) {
                Ok(httparse::Status::Complete((length, size))) => {
                    self.waiting.pass_over(length);
                    return usize::try_from(size)
                        .map_err(|_| ClientError::Protocol("it is too large"));
                }
                Ok(httparse::Status::Partial) if self.waiting.len() < MAX_HEAD => self.more()?,
                _ => return Err(ClientError::Protocol("a chunk has no length")),
            }
        }
    }

    /// The next `length` bytes.
    fn take(&mut self, length: usize) -> Result<Vec<u8>, ClientError> {
        while self.waiting.len() < length {
            self.more()?;
        }
        Ok(self.waiting.take(length))
    }

    /// Everything up to the end of the connection.
    fn rest(&mut self) -> Result<Vec<u8>, ClientError> {
        while self.waiting.len() <= MAX_BODY {
            match self.more() {
                Ok(()) => {}
                Err(ClientError::Broken(e)) if e.kind() == io::ErrorKind::UnexpectedEof => {
                    return Ok(self.waiting.take(self.waiting.len()));
                }
                Err(e) => return Err(e),
            }
        }
        Err(ClientError::Protocol("it is too large"))
    }

    /// Waits for more of an answer.
    fn more(&mut self) -> Result<(), ClientError> {
        self.wait()?;
        match self.waiting.read_from(&mut self.stream) {
            Ok(0) => Err(ClientError::Broken(io::ErrorKind::UnexpectedEof.into())),
            Ok(_) => Ok(()),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    /// Waits until there is something to read. A thread that sleeps in `read` is woken already when
    /// the daemon takes the request out of the socket, which makes room to write.
    fn wait(&self) -> Result<(), ClientError> {
        // Rounded up: a wait of less than a millisecond is one.
        let limit = |patience: Duration| patience.as_micros().div_ceil(1000);
        let limit = self.patience.map(|patience| PollTimeout::try_from(limit(patience)));
        let limit = limit.map_or(PollTimeout::NONE, |limit| limit.unwrap_or(PollTimeout::MAX));
        match poll(&mut [PollFd::new(self.stream.as_fd(), PollFlags::POLLIN)], limit) {
            Ok(0) => Err(ClientError::Silent),
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(e) => Err(ClientError::Broken(e.into())),
        }
    }
}

/// The head at the start of `bytes` and its length, if it is all there.
fn parse_head(bytes: &[u8]) -> Result<Option<(Head, usize)>, ClientError> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let length = match response.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(ClientError::Protocol("its head is no HTTP")),
    };
    let status = response.code.unwrap_or(0);
    let header = |name: &str| {
        let header = response.headers.iter().find(|h| h.name.eq_ignore_ascii_case(name));
        header.map(|header| header.value.trim_ascii())
    };
    let length_of_body = match (status, header("transfer-encoding"), header("content-length")) {
        (101 | 204 | 304, ..) => Length::Bytes(0),
        (_, Some(_), _) => Length::Chunked,
        (_, None, Some(text)) => match std::str::from_utf8(text).map(str::parse) {
            Ok(Ok(length)) if length <= MAX_BODY => Length::Bytes(length),
            _ => return Err(ClientError::Protocol("its length is no length")),
        },
        (_, None, None) => Length::Open,
    };
    let keep_alive = header("connection").is_none_or(|value| !value.eq_ignore_ascii_case(b"close"));
    Ok(Some((Head { status, length: length_of_body, keep_alive }, length)))
}
