//! Flavours: what shells of one kind share.

use std::path::PathBuf;

use lightvm::config::{ControlMode, GuestConfig, GuestType, MemSize, TscMode, footprint};
pub use lightvm::image::Stamp;

/// What cannot be changed any more once a shell is built. Equal forms give equal domains, but for
/// what is written into them when they are finished ([`AtFinish`](super::AtFinish)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Form {
    /// PVH or PV.
    pub guest_type: GuestType,
    /// Memory at start.
    pub memory: MemSize,
    /// The most it may ever have; at least `memory`.
    pub max_memory: MemSize,
    /// vCPUs online at start.
    pub vcpus: u16,
    /// vCPUs it may ever have; at least `vcpus`.
    pub max_vcpus: u16,
    /// How `rdtsc` is served.
    pub tsc_mode: TscMode,
    /// Number of the CPU pool it lives in.
    pub cpupool: u32,
    /// Its channel; never [`ControlMode::Auto`].
    pub control: ControlMode,
    /// Its places for devices.
    pub places: Places,
}

/// What a shell's channel has pages for, in the order of the device table. All zero for channels
/// other than noxs: those connect their devices while the guest boots, so any number fits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Places {
    /// Network interfaces.
    pub nics: u8,
    /// Disks.
    pub disks: u8,
    /// Places kept free for devices that come later.
    pub spare: u8,
    /// Pages for user data that does not fit the noxs page.
    pub data_pages: u8,
}

/// What is in the memory of a loaded shell.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Image {
    /// The kernel.
    pub kernel: ImageFile,
    /// The initial RAM disk.
    pub ramdisk: Option<ImageFile>,
    /// The command line, which is written with the kernel.
    pub cmdline: String,
}

/// A version of a file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ImageFile {
    /// Where it is.
    pub path: PathBuf,
    /// Which version is meant.
    pub stamp: Stamp,
}

/// How far a shell is prepared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Memory, vCPUs, channel; the image is loaded at finish.
    Blank,
    /// The image is in memory and the first vCPU at its entry.
    Loaded,
}

/// What shells of one kind share. One without an image is for guests of any image.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Flavour {
    /// What they are built to.
    pub form: Form,
    /// What is loaded into them.
    pub image: Option<Image>,
}

impl Image {
    /// Whether `older` is this image before its files changed.
    #[must_use]
    pub fn replaces(&self, older: &Image) -> bool {
        let paths = |image: &Image| {
            let ramdisk = image.ramdisk.as_ref().map(|file| file.path.clone());
            (image.kernel.path.clone(), ramdisk)
        };
        self != older && self.cmdline == older.cmdline && paths(self) == paths(older)
    }
}

impl Flavour {
    /// How far its shells are prepared.
    #[must_use]
    pub const fn level(&self) -> Level {
        match self.image {
            Some(_) => Level::Loaded,
            None => Level::Blank,
        }
    }

    /// The flavour of the same form without an image.
    #[must_use]
    pub const fn blank(&self) -> Flavour {
        Flavour { form: self.form, image: None }
    }

    /// How far a shell of this flavour is prepared for a guest that needs `wanted`; `None` when it
    /// would be another guest than the one asked for.
    #[must_use]
    pub fn serves(&self, wanted: &Wanted) -> Option<Level> {
        let Flavour { form, image } = wanted.flavour();
        let fits = self.form == *form && (self.image.is_none() || self.image == *image);
        fits.then_some(self.level())
    }

    /// KiB of the host's memory that a shell takes.
    #[must_use]
    pub fn footprint_kib(&self) -> u64 {
        let Form { guest_type, memory, max_memory, max_vcpus, .. } = self.form;
        footprint(guest_type, memory, max_memory, max_vcpus) >> 10
    }
}

/// KiB of the host's memory that a guest takes.
#[must_use]
pub fn guest_kib(guest_type: GuestType, config: &GuestConfig) -> u64 {
    config.footprint(guest_type) >> 10
}

/// The one flavour of loaded shells that serves a request without anything left to load.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Wanted(Flavour);

impl Wanted {
    /// What a guest of this form and image needs.
    #[must_use]
    pub const fn new(form: Form, image: Image) -> Self {
        Wanted(Flavour { form, image: Some(image) })
    }

    /// The flavour, with its image.
    #[must_use]
    pub const fn flavour(&self) -> &Flavour {
        &self.0
    }
}
