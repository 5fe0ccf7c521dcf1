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

plain!(ExtraVersion);
