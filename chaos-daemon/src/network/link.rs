//! Changes of the host's network devices, by netlink.

use std::io;
use std::net::IpAddr;

use futures_util::stream::TryStreamExt;
use ipnet::IpNet;
use macaddr::MacAddr6;
use rtnetlink::{Handle, LinkUnspec};

use super::NetworkError;

/// A connection to the kernel's network configuration.
#[derive(Clone, Debug)]
pub(super) struct Links {
    handle: Handle,
}

fn errno(error: rtnetlink::Error) -> io::Error {
    match error {
        rtnetlink::Error::NetlinkError(message) => message.to_io(),
        other => io::Error::other(other.to_string()),
    }
}

impl Links {
    /// Connects; to be called in a tokio runtime, which drives the connection.
    pub(super) fn open() -> Result<Links, NetworkError> {
        let what = "open a netlink socket";
        let (connection, handle, _) =
            rtnetlink::new_connection().map_err(NetworkError::host(what))?;
        tokio::spawn(connection);
        Ok(Links { handle })
    }

    /// The number of a device.
    pub(super) async fn index(&self, name: &str) -> Result<u32, NetworkError> {
        let mut links = self.handle.link().get().match_name(name.to_owned()).execute();
        match links.try_next().await {
            Ok(Some(link)) => Ok(link.header.index),
            _ => Err(NetworkError::NoDevice(name.to_owned())),
        }
    }

    /// Sets a tap's address and MTU and takes it up.
    pub(super) async fn set_up(
        &self,
        name: &str,
        mac: Option<MacAddr6>,
        mtu: u16,
    ) -> Result<(), NetworkError> {
        let mut change = LinkUnspec::new_with_index(self.index(name).await?).mtu(mtu.into()).up();
        if let Some(mac) = mac {
            change = change.address(mac.as_bytes().to_vec());
        }
        self.set(change.build(), format!("set up `{name}`")).await
    }

    /// Adds a device to a bridge.
    pub(super) async fn join(&self, name: &str, bridge: &str) -> Result<(), NetworkError> {
        let bridge_index = self.index(bridge).await?;
        let change = LinkUnspec::new_with_index(self.index(name).await?);
        self.set(
            change.controller(bridge_index).build(),
            format!("add `{name}` to bridge `{bridge}`"),
        )
        .await
    }

    async fn set(
        &self,
        change: rtnetlink::packet_route::link::LinkMessage,
        what: String,
    ) -> Result<(), NetworkError> {
        let done = self.handle.link().set(change).execute().await;
        done.map_err(errno).map_err(NetworkError::host(what))
    }

    /// Gives a device an address, unless it has it.
    pub(super) async fn add_address(&self, name: &str, net: IpNet) -> Result<(), NetworkError> {
        let index = self.index(name).await?;
        let (address, prefix): (IpAddr, u8) = (net.addr(), net.prefix_len());
        match self.handle.address().add(index, address, prefix).execute().await.map_err(errno) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => {
                Err(NetworkError::Host { what: format!("give `{name}` address {net}"), source: e })
            }
            _ => Ok(()),
        }
    }

    /// Deletes a device; one that is gone is no error.
    pub(super) async fn delete(&self, name: &str) -> Result<(), NetworkError> {
        let Ok(index) = self.index(name).await else { return Ok(()) };
        match self.handle.link().del(index).execute().await.map_err(errno) {
            Err(e) if e.raw_os_error() != Some(libc::ENODEV) => {
                Err(NetworkError::Host { what: format!("delete `{name}`"), source: e })
            }
            _ => Ok(()),
        }
    }
}
