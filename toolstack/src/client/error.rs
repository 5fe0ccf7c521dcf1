//! What can go wrong when talking to the daemon.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::api::{ErrorBody, ErrorCode};

/// Why the daemon did not do what it was asked to.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// It cannot be reached.
    #[error(
        "the daemon does not answer at {} ({source}): start chaosd, or name its socket with \
         --socket", socket.display()
    )]
    Connect {
        /// Where it should listen.
        socket: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The connection broke before the answer was there.
    #[error("the connection to the daemon broke ({0}); look into its log")]
    Broken(#[from] io::Error),
    /// It did not answer in time.
    #[error(
        "the daemon does not answer; it may still do what it was asked to: look into its log, and \
         whether it runs"
    )]
    Silent,
    /// What came is no HTTP, or not as agreed.
    #[error("the daemon's answer is not understood: {0}")]
    Protocol(&'static str),
    /// What came is no JSON, or not of the kind expected.
    #[error("the daemon's answer is not understood ({0}); are lvm and chaosd of one version?")]
    Json(serde_json::Error),
    /// It said no.
    #[error("{}{}", .0.message, hint(.0))]
    Refused(ErrorBody),
    /// It said no without saying why.
    #[error("the daemon answers with status {status}: {body}")]
    Status {
        /// HTTP's number.
        status: u16,
        /// What came with it, cut short.
        body: String,
    },
}

fn hint(error: &ErrorBody) -> String {
    error.hint.as_ref().map_or_else(String::new, |hint| format!("; {hint}"))
}

impl ClientError {
    /// Whether nobody listens at the socket, as where no daemon was started.
    pub fn is_absent(&self) -> bool {
        matches!(self, ClientError::Connect { source, .. } if matches!(
            source.kind(),
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
        ))
    }

    /// Whether the request may be made again: always when the daemon did not get it, and when its
    /// answer was lost if that does not matter.
    pub(super) fn may_repeat(&self, repeatable: bool) -> bool {
        match self {
            ClientError::Connect { .. } => self.is_absent(),
            ClientError::Broken(_) => repeatable,
            ClientError::Refused(error) => error.code == ErrorCode::Busy,
            _ => false,
        }
    }

    /// The kind of error, when the daemon said no.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            ClientError::Refused(error) => Some(error.code),
            _ => None,
        }
    }
}
