//! The options of the verbs about guests' devices.

use clap::Args;
use lightvm::config::{Disk, Nic};

#[derive(Clone, Debug, Args)]
pub(crate) struct NetAttachArgs {
    /// Guest, by name, UUID or domain number
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// The interface, as in network=lan,mac=00:16:3e:00:00:01,ip=10.0.0.5/24 [default: one on the
    /// default network]
    #[arg(value_name = "PARTS", default_value = "", hide_default_value = true)]
    pub(crate) nic: Nic,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct NetDetachArgs {
    /// Guest, by name, UUID or domain number
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// The interface's number, from 0, as `lvm net-list` shows it
    #[arg(value_name = "NUMBER")]
    pub(crate) index: u8,
    /// Take it away even if the guest does not let go of it
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct BlockAttachArgs {
    /// Guest, by name, UUID or domain number
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// The disk: a raw image or block device, then its name and ro or rw, as in
    /// /srv/web.img,xvdb,ro
    #[arg(value_name = "FILE[,VDEV][,ro]")]
    pub(crate) disk: Disk,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct BlockDetachArgs {
    /// Guest, by name, UUID or domain number
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// The disk, by the name under which the guest sees it or by its number, as `lvm block-list`
    /// shows them
    #[arg(value_name = "DISK")]
    pub(crate) disk: String,
    /// Take it away even if the guest does not let go of it
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct DeviceListArgs {
    /// Guest, by name, UUID or domain number
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}
