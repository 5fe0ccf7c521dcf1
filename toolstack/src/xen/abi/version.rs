//! `public/version.h`: which hypervisor this is.

use super::plain;

/// `XENVER_version`: answers `major << 16 | minor`.
pub const XENVER_VERSION: u64 = 0;
/// `XENVER_extraversion`: fills an [`ExtraVersion`].
pub const XENVER_EXTRAVERSION: u64 = 1;

/// `xen_extraversion_t`: text such as `.7`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct ExtraVersion(pub [u8; 16]);

/// `XENVER_commandline`: fills a [`CommandLine`].
pub const XENVER_COMMANDLINE: u64 = 9;

/// `xen_commandline_t`: the hypervisor's own command line.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CommandLine(pub [u8; 1024]);

impl Default for CommandLine {
    fn default() -> Self {
        CommandLine([0; 1024])
    }
}

plain!(ExtraVersion, CommandLine);
