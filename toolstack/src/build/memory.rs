//! Giving a new domain its memory, in the largest pieces that fit.

use super::BuildError;
use crate::xen::abi::PAGE_SIZE;
use crate::xen::{DomId, Xen, XenError};

/// Page orders Xen's nested page tables can map at once: 1 GiB, 2 MiB, 4 KiB.
const ORDERS: [u32; 3] = [18, 9, 0];

/// From this size on the host is asked first whether it has the memory at all,
/// so that a hopeless request does not empty the host before it fails.
const ASK_FIRST: u64 = 16 << 20;

/// A run of guest page frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frames {
    /// The first.
    pub(crate) start: u64,
    /// How many.
    pub(crate) count: u64,
}

impl Frames {
    pub(crate) fn end(self) -> u64 {
        self.start + self.count
    }
}

/// Fails when the host plainly has less free memory than `bytes`.
pub(crate) fn check_host(xen: &Xen, bytes: u64) -> Result<(), BuildError> {
    if bytes < ASK_FIRST {
        return Ok(());
    }
    let free = xen.host()?.free_memory;
    if free < bytes { Err(full(bytes, free)) } else { Ok(()) }
}

fn full(wanted: u64, free: u64) -> BuildError {
    BuildError::HostFull { wanted: wanted >> 10, free: free >> 10 }
}

/// Populates `frames`; `placed` is told of every extent: first gfn, first mfn (as
/// Xen answers it, the gfn itself for a PVH guest), `log2` of its pages.
pub(crate) fn populate(
    xen: &Xen,
    domain: DomId,
    frames: Frames,
    mut placed: impl FnMut(u64, u64, u32),
) -> Result<(), BuildError> {
    let mut at = frames.start;
    let mut largest = 0;
    while at < frames.end() {
        let order = largest_order(at, frames.end(), largest);
        let run = run_length(at, frames.end(), order);
        let mut extents: Vec<u64> = (0..run).map(|n| at + (n << order)).collect();
        let done = match xen.populate(domain, order, &mut extents) {
            Ok(done) => done,
            Err(e) if is_shortage(&e) && order > 0 => 0,
            Err(e) => return Err(shortage(xen, frames, e)),
        };
        for &mfn in &extents[..done] {
            placed(at, mfn, order);
            at += 1 << order;
        }
        if done < extents.len() {
            if order == 0 {
                let free = xen.host()?.free_memory;
                return Err(full(frames.count * PAGE_SIZE, free));
            }
            // No piece of this size is left on the host: go on with smaller ones.
            largest = ORDERS.iter().position(|&o| o == order).map_or(2, |n| n + 1);
        }
    }
    Ok(())
}

fn is_shortage(e: &XenError) -> bool {
    e.errno() == Some(nix::errno::Errno::ENOMEM)
}

fn shortage(xen: &Xen, frames: Frames, e: XenError) -> BuildError {
    match xen.host() {
        Ok(host) if is_shortage(&e) => full(frames.count * PAGE_SIZE, host.free_memory),
        _ => e.into(),
    }
}

/// The largest order, no larger than `ORDERS[largest]`, that is aligned at `at`
/// and fits before `end`.
fn largest_order(at: u64, end: u64, largest: usize) -> u32 {
    let fits = |&&order: &&u32| at.is_multiple_of(1 << order) && at + (1 << order) <= end;
    ORDERS[largest.min(2)..].iter().find(fits).copied().unwrap_or(0)
}

/// How many extents of `order` follow each other before a larger one could start.
fn run_length(at: u64, end: u64, order: u32) -> u64 {
    let all = (end - at) >> order;
    match ORDERS.iter().rev().find(|&&o| o > order) {
        Some(&larger) => {
            let boundary = at.next_multiple_of(1 << larger);
            if boundary > at && boundary < end { ((boundary - at) >> order).min(all) } else { all }
        }
        None => all,
    }
    .max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(frames: Frames) -> Vec<(u64, u32)> {
        let (mut at, mut plan) = (frames.start, Vec::new());
        while at < frames.end() {
            let order = largest_order(at, frames.end(), 0);
            for _ in 0..run_length(at, frames.end(), order) {
                plan.push((at, order));
                at += 1 << order;
            }
        }
        plan
    }

    #[test]
    fn four_mib_take_two_superpages() {
        assert_eq!(plan(Frames { start: 0, count: 1024 }), [(0, 9), (512, 9)]);
    }

    #[test]
    fn an_odd_size_ends_in_small_pages() {
        let plan = plan(Frames { start: 0, count: 514 });
        assert_eq!(plan, [(0, 9), (512, 0), (513, 0)]);
    }

    proptest::proptest! {
        #[test]
        fn every_frame_is_covered_once(start in 0u64..1 << 20, count in 1u64..1 << 20) {
            let frames = Frames { start, count };
            let mut at = start;
            for (gfn, order) in plan(frames) {
                assert_eq!(gfn, at);
                assert!(gfn.is_multiple_of(1 << order));
                at += 1 << order;
            }
            assert_eq!(at, frames.end());
        }
    }
}
