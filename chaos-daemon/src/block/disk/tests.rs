use std::os::unix::fs::symlink;

use super::*;

const NOW: Duration = Duration::ZERO;

fn image(bytes: u64) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("disk.img");
    File::create(&path).unwrap().set_len(bytes).unwrap();
    (dir, path)
}

fn spec(path: &Path, writable: bool) -> DiskSpec {
    let path = path.to_owned();
    DiskSpec { path, writable, direct: false, discard: true, removable: false }
}

fn open(path: &Path, writable: bool) -> Result<Disk, DiskError> {
    Disk::open(&spec(path, writable), NOW)
}

#[test]
fn size_is_in_whole_sectors() {
    let (_dir, path) = image(1_000_000);
    let disk = open(&path, true).unwrap();
    assert_eq!(disk.sectors(), 1953);
    assert!(disk.can_discard());
}

#[test]
fn a_writer_excludes_everybody_and_readers_share() {
    let (_dir, path) = image(4096);
    let writer = open(&path, true).unwrap();
    assert!(matches!(open(&path, true), Err(DiskError::InUse { .. })));
    assert!(matches!(open(&path, false), Err(DiskError::InUse { .. })));
    drop(writer);
    let (first, second) = (open(&path, false).unwrap(), open(&path, false).unwrap());
    assert!(!first.writable() && !second.can_discard());
    assert!(matches!(open(&path, true), Err(DiskError::InUse { .. })));
}

#[test]
fn waiting_for_the_former_owner_pays() {
    let (_dir, path) = image(4096);
    let former = open(&path, true).unwrap();
    let end = std::thread::spawn(move || drop(former));
    assert!(Disk::open(&spec(&path, true), Duration::from_secs(60)).is_ok());
    end.join().unwrap();
}

#[test]
fn what_is_no_disk_is_refused_by_name() {
    let (dir, path) = image(100);
    let says = |path: &Path| open(path, true).unwrap_err().to_string();
    assert!(says(&path).contains("disk.img is empty"), "{}", says(&path));
    assert!(says(dir.path()).contains("neither a file nor a block device"));
    assert!(says(Path::new("/dev/null")).contains("/dev/null is neither"));
    assert!(says(&dir.path().join("missing")).contains("missing: No such file"));
    let link = dir.path().join("link");
    symlink(&path, &link).unwrap();
    assert!(says(&link).contains("link is empty"));
}
