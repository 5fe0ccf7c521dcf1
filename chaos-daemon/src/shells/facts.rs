//! What a configuration leaves to its files and to the host.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use lightvm::config::{ControlMode, GuestConfig};
use lightvm::create::Creator;

use crate::pool::{Facts, Image, ImageFile, Stamp};

/// The facts about `config`, whose channel is `control`. `None` when something is missing: whoever
/// builds the guest says what.
pub(super) fn facts(
    creator: &Creator,
    config: &GuestConfig,
    control: ControlMode,
) -> Option<Facts> {
    Some(Facts {
        guest_type: creator.guest_type(config).ok()?,
        control,
        cpupool: creator.cpupool(config).ok()?,
        kernel: stamp(config.kernel())?,
        ramdisk: config.ramdisk().and_then(stamp),
    })
}

/// Whether the files of `image` are what they were.
pub(super) fn is_current(image: &Image) -> bool {
    let is = |file: &ImageFile| stamp(&file.path) == Some(file.stamp);
    is(&image.kernel) && image.ramdisk.iter().all(is)
}

fn stamp(path: &Path) -> Option<Stamp> {
    let meta = fs::metadata(path).ok()?;
    let (device, inode, len) = (meta.dev(), meta.ino(), meta.len());
    Some(Stamp { device, inode, len, modified: meta.modified().ok() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_written_anew_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kernel");
        fs::write(&path, "one").unwrap();
        let kernel = ImageFile { path: path.clone(), stamp: stamp(&path).unwrap() };
        let image = Image { kernel, ramdisk: None, cmdline: String::new() };
        assert!(is_current(&image));
        fs::write(folder.path().join("new"), "two and more").unwrap();
        fs::rename(folder.path().join("new"), &path).unwrap();
        assert!(!is_current(&image));
        fs::remove_file(&path).unwrap();
        assert!(!is_current(&image));
    }
}
