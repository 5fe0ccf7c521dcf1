//! Loop devices. They go by themselves when their last user closes them, so that none is left
//! behind however the daemon or a guest ends.
//!
//! Numbers and layouts: Linux's `linux/loop.h`.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use nix::errno::Errno;

use super::disk::Opening;

const CONTROL: &str = "/dev/loop-control";

const LOOP_CTL_GET_FREE: u64 = 0x4c82;
const LOOP_CONFIGURE: u64 = 0x4c0a;

const LO_FLAGS_READ_ONLY: u32 = 1;
const LO_FLAGS_AUTOCLEAR: u32 = 4;
const LO_FLAGS_DIRECT_IO: u32 = 16;

/// How often another program may take the free device first.
const TRIES: u32 = 64;

mod control {
    nix::ioctl_none_bad!(get_free, super::LOOP_CTL_GET_FREE);
    nix::ioctl_write_ptr_bad!(configure, super::LOOP_CONFIGURE, super::LoopConfig);
}

/// `struct loop_info64`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct LoopInfo {
    device: u64,
    inode: u64,
    rdevice: u64,
    offset: u64,
    size_limit: u64,
    number: u32,
    encrypt_type: u32,
    encrypt_key_size: u32,
    flags: u32,
    file_name: [u8; 64],
    crypt_name: [u8; 64],
    encrypt_key: [u8; 32],
    init: [u64; 2],
}

/// `struct loop_config`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct LoopConfig {
    fd: u32,
    block_size: u32,
    info: LoopInfo,
    reserved: [u64; 8],
}

const _: () = assert!(size_of::<LoopInfo>() == 232 && size_of::<LoopConfig>() == 304);

/// Makes a loop device of `file`.
pub(super) fn make(file: &File, opening: Opening) -> io::Result<(File, PathBuf)> {
    let control = OpenOptions::new().read(true).write(true).open(CONTROL)?;
    let config = config(file, opening)?;
    for _ in 0..TRIES {
        // SAFETY: takes no argument and only answers a number.
        let number = unsafe { control::get_free(control.as_raw_fd()) }?;
        let path = PathBuf::from(format!("/dev/loop{number}"));
        let device = OpenOptions::new().read(true).write(opening.writable).open(&path)?;
        // SAFETY: a whole `struct loop_config`, which the kernel reads only during the call; the
        // file descriptor in it is open.
        match unsafe { control::configure(device.as_raw_fd(), &raw const config) } {
            Ok(_) => return Ok((device, path)),
            Err(Errno::EBUSY) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Err(Errno::EBUSY.into())
}

fn config(file: &File, opening: Opening) -> io::Result<LoopConfig> {
    let flag = |on: bool, flag: u32| if on { flag } else { 0 };
    let flags = LO_FLAGS_AUTOCLEAR
        | flag(!opening.writable, LO_FLAGS_READ_ONLY)
        | flag(opening.direct_io, LO_FLAGS_DIRECT_IO);
    let info = LoopInfo {
        device: 0,
        inode: 0,
        rdevice: 0,
        offset: 0,
        size_limit: 0,
        number: 0,
        encrypt_type: 0,
        encrypt_key_size: 0,
        flags,
        file_name: [0; 64],
        crypt_name: [0; 64],
        encrypt_key: [0; 32],
        init: [0; 2],
    };
    let fd = u32::try_from(file.as_raw_fd()).map_err(|_| Errno::EBADF)?;
    Ok(LoopConfig { fd, block_size: 0, info, reserved: [0; 8] })
}
