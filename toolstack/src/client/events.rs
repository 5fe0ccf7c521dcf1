//! Events as they happen.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Duration;

use super::ClientError;
use super::connection::Connection;
use super::path::Route;
use super::retry::Retries;
use crate::api::Event;

/// What happens at a daemon, in order. A restart of the daemon is a
/// [`Gap`](crate::api::Happened::Gap) and no end; the end is an error, or that of an
/// unfollowed stream.
#[derive(Debug)]
pub struct Events {
    socket: PathBuf,
    endurance: Duration,
    follow: bool,
    /// The last number that is known.
    after: Option<u64>,
    connection: Option<Connection>,
    /// The start of a line whose end has not come.
    part: Vec<u8>,
    waiting: VecDeque<Event>,
    ended: bool,
}

impl Events {
    pub(super) fn open(
        socket: PathBuf,
        endurance: Duration,
        after: Option<u64>,
        follow: bool,
    ) -> Result<Events, ClientError> {
        let (part, waiting) = (Vec::new(), VecDeque::new());
        let mut events = Events {
            socket,
            endurance,
            follow,
            after,
            connection: None,
            part,
            waiting,
            ended: false,
        };
        events.connect()?;
        Ok(events)
    }

    fn connect(&mut self) -> Result<(), ClientError> {
        let follow = format!("follow={}", u8::from(self.follow));
        let route = match self.after {
            Some(after) => Route::to("events").query(&format!("after={after}&{follow}")),
            None => Route::to("events").query(&follow),
        };
        let mut connection = Connection::open(&self.socket)?;
        connection.stream(&route.to_string())?;
        self.part.clear();
        self.connection = Some(connection);
        Ok(())
    }

    /// Takes what comes next; answers whether there may be more.
    fn more(&mut self) -> Result<bool, ClientError> {
        if self.connection.is_none() {
            self.connect()?;
        }
        let Some(connection) = &mut self.connection else { return Ok(false) };
        let Some(chunk) = connection.chunk()? else {
            self.connection = None;
            return Ok(self.follow);
        };
        self.part.extend(chunk);
        while let Some(end) = self.part.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.part.drain(..=end).collect();
            self.waiting.push_back(serde_json::from_slice(&line).map_err(ClientError::Json)?);
        }
        Ok(true)
    }

    fn fetch(&mut self) -> Result<(), ClientError> {
        let mut retries = Retries::new(self.endurance);
        while self.waiting.is_empty() && !self.ended {
            match self.more() {
                Ok(more) => self.ended = !more,
                Err(e) if e.may_repeat(true) && retries.pause() => self.connection = None,
                Err(e) => {
                    self.ended = true;
                    return Err(e);
                }
            }
        }
        Ok(())
    }
}

impl Iterator for Events {
    type Item = Result<Event, ClientError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Err(e) = self.fetch() {
            return Some(Err(e));
        }
        let event = self.waiting.pop_front()?;
        self.after = Some(event.seq);
        Some(Ok(event))
    }
}
