//! Images and sizes that cannot work: a clear error, and no domain was or is left.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lightvm::build::{Boot, BuildError, ChannelSpec, Control, RingSpec};
use lightvm::config::{GuestConfig, GuestOverrides, GuestType, MemSize};
use lightvm::create::{CreateError, Creator};
use lightvm::domain::{Limits, Shell, ShellSpec};
use lightvm::image::{ImageError, Kernel};
use lightvm::xen::{Call, CallMonitor, Xen};
use nix::errno::Errno;
use parking_lot::Mutex;

use crate::guests::{self, BOTH, shell_spec};
use crate::host::OnXen;

fn refused(host: &OnXen, what: &str, config: &GuestConfig) -> CreateError {
    let error = match host.creator.create(config) {
        Ok(loaded) => panic!("{what} became domain {}", loaded.domid()),
        Err(error) => error,
    };
    host.assert_unchanged(what);
    error
}

fn refused_build(host: &OnXen, what: &str, config: &GuestConfig) -> BuildError {
    match refused(host, what, config) {
        CreateError::Build(error) => error,
        other => panic!("{what}: {other:?}"),
    }
}

/// The image's fault, without the path that it is reported with.
fn refused_image(host: &OnXen, what: &str, config: &GuestConfig) -> ImageError {
    let error = match refused(host, what, config) {
        CreateError::Image(error) | CreateError::Build(BuildError::Image(error)) => error,
        other => panic!("{what}: {other:?}"),
    };
    match error {
        ImageError::InFile { path, problem } => {
            assert_eq!(path, config.kernel(), "{what}");
            *problem
        }
        other => other,
    }
}

fn with(guest_type: GuestType, overrides: GuestOverrides) -> GuestConfig {
    guests::config(overrides.over(guests::unikernel("noop", guest_type)))
}

fn with_memory(guest_type: GuestType, bytes: u64) -> GuestConfig {
    with(guest_type, GuestOverrides { memory: Some(guests::size(bytes)), ..Default::default() })
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn memory_that_cannot_be() {
    let host = OnXen::new();
    let free = host.xen.host().expect("the host").free_memory;
    for guest_type in BOTH {
        for bytes in [4 << 10, 8 << 10] {
            let error = refused_build(&host, "some pages", &with_memory(guest_type, bytes));
            assert!(matches!(error, BuildError::BadMemorySize { .. }), "{error:?}");
        }
        let little = if guest_type == GuestType::Pvh { 16 } else { 64 };
        let error = refused_build(&host, "little", &with_memory(guest_type, little << 10));
        assert!(matches!(error, BuildError::TooSmall { have, .. } if have == little), "{error:?}");
        for bytes in [free + (64 << 20), 1 << 40, MemSize::MAX.bytes()] {
            let bytes = bytes & !4095;
            let error = refused_build(&host, "too much", &with_memory(guest_type, bytes));
            let BuildError::HostFull { wanted, free: said } = error else { panic!("{error:?}") };
            assert_eq!(wanted, bytes >> 10);
            assert!(said <= free >> 10 && said > 0, "{said}");
        }
    }
    let zero = MemSize::from_mib(0).expect_err("zero is no size").to_string();
    assert!(zero.contains("4 KiB"), "{zero}");
}

/// Takes memory away between a creator's first look at the host and its use of it.
#[derive(Clone)]
struct Thief {
    xen: Arc<Xen>,
    loot: Arc<Mutex<Option<Shell>>>,
}

impl CallMonitor for Thief {
    fn before(&self, call: Call) -> Result<(), Errno> {
        let mut loot = self.loot.lock();
        if call.name() == "XEN_DOMCTL_max_mem" && loot.is_none() {
            *loot =
                Some(Shell::build(&self.xen, &shell_spec(GuestType::Pvh, 16 << 20)).expect("loot"));
        }
        Ok(())
    }
}

/// The host had the memory when it was asked, and then has not: found out on the way,
/// and everything goes back.
#[test]
#[ignore = "needs Xen: scripts/test"]
fn memory_that_runs_out_on_the_way() {
    let host = OnXen::new();
    let thief = Thief { xen: Arc::clone(&host.xen), loot: Arc::default() };
    let xen = Xen::open_monitored(Box::new(thief.clone())).expect("Xen");
    let creator = Creator::new(&xen);
    for guest_type in BOTH {
        let free = host.xen.host().expect("the host").free_memory & !4095;
        let result = creator.create(&with_memory(guest_type, free));
        assert!(thief.loot.lock().take().is_some(), "{guest_type}: nothing was taken");
        let Err(CreateError::Build(error)) = result else { panic!("{guest_type}: {result:?}") };
        let clear = matches!(error, BuildError::HostFull { .. } | BuildError::Xen(_));
        let text = error.to_string();
        assert!(clear && text.contains("destroy guests"), "{guest_type}: {text}");
        let domains = host.xen.domains().expect("domains");
        assert_eq!(domains.len(), 1, "{guest_type}: {domains:?}");
    }
    drop(creator);
    drop(xen);
    host.assert_unchanged("memory running out");
}

/// What a configuration cannot even say, said to the library.
#[test]
#[ignore = "needs Xen: scripts/test"]
fn shells_that_cannot_be() {
    let host = OnXen::new();
    for guest_type in BOTH {
        for bytes in [0, 1, 4095, (4 << 20) + 1] {
            let error =
                Shell::build(&host.xen, &shell_spec(guest_type, bytes)).expect_err("refused");
            assert!(matches!(error, BuildError::BadMemorySize { .. }), "{bytes}: {error:?}");
        }
        for vcpus in [0, 100_000] {
            let spec = ShellSpec { vcpus, max_vcpus: vcpus, ..shell_spec(guest_type, 4 << 20) };
            let error = Shell::build(&host.xen, &spec).expect_err("refused").to_string();
            assert!(error.contains("XEN_DOMCTL_"), "{vcpus} vCPUs: {error}");
        }
        channels_that_cannot_be(&host, guest_type);
        host.assert_unchanged("refused shells");
    }
}

/// Channels without room: more rings than the guest has memory, more grant frames than Xen gives.
fn channels_that_cannot_be(host: &OnXen, guest_type: GuestType) {
    let huge = RingSpec { rings: 255, pages_each: 255 };
    let noxs = |rings: Vec<RingSpec>, grant_frames| ShellSpec {
        channel: ChannelSpec { control: Control::Noxs, rings, data_pages: 0, grant_frames },
        ..shell_spec(guest_type, 4 << 20)
    };
    let kernel = Kernel::open(&guests::image("noop")).expect("a kernel");
    let boot = Boot { kernel: &kernel, ramdisk: None, cmdline: "" };
    let refused = |spec: &ShellSpec| {
        Shell::build(&host.xen, spec).and_then(|shell| shell.load(&boot)).expect_err("refused")
    };
    let error = refused(&noxs(vec![huge], 0));
    let clear = matches!(error, BuildError::BadMemorySize { .. } | BuildError::TooSmall { .. });
    assert!(clear, "{guest_type}: {error}");
    if guest_type == GuestType::Pvh {
        let error = refused(&noxs(vec![], Limits::default().max_grant_frames + 1)).to_string();
        assert!(error.contains("XENMEM_add_to_physmap_batch"), "{error}");
    }
    host.assert_unchanged("refused channels");
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn command_lines_that_do_not_fit() {
    let host = OnXen::new();
    for (guest_type, most) in [(GuestType::Pvh, 4095), (GuestType::Pv, 1023)] {
        let cmdline = |len| {
            let words = "x".repeat(len);
            with(guest_type, GuestOverrides { cmdline: Some(words), ..Default::default() })
        };
        drop(host.creator.create(&cmdline(most)).expect("the longest"));
        let kernel = Kernel::open(&guests::image("noop")).expect("a kernel");
        let refused = |cmdline: &str| {
            let shell = Shell::build(&host.xen, &shell_spec(guest_type, 4 << 20)).expect("a shell");
            let error = shell.load(&Boot { kernel: &kernel, ramdisk: None, cmdline });
            host.assert_unchanged("a bad command line");
            error.expect_err("refused")
        };
        let error = refused(&"x".repeat(most + 1));
        let BuildError::CmdlineTooLong { len, max, mode } = error else { panic!("{error:?}") };
        assert_eq!((len, max, mode), (most + 1, most, guest_type));
        let error = refused("in\0side");
        assert!(matches!(error, BuildError::CmdlineNul { at: 2 }), "{error:?}");
    }
}

/// A folder of images made to fail.
struct Forge {
    folder: tempfile::TempDir,
}

impl Forge {
    fn new() -> Forge {
        Forge { folder: tempfile::tempdir().expect("a folder") }
    }

    fn file(&self, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join("image");
        fs::write(&path, bytes).expect("written");
        path
    }

    fn kernel(&self, guest_type: GuestType, bytes: &[u8]) -> GuestConfig {
        let kernel = Some(self.file(bytes));
        with(guest_type, GuestOverrides { kernel, ..Default::default() })
    }
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).expect("an image")
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn truncated_unikernels() {
    let host = OnXen::new();
    let forge = Forge::new();
    let noop = read(&guests::image("noop"));
    // Behind the notes there is only what a kernel boots without.
    let needed = program_header(&noop, NOTE).end_in_file();
    for guest_type in BOTH {
        for part in 0..16 {
            let cut = needed * part / 16;
            let config = forge.kernel(guest_type, &noop[..cut]);
            let error = refused_image(&host, &format!("noop cut at {cut}"), &config);
            let clear = matches!(
                error,
                ImageError::Empty { .. }
                    | ImageError::Truncated { .. }
                    | ImageError::UnknownFormat { .. }
                    | ImageError::NotXen
                    | ImageError::NotBootable { .. }
            );
            assert!(clear, "cut at {cut}: {error:?}");
        }
    }
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn truncated_bzimages() {
    let host = OnXen::new();
    let forge = Forge::new();
    for suite in ["bookworm", "trixie"] {
        let linux = read(&guests::image(&format!("debian/{suite}-vmlinuz")));
        let cuts = [2, 0x1f0, 0x202, 0x240, 0x400, 0x8000];
        let late = (1..4).map(|part| linux.len() * part / 4);
        for cut in cuts.into_iter().chain(late) {
            let config = forge.kernel(GuestType::Pvh, &linux[..cut]);
            let error = refused_image(&host, &format!("{suite} cut at {cut}"), &config);
            let clear = matches!(
                error,
                ImageError::Truncated { .. }
                    | ImageError::UnknownFormat { .. }
                    | ImageError::Decompress { .. }
                    | ImageError::BadField { .. }
            );
            assert!(clear, "{suite} cut at {cut}: {error:?}");
        }
    }
}

#[test]
#[ignore = "needs Xen: scripts/test"]
fn files_that_are_no_kernels() {
    let host = OnXen::new();
    let forge = Forge::new();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut noise = |len: usize| -> Vec<u8> {
        let next = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random.to_le_bytes()
        };
        std::iter::repeat_with(next).flatten().take(len).collect()
    };
    for start in [&b""[..], b"\x7fELF", b"\x7fELF\x02\x01\x01", b"\x1f\x8b\x08", b"MZ"] {
        for len in [1, 64, 4096, 100_000] {
            let bytes = [start, &noise(len)].concat();
            refused_image(&host, "noise", &forge.kernel(GuestType::Pvh, &bytes));
        }
    }
    let of = |path: &Path| {
        let kernel = Some(path.to_owned());
        with(GuestType::Pvh, GuestOverrides { kernel, ..Default::default() })
    };
    let error = refused_image(&host, "nothing", &forge.kernel(GuestType::Pvh, b""));
    assert!(matches!(error, ImageError::Empty { .. }), "{error:?}");
    let error = refused_image(&host, "a folder", &of(forge.folder.path()));
    assert!(matches!(error, ImageError::NotAFile), "{error:?}");
    let error = refused_image(&host, "no file", &of(&forge.folder.path().join("none")));
    assert!(matches!(error, ImageError::Io(_)), "{error:?}");
    let error = refused_image(&host, "a device", &of(Path::new("/dev/zero")));
    assert!(matches!(error, ImageError::NotAFile), "{error:?}");
    let program = std::env::current_exe().expect("this program");
    let error = refused_image(&host, "an ordinary program", &of(&program));
    assert!(matches!(error, ImageError::NotXen | ImageError::NotBootable { .. }), "{error:?}");
}

/// The mode an image does not have.
#[test]
#[ignore = "needs Xen: scripts/test"]
fn modes_that_images_lack() {
    let host = OnXen::new();
    let grub = |name: &str, guest_type| {
        let kernel = Some(guests::image(&format!("debian/bookworm-{name}")));
        with(guest_type, GuestOverrides { kernel, ..Default::default() })
    };
    let config = grub("grub-x86_64-xen.bin", GuestType::Pvh);
    let error = refused_image(&host, "GRUB for PV", &config);
    assert!(matches!(error, ImageError::NoPvhEntry), "{error:?}");
    let config = grub("grub-i386-xen_pvh.bin", GuestType::Pv);
    let error = refused_image(&host, "GRUB for PVH", &config);
    assert!(matches!(error, ImageError::NotPv { .. }), "{error:?}");
}

/// `p_type` of what a kernel says about itself.
const NOTE: u32 = 4;
const LOAD: u32 = 1;

/// Where fields stand in an `Elf64_Phdr`.
const OFFSET: usize = 8;
const PADDR: usize = 24;
const FILESZ: usize = 32;
const MEMSZ: usize = 40;

struct ProgramHeader {
    at: usize,
    offset: u64,
    filesz: u64,
}

impl ProgramHeader {
    fn end_in_file(&self) -> usize {
        usize::try_from(self.offset + self.filesz).expect("a small image")
    }
}

fn number(image: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(image[at..at + 8].try_into().expect("eight bytes"))
}

/// The program header of `kind` that has the most in the file.
fn program_header(image: &[u8], kind: u32) -> ProgramHeader {
    const HEADERS: usize = 64;
    const SIZE: usize = 56;
    let count = usize::from(u16::from_le_bytes([image[56], image[57]]));
    (0..count)
        .map(|n| HEADERS + n * SIZE)
        .filter(|&at| image[at..at + 4] == kind.to_le_bytes())
        .map(|at| ProgramHeader {
            at,
            offset: number(image, at + OFFSET),
            filesz: number(image, at + FILESZ),
        })
        .max_by_key(|header| header.filesz)
        .expect("such a header")
}

/// Every length and address of the loadable part, pushed to where it hurts.
#[test]
#[ignore = "needs Xen: scripts/test"]
fn unikernels_that_lie() {
    const LIES: [u64; 12] = [
        1 << 12,
        1 << 20,
        1 << 30,
        0xf000_0000,
        0xffff_ffff,
        1 << 32,
        (1 << 40) - 4096,
        1 << 62,
        1 << 63,
        u64::MAX - 0x0a11,
        u64::MAX - 4095,
        u64::MAX,
    ];
    let host = OnXen::new();
    let forge = Forge::new();
    let noop = read(&guests::image("noop"));
    let load = program_header(&noop, LOAD);
    let mut refusals = 0;
    for guest_type in BOTH {
        for (field, name) in
            [(OFFSET, "offset"), (PADDR, "paddr"), (FILESZ, "filesz"), (MEMSZ, "memsz")]
        {
            for lie in LIES {
                let mut image = noop.clone();
                image[load.at + field..][..8].copy_from_slice(&lie.to_le_bytes());
                let config = forge.kernel(guest_type, &image);
                let what = format!("{guest_type} with {name} {lie:#x}");
                match host.creator.create(&config) {
                    Ok(loaded) => assert!(is_bearable(field, lie), "{what}: {loaded:?}"),
                    Err(CreateError::Image(_) | CreateError::Build(_)) => refusals += 1,
                    Err(other) => panic!("{what}: {other:?}"),
                }
                host.assert_unchanged(&what);
            }
        }
    }
    println!("bad input | {refusals} lying images refused");
}

/// Lies that make another image rather than an impossible one.
fn is_bearable(field: usize, lie: u64) -> bool {
    match field {
        // Some other bytes of the file, as many as before.
        OFFSET => lie == 1 << 12,
        PADDR | MEMSZ => lie <= 1 << 20,
        _ => false,
    }
}
