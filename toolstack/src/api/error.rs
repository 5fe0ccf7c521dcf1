//! How the daemon says no.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The body of every answer with a status of 400 and above.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorAnswer {
    /// What went wrong.
    pub error: ErrorBody,
}

/// What went wrong, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorBody {
    /// For programs.
    pub code: ErrorCode,
    /// For people: what, where and why.
    pub message: String,
    /// What to do about it, where there is something to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Kinds of errors, each with the HTTP status it comes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ErrorCode {
    /// The request is not understood (400).
    BadRequest,
    /// The configuration, or a file it names, cannot be used (422).
    BadInput,
    /// No such guest, network or device (404).
    NotFound,
    /// The name, UUID, address or device is taken (409).
    Taken,
    /// It cannot be done in the state things are in (409).
    Conflict,
    /// The guest that was made with this key has ended since (410).
    Ended,
    /// The host has no memory or other resource left for it (507).
    NoResources,
    /// It took longer than was asked for (504).
    Timeout,
    /// The guest, or this daemon as it was built, does not support it (501).
    Unsupported,
    /// The client may not do this (403).
    Forbidden,
    /// Nothing is done with this method there (405).
    BadMethod,
    /// The request did not come in time (408).
    TooSlow,
    /// The request is too large (413).
    TooLarge,
    /// There are too many connections; nothing was done (503).
    Busy,
    /// Anything else (500).
    Internal,
    /// A code that this version does not know.
    #[schemars(skip)]
    #[serde(other)]
    Unknown,
}

impl ErrorCode {
    /// The HTTP status of answers with this code.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::BadMethod => 405,
            Self::TooSlow => 408,
            Self::Taken | Self::Conflict => 409,
            Self::Ended => 410,
            Self::TooLarge => 413,
            Self::BadInput => 422,
            Self::Unsupported => 501,
            Self::Busy => 503,
            Self::Timeout => 504,
            Self::NoResources => 507,
            Self::Internal | Self::Unknown => 500,
        }
    }
}
