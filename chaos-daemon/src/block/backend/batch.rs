//! The requests of a turn that start together: names, then data, then jobs.

use super::finish::Filled;
use super::{BlockBackend, Host};
use crate::block::buffer::Buffer;
use crate::block::engine::Work;
use crate::block::piece::Piece;
use crate::block::request::{Order, Part, Parts, Range, Refusal, Transfer, parts_in};
use crate::shard::Fault;
use noxs::block::SEGMENT_BYTES;

/// Bytes from which on a read is worth a look at what is mapped.
const LARGE: usize = 16 << 10;

/// A transfer with memory.
pub(super) struct Draft {
    pub(super) number: u32,
    pub(super) transfer: Transfer,
    pub(super) buffer: Buffer,
    /// Memory for the names of its parts.
    pub(super) names: Option<Buffer>,
}

/// A transfer whose parts and place are known and checked.
struct Ready {
    number: u32,
    write: bool,
    order: Order,
    offset: u64,
    /// As long as the parts together.
    buffer: Buffer,
    parts: Vec<Part>,
}

impl BlockBackend {
    /// Starts a batch: all of it, except what turns out to be wrong.
    pub(super) fn start(
        &mut self,
        host: &mut Host<'_>,
        mut batch: Vec<Draft>,
        filled: &mut Vec<Filled>,
    ) -> Result<(), Fault> {
        let named = copy_names(host, &mut batch)?;
        let mut ready = Vec::with_capacity(batch.len());
        for (draft, named) in batch.into_iter().zip(named) {
            ready.extend(self.check(host, draft, named));
        }
        let copied = copy_data_in(host, &mut ready)?;
        for (transfer, copied) in ready.into_iter().zip(copied) {
            if copied {
                self.launch(host, transfer, filled);
            } else {
                host.io.buffers().give(transfer.buffer);
                self.fail_grant(transfer.number);
            }
        }
        Ok(())
    }

    fn check(&mut self, host: &mut Host<'_>, draft: Draft, named: bool) -> Option<Ready> {
        let Draft { number, transfer, mut buffer, names } = draft;
        let checked = parts_of(transfer.parts, names.as_ref()).and_then(|parts| {
            let range = Range::for_parts(transfer.sector, &parts, self.bounds)?;
            Ok((parts, range))
        });
        if let Some(names) = names {
            host.io.buffers().give(names);
        }
        match checked {
            Ok((parts, range)) if named => {
                buffer.truncate(usize::try_from(range.len).unwrap_or(usize::MAX));
                let Transfer { write, order, .. } = transfer;
                return Some(Ready { number, write, order, offset: range.offset, buffer, parts });
            }
            Ok(_) => self.fail_grant(number),
            Err(_) if !named => self.fail_grant(number),
            Err(refusal) => self.refuse(number, refusal),
        }
        host.io.buffers().give(buffer);
        None
    }

    fn launch(&mut self, host: &mut Host<'_>, ready: Ready, filled: &mut Vec<Filled>) {
        let Ready { number, write, order, offset, buffer, parts } = ready;
        if order != Order::Free {
            if let Some(ordered) = &mut self.ordered {
                ordered.has_data(offset, buffer);
            }
        } else if write {
            self.dirty = true;
            self.job(host, number, Work::Write { offset, buffer });
        } else {
            if let Some(open) = self.window.get_mut(number) {
                open.parts = parts;
            }
            match self.look(offset, buffer.bytes().len()) {
                Some(from) => {
                    let len = buffer.bytes().len();
                    host.io.buffers().give(buffer);
                    filled.push(Filled::in_place(number, from, len));
                }
                None => self.job(host, number, Work::Read { offset, buffer }),
            }
        }
    }

    /// Where the page cache has all of a large read.
    fn look(&mut self, offset: u64, len: usize) -> Option<*const u8> {
        // Into pages that are mapped, our own copy is faster than Xen's.
        if len < LARGE || self.keeps {
            return None;
        }
        if let Some(view) = self.views.iter().find(|view| view.covers(offset, len)) {
            return view.resident(offset, len);
        }
        let view = self.disk.view(offset).filter(|view| view.covers(offset, len))?;
        let from = view.resident(offset, len);
        self.views.push(view);
        from
    }
}

fn parts_of(parts: Parts, names: Option<&Buffer>) -> Result<Vec<Part>, Refusal> {
    match parts {
        Parts::Here(parts) => Ok(parts),
        Parts::Named { count, .. } => {
            let names = names.map_or(&[][..], Buffer::bytes);
            parts_in(&names[..(count * SEGMENT_BYTES).min(names.len())])
        }
    }
}

/// Copies names of parts in. For each draft: whether it has what it needs.
fn copy_names(host: &mut Host<'_>, batch: &mut [Draft]) -> Result<Vec<bool>, Fault> {
    let mut named = vec![true; batch.len()];
    let (mut pieces, mut whose) = (Vec::new(), Vec::new());
    for (index, draft) in batch.iter_mut().enumerate() {
        if let (Parts::Named { grant, count }, Some(names)) =
            (&draft.transfer.parts, &mut draft.names)
        {
            let names = &mut names.bytes_mut()[..count * SEGMENT_BYTES];
            pieces.push(Piece::from_guest(*grant, 0, names));
            whose.push(index);
        }
    }
    if !pieces.is_empty() {
        (host.copy)(&mut pieces)?;
    }
    for (piece, index) in pieces.iter().zip(whose) {
        named[index] = piece.copied;
    }
    Ok(named)
}

/// Copies data to be written in. For each transfer: whether all of it was copied.
fn copy_data_in(host: &mut Host<'_>, ready: &mut [Ready]) -> Result<Vec<bool>, Fault> {
    let mut copied = vec![true; ready.len()];
    let (mut pieces, mut whose) = (Vec::new(), Vec::new());
    for (index, transfer) in ready.iter_mut().enumerate().filter(|(_, ready)| ready.write) {
        let mut rest = transfer.buffer.bytes_mut();
        for part in &transfer.parts {
            let (here, later) = rest.split_at_mut(part.len.into());
            pieces.push(Piece::from_guest(part.grant, part.offset, here));
            whose.push(index);
            rest = later;
        }
    }
    if !pieces.is_empty() {
        (host.copy)(&mut pieces)?;
    }
    for (piece, index) in pieces.iter().zip(whose) {
        copied[index] &= piece.copied;
    }
    Ok(copied)
}
