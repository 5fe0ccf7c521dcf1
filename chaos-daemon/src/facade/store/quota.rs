//! How much of the host a guest may use through its store.
//!
//! The numbers are xenstored's defaults (`tools/xenstore/xenstored_core.c`, Xen 4.17),
//! but for the memory limits: these are smaller, as they hold for every guest at once.

/// Nodes a guest may own (`quota_nb_entry_per_domain`).
pub const NODES: usize = 1000;

/// Bytes of paths and values of nodes a guest may own.
pub const NODE_BYTES: usize = 256 * 1024;

/// Watches (`quota_nb_watch_per_domain`).
pub const WATCHES: usize = 128;

/// Bytes of paths and tokens of watches.
pub const WATCH_BYTES: usize = 64 * 1024;

/// Transactions at a time (`quota_max_transaction`).
pub const TRANSACTIONS: usize = 10;

/// Different nodes one transaction may touch (`quota_trans_nodes`).
pub const TRANSACTION_NODES: usize = 1024;

/// Bytes of their paths.
pub const TRANSACTION_BYTES: usize = 64 * 1024;

/// Bytes of one node: a header of 24, 8 for each permission, the value, and the
/// names of its children; it must stay *below* this (`quota_max_entry_size`).
pub const ENTRY_SIZE: usize = 2048;

/// Permissions of one node (`quota_nb_perms_per_node`).
pub const PERMISSIONS: usize = 5;

/// Answers that wait until the guest makes room for them; further requests stay
/// in the ring (`quota_req_outstanding`).
pub const OUTSTANDING: usize = 20;

/// Bytes of watch events that wait; further events are dropped and counted.
pub const EVENT_BYTES: usize = 64 * 1024;

/// `sizeof(struct xs_tdb_record_hdr)` and of `struct xs_permissions`.
const ENTRY_HEADER: usize = 24;
const PERMISSION_SIZE: usize = 8;

/// True when a node of this content is within [`ENTRY_SIZE`].
pub fn entry_fits(value: usize, permissions: usize, children: usize) -> bool {
    ENTRY_HEADER + permissions * PERMISSION_SIZE + value + children < ENTRY_SIZE
}
