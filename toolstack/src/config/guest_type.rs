//! Guest types.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// How a guest is virtualised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("enum" = ["pv", "pvh"]))]
pub enum GuestType {
    /// Paravirtualised: the kernel runs in ring 3 on page tables Xen checks.
    Pv,
    /// Hardware-virtualised without a device model.
    Pvh,
}

/// Why something is no [`GuestType`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GuestTypeError {
    /// `hvm`: needs a device model.
    #[error(
        "hvm guests need a device model (QEMU), which lightvm does not have; boot the guest's \
         kernel directly with type \"pvh\", or use xl for this guest"
    )]
    Hvm,
    /// No guest type.
    #[error("`{0}` is not a guest type; use \"pvh\" or \"pv\"")]
    Unknown(String),
}

impl GuestType {
    /// The name, as written in a configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pv => "pv",
            Self::Pvh => "pvh",
        }
    }

    /// The most vCPUs Xen gives a guest of this type: `MAX_VIRT_CPUS` of its `asm/config.h` for
    /// PV, `HVM_MAX_VCPUS` of `public/hvm/hvm_info_table.h` for PVH.
    #[must_use]
    pub const fn max_vcpus(self) -> u16 {
        match self {
            Self::Pv => 8192,
            Self::Pvh => 128,
        }
    }
}

impl FromStr for GuestType {
    type Err = GuestTypeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "pv" => Ok(Self::Pv),
            "pvh" => Ok(Self::Pvh),
            "hvm" => Err(GuestTypeError::Hvm),
            _ => Err(GuestTypeError::Unknown(super::error::excerpt(text))),
        }
    }
}

crate::config::text::as_text!(GuestType);

impl fmt::Display for GuestType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for guest_type in [GuestType::Pv, GuestType::Pvh] {
            assert_eq!(guest_type.to_string().parse(), Ok(guest_type));
        }
        assert_eq!("hvm".parse::<GuestType>(), Err(GuestTypeError::Hvm));
        assert_eq!("PVH".parse::<GuestType>(), Err(GuestTypeError::Unknown("PVH".into())));
    }
}
