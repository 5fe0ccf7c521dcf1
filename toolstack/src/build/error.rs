//! Why a guest could not be built.

use thiserror::Error;

use crate::config::GuestType;
use crate::image::ImageError;
use crate::xen::XenError;

/// Why a guest could not be built. Whatever was built of it is gone again.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Xen refused a call.
    #[error(transparent)]
    Xen(#[from] XenError),
    /// The image does not boot in this mode.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The image, its initrd and what the builder adds do not fit the memory.
    #[error(
        "{have} KiB of memory are too little for this guest: its image, initrd and boot pages need \
         {need} KiB; raise `memory`"
    )]
    TooSmall {
        /// KiB the guest was to have.
        have: u64,
        /// KiB that would do.
        need: u64,
    },
    /// The image wants to be loaded where the guest has no memory.
    #[error(
        "the image wants to be loaded at {start:#x}-{end:#x}, outside the guest's memory \
         (0-{memory_end:#x}); raise `memory`"
    )]
    OutsideMemory {
        /// First byte.
        start: u64,
        /// First byte behind it.
        end: u64,
        /// First byte behind the guest's low memory.
        memory_end: u64,
    },
    /// The host cannot give that much.
    #[error(
        "the host has {free} KiB of memory free and the guest wants {wanted} KiB: destroy guests \
         or lower `memory` (`lvm info --host` shows what is free)"
    )]
    HostFull {
        /// KiB wanted.
        wanted: u64,
        /// KiB free.
        free: u64,
    },
    /// The memory size is none.
    #[error(
        "{bytes} bytes are no memory size: a guest has whole pages of 4096 bytes, at least {least} of them"
    )]
    BadMemorySize {
        /// What was asked for.
        bytes: u64,
        /// Fewest pages.
        least: u64,
    },
    /// The command line is too long for the guest's boot protocol.
    #[error("the command line has {len} bytes; {mode} guests take at most {max}")]
    CmdlineTooLong {
        /// Its bytes.
        len: usize,
        /// The bound.
        max: usize,
        /// Whose bound.
        mode: GuestType,
    },
    /// A command line cannot carry a NUL.
    #[error("the command line has a NUL character at byte {at}; remove it")]
    CmdlineNul {
        /// Where.
        at: usize,
    },
    /// The image overlaps itself or the address space's end.
    #[error("the image's layout is impossible: {0}")]
    BadLayout(&'static str),
}
