//! Every key of `xl.cfg`: what lightvm makes of it, and why.
//!
//! The keys are those that Xen 4.17 to 4.21 describe in xl.cfg(5) or read in `tools/xl/xl_parse.c`,
//! and a few of our own, which xl ignores.
//! The rule: a key is ignored, with a warning, when the guest is the same without it; otherwise it
//! is refused. `docs/configuration.md` holds this table too, and a test compares them.

use super::parser::Value;

/// What lightvm makes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// Used.
    Served,
    /// Ignored with a warning: the guest is the same without it.
    Ignored,
    /// Refused: without it the guest would be another.
    Refused,
}

/// A key of `xl.cfg`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XlKey {
    /// The key.
    pub name: &'static str,
    /// What lightvm makes of it.
    pub treatment: Treatment,
    /// How it is used, or why it is not.
    pub note: &'static str,
    /// Values that say what lightvm does anyway: neither warned of nor refused. Empty lists and
    /// empty strings always belong to them.
    pub unless: &'static [&'static str],
}

const HVM_ONLY: &str = "for hvm guests only; xl ignores it for other types too";
const NO_DEVICES: &str =
    "only network interfaces and disks are served; remove it, or use xl for this guest";
const NO_DEVICE_MODEL: &str = "lightvm runs no device model";
const ARM_ONLY: &str = "for Arm hosts only";

/// Every key, by name.
#[rustfmt::skip]
pub const XL_KEYS: &[XlKey] = &[
    ignored("acpi", "pvh guests always get the ACPI tables that list their vCPUs").unless(&["1"]),
    ignored("acpi_firmware", HVM_ONLY),
    ignored("acpi_laptop_slate", HVM_ONLY),
    ignored("acpi_s3", HVM_ONLY),
    ignored("acpi_s4", HVM_ONLY),
    refused("altp2m", "alternate page tables are not served; set it to \"disabled\"").unless(&["disabled", "0"]),
    ignored("altp2m_count", "without effect unless `altp2m` is set"),
    ignored("altp2mhvm", HVM_ONLY).unless(&["0"]),
    ignored("apic", HVM_ONLY),
    ignored("arm_sci", ARM_ONLY),
    ignored("bios", HVM_ONLY),
    ignored("bios_path_override", HVM_ONLY),
    ignored("boot", HVM_ONLY),
    refused("bootloader", "host-side boot loaders are not served; name the guest's `kernel` and `ramdisk`"),
    ignored("bootloader_args", "without effect unless `bootloader` is set"),
    ignored("bootloader_restrict", "without effect unless `bootloader` is set"),
    ignored("bootloader_user", "without effect unless `bootloader` is set"),
    served("builder", "`\"generic\"` is `type=\"pv\"`; `\"hvm\"` is refused. Warned: xl deprecates it"),
    served("cap", "as in TOML"),
    refused("channel", NO_DEVICES),
    served("cmdline", "as `cmdline`; wins over `root` and `extra`, which then draw a warning, as with xl"),
    served("control", "lightvm's own; xl ignores it"),
    served("cpu_weight", "as in TOML"),
    refused("cpuid", "changed CPU features are not served; remove it for a guest with the host's default features"),
    served("cpus", "as in TOML"),
    ignored("cpus_soft", "a preference only; the scheduler places vCPUs freely within `cpus`"),
    ignored("device_model", NO_DEVICE_MODEL),
    ignored("device_model_args", NO_DEVICE_MODEL),
    ignored("device_model_args_hvm", NO_DEVICE_MODEL),
    ignored("device_model_args_pv", NO_DEVICE_MODEL),
    ignored("device_model_override", NO_DEVICE_MODEL),
    ignored("device_model_stubdomain_override", NO_DEVICE_MODEL),
    ignored("device_model_stubdomain_seclabel", NO_DEVICE_MODEL),
    ignored("device_model_user", NO_DEVICE_MODEL),
    ignored("device_model_version", NO_DEVICE_MODEL),
    ignored("device_tree", ARM_ONLY),
    served("disk", "xl-disk-configuration(5); raw files and block devices, without scripts, driver domains and virtio"),
    ignored("display", "without effect unless `vnc` is set"),
    ignored("dm_restrict", NO_DEVICE_MODEL),
    refused("driver_domain", "driver domains are not served; set it to 0").unless(&["0"]),
    refused("dtdev", NO_DEVICES),
    refused("e820_host", "the host's memory map is for guests with PCI devices, which are not served; set it to 0").unless(&["0"]),
    served("extra", "the kernel's command line, after `root`"),
    ignored("extratime", "for schedulers other than credit and credit2"),
    refused("firmware", "firmware is not served; name the guest's `kernel` and `ramdisk`"),
    ignored("firmware_override", HVM_ONLY),
    ignored("gfx_passthru", HVM_ONLY).unless(&["0"]),
    ignored("gic_version", ARM_ONLY),
    ignored("hap", "pvh guests always use hardware-assisted paging, pv guests never do").unless(&["1"]),
    ignored("hdtype", HVM_ONLY),
    served("hotplug_slots", "lightvm's own; xl ignores it"),
    ignored("hpet", HVM_ONLY),
    ignored("hvm_pirq", HVM_ONLY),
    refused("init_seclabel", "security labels are not served; the guest would run without the label's restrictions"),
    refused("iomem", "access to the host's hardware is not served; remove it and the devices it is for"),
    refused("ioports", "access to the host's hardware is not served; remove it and the devices it is for"),
    refused("irqs", "access to the host's hardware is not served; remove it and the devices it is for"),
    served("kernel", "as in TOML, relative to the current directory, as with xl"),
    ignored("keymap", "without effect unless `vnc` is set"),
    ignored("latency", "for schedulers other than credit and credit2"),
    refused("llc_colors", "cache colouring is not served; remove it for a guest that may use the whole cache"),
    refused("localtime", "guests' clocks are in UTC, without offset; set it to 0").unless(&["0"]),
    ignored("max_event_channels", "lightvm sets the limits of grants and event channels itself"),
    ignored("max_grant_frames", "lightvm sets the limits of grants and event channels itself"),
    ignored("max_grant_version", "lightvm sets the limits of grants and event channels itself"),
    ignored("max_maptrack_frames", "lightvm sets the limits of grants and event channels itself"),
    served("maxmem", "as `max_memory`, in MiB"),
    served("maxvcpus", "as `max_vcpus`"),
    ignored("mca_caps", HVM_ONLY),
    served("memory", "as `memory`, in MiB. Without it and `maxmem`, 32 MiB, as with xl"),
    ignored("mmio_hole", HVM_ONLY),
    ignored("ms_vm_genid", HVM_ONLY),
    refused("msr_relaxed", "relaxed access to unknown MSRs is not served; set it to 0").unless(&["0"]),
    served("name", "as `name`; without it a name is generated, where xl stops"),
    refused("nestedhvm", "this version does not give guests hardware virtualisation; set it to 0").unless(&["0"]),
    ignored("nographic", HVM_ONLY),
    ignored("nomigrate", "lightvm does not migrate guests"),
    ignored("nr_spis", ARM_ONLY),
    ignored("nx", HVM_ONLY),
    served("on_crash", "as in TOML; core dumps are refused"),
    served("on_poweroff", "as in TOML; core dumps are refused"),
    served("on_reboot", "as in TOML; core dumps are refused"),
    served("on_soft_reset", "as in TOML, default `\"destroy\"`; `\"soft-reset\"`, the default of xl, needs hvm and is refused"),
    served("on_watchdog", "as in TOML; core dumps are refused"),
    ignored("oos", "for shadow paging, which lightvm does not use"),
    ignored("opengl", "without effect unless `vnc` is set"),
    refused("p9", NO_DEVICES),
    ignored("pae", HVM_ONLY),
    refused("passthrough", "device pass-through is not served; set it to \"disabled\"").unless(&["disabled"]),
    refused("pci", NO_DEVICES),
    ignored("pci_msitranslate", "without effect unless `pci` is set"),
    ignored("pci_permissive", "without effect unless `pci` is set"),
    ignored("pci_power_mgmt", "without effect unless `pci` is set"),
    ignored("pci_seize", "without effect unless `pci` is set"),
    ignored("period", "for schedulers other than credit and credit2"),
    served("pool", "as in TOML"),
    refused("pvcalls", NO_DEVICES),
    refused("pvshim", "running pv guests in a shim is not served; use type=\"pv\" or type=\"pvh\" directly").unless(&["0"]),
    ignored("pvshim_cmdline", "without effect unless `pvshim` is set"),
    ignored("pvshim_extra", "without effect unless `pvshim` is set"),
    ignored("pvshim_path", "without effect unless `pvshim` is set"),
    served("ramdisk", "as in TOML, relative to the current directory, as with xl"),
    refused("rdm", "reserved device memory is for pass-through, which is not served"),
    ignored("rdm_mem_boundary", HVM_ONLY).unless(&["0"]),
    served("root", "`root=VALUE` starts the kernel's command line"),
    refused("rtc_timeoffset", "guests' clocks are in UTC, without offset; set it to 0").unless(&["0"]),
    ignored("sdl", "without effect unless `vnc` is set"),
    refused("seclabel", "security labels are not served; the guest would run without the label's restrictions"),
    ignored("serial", HVM_ONLY),
    ignored("shadow_memory", "lightvm sizes the paging pool itself"),
    ignored("slice", "for schedulers other than credit and credit2"),
    ignored("smbios", HVM_ONLY),
    ignored("smbios_firmware", HVM_ONLY),
    ignored("soundhw", HVM_ONLY),
    ignored("spice", HVM_ONLY),
    ignored("spice_clipboard_sharing", HVM_ONLY),
    ignored("spice_image_compression", HVM_ONLY),
    ignored("spice_streaming_video", HVM_ONLY),
    ignored("spiceagent_mouse", HVM_ONLY),
    ignored("spicedisable_ticketing", HVM_ONLY),
    ignored("spicehost", HVM_ONLY),
    ignored("spicepasswd", HVM_ONLY),
    ignored("spiceport", HVM_ONLY),
    ignored("spicetls_port", HVM_ONLY),
    ignored("spiceusbredirection", HVM_ONLY),
    ignored("spicevdagent", HVM_ONLY),
    ignored("stdvga", HVM_ONLY),
    ignored("stubdomain_cmdline", NO_DEVICE_MODEL),
    ignored("stubdomain_kernel", NO_DEVICE_MODEL),
    ignored("stubdomain_memory", NO_DEVICE_MODEL),
    ignored("stubdomain_ramdisk", NO_DEVICE_MODEL),
    ignored("sve", ARM_ONLY),
    ignored("tee", ARM_ONLY),
    ignored("timer_mode", "lightvm leaves the timer mode as Xen has it"),
    ignored("trap_unmapped_accesses", ARM_ONLY),
    served("tsc_mode", "as in TOML, or its number, which is warned of as xl does; default `\"native\"`"),
    served("type", "as `type`; `\"hvm\"` is refused. Without it the guest is `\"pv\"`, as with xl"),
    ignored("usb", HVM_ONLY),
    refused("usbctrl", NO_DEVICES),
    refused("usbdev", NO_DEVICES),
    ignored("usbdevice", HVM_ONLY),
    ignored("usbversion", HVM_ONLY),
    served("user_data", "lightvm's own; xl ignores it"),
    served("uuid", "as `uuid`"),
    served("vcpus", "as `vcpus`; 0 is refused, where xl takes it for 1"),
    refused("vdispl", NO_DEVICES),
    ignored("vendor_device", HVM_ONLY),
    refused("vfb", NO_DEVICES),
    ignored("vga", HVM_ONLY),
    ignored("videoram", HVM_ONLY),
    served("vif", "as `nic`, in the syntax of xl-network-configuration(5); also with lightvm's own parts, such as `network=lan`. Scripts and driver domains are refused"),
    refused("vif2", NO_DEVICES),
    ignored("viridian", HVM_ONLY),
    refused("virtio", NO_DEVICES),
    refused("vkb", NO_DEVICES),
    ignored("vkb_device", HVM_ONLY),
    refused("vmtrace_buf_kb", "processor tracing is not served; set it to 0").unless(&["0"]),
    refused("vnc", "gives pv guests a frame buffer, which is not served; set it to 0").unless(&["0"]),
    ignored("vncdisplay", "without effect unless `vnc` is set"),
    ignored("vnclisten", "without effect unless `vnc` is set"),
    ignored("vncpasswd", "without effect unless `vnc` is set"),
    ignored("vncunused", "without effect unless `vnc` is set"),
    ignored("vncviewer", HVM_ONLY),
    refused("vnuma", "this version gives guests no virtual NUMA nodes; remove it for a guest with one node"),
    refused("vpmu", "a virtual performance counter unit is not served; set it to 0").unless(&["0"]),
    ignored("vpt_align", HVM_ONLY),
    refused("vsnd", NO_DEVICES),
    refused("vtpm", NO_DEVICES),
    ignored("vuart", ARM_ONLY),
    ignored("xauthority", "without effect unless `vnc` is set"),
    ignored("xen_platform_pci", HVM_ONLY),
    ignored("xen_platform_pci_bar_uc", HVM_ONLY),
    ignored("xend_suspend_evtchn_compat", "lightvm does not suspend guests"),
    ignored("xenstore_feature_mask", "lightvm has no central XenStore to limit"),
    ignored("xenstore_quota", "lightvm has no central XenStore to limit"),
];

/// The table's entry for `name`.
pub(super) fn find(name: &str) -> Option<&'static XlKey> {
    XL_KEYS.binary_search_by(|key| key.name.cmp(name)).ok().map(|index| &XL_KEYS[index])
}

impl XlKey {
    /// Whether `value` says what lightvm does anyway.
    pub(super) fn agrees_with(&self, value: &Value) -> bool {
        match value {
            Value::List(items) => items.is_empty(),
            Value::Atom(text) => text.is_empty() || self.unless.contains(&text.as_str()),
        }
    }

    const fn unless(mut self, values: &'static [&'static str]) -> Self {
        self.unless = values;
        self
    }
}

const fn served(name: &'static str, note: &'static str) -> XlKey {
    XlKey { name, treatment: Treatment::Served, note, unless: &[] }
}

const fn ignored(name: &'static str, note: &'static str) -> XlKey {
    XlKey { name, treatment: Treatment::Ignored, note, unless: &[] }
}

const fn refused(name: &'static str, note: &'static str) -> XlKey {
    XlKey { name, treatment: Treatment::Refused, note, unless: &[] }
}

#[cfg(test)]
mod tests {
    use super::super::super::Key;
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(XL_KEYS.is_sorted_by(|a, b| a.name < b.name));
    }

    #[test]
    fn every_key_of_ours_is_served() {
        for key in Key::ALL {
            let found = find(key.xl_name()).map(|found| found.treatment);
            assert_eq!(found, Some(Treatment::Served), "{key}");
        }
    }

    #[test]
    fn agreement() {
        let atom = |text: &str| Value::Atom(text.to_owned());
        let pci = find("pci").unwrap();
        assert!(pci.agrees_with(&Value::List(vec![])));
        assert!(!pci.agrees_with(&Value::List(vec![atom("")])));
        assert!(!pci.agrees_with(&atom("0")));
        assert!(find("nestedhvm").unwrap().agrees_with(&atom("0")));
        assert!(!find("nestedhvm").unwrap().agrees_with(&atom("1")));
    }
}
