//! A request, cut in two: what a shell must have been built to, and what is written into it when
//! it is finished.

use std::num::NonZeroU16;

use lightvm::build::{ChannelSpec, Control};
use lightvm::config::{
    Action, ControlMode, CpuAffinity, Disk, GuestConfig, GuestName, GuestOverrides, GuestType, Nic,
};
use uuid::Uuid;

use super::flavour::{Form, Image, ImageFile, Places, Stamp, Wanted};

/// What a configuration leaves to the image and the host, looked up by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// What the configuration says, or what the kernel prefers.
    pub guest_type: GuestType,
    /// What the configuration says, or what the kernel speaks; never [`ControlMode::Auto`].
    pub control: ControlMode,
    /// The number of the CPU pool that the configuration names; 0 when it names none.
    pub cpupool: u32,
    /// Which version of the kernel it is.
    pub kernel: Stamp,
    /// Which version of the initial RAM disk it is; needed when there is one.
    pub ramdisk: Option<Stamp>,
}

/// What any shell of the right flavour can become: all of a request that is not in its
/// [`Wanted`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AtFinish {
    /// Its name, or `None` to have one generated. Written into the channel.
    pub name: Option<GuestName>,
    /// Its UUID, or `None` to keep the shell's. Costs a call to Xen when it is given.
    pub uuid: Option<Uuid>,
    /// What is handed to it. Written into the channel; its pages are [`Places::data_pages`].
    pub user_data: String,
    /// Its interfaces with MAC and IP addresses, as many as [`Places::nics`] with a noxs page.
    pub nics: Vec<Nic>,
    /// Its disks, as many as [`Places::disks`] with a noxs page.
    pub disks: Vec<Disk>,
    /// Places for devices that come later, where the channel needs none built in.
    pub hotplug_slots: u16,
    /// The host CPUs its vCPUs may run on: a call to Xen for each vCPU.
    pub cpus: Option<CpuAffinity>,
    /// Its scheduler weight: a call to Xen, together with `cap`.
    pub cpu_weight: Option<NonZeroU16>,
    /// The most CPU time it gets: a call to Xen, together with `cpu_weight`.
    pub cap: Option<u16>,
    /// What to do when it ends. Kept by the daemon.
    pub actions: Actions,
}

/// What to do when a guest ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Actions {
    /// After it powered off.
    pub on_poweroff: Action,
    /// After it asked for a reboot.
    pub on_reboot: Action,
    /// After it crashed.
    pub on_crash: Action,
    /// After its watchdog fired.
    pub on_watchdog: Action,
    /// After it asked for a soft reset.
    pub on_soft_reset: Action,
}

impl AtFinish {
    /// Calls to Xen that a finish needs beside the one that lets the guest run, for a guest of
    /// `max_vcpus` vCPUs.
    #[must_use]
    pub fn extra_calls(&self, max_vcpus: u16) -> u32 {
        let pinning = if self.cpus.is_some() { u32::from(max_vcpus) } else { 0 };
        let share = self.cpu_weight.is_some() || self.cap.is_some();
        u32::from(self.uuid.is_some()) + pinning + u32::from(share)
    }
}

/// Cuts a request in two. `None` when a shell cannot serve it: its places are more than a noxs
/// page has, or `facts` lack something.
///
/// Every key of a configuration is taken by name here. One that is added later does not compile
/// before it is decided to which half it belongs.
#[must_use]
pub fn split(config: &GuestConfig, facts: &Facts) -> Option<(Wanted, AtFinish)> {
    if facts.control == ControlMode::Auto {
        return None;
    }
    let places = places(config, facts.control)?;
    let GuestOverrides {
        name,
        uuid,
        // In `facts`, which know what `None` and `auto` stand for.
        guest_type: _,
        control: _,
        pool: _,
        kernel,
        ramdisk,
        cmdline,
        memory,
        max_memory,
        vcpus,
        max_vcpus,
        cpus,
        cpu_weight,
        cap,
        on_poweroff,
        on_reboot,
        on_crash,
        on_watchdog,
        on_soft_reset,
        tsc_mode,
        user_data,
        hotplug_slots,
        nic,
        disk,
    } = GuestOverrides::from(config.clone());
    let form = Form {
        guest_type: facts.guest_type,
        memory: memory?,
        max_memory: max_memory?,
        vcpus: vcpus?.get(),
        max_vcpus: max_vcpus?.get(),
        tsc_mode: tsc_mode?,
        cpupool: facts.cpupool,
        control: facts.control,
        places,
    };
    let ramdisk = match ramdisk {
        Some(path) => Some(ImageFile { path, stamp: facts.ramdisk? }),
        None => None,
    };
    let kernel = ImageFile { path: kernel?, stamp: facts.kernel };
    let image = Image { kernel, ramdisk, cmdline: cmdline.unwrap_or_default() };
    let actions = Actions {
        on_poweroff: on_poweroff?,
        on_reboot: on_reboot?,
        on_crash: on_crash?,
        on_watchdog: on_watchdog?,
        on_soft_reset: on_soft_reset?,
    };
    let finish = AtFinish {
        name,
        uuid,
        user_data: user_data.unwrap_or_default(),
        nics: nic.unwrap_or_default(),
        disks: disk.unwrap_or_default(),
        hotplug_slots: hotplug_slots.unwrap_or(0),
        cpus,
        cpu_weight,
        cap,
        actions,
    };
    Some((Wanted::new(form, image), finish))
}

/// What a shell's channel needs to have built in.
fn places(config: &GuestConfig, control: ControlMode) -> Option<Places> {
    if control != ControlMode::Noxs {
        return Some(Places::default());
    }
    Some(Places {
        nics: u8::try_from(config.nics().len()).ok()?,
        disks: u8::try_from(config.disks().len()).ok()?,
        spare: u8::try_from(config.hotplug_slots()).ok()?,
        data_pages: ChannelSpec::for_guest(Control::Noxs, config).data_pages,
    })
}
