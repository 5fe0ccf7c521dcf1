//! Kernel images: ELF with Xen notes, the legacy `__xen_guest` section, and Linux bzImage.
