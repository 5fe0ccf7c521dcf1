//! What the guest was given, without the care the rest of the runtime takes of it: for
//! guests that test what the host makes of bad manners.

use crate::hvm::{self, Parameter};
use crate::info::{BootInfo, Flavour};
use crate::paging::{self, PAGE_SIZE};
use crate::shared::SharedPage;
use crate::{Channel, Port, hypercall, shared_info};

/// Makes the runtime forget the noxs page, which is about to vanish.
pub fn forget(channel: Channel) {
    channel.forget();
}

/// The page with this (pseudo-)physical frame number; `None` where it cannot be reached.
#[must_use]
pub fn frame(boot: BootInfo, number: u64) -> Option<SharedPage> {
    let size = PAGE_SIZE as u64;
    let address = paging::map(boot, number.checked_mul(size)?, size)?;
    // SAFETY: mapped for good just now; nobody keeps references into pages that are shared.
    Some(unsafe { SharedPage::new(address) })
}

/// Has the shared info page used where the toolstack placed it, at frame `number` of a PVH guest; 0:
/// nowhere. A guest that places it itself has Xen take a page out of the middle of its memory.
pub fn use_shared_info(boot: BootInfo, number: u64) {
    if number != 0 {
        shared_info::use_placed(boot, number);
    }
}

/// The console ring.
#[must_use]
pub fn console(boot: BootInfo) -> Option<SharedPage> {
    let number = match boot.flavour() {
        Flavour::Pvh => hvm::parameter(Parameter::ConsolePfn)?,
        Flavour::Pv => boot.pv_console()?.pfn,
    };
    frame(boot, number)
}

/// The page in the store's boot slot, whatever it is, and its port.
#[must_use]
pub fn store(boot: BootInfo) -> Option<(SharedPage, Port)> {
    let number = match boot.flavour() {
        Flavour::Pvh => hvm::parameter(Parameter::StorePfn)?,
        Flavour::Pv => boot.pv_store()?.pfn,
    };
    Some((frame(boot, number)?, Port::store(boot)?))
}

/// Makes a hypercall by number.
///
/// # Safety
/// What Xen does on it must leave the memory this program uses as it is, apart from what
/// the arguments point to.
pub unsafe fn hypercall(number: usize, arguments: [usize; 4]) -> isize {
    // SAFETY: the caller's obligation.
    unsafe { hypercall::raw(number, arguments) }
}
