//! What the other side says that cannot be true.

use core::error::Error;
use core::fmt;

use crate::layout::{MAJOR, PAGE_SIZE};
use crate::ring::RingError;

/// A value of the guest's that no honest guest writes. The reader counts it, and
/// drops what it was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lie {
    /// Positions of a ring that cannot be.
    Ring(RingError),
    /// A log record with an impossible length.
    RecordLength(u16),
    /// A log record with a severity that syslog does not have.
    Severity(u8),
    /// A state that guests do not have.
    State(u32),
    /// An answer that does not exist.
    Answer(u32),
    /// An acknowledgement of a request that was never made.
    Acknowledged(u32),
    /// A prefix longer than its address.
    Prefix(u8),
}

impl fmt::Display for Lie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Lie::Ring(e) => e.fmt(f),
            Lie::RecordLength(n) => write!(f, "a log record of {n} bytes"),
            Lie::Severity(n) => write!(f, "a log record of severity {n}"),
            Lie::State(n) => write!(f, "guest state {n}"),
            Lie::Answer(n) => write!(f, "answer {n} to a request"),
            Lie::Acknowledged(n) => write!(f, "request {n} acknowledged, which was never made"),
            Lie::Prefix(n) => write!(f, "an address prefix of {n} bits"),
        }
    }
}

impl Error for Lie {}

impl From<RingError> for Lie {
    fn from(error: RingError) -> Lie {
        Lie::Ring(error)
    }
}

/// Why a page is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// It does not begin as a noxs page does.
    Magic(u32),
    /// It has another major version.
    Version {
        /// Its major version.
        major: u16,
        /// Its minor version.
        minor: u16,
    },
    /// It is smaller than this version needs.
    Size(u32),
    /// Its device table is not the one of this version.
    Table {
        /// Its number of slots.
        slots: u16,
        /// Its bytes per slot.
        size: u16,
    },
    /// The host is in the middle of writing it.
    Busy,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Magic(magic) => write!(f, "not a noxs page: it begins with {magic:#010x}"),
            Refusal::Version { major, minor } => write!(
                f,
                "the page is noxs {major}.{minor}, this program speaks noxs {MAJOR}; use a host and a guest of one major version"
            ),
            Refusal::Size(size) => {
                write!(f, "the page says {size} bytes, noxs {MAJOR} needs {PAGE_SIZE}")
            }
            Refusal::Table { slots, size } => {
                write!(
                    f,
                    "the device table has {slots} slots of {size} bytes, which is not noxs {MAJOR}"
                )
            }
            Refusal::Busy => f.write_str("the host is writing the page"),
        }
    }
}

impl Error for Refusal {}

/// The host is in the middle of writing. It rings when it has finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

impl fmt::Display for Busy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Refusal::Busy.fmt(f)
    }
}

impl Error for Busy {}
