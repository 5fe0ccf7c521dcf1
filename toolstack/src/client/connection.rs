//! One connection: HTTP/1.1 requests and answers, one after the other.

use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use nix::sys::socket::{MsgFlags, recv};

use super::ClientError;
use crate::api::KEY_HEADER;

/// The most bytes of an answer's head.
const MAX_HEAD: usize = 16 << 10;
/// The most bytes of an answer's body: more than any log that is kept.
const MAX_BODY: usize = 256 << 20;
const MAX_HEADERS: usize = 32;

/// A connection to the daemon.
#[derive(Debug)]
pub(super) struct Connection {
    stream: UnixStream,
    /// What came and was not looked at yet.
    waiting: Vec<u8>,
    /// The limit that was set last.
    patience: Option<Option<Duration>>,
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
        Connection { stream, waiting: Vec::new(), patience: None }
    }

    /// Gives up on an answer of which nothing comes for so long; never without a limit.
    ///
    /// # Panics
    /// When the limit is zero.
    pub(super) fn set_patience(&mut self, patience: Option<Duration>) -> Result<(), ClientError> {
        if self.patience != Some(patience) {
            self.stream.set_read_timeout(patience)?;
            self.stream.set_write_timeout(patience)?;
            self.patience = Some(patience);
        }
        Ok(())
    }

    /// Whether the other side has neither closed it nor said something unasked.
    pub(super) fn is_alive(&self) -> bool {
        let flags = MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT;
        let peeked = recv(self.stream.as_raw_fd(), &mut [0], flags);
        self.waiting.is_empty() && peeked == Err(nix::errno::Errno::EAGAIN)
    }

    /// Sends a request and waits for the whole answer.
    pub(super) fn exchange(&mut self, request: &Request<'_>) -> Result<Answer, ClientError> {
        let mut text =
            format!("{} {} HTTP/1.1\r\nhost: lightvm\r\n", request.method, request.target);
        if !request.body.is_empty() {
            text.push_str("content-type: application/json\r\n");
        }
        if let Some(key) = request.key {
            text.push_str(&format!("{KEY_HEADER}: {key}\r\n"));
        }
        if request.method != "GET" {
            text.push_str(&format!("content-length: {}\r\n", request.body.len()));
        }
        text.push_str("\r\n");
        let message = [text.as_bytes(), request.body].concat();
        // A daemon that refuses may answer before it has read everything.
        let sent = self.stream.write_all(&message);
        match self.answer() {
            Err(ClientError::Broken(_)) if sent.is_err() => {
                Err(sent.err().map_or(ClientError::Protocol("nothing"), ClientError::Broken))
            }
            answer => answer,
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
    pub(super) fn into_parts(self) -> (UnixStream, Vec<u8>) {
        (self.stream, self.waiting)
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
            match parse_head(&self.waiting)? {
                Some((head, length)) => {
                    self.waiting.drain(..length);
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
            match httparse::parse_chunk_size(&self.waiting) {
                Ok(httparse::Status::Complete((length, size))) => {
                    self.waiting.drain(..length);
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
        let rest = self.waiting.split_off(length);
        Ok(std::mem::replace(&mut self.waiting, rest))
    }

    /// Everything up to the end of the connection.
    fn rest(&mut self) -> Result<Vec<u8>, ClientError> {
        let limit = u64::try_from(MAX_BODY).unwrap_or(u64::MAX);
        Read::by_ref(&mut self.stream).take(limit).read_to_end(&mut self.waiting)?;
        Ok(std::mem::take(&mut self.waiting))
    }

    fn more(&mut self) -> Result<(), ClientError> {
        let mut chunk = [0; 16 << 10];
        match self.stream.read(&mut chunk) {
            Ok(0) => Err(ClientError::Broken(io::ErrorKind::UnexpectedEof.into())),
            Ok(n) => {
                self.waiting.extend_from_slice(&chunk[..n]);
                Ok(())
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => Err(ClientError::Silent),
            Err(e) => Err(e.into()),
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
        header.map(|h| String::from_utf8_lossy(h.value).to_ascii_lowercase())
    };
    let length_of_body = match (status, header("transfer-encoding"), header("content-length")) {
        (101 | 204 | 304, ..) => Length::Bytes(0),
        (_, Some(_), _) => Length::Chunked,
        (_, None, Some(text)) => match text.trim().parse() {
            Ok(length) if length <= MAX_BODY => Length::Bytes(length),
            _ => return Err(ClientError::Protocol("its length is no length")),
        },
        (_, None, None) => Length::Open,
    };
    let keep_alive = header("connection").is_none_or(|value| value != "close");
    Ok(Some((Head { status, length: length_of_body, keep_alive }, length)))
}
