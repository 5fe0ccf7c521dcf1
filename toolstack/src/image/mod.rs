//! Kernel images: what a file holds, how it can boot, and the bytes to load.
//!
//! Everything here is pure parsing of untrusted files. Nothing talks to Xen, nothing panics on any
//! input, and what an image can make this code allocate is bounded by the constants below.
//!
//! | file | becomes |
//! |---|---|
//! | ELF64 or ELF32, little-endian x86 | [`Kernel`] |
//! | gzip-compressed ELF | [`Kernel`] |
//! | Linux bzImage, any payload compression | [`Kernel`] of the ELF inside |
//! | initial ramdisk | [`Ramdisk`], not looked into |
//!
//! A [`Kernel`] owns its decompressed bytes: put it in an [`Arc`](std::sync::Arc), and load it as
//! often as needed without touching the file again.
//!
//! ```no_run
//! use lightvm::image::{BootMode, Kernel};
//!
//! let kernel = Kernel::open("/boot/vmlinuz".as_ref())?;
//! match kernel.preferred_mode()? {
//!     BootMode::Pvh => println!("enters at {:#x}", kernel.pvh()?.entry),
//!     BootMode::Pv => println!("mapped at {:#x}", kernel.pv()?.virt_base),
//! }
//! # Ok::<(), lightvm::image::ImageError>(())
//! ```

mod boot;
mod bzimage;
mod elf;
mod error;
mod file;
mod kernel;
mod notes;
mod payload;
mod ramdisk;
mod segment;
mod stamp;

pub use boot::{BootMode, BootModes, PvBoot, PvhBoot, Relocation};
pub use error::ImageError;
pub use kernel::{ElfClass, Kernel};
pub use notes::{Feature, Features, NotesOrigin, Phys32Reloc, XenNotes, elfnote};
pub use payload::{Compression, decompress};
pub use ramdisk::Ramdisk;
pub use segment::Segment;
pub use stamp::Stamp;

/// Largest kernel file accepted, in bytes.
pub const MAX_KERNEL_FILE: u64 = 512 << 20;

/// Largest kernel after decompression, in bytes.
pub const MAX_KERNEL: u64 = 512 << 20;

/// Largest initial ramdisk accepted, in bytes.
pub const MAX_RAMDISK: u64 = 2 << 30;

/// Largest dictionary or window a compressed kernel may ask its decompressor for, in bytes.
///
/// Linux builds its zstd payloads with a window of 128 MiB (`zstd -22 --ultra`).
pub const MAX_WINDOW: u64 = 128 << 20;
