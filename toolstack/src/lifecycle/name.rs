//! Names for guests that were given none.

use std::path::Path;

use uuid::Uuid;

use crate::config::GuestName;

/// Longest part of a kernel's file name that goes into a guest's name.
const MAX_STEM: usize = 24;

/// The name of a guest that was given none: its kernel's file name and the start of
/// its UUID, such as `noop-3f2a9c41`.
pub fn generated_name(kernel: &Path, uuid: Uuid) -> GuestName {
    let file = kernel.file_name().unwrap_or_default().to_string_lossy();
    // Kernels have versions with dots in their names; these are what builds add.
    let stem = [".elf", ".bin"].iter().find_map(|end| file.strip_suffix(end)).unwrap_or(&file);
    let stem: String = stem
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || "._-".contains(*c))
        .skip_while(|c| !c.is_ascii_alphanumeric())
        .take(MAX_STEM)
        .collect();
    let stem = if stem.is_empty() { "guest" } else { &stem };
    let id = uuid.simple().to_string();
    parse(&format!("{stem}-{}", &id[..8]))
}

/// The name under which a stopped guest is kept while its successor runs.
pub fn kept_name(name: &GuestName, uuid: Uuid) -> GuestName {
    let id = uuid.simple().to_string();
    let suffix = format!("-ended-{}", &id[..8]);
    let room = GuestName::MAX_BYTES - suffix.len();
    let stem = &name.as_str()[..name.as_str().len().min(room)];
    parse(&format!("{stem}{suffix}"))
}

/// Both names begin as names do, are short enough and have `-` in them, which no
/// domain number has; a UUID has four, in other places.
fn parse(name: &str) -> GuestName {
    name.parse().unwrap_or_else(|e| unreachable!("{name}: {e}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_kernel_gives_the_name() {
        let uuid = Uuid::from_u128(0x3f2a_9c41_0000_4000_8000_0000_0000_0001);
        for (kernel, name) in [
            ("/boot/noop", "noop-3f2a9c41"),
            ("vmlinuz-6.1.0-18-amd64", "vmlinuz-6.1.0-18-amd64-3f2a9c41"),
            ("..", "guest-3f2a9c41"),
            ("käse (1).elf", "kse1-3f2a9c41"),
            ("-n", "n-3f2a9c41"),
        ] {
            assert_eq!(generated_name(Path::new(kernel), uuid).as_str(), name);
        }
    }

    proptest! {
        #[test]
        fn every_kernel_and_guest_gives_a_name(
            kernel in ".{0,80}",
            name in "[a-z0-9_][a-z0-9._@+-]{0,62}",
            uuid in any::<u128>(),
        ) {
            let uuid = Uuid::from_u128(uuid);
            generated_name(Path::new(&kernel), uuid);
            if let Ok(name) = name.parse() {
                kept_name(&name, uuid);
            }
        }
    }
}
