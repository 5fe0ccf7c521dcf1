//! Files and block devices for the kernel's blkback, which takes block devices only.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::sys::stat::{major, minor};

use super::super::entries::path::Device;
use super::super::error::HotplugError;
use super::{kernel, loop_device};
use crate::block;

/// A disk's block device on the host. While it lives, a loop device made for it does too; when
/// blkback has opened it, it may be dropped.
#[derive(Debug)]
pub struct HostDisk {
    /// `major:minor`, hexadecimal, as blkback reads it.
    pub number: String,
    /// The device's path.
    pub path: PathBuf,
    _open: File,
}

/// How a disk's file is to be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Whether the guest may write.
    pub writable: bool,
    /// Whether the host's page cache is left out.
    pub direct_io: bool,
}

/// Opens `path`: a block device as it is, a file behind a loop device.
///
/// # Errors
/// [`HotplugError`].
pub fn open(path: &Path, opening: Opening) -> Result<HostDisk, HotplugError> {
    let failed = |verb| {
        let path = path.to_owned();
        move |source| HotplugError::Disk { verb, path, source }
    };
    let mut options = OpenOptions::new();
    options.read(true).write(opening.writable).custom_flags(libc::O_CLOEXEC | libc::O_NONBLOCK);
    let file = options.open(path).map_err(failed("open"))?;
    let kind = file.metadata().map_err(failed("look at"))?.file_type();
    if kind.is_block_device() {
        return of_device(file, path.to_owned()).map_err(failed("look at"));
    }
    if !kind.is_file() {
        return Err(HotplugError::NoDisk(path.to_owned()));
    }
    // The loop device keeps the open file and with it the lock, also without this daemon.
    block::disk::lock(&file, path, opening.writable)?;
    let (device, path) =
        loop_device::make(&file, opening).map_err(failed("make a loop device of"))?;
    of_device(device, path).map_err(failed("look at"))
}

fn of_device(file: File, path: PathBuf) -> std::io::Result<HostDisk> {
    let number = file.metadata()?.rdev();
    let number = format!("{:x}:{:x}", major(number), minor(number));
    Ok(HostDisk { number, path, _open: file })
}

/// Waits until blkback, told the disk's number, has opened it.
///
/// # Errors
/// [`HotplugError`].
pub fn await_opened(
    device: Device,
    refusal: impl Fn() -> Option<String>,
) -> Result<(), HotplugError> {
    // blkback makes this file when it has opened the device.
    kernel::await_there(device, &kernel::folder(device).join("physical_device"), refusal)
}
