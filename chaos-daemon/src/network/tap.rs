//! Tap devices: a queue for each shard, frames with a header before them.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;

use super::NetworkError;

const DEVICE: &str = "/dev/net/tun";

// `linux/if_tun.h`.
nix::ioctl_write_int!(tun_set_persist, b'T', 203);
nix::ioctl_write_int!(tun_set_offload, b'T', 208);
const TUNSETIFF: libc::Ioctl = nix::request_code_write!(b'T', 202, size_of::<libc::c_int>());
const TUN_F_CSUM: libc::c_ulong = 1;
const TUN_F_TSO4: libc::c_ulong = 2;
const TUN_F_TSO6: libc::c_ulong = 4;
const TUN_F_TSO_ECN: libc::c_ulong = 8;

/// Opens `queues` queues of the tap `name` and makes it if there is none. It stays when
/// they are closed, so that connections outlive the daemon; whoever wants it gone
/// deletes the link.
///
/// # Errors
/// [`NetworkError::Tap`].
pub(super) fn open(name: &str, queues: usize) -> Result<Vec<OwnedFd>, NetworkError> {
    load_driver();
    let queue = |_| open_queue(name);
    (0..queues)
        .map(queue)
        .collect::<io::Result<_>>()
        .map_err(|source| NetworkError::Tap { name: name.to_owned(), source })
}

/// Loads the driver where nothing does so by itself, as on hosts without udev. If it cannot be
/// loaded, opening the device says so.
fn load_driver() {
    if !std::path::Path::new(DEVICE).exists() {
        let _ = std::process::Command::new("modprobe").arg("tun").status();
    }
}

fn open_queue(name: &str) -> io::Result<OwnedFd> {
    let file =
        OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open(DEVICE)?;
    let flags = libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR | libc::IFF_MULTI_QUEUE;
    attach(&file, name, flags)?;
    let offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
    // SAFETY: this request takes a number.
    unsafe { tun_set_offload(file.as_raw_fd(), offloads) }?;
    // SAFETY: as above.
    unsafe { tun_set_persist(file.as_raw_fd(), 1) }?;
    Ok(file.into())
}

/// Connects an open file to a queue of the device `name`.
fn attach(file: &impl AsRawFd, name: &str, flags: libc::c_int) -> io::Result<()> {
    let bytes = name.as_bytes();
    if bytes.is_empty() || bytes.len() >= libc::IFNAMSIZ || bytes.contains(&0) {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    // SAFETY: a structure of numbers and arrays of them, for which zeroes are valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(bytes) {
        *to = from.cast_signed();
    }
    request.ifr_ifru.ifru_flags =
        libc::c_short::try_from(flags).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: the kernel reads and writes one `struct ifreq`, which lives here.
    let answer = unsafe { libc::ioctl(file.as_raw_fd(), TUNSETIFF, &raw mut request) };
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
