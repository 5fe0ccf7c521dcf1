//! What a configuration leaves to its files and to the host.

use lightvm::config::GuestConfig;
use lightvm::create::{Creator, Inspection};

use crate::pool::{Facts, Image, ImageFile, Stamp};

/// The facts about `config`, whose images were looked at. `None` when something is missing: whoever
/// builds the guest says what.
pub(super) fn facts(creator: &Creator, config: &GuestConfig, images: &Inspection) -> Option<Facts> {
    let Inspection { guest_type, control, kernel, ramdisk } = *images;
    let (cpupool, kernel) = (creator.cpupool(config).ok()?, kernel?);
    Some(Facts { guest_type, control, cpupool, kernel, ramdisk })
}

/// Whether the files of `image` are what they were.
pub(super) fn is_current(image: &Image) -> bool {
    let is = |file: &ImageFile| Stamp::of(&file.path) == Some(file.stamp);
    is(&image.kernel) && image.ramdisk.iter().all(is)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_that_was_written_anew_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kernel");
        fs::write(&path, "one").unwrap();
        let kernel = ImageFile { path: path.clone(), stamp: Stamp::of(&path).unwrap() };
        let image = Image { kernel, ramdisk: None, cmdline: String::new() };
        assert!(is_current(&image));
        fs::write(folder.path().join("new"), "two and more").unwrap();
        fs::rename(folder.path().join("new"), &path).unwrap();
        assert!(!is_current(&image));
        fs::remove_file(&path).unwrap();
        assert!(!is_current(&image));
    }
}
