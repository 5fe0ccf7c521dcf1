//! The builder of 64-bit PV guests.
//!
//! A PV guest starts on page tables the builder made, in the layout that
//! `public/xen.h` describes under "Start-of-day memory layout". From `virt_base` up:
//!
//! ```text
//! kernel | initrd | p2m list | start_info | store | console | rings | page tables | stack | >= 512 KiB
//! ```
//!
//! A kernel that says so takes its initrd (`MOD_START_PFN`) and its p2m list
//! (`INIT_P2M`) from outside this mapping, so that neither bounds the other.

mod layout;
mod load;
mod page_tables;

pub(crate) use load::load;

/// Physical-to-machine list of a guest: the mfn of every pfn.
pub(crate) type P2m = Vec<u64>;

/// Fewest pages a PV guest has.
pub(crate) const LEAST_PAGES: u64 = 16;
