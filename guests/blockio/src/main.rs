//! Tests a block device.

#![no_std]
#![no_main]

use xen_rt::{BootInfo, Shutdown, entry};

entry!(main);
xen_rt::noxs_guest!();

fn main(_: BootInfo) -> Shutdown {
    Shutdown::PowerOff
}
