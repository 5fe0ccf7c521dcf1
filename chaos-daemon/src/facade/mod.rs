//! The facade: XenStore for one unmodified guest, answered from its own small tree.

pub mod store;
pub mod wire;
