//! What is known of a guest.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::build::{Channel, ConsoleRing};
use crate::config::{GuestConfig, GuestName, GuestType, compact};
use crate::domain::Loaded;
use crate::xen::{DomId, DomainInfo};

/// What is written down about a guest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its name.
    pub name: GuestName,
    /// Its identity.
    pub uuid: Uuid,
    /// The domain it lives in.
    pub domid: DomId,
    /// PVH or PV.
    pub guest_type: GuestType,
    /// Where its console is.
    pub console: ConsoleRing,
    /// Its channel; nothing for a guest made without the daemon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
    /// Seconds since 1970 when it was created.
    pub created: u64,
    /// What it was made from.
    #[serde(serialize_with = "compact::serialize")]
    pub config: GuestConfig,
}

/// The part of a [`Record`] that a domain has before it is a guest.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outline {
    /// The identity of the guest to come.
    pub uuid: Uuid,
    /// The domain.
    pub domid: DomId,
    /// PVH or PV.
    pub guest_type: GuestType,
    /// Where its console is.
    pub console: ConsoleRing,
    /// Its channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
}

/// The rest of it.
#[derive(Serialize)]
struct Person<'a> {
    name: &'a GuestName,
    created: u64,
    #[serde(serialize_with = "compact::serialize")]
    config: &'a GuestConfig,
}

impl Outline {
    /// Of the domain that `loaded` is.
    pub fn of(loaded: &Loaded) -> Outline {
        Outline {
            uuid: loaded.uuid(),
            domid: loaded.domid(),
            guest_type: loaded.guest_type(),
            console: loaded.console_ring(),
            channel: loaded.channel().cloned(),
        }
    }

    /// Whether it is that of `record`.
    pub(super) fn fits(&self, record: &Record) -> bool {
        let Outline { uuid, domid, guest_type, console, channel } = self;
        (*uuid, *domid, *guest_type) == (record.uuid, record.domid, record.guest_type)
            && *console == record.console
            && *channel == record.channel
    }
}

/// A record, half written.
#[derive(Debug)]
pub(super) struct Draft {
    outline: Outline,
    /// A JSON object without its last character.
    text: Vec<u8>,
}

impl Draft {
    pub(super) fn new(outline: Outline) -> serde_json::Result<Draft> {
        let mut text = serde_json::to_vec(&outline)?;
        text.pop();
        Ok(Draft { outline, text })
    }

    pub(super) fn uuid(&self) -> Uuid {
        self.outline.uuid
    }

    /// `record` in JSON; `None`: it is of another domain than this.
    pub(super) fn complete(&self, record: &Record) -> serde_json::Result<Option<Vec<u8>>> {
        if !self.outline.fits(record) {
            return Ok(None);
        }
        let Record { name, created, config, .. } = record;
        let person = serde_json::to_vec(&Person { name, created: *created, config })?;
        Ok(Some([&self.text, &b","[..], &person[1..], b"\n"].concat()))
    }
}

/// A domain and what is written down about it; nothing is for domains that another
/// toolstack made.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What Xen knows.
    pub info: DomainInfo,
    /// What the registry knows.
    pub record: Option<Record>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        serde_json::from_str(
            r#"{"name":"a","uuid":"81b0fd62-b58c-4d74-a529-e1d0747cb7ef","domid":500,"guest_type":"pvh",
            "console":{"frame":507,"port":1},"channel":{"control":"noxs","page":506,"guest_frame":506,
            "port":1,"console":{"frame":507,"port":1},"rings":[{"guest_first":508,"host":[508,509]}],
            "grant_table":[512,1],"shared_info":513},"created":1795320669,
            "config":{"name":"a","kernel":"/k","memory":"2MiB"}}"#,
        )
        .unwrap()
    }

    #[test]
    fn a_record_may_be_written_in_two_parts() {
        let record = record();
        let Record { uuid, domid, guest_type, console, channel, .. } = record.clone();
        let draft = Draft::new(Outline { uuid, domid, guest_type, console, channel }).unwrap();
        let text = draft.complete(&record).unwrap().unwrap();
        assert_eq!(serde_json::from_slice::<Record>(&text).unwrap(), record);
        let other = Record { domid: DomId(501), ..record };
        assert_eq!(draft.complete(&other).unwrap(), None);
    }
}
