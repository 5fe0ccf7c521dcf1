//! What a front end is told about its disk.

use noxs::device::{BLOCK_DISCARD, BLOCK_FLUSH, BLOCK_READ_ONLY, BlockConfig};

use super::disk::Disk;
use super::request::MAX_INDIRECT;

/// Largest ring, in powers of two of pages.
pub const MAX_RING_PAGE_ORDER: u32 = 4;

/// Bytes that had better be discarded together, and aligned to that.
const DISCARD_GRANULARITY: u32 = 4096;

/// Bits of `info` as XenStore has it (`VDISK_*` of `public/io/blkif.h`).
mod vdisk {
    pub(super) const REMOVABLE: u32 = 2;
    pub(super) const READ_ONLY: u32 = 4;
}

/// A disk as its front end sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Size in units of 512 bytes.
    pub sectors: u64,
    /// Bytes of a sector: 512, as many front ends know no other.
    pub sector_size: u32,
    /// Bytes that requests had better be aligned to.
    pub physical_sector_size: u32,
    /// Writes are refused.
    pub read_only: bool,
    /// Can be taken out.
    pub removable: bool,
    /// Ranges can be given back.
    pub discard: bool,
    /// Most parts of an indirect request.
    pub max_indirect_segments: u32,
}

impl Offer {
    /// What `disk` offers.
    pub fn of(disk: &Disk) -> Offer {
        Offer {
            sectors: disk.sectors(),
            sector_size: 512,
            physical_sector_size: disk.physical_block_size(),
            read_only: !disk.writable(),
            removable: disk.removable(),
            discard: disk.can_discard(),
            max_indirect_segments: u32::try_from(MAX_INDIRECT).expect("a few hundred"),
        }
    }

    /// The entries of a back end's directory in XenStore that say so.
    pub fn entries(&self) -> Vec<(&'static str, String)> {
        let mut entries: Vec<(_, u64)> = vec![
            ("feature-flush-cache", 1),
            ("feature-barrier", 1),
            ("feature-persistent", 1),
            ("feature-max-indirect-segments", self.max_indirect_segments.into()),
            ("max-ring-page-order", MAX_RING_PAGE_ORDER.into()),
            ("sectors", self.sectors),
            ("sector-size", self.sector_size.into()),
            ("physical-sector-size", self.physical_sector_size.into()),
            ("info", self.info().into()),
        ];
        if self.discard {
            entries.extend([
                ("feature-discard", 1),
                ("discard-granularity", DISCARD_GRANULARITY.into()),
                ("discard-alignment", 0),
                ("discard-secure", 0),
            ]);
        }
        entries.into_iter().map(|(name, value)| (name, value.to_string())).collect()
    }

    /// The entry of the noxs page that says so.
    pub fn slot(&self) -> BlockConfig {
        let bit = |on, bit| if on { bit } else { 0 };
        BlockConfig {
            sectors: self.sectors,
            sector_size: self.sector_size,
            physical_sector_size: self.physical_sector_size,
            info: bit(self.read_only, BLOCK_READ_ONLY)
                | BLOCK_FLUSH
                | bit(self.discard, BLOCK_DISCARD),
            max_indirect_segments: self.max_indirect_segments,
            ..BlockConfig::default()
        }
    }

    fn info(&self) -> u32 {
        let bit = |on, bit| if on { bit } else { 0 };
        bit(self.removable, vdisk::REMOVABLE) | bit(self.read_only, vdisk::READ_ONLY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_say_what_the_disk_can_do() {
        let offer = Offer {
            sectors: 2048,
            sector_size: 512,
            physical_sector_size: 4096,
            read_only: true,
            removable: true,
            discard: false,
            max_indirect_segments: 256,
        };
        let entries = offer.entries();
        let get = |name| entries.iter().find(|(key, _)| *key == name).map(|(_, v)| v.as_str());
        assert_eq!(get("info"), Some("6"));
        assert_eq!(get("sectors"), Some("2048"));
        assert_eq!(get("feature-discard"), None);
        assert_eq!(offer.slot().info, BLOCK_READ_ONLY | BLOCK_FLUSH);
        let writable = Offer { read_only: false, discard: true, ..offer };
        assert_eq!(writable.slot().info, BLOCK_FLUSH | BLOCK_DISCARD);
        assert_eq!((writable.slot().sectors, writable.slot().max_indirect_segments), (2048, 256));
        let writable = writable.entries();
        assert!(writable.contains(&("feature-discard", "1".to_owned())));
        assert!(writable.contains(&("info", "2".to_owned())));
    }
}
