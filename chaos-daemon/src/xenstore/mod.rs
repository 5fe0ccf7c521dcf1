//! Guests made known to a real XenStore.
