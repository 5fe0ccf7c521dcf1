//! Requests: arguments checked, carried out, answered.

use super::transaction::Transaction;
use super::view::{Change, Scope, View};
use super::{Access, Outcome, Path, Permissions, Store, WatchEvent, quota};
use crate::facade::wire::{Errno, Header, Kind, PAYLOAD_MAX};

/// Success without anything to say.
const OK: &[u8] = b"OK\0";

impl Store {
    /// Carries out a request of the guest.
    pub fn request(&mut self, header: &Header, payload: &[u8]) -> Outcome {
        let mut changes = Vec::new();
        let mut first = None;
        let done = self.dispatch(header, payload, &mut changes, &mut first);
        let (kind, payload) = match done {
            Ok((kind, payload)) if payload.len() <= PAYLOAD_MAX => (kind, payload),
            Ok(_) => (Kind::Error, error(Errno::TooBig)),
            Err(e) => (Kind::Error, error(e)),
        };
        let mut events: Vec<WatchEvent> = first.into_iter().collect();
        // More than can be told would only be dropped later.
        let most = quota::EVENT_BYTES / 16;
        for change in &changes {
            self.watches.fire(change, &self.home, |event| {
                if events.len() < most {
                    events.push(event);
                }
            });
        }
        let changed = changes.into_iter().map(|change| change.path).collect();
        Outcome { kind, payload, events, changed }
    }

    fn dispatch(
        &mut self,
        header: &Header,
        payload: &[u8],
        changes: &mut Vec<Change>,
        first: &mut Option<WatchEvent>,
    ) -> Result<(Kind, Vec<u8>), Errno> {
        let kind = Kind::from_number(header.kind).ok_or(Errno::NotSupported)?;
        let id = header.transaction;
        let done = match kind {
            Kind::WatchEvent | Kind::Error => return Err(Errno::NotSupported),
            Kind::Control
            | Kind::Introduce
            | Kind::Release
            | Kind::IsDomainIntroduced
            | Kind::Resume
            | Kind::SetTarget => return Err(Errno::Access),
            Kind::Watch => {
                let [path, token] = exactly(payload)?;
                *first = Some(self.watches.add(path, token, &self.home)?);
                OK.into()
            }
            Kind::Unwatch => {
                let [path, token] = exactly(payload)?;
                self.watches.remove(path, token, &self.home)?;
                OK.into()
            }
            // Everything else looks its transaction up first.
            _ if id != 0 && !self.transactions.contains_key(&id) => return Err(Errno::NotFound),
            Kind::TransactionStart => self.start_transaction(id)?,
            Kind::TransactionEnd => self.end_transaction(id, payload, changes)?,
            Kind::GetDomainPath => domain_path(one(payload)?),
            Kind::ResetWatches => {
                self.reset_connection();
                OK.into()
            }
            Kind::Directory
            | Kind::DirectoryPart
            | Kind::Read
            | Kind::GetPerms
            | Kind::Write
            | Kind::Mkdir
            | Kind::Rm
            | Kind::SetPerms => self.on_nodes(kind, id, payload, changes)?,
        };
        Ok((kind, done))
    }

    fn on_nodes(
        &mut self,
        kind: Kind,
        transaction: u32,
        payload: &[u8],
        changes: &mut Vec<Change>,
    ) -> Result<Vec<u8>, Errno> {
        self.generation += 1;
        let scope = match self.transactions.get_mut(&transaction) {
            Some(transaction) => Scope::Transaction(transaction),
            None => Scope::Live(&mut self.tree, changes),
        };
        let mut view = View { guest: self.guest, generation: self.generation, scope };
        let path = |text| Path::from_guest(text, &self.home);
        match kind {
            Kind::Read => {
                let path = path(one(payload)?)?;
                return Ok(view.node(&path, Access::READ)?.value.clone());
            }
            Kind::Directory => {
                let path = path(one(payload)?)?;
                view.node(&path, Access::READ)?;
                return Ok(view.children(&path));
            }
            Kind::DirectoryPart => {
                let [text, offset] = exactly(payload)?;
                let path = path(text)?;
                let generation = view.node(&path, Access::READ)?.generation;
                return Ok(part(generation, &view.children(&path), number(offset)));
            }
            Kind::GetPerms => {
                let path = path(one(payload)?)?;
                return Ok(view.node(&path, Access::READ)?.permissions.to_wire());
            }
            Kind::Write => {
                let (text, value) = split(payload)?;
                view.write(&path(text)?, value)?;
            }
            Kind::Mkdir => view.mkdir(&path(one(payload)?)?)?,
            Kind::Rm => view.remove(&path(one(payload)?)?)?,
            _ => {
                let (text, permissions) = permissions(payload)?;
                if text.starts_with('@') {
                    return Err(Errno::Access);
                }
                view.set_permissions(&path(text)?, permissions)?;
            }
        }
        Ok(OK.into())
    }

    fn start_transaction(&mut self, within: u32) -> Result<Vec<u8>, Errno> {
        if within != 0 {
            return Err(Errno::Busy);
        }
        if self.transactions.len() >= quota::TRANSACTIONS {
            return Err(Errno::NoSpace);
        }
        while self.next_transaction == 0 || self.transactions.contains_key(&self.next_transaction) {
            self.next_transaction = self.next_transaction.wrapping_add(1);
        }
        let id = self.next_transaction;
        self.next_transaction = id.wrapping_add(1);
        self.transactions.insert(id, Transaction::start(&self.tree));
        Ok(format!("{id}\0").into_bytes())
    }

    fn end_transaction(
        &mut self,
        id: u32,
        payload: &[u8],
        changes: &mut Vec<Change>,
    ) -> Result<Vec<u8>, Errno> {
        let commit = match one(payload)? {
            "T" => true,
            "F" => false,
            _ => return Err(Errno::Invalid),
        };
        let transaction = self.transactions.remove(&id).ok_or(Errno::NotFound)?;
        if commit {
            self.generation += 1;
            *changes = transaction.commit(&mut self.tree, self.generation)?;
        }
        Ok(OK.into())
    }
}

fn error(errno: Errno) -> Vec<u8> {
    format!("{errno}\0").into_bytes()
}

fn domain_path(domain: &str) -> Vec<u8> {
    format!("/local/domain/{}\0", number(domain)).into_bytes()
}

/// `atoi`: digits at the start, 0 without.
fn number(text: &str) -> usize {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    text[..digits].parse().unwrap_or(0)
}

/// The strings of a payload: each ends in a NUL. What follows the last NUL is left out.
fn strings(payload: &[u8]) -> Result<Vec<&str>, Errno> {
    let Some(end) = payload.iter().rposition(|b| *b == 0) else { return Ok(Vec::new()) };
    let parts = payload[..end].split(|b| *b == 0);
    parts.map(|part| std::str::from_utf8(part).map_err(|_| Errno::Invalid)).collect()
}

/// Exactly `N` strings.
fn exactly<const N: usize>(payload: &[u8]) -> Result<[&str; N], Errno> {
    strings(payload)?.try_into().map_err(|_| Errno::Invalid)
}

/// One string, with the payload's only NUL at its end.
fn one(payload: &[u8]) -> Result<&str, Errno> {
    match payload.iter().position(|b| *b == 0) {
        Some(end) if end + 1 == payload.len() => {
            std::str::from_utf8(&payload[..end]).map_err(|_| Errno::Invalid)
        }
        _ => Err(Errno::Invalid),
    }
}

/// A path, and all that follows its NUL.
fn split(payload: &[u8]) -> Result<(&str, &[u8]), Errno> {
    let end = payload.iter().position(|b| *b == 0).ok_or(Errno::Invalid)?;
    let path = std::str::from_utf8(&payload[..end]).map_err(|_| Errno::Invalid)?;
    Ok((path, &payload[end + 1..]))
}

fn permissions(payload: &[u8]) -> Result<(&str, Permissions), Errno> {
    let strings = strings(payload)?;
    let (path, entries) = strings.split_first().ok_or(Errno::Invalid)?;
    if entries.len() > quota::PERMISSIONS {
        return Err(Errno::NoSpace);
    }
    Ok((path, Permissions::from_wire(entries.iter().copied())?))
}

/// As many whole names from `offset` as fit, an empty one behind the last.
fn part(generation: u64, children: &[u8], offset: usize) -> Vec<u8> {
    let mut answer = format!("{generation}\0").into_bytes();
    let room = PAYLOAD_MAX - answer.len() - 1;
    let rest = children.get(offset..).unwrap_or(&[]);
    let fits = if rest.len() <= room {
        rest
    } else {
        let end = rest[..room].iter().rposition(|b| *b == 0).map_or(0, |at| at + 1);
        &rest[..end]
    };
    answer.extend_from_slice(fits);
    if fits.len() == rest.len() {
        answer.push(0);
    }
    answer
}
