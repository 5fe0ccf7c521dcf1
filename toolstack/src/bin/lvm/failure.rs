//! Why a verb failed: the message, its causes, and the exit code.

use std::error::Error;
use std::io;

use lightvm::api::ErrorCode;
use lightvm::build::BuildError;
use lightvm::client::ClientError;
use lightvm::config::{ConfigError, CpuSetError, NameError};
use lightvm::create::CreateError;
use lightvm::domain::DomainError;
use lightvm::lifecycle::LifecycleError;
use lightvm::registry::RegistryError;
use lightvm::xen::XenError;
use nix::errno::Errno;
use serde::Serialize;
use thiserror::Error;

use crate::exit::Exit;

/// Why a verb failed.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Xen(#[from] XenError),
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error(transparent)]
    Create(#[from] CreateError),
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    Domain(#[from] DomainError),
    #[error(transparent)]
    Lifecycle(#[from] LifecycleError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Cpus(#[from] CpuSetError),
    #[error(transparent)]
    Name(#[from] NameError),
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A file or a terminal.
    #[error("{action}: {source}")]
    Io { action: String, source: io::Error },
    /// The reader of standard output is gone; nobody is left to be told.
    #[error("the output was closed")]
    OutputClosed,
    /// What is asked for cannot be asked for.
    #[error("{message}")]
    Said { exit: Exit, message: String },
    /// A failure and what was done about it.
    #[error("{source}; {consequence}")]
    With { source: Box<Failure>, consequence: String },
}

impl Failure {
    pub(crate) fn said(exit: Exit, message: impl Into<String>) -> Self {
        Failure::Said { exit, message: message.into() }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Failure::said(Exit::Usage, message)
    }

    pub(crate) fn io(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let action = action.into();
        move |source| Failure::Io { action, source }
    }

    /// The same failure, with what was done about it.
    pub(crate) fn with(self, consequence: impl Into<String>) -> Self {
        Failure::With { source: Box::new(self), consequence: consequence.into() }
    }

    /// The code to exit with.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Failure::Xen(e) => of_xen(e),
            Failure::Registry(e) => of_registry(e),
            Failure::Create(e) => of_create(e),
            Failure::Build(e) => of_build(e),
            Failure::Domain(e) => of_domain(e),
            Failure::Lifecycle(e) => of_lifecycle(e),
            Failure::Config(_) => Exit::BadInput,
            Failure::Cpus(_) | Failure::Name(_) => Exit::Usage,
            Failure::Client(e) => of_client(e),
            Failure::Io { .. } | Failure::OutputClosed => Exit::Failure,
            Failure::Said { exit, .. } => *exit,
            Failure::With { source, .. } => source.exit(),
        }
    }

    /// The message and its causes in one line; a cause that the message tells already
    /// is not told again.
    pub(crate) fn line(&self) -> String {
        let mut line = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            let text = error.to_string();
            if !line.contains(&text) {
                line = format!("{line}: {text}");
            }
            cause = error.source();
        }
        line
    }

    /// What `--json` prints on standard error.
    pub(crate) fn report(&self) -> Report {
        let exit = self.exit();
        Report { error: self.line(), code: exit.code(), kind: exit.name() }
    }
}

/// A failure as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Report {
    pub(crate) error: String,
    pub(crate) code: u8,
    pub(crate) kind: &'static str,
}

fn of_xen(e: &XenError) -> Exit {
    match (e, e.errno()) {
        (XenError::NotDom0 { .. } | XenError::Permission { .. } | XenError::Version { .. }, _) => {
            Exit::NoXen
        }
        (_, Some(Errno::EPERM | Errno::EACCES)) => Exit::NoXen,
        (_, Some(Errno::ESRCH)) => Exit::NotFound,
        (_, Some(Errno::ENOMEM | Errno::ENOSPC)) => Exit::NoResources,
        _ => Exit::Failure,
    }
}

fn of_client(e: &ClientError) -> Exit {
    match (e, e.code()) {
        (ClientError::Connect { source, .. }, _)
            if source.kind() == io::ErrorKind::PermissionDenied =>
        {
            Exit::NoXen
        }
        (ClientError::Connect { .. }, _) => Exit::NoDaemon,
        (_, Some(ErrorCode::NotFound)) => Exit::NotFound,
        (_, Some(ErrorCode::Taken)) => Exit::Taken,
        (_, Some(ErrorCode::NoResources)) => Exit::NoResources,
        (_, Some(ErrorCode::Timeout)) => Exit::Timeout,
        (_, Some(ErrorCode::BadInput)) => Exit::BadInput,
        _ => Exit::Failure,
    }
}

fn of_registry(e: &RegistryError) -> Exit {
    match e {
        RegistryError::NameTaken { .. } | RegistryError::UuidTaken { .. } => Exit::Taken,
        RegistryError::NotFound(_) => Exit::NotFound,
        RegistryError::Xen(e) => of_xen(e),
        _ => Exit::Failure,
    }
}

fn of_create(e: &CreateError) -> Exit {
    match e {
        CreateError::Image(_) | CreateError::Cpus { .. } | CreateError::NoSuchPool { .. } => {
            Exit::BadInput
        }
        CreateError::NeedsDaemon => Exit::NoDaemon,
        CreateError::Build(e) => of_build(e),
        CreateError::Xen(e) => of_xen(e),
        _ => Exit::Failure,
    }
}

fn of_build(e: &BuildError) -> Exit {
    match e {
        BuildError::Xen(e) => of_xen(e),
        BuildError::HostFull { .. } => Exit::NoResources,
        _ => Exit::BadInput,
    }
}

fn of_domain(e: &DomainError) -> Exit {
    match e {
        DomainError::Vanished { .. } => Exit::NotFound,
        DomainError::Xen(e) => of_xen(e),
        _ => Exit::Failure,
    }
}

fn of_lifecycle(e: &LifecycleError) -> Exit {
    match e {
        LifecycleError::Create(e) => of_create(e),
        LifecycleError::Build(e) => of_build(e),
        LifecycleError::Registry(e) => of_registry(e),
        LifecycleError::Domain(e) => of_domain(e),
        LifecycleError::Xen(e) => of_xen(e),
        _ => Exit::Failure,
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let missing = || io::Error::from(io::ErrorKind::NotFound);
        let path = PathBuf::from("guest.cfg");
        let config = Failure::from(ConfigError::Read { path, source: missing() });
        assert_eq!(config.line(), "cannot read the configuration guest.cfg: entity not found");
        let told = Failure::io("cannot read the terminal")(missing());
        assert_eq!(told.line(), "cannot read the terminal: entity not found");
    }

    #[test]
    fn consequences_keep_the_code() {
        let failure = Failure::said(Exit::Taken, "the name is taken").with("nothing was created");
        assert_eq!(
            failure.report(),
            Report {
                error: "the name is taken; nothing was created".into(),
                code: 6,
                kind: "taken"
            }
        );
    }

    #[test]
    fn the_host_being_full_is_not_the_configurations_fault() {
        let full = Failure::from(CreateError::from(BuildError::HostFull { wanted: 2, free: 1 }));
        assert_eq!(full.exit(), Exit::NoResources);
        let small = Failure::from(CreateError::from(BuildError::TooSmall { have: 1, need: 2 }));
        assert_eq!(small.exit(), Exit::BadInput);
    }
}
