//! `public/io/console.h`: the ring of the PV console.

/// Bytes of `xencons_interface.in`: host to guest.
pub const IN_SIZE: u32 = 1024;
/// Bytes of `xencons_interface.out`: guest to host.
pub const OUT_SIZE: u32 = 2048;
/// Offset of `in`.
pub const IN_OFFSET: usize = 0;
/// Offset of `out`.
pub const OUT_OFFSET: usize = 1024;
/// Offset of `in_cons`, written by the guest.
pub const IN_CONS: usize = 3072;
/// Offset of `in_prod`, written by the host.
pub const IN_PROD: usize = 3076;
/// Offset of `out_cons`, written by the host.
pub const OUT_CONS: usize = 3080;
/// Offset of `out_prod`, written by the guest.
pub const OUT_PROD: usize = 3084;
