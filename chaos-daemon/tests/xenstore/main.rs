//! XenStore mode on a host with `xenstored`, `xenconsoled`, the kernel's back ends and `xl`.

mod host;
mod linux;
mod store;
