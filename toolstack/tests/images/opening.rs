//! Files that are none, or not what they should be.

use std::fs::{self, File};
use std::path::Path;

use lightvm::image::{ImageError, Kernel, MAX_KERNEL_FILE, MAX_RAMDISK, Ramdisk};

use crate::elf_writer::ElfWriter;

fn kernel_problem(path: &Path) -> ImageError {
    problem(Kernel::open(path).unwrap_err(), path)
}

fn ramdisk_problem(path: &Path) -> ImageError {
    problem(Ramdisk::open(path).unwrap_err(), path)
}

fn problem(error: ImageError, named: &Path) -> ImageError {
    assert!(error.to_string().starts_with(&named.display().to_string()), "{error}");
    match error {
        ImageError::InFile { path, problem } if path == named => *problem,
        other => panic!("{other}"),
    }
}

#[test]
fn whole_files_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    fs::write(&path, ElfWriter::pvh().build()).unwrap();
    assert!(Kernel::open(&path).unwrap().boot_modes().pvh);
    fs::write(&path, b"07070100").unwrap();
    assert_eq!(Ramdisk::open(&path).unwrap().bytes(), b"07070100");
    assert!(matches!(kernel_problem(&path), ImageError::UnknownFormat { .. }));
}

#[test]
fn kernels_outlive_their_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    fs::write(&path, ElfWriter::pvh().build()).unwrap();
    let kernel = Kernel::open(&path).unwrap();
    File::create(&path).unwrap();
    assert_eq!(kernel.segments()[0].data(), [0xf4; 16]);
}

#[test]
fn absent_and_empty_files_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    assert!(matches!(kernel_problem(&path), ImageError::Io(_)));
    assert!(matches!(ramdisk_problem(&path), ImageError::Io(_)));
    File::create(&path).unwrap();
    assert!(matches!(kernel_problem(&path), ImageError::Empty { what: "kernel" }));
    assert!(matches!(ramdisk_problem(&path), ImageError::Empty { what: "ramdisk" }));
}

#[test]
fn what_is_no_file_is_refused_without_waiting() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(kernel_problem(folder.path()), ImageError::NotAFile));
    let pipe = folder.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(matches!(kernel_problem(&pipe), ImageError::NotAFile));
    assert!(matches!(ramdisk_problem(&pipe), ImageError::NotAFile));
    assert!(matches!(kernel_problem(Path::new("/dev/zero")), ImageError::NotAFile));
}

#[test]
fn files_beyond_the_limit_are_refused_unread() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sparse");
    let file = File::create(&path).unwrap();
    file.set_len(MAX_KERNEL_FILE + 1).unwrap();
    assert!(matches!(kernel_problem(&path), ImageError::TooLarge { limit: MAX_KERNEL_FILE, .. }));
    file.set_len(MAX_RAMDISK + 1).unwrap();
    assert!(matches!(ramdisk_problem(&path), ImageError::TooLarge { limit: MAX_RAMDISK, .. }));
}
