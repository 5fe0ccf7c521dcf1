//! Features of the paravirtual interface that a kernel supports or requires.

use super::super::ImageError;

/// A feature by its number in Xen's `public/features.h` (`XENFEAT_*`), as far as loaders know a
/// name for it (`common/libelf/libelf-dominfo.c`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Feature {
    /// `XENFEAT_writable_page_tables`
    WritablePageTables = 0,
    /// `XENFEAT_writable_descriptor_tables`
    WritableDescriptorTables = 1,
    /// `XENFEAT_auto_translated_physmap`
    AutoTranslatedPhysmap = 2,
    /// `XENFEAT_supervisor_mode_kernel`
    SupervisorModeKernel = 3,
    /// `XENFEAT_pae_pgdir_above_4gb`
    PaePgdirAbove4gb = 4,
    /// `XENFEAT_hvm_callback_vector`
    HvmCallbackVector = 8,
    /// `XENFEAT_dom0`
    Dom0 = 11,
}

impl Feature {
    const ALL: [Feature; 7] = [
        Feature::WritablePageTables,
        Feature::WritableDescriptorTables,
        Feature::AutoTranslatedPhysmap,
        Feature::SupervisorModeKernel,
        Feature::PaePgdirAbove4gb,
        Feature::HvmCallbackVector,
        Feature::Dom0,
    ];

    /// The name used in notes: Xen's without the `XENFEAT_` prefix.
    pub fn name(self) -> &'static str {
        match self {
            Feature::WritablePageTables => "writable_page_tables",
            Feature::WritableDescriptorTables => "writable_descriptor_tables",
            Feature::AutoTranslatedPhysmap => "auto_translated_physmap",
            Feature::SupervisorModeKernel => "supervisor_mode_kernel",
            Feature::PaePgdirAbove4gb => "pae_pgdir_above_4gb",
            Feature::HvmCallbackVector => "hvm_callback_vector",
            Feature::Dom0 => "dom0",
        }
    }

    fn bit(self) -> u32 {
        1 << (self as u8)
    }
}

/// Features a kernel supports, and those of them it cannot do without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// Bit mask by `XENFEAT_*` number, submap 0.
    pub supported: u32,
    /// Bit mask by `XENFEAT_*` number, submap 0.
    pub required: u32,
}

impl Features {
    /// Whether the kernel supports this feature.
    pub fn supports(self, feature: Feature) -> bool {
        self.supported & feature.bit() != 0
    }

    /// Whether the kernel requires this feature.
    pub fn requires(self, feature: Feature) -> bool {
        self.required & feature.bit() != 0
    }

    /// Adds a list of names separated by `|`, those required with a `!` before them.
    ///
    /// An unknown name is passed over unless it is required.
    pub(super) fn add(&mut self, list: &str) -> Result<(), ImageError> {
        for entry in list.split('|') {
            let (name, required) = entry.strip_prefix('!').map_or((entry, false), |n| (n, true));
            match Feature::ALL.iter().find(|feature| feature.name() == name) {
                Some(feature) => {
                    self.supported |= feature.bit();
                    self.required |= if required { feature.bit() } else { 0 };
                }
                None if required => {
                    let problem = format!("the kernel requires the unknown feature {name:?}");
                    return Err(ImageError::note("FEATURES", problem));
                }
                None => {}
            }
        }
        Ok(())
    }
}
