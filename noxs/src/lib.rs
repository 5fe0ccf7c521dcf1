//! The control channel between a guest and its host: one shared page instead of XenStore.
#![no_std]
