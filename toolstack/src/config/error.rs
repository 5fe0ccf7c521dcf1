//! What can be wrong with a configuration, and where.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

use super::action::ActionError;
use super::control::ControlModeError;
use super::cpus::CpuSetError;
use super::device::DeviceError;
use super::guest_type::GuestTypeError;
use super::key::Key;
use super::memory::MemSizeError;
use super::name::NameError;
use super::tsc::TscModeError;

/// A place in a text: shown as `guest.cfg:3:10`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// The file's path as given, or what else the text is, such as `command line`.
    pub source: Arc<str>,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.source, self.line, self.column)
    }
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A place in a configuration text.
    Text(Location),
    /// A command-line flag or a field the caller set: [`GuestOverrides`](super::GuestOverrides).
    Override(Key),
    /// A configuration stored earlier.
    Stored,
    /// The default, because nothing was said.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(location) => location.fmt(f),
            Self::Override(key) => f.write_str(key.flag()),
            Self::Stored => f.write_str("stored configuration"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// Something in a configuration that is not an error but that its author should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The key as written.
    pub key: String,
    /// Where it is.
    pub origin: Origin,
    /// What was made of it and why.
    pub reason: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.origin, self.key, self.reason)
    }
}

/// A key of `xl.cfg` without which the guest would be another, and which lightvm does not serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Where.
    pub location: Location,
    /// The key.
    pub key: String,
    /// Why, and what to do.
    pub reason: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.location, self.key, self.reason)
    }
}

/// Why a configuration is refused. Every message names the place, the key and what to do.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The text is larger than any configuration.
    #[error(
        "{name} is larger than {max} KiB; a configuration is a small text file",
        max = super::MAX_CONFIG_BYTES >> 10
    )]
    TooLarge {
        /// The file, or what else the text is.
        name: String,
    },
    /// The text is not TOML, or not in `xl.cfg`'s syntax.
    #[error("{location}: {problem}")]
    Syntax {
        /// Where.
        location: Location,
        /// What.
        problem: SyntaxError,
    },
    /// A key that does not exist.
    #[error("{location}: `{key}` is not a key of a guest configuration; {hint}")]
    UnknownKey {
        /// Where.
        location: Location,
        /// The key.
        key: String,
        /// The nearest key, or where to find all of them.
        hint: String,
    },
    /// A value that its key does not allow.
    #[error("{origin}: {key}: {problem}")]
    Value {
        /// Where.
        origin: Origin,
        /// The key as written.
        key: String,
        /// What.
        problem: Box<ValueError>,
    },
    /// Keys of `xl.cfg` that lightvm does not serve and that cannot be left out silently: all of
    /// them, one a line.
    #[error("{}", lines(.0))]
    Refused(Vec<Refusal>),
    /// A key without which there is no guest.
    #[error("{key} is missing: set `{key}` in the configuration or give {flag}", flag = key.flag())]
    Missing {
        /// The key.
        key: Key,
    },
}

/// Why a text cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SyntaxError {
    /// The TOML reader's own words.
    #[error("{0}")]
    Toml(String),
    /// A byte that starts nothing in `xl.cfg`.
    #[error("{found} has no place here{hint}")]
    Unexpected {
        /// The byte, printable.
        found: String,
        /// What its author may have meant.
        hint: &'static str,
    },
    /// Something else was due.
    #[error("expected {expected}, found {found}{hint}")]
    Expected {
        /// What was due.
        expected: &'static str,
        /// What is there.
        found: String,
        /// What its author may have meant.
        hint: &'static str,
    },
    /// A string that does not end on its line.
    #[error("this string does not end on its line; close it with {0}")]
    UnterminatedString(char),
    /// `\` with something that cannot follow.
    #[error(
        "`\\{0}` is not an escape; use \\\\ \\\" \\' \\a \\b \\f \\n \\r \\t or \\v, and write \
         other characters as they are"
    )]
    Escape(char),
    /// A string that is not UTF-8.
    #[error("this string is not UTF-8; save the file as UTF-8")]
    NotUtf8,
    /// A file that is not UTF-8.
    #[error("the file is not UTF-8 from here on; save it as UTF-8")]
    FileNotUtf8,
    /// A list in a list in a list, and so on.
    #[error("lists are nested more than {0} deep")]
    TooDeep(usize),
    /// More keys than a configuration can have.
    #[error("more than {0} keys; this is not a guest configuration")]
    TooManyKeys(usize),
    /// `+=` of a list to a string or the other way round.
    #[error("`{key}` was {was} before; += cannot add {added} to it")]
    MixedAppend {
        /// The key.
        key: String,
        /// What it was.
        was: &'static str,
        /// What was to be added.
        added: &'static str,
    },
}

/// Why a value is not allowed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ValueError {
    /// Not the right kind of value.
    #[error("expected {expected}, found {found}")]
    Kind {
        /// What is allowed.
        expected: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// A number outside its range.
    #[error("{value} is out of range; {min} to {max} are allowed")]
    Range {
        /// The number.
        value: i64,
        /// The least allowed.
        min: i64,
        /// The most allowed.
        max: i64,
    },
    /// Text that should be a number in `xl.cfg`.
    #[error("`{0}` is not a number; write decimal, hexadecimal (0x…) or octal (0…) digits")]
    NotANumber(String),
    /// `+=` on a number.
    #[error("+= works on strings and lists, not on numbers; use =")]
    NumberAppend,
    /// Empty text where something is needed.
    #[error("the value is empty; leave the key out instead")]
    Empty,
    /// A NUL byte.
    #[error("the value contains a NUL byte")]
    Nul,
    /// A path that cannot be stored.
    #[error("the path is not UTF-8; rename the file")]
    PathNotUtf8,
    /// Text longer than its place.
    #[error("the text is {length} bytes long; at most {max} are allowed{because}")]
    TooLong {
        /// The length in bytes.
        length: usize,
        /// The most bytes allowed.
        max: usize,
        /// Why.
        because: &'static str,
    },
    /// Less than another key's value.
    #[error(
        "{value} is less than {other}, which is {other_value} ({other_origin}); raise one or lower the other"
    )]
    Below {
        /// The value.
        value: String,
        /// The other key.
        other: Key,
        /// Its value.
        other_value: String,
        /// Where that came from.
        other_origin: Origin,
    },
    /// More vCPUs than the guest type can have.
    #[error("{value} vCPUs are more than a {guest_type} guest can have, which is {max}")]
    TooManyVcpus {
        /// The number asked for.
        value: u16,
        /// The guest's type.
        guest_type: super::GuestType,
        /// The most.
        max: u16,
    },
    /// See [`NameError`].
    #[error("{0}")]
    Name(#[from] NameError),
    /// See [`MemSizeError`].
    #[error("{0}")]
    Memory(#[from] MemSizeError),
    /// See [`CpuSetError`].
    #[error("{0}")]
    Cpus(#[from] CpuSetError),
    /// See [`ActionError`].
    #[error("{0}")]
    Action(#[from] ActionError),
    /// See [`TscModeError`].
    #[error("{0}")]
    TscMode(#[from] TscModeError),
    /// See [`GuestTypeError`].
    #[error("{0}")]
    GuestType(#[from] GuestTypeError),
    /// See [`ControlModeError`].
    #[error("{0}")]
    Control(#[from] ControlModeError),
    /// A device that cannot be; see [`DeviceError`].
    #[error("number {number}: {problem}")]
    Device {
        /// Which of the list, from 1.
        number: usize,
        /// What.
        problem: DeviceError,
    },
    /// More devices and slots kept free than a guest can have.
    #[error("{count} devices are too many; at most {max} are allowed, kept slots among them")]
    TooManyDevices {
        /// How many.
        count: usize,
        /// The most.
        max: usize,
    },
    /// Devices without a channel to find them by.
    #[error(
        "a guest without a control channel has no devices; remove them, or choose another \
         `control` ({0})"
    )]
    NoChannel(Origin),
    /// Not a UUID.
    #[error("`{0}` is not a UUID; write it as 67e55044-10b1-426f-9247-bb680e5fe0c8")]
    Uuid(String),
}

fn lines(refusals: &[Refusal]) -> String {
    refusals.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// The first 40 characters of `text`, printable, so that no message carries a megabyte.
pub(super) fn excerpt(text: &str) -> String {
    const LONGEST: usize = 40;
    let mut shown: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}
