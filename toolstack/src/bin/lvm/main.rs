//! `lvm`: creates, runs and destroys guests on a Xen dom0.

fn main() {}
