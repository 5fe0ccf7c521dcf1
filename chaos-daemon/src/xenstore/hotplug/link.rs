//! Network devices of the kernel's netback.

use std::path::Path;

use nix::net::if_::if_nametoindex;
use rtnetlink::{Handle, LinkUnspec};

use super::super::entries::Nic;
use super::super::entries::path::Device;
use super::super::error::HotplugError;
use super::kernel;

/// Waits for the network device that netback makes, and joins it to its bridge.
///
/// # Errors
/// [`HotplugError`].
pub fn connect(
    device: Device,
    nic: &Nic,
    refusal: impl Fn() -> Option<String>,
) -> Result<(), HotplugError> {
    let bridge = index(&nic.bridge).ok_or_else(|| HotplugError::NoBridge(nic.bridge.clone()))?;
    let name = format!("vif{}.{}", device.domain, device.number);
    kernel::await_there(device, &Path::new("/sys/class/net").join(&name), refusal)?;
    let link =
        index(&name).ok_or_else(|| HotplugError::Silent { device: name.clone(), seconds: 0 })?;
    let settings = LinkUnspec::new_with_index(link).mtu(nic.mtu.into()).controller(bridge).up();
    with_netlink(async |netlink| netlink.link().set(settings.build()).execute().await)?
        .map_err(|source| HotplugError::Link { device: name, source })
}

fn index(name: &str) -> Option<u32> {
    if_nametoindex(name).ok()
}

/// Runs `work` with a netlink connection of its own; callers are on threads that may block, and may
/// drive the daemon's own runtime there, in which no other can be started.
fn with_netlink<T: Send>(work: impl AsyncFnOnce(Handle) -> T + Send) -> Result<T, HotplugError> {
    let ended = || HotplugError::Netlink(std::io::Error::other("its thread has panicked"));
    std::thread::scope(|scope| scope.spawn(|| drive(work)).join()).map_err(|_| ended())?
}

fn drive<T>(work: impl AsyncFnOnce(Handle) -> T) -> Result<T, HotplugError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    runtime.map_err(HotplugError::Netlink)?.block_on(async {
        let (connection, handle, _) = rtnetlink::new_connection().map_err(HotplugError::Netlink)?;
        let connection = tokio::spawn(connection);
        let result = work(handle).await;
        connection.abort();
        Ok(result)
    })
}
