//! XenStore mode on a host with `xenstored`, `xenconsoled`, the kernel's back ends and `xl`.

mod daemon;
#[allow(dead_code, reason = "the daemon's other tests use the rest of it")]
#[path = "../on_xen/harness.rs"]
mod harness;
mod host;
mod linux;
mod store;
