//! Linux's `include/uapi/xen/privcmd.h` and `evtchn.h`: the device files of dom0.

/// `_IOC(_IOC_NONE, group, number, sizeof(T))` (`asm-generic/ioctl.h`): these
/// drivers count the size of an argument in although they declare no direction.
pub(super) const fn request<T>(group: u8, number: u8) -> libc::c_ulong {
    ((size_of::<T>() as libc::c_ulong) << 16)
        | ((group as libc::c_ulong) << 8)
        | number as libc::c_ulong
}

/// `IOCTL_PRIVCMD_HYPERCALL`.
pub const IOCTL_PRIVCMD_HYPERCALL: libc::c_ulong = request::<PrivcmdHypercall>(b'P', 0);
/// `IOCTL_PRIVCMD_MMAPBATCH_V2`.
pub const IOCTL_PRIVCMD_MMAPBATCH_V2: libc::c_ulong = request::<PrivcmdMmapBatchV2>(b'P', 4);
/// `IOCTL_PRIVCMD_MMAP_RESOURCE`.
pub const IOCTL_PRIVCMD_MMAP_RESOURCE: libc::c_ulong = request::<PrivcmdMmapResource>(b'P', 7);
/// `IOCTL_EVTCHN_BIND_VIRQ`.
pub const IOCTL_EVTCHN_BIND_VIRQ: libc::c_ulong = request::<EvtchnBindVirq>(b'E', 0);
/// `IOCTL_EVTCHN_BIND_INTERDOMAIN`.
pub const IOCTL_EVTCHN_BIND_INTERDOMAIN: libc::c_ulong = request::<EvtchnBindInterdomain>(b'E', 1);
/// `IOCTL_EVTCHN_UNBIND`.
pub const IOCTL_EVTCHN_UNBIND: libc::c_ulong = request::<EvtchnPort>(b'E', 3);
/// `IOCTL_EVTCHN_NOTIFY`.
pub const IOCTL_EVTCHN_NOTIFY: libc::c_ulong = request::<EvtchnPort>(b'E', 4);

/// `struct privcmd_hypercall`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PrivcmdHypercall {
    /// Hypercall number.
    pub op: u64,
    /// Its arguments.
    pub arg: [u64; 5],
}

/// `struct privcmd_mmapbatch_v2`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PrivcmdMmapBatchV2 {
    /// Pages to map.
    pub num: u32,
    /// Whose pages.
    pub dom: u16,
    /// Padding.
    pub _pad: u16,
    /// Where to map them.
    pub addr: u64,
    /// Their frames.
    pub arr: *const u64,
    /// OUT: an error per page.
    pub err: *mut i32,
}

/// `struct privcmd_mmap_resource`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct PrivcmdMmapResource {
    /// Whose resource.
    pub dom: u16,
    /// `XENMEM_resource_*` of `public/memory.h`.
    pub kind: u32,
    /// Which of that type.
    pub id: u32,
    /// Its first frame to be mapped.
    pub idx: u32,
    /// Frames to map.
    pub num: u64,
    /// Where to map them.
    pub addr: u64,
}

/// `struct ioctl_evtchn_bind_virq`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct EvtchnBindVirq {
    /// `VIRQ_*`.
    pub virq: u32,
}

/// `struct ioctl_evtchn_bind_interdomain`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct EvtchnBindInterdomain {
    /// The other domain.
    pub remote_domain: u32,
    /// Its port.
    pub remote_port: u32,
}

/// `struct ioctl_evtchn_unbind` and `struct ioctl_evtchn_notify`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct EvtchnPort {
    /// The local port.
    pub port: u32,
}
