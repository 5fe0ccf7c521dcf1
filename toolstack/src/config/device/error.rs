//! What can be wrong with a device.

use thiserror::Error;

/// Why a network interface or a disk is not allowed. Every message says what is.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DeviceError {
    /// Not the right kind of value.
    #[error("{field}: expected {expected}, found {found}")]
    Kind {
        /// Which part of the device.
        field: String,
        /// What is allowed.
        expected: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// A part that devices of this kind do not have.
    #[error("`{field}` is not known here; {known} are")]
    UnknownField {
        /// What was written.
        field: String,
        /// What could have been.
        known: &'static str,
    },
    /// A part given twice.
    #[error("{0}: given twice")]
    Twice(String),
    /// A part that is not what it should be.
    #[error("{field}: `{value}` is not {expected}")]
    Malformed {
        /// Which part.
        field: String,
        /// What was written, cut short.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// A number outside its range.
    #[error("{field}: {value} is out of range; {min} to {max} are allowed")]
    Range {
        /// Which part.
        field: String,
        /// The number.
        value: i64,
        /// The least allowed.
        min: i64,
        /// The most allowed.
        max: i64,
    },
    /// A MAC address that no single interface can have.
    #[error(
        "mac: {0} is a group address (the first byte is odd) or zero; use one such as \
         00:16:3e:12:34:56"
    )]
    GroupMac(String),
    /// More than one thing to be attached to.
    #[error("`{0}` and `{1}` exclude each other; an interface is attached to one thing")]
    Excluded(&'static str, &'static str),
    /// A gateway without an address of its family.
    #[error("{0}: a gateway needs an address of its family; add it to `addresses`")]
    GatewayAlone(&'static str),
    /// More addresses than there is room for.
    #[error("addresses: {count} are too many; at most {max} are allowed")]
    TooManyAddresses {
        /// How many were given.
        count: usize,
        /// The most.
        max: usize,
    },
    /// Two devices that cannot both be.
    #[error("{field}: {value} is taken by number {other}")]
    Taken {
        /// Which part.
        field: &'static str,
        /// Its value.
        value: String,
        /// The number of the device that has it, from 1.
        other: usize,
    },
    /// A part without which there is no device.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A feature of `xl` that changes what the guest gets and that is not served.
    #[error("{field}: {reason}")]
    NotServed {
        /// Which part.
        field: String,
        /// Why, and what to do.
        reason: &'static str,
    },
}
