//! Exit codes. `lvm --help` and `docs/lvm.md` list them.

/// What a script can tell from the exit code alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Something failed that no other code names.
    Failure = 1,
    /// The command line is wrong.
    Usage = 2,
    /// There is no such guest, or it vanished meanwhile.
    NotFound = 3,
    /// No Xen dom0, no permission, or a Xen of an unknown version.
    NoXen = 4,
    /// The host has no memory left, or no room for one more domain.
    NoResources = 5,
    /// The name or the UUID is taken.
    Taken = 6,
    /// The time given with `--timeout` is over.
    Timeout = 7,
    /// The configuration, or an image it names, cannot be used.
    BadInput = 8,
    /// The daemon is needed and does not answer.
    NoDaemon = 9,
    /// Ended by Ctrl-C or SIGTERM.
    Interrupted = 130,
}

impl Exit {
    /// The name in JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Exit::Failure => "failure",
            Exit::Usage => "usage",
            Exit::NotFound => "not-found",
            Exit::NoXen => "no-xen",
            Exit::NoResources => "no-resources",
            Exit::Taken => "taken",
            Exit::Timeout => "timeout",
            Exit::BadInput => "bad-input",
            Exit::NoDaemon => "no-daemon",
            Exit::Interrupted => "interrupted",
        }
    }

    pub(crate) fn code(self) -> u8 {
        self as u8
    }
}

/// What the process ends with: the standard library's own keeps its number to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExitCode(u8);

impl ExitCode {
    pub(crate) const SUCCESS: ExitCode = ExitCode(0);
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode(exit.code())
    }
}

impl From<ExitCode> for libc::c_int {
    fn from(code: ExitCode) -> Self {
        code.0.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::LVM_HELP;

    #[test]
    fn help_lists_every_code() {
        for exit in [
            Exit::Failure,
            Exit::Usage,
            Exit::NotFound,
            Exit::NoXen,
            Exit::NoResources,
            Exit::Taken,
            Exit::Timeout,
            Exit::BadInput,
            Exit::NoDaemon,
            Exit::Interrupted,
        ] {
            let line = format!("\n  {:<3}  ", exit.code());
            assert!(LVM_HELP.contains(&line), "{exit:?}");
        }
    }
}
