//! A disk's ring, in either layout.

use noxs::block::{Abi32, Abi64, Request, Response};
use noxs::ring::{Back, RingError};

use super::backend::Abi;
use super::offer::MAX_RING_PAGE_ORDER;
use crate::shard::{Fault, Pages, Redo};

const PAGE: usize = 4096;

pub(super) enum Ring {
    Abi64(Back<Pages, Abi64>),
    Abi32(Back<Pages, Abi32>),
}

macro_rules! either {
    ($ring:expr, $back:ident => $do:expr) => {
        match $ring {
            Ring::Abi64($back) => $do,
            Ring::Abi32($back) => $do,
        }
    };
}

impl Ring {
    pub(super) fn attach(pages: Pages, abi: Abi) -> Result<Ring, Fault> {
        let (count, rest) = (pages.len() / PAGE, pages.len() % PAGE);
        if rest != 0 || !count.is_power_of_two() || count > 1 << MAX_RING_PAGE_ORDER {
            return Err(Fault::Protocol("a disk's ring is 1, 2, 4, 8 or 16 pages"));
        }
        Ok(match abi {
            Abi::X86_64 => Ring::Abi64(Back::attach(pages)),
            Abi::X86_32 => Ring::Abi32(Back::attach(pages)),
        })
    }

    pub(super) fn next_request(&mut self) -> Result<Option<Request>, Fault> {
        either!(self, back => back.next_request()).map_err(fault)
    }

    /// Publishes what `next` gives; true when the guest wants to be notified.
    pub(super) fn answer(
        &mut self,
        redo: &Redo,
        mut next: impl FnMut() -> Option<Response>,
    ) -> bool {
        either!(self, back => {
            let mut answers = back.publish(redo);
            while let Some(response) = next() {
                answers.respond(&response);
            }
            answers.finish()
        })
    }

    pub(super) fn final_check(&mut self) -> Result<bool, Fault> {
        either!(self, back => back.final_check()).map_err(fault)
    }
}

fn fault(error: RingError) -> Fault {
    let RingError { produced, consumed, size } = error;
    Fault::Ring { producer: produced, consumer: consumed, size }
}
