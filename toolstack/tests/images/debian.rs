//! Debian's own kernels and GRUB images, as `scripts/xenbox` leaves them under
//! `target/guests/debian`.
//!
//! An absent image is passed over with a message, unless `LIGHTVM_REQUIRE_IMAGES` is set.
//! `LIGHTVM_DEBIAN_IMAGES` names another folder.

use std::path::PathBuf;

use lightvm::image::{BootMode, BootModes, ElfClass, Feature, Kernel, NotesOrigin};

fn open(name: &str) -> Option<Kernel> {
    let folder = std::env::var_os("LIGHTVM_DEBIAN_IMAGES").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/guests/debian"),
        PathBuf::from,
    );
    let path = folder.join(name);
    if !path.exists() && std::env::var_os("LIGHTVM_REQUIRE_IMAGES").is_none() {
        eprintln!("passed over: no {}; `scripts/test` provides it", path.display());
        return None;
    }
    Some(Kernel::open(&path).unwrap_or_else(|problem| panic!("{problem}")))
}

fn linux_boots_both_ways(name: &str) {
    let Some(kernel) = open(name) else { return };
    assert_eq!(kernel.class(), ElfClass::Elf64);
    assert_eq!(kernel.notes().guest_os.as_deref(), Some("linux"));
    assert_eq!(kernel.boot_modes(), BootModes { pvh: true, pv: true });
    assert_eq!(kernel.preferred_mode().unwrap(), BootMode::Pvh);

    let pvh = kernel.pvh().unwrap();
    assert_eq!(pvh.start, 0x100_0000, "Linux's default CONFIG_PHYSICAL_START");
    assert!(pvh.end > 32 << 20 && pvh.end < 256 << 20, "end {:#x}", pvh.end);

    let pv = kernel.pv().unwrap();
    assert_eq!(pv.virt_base, 0xffff_ffff_8000_0000, "__START_KERNEL_map");
    assert_eq!(pv.paddr_offset, 0);
    assert_eq!(pv.virt_kstart, 0xffff_ffff_8100_0000);
    assert_eq!(pv.virt_kend - pv.virt_base, pvh.end);
    assert_eq!(pv.hypercall_page, None, "gone since XSA-466");
    assert_eq!(pv.p2m_base, Some(0x80_0000_0000));
    assert!(pv.unmapped_initrd);
    assert!(pv.features.requires(Feature::WritablePageTables));
    assert!(pv.features.supports(Feature::Dom0) && !pv.features.requires(Feature::Dom0));

    assert_eq!(kernel.segments().len(), 4);
    let entry_segment = kernel.segments().iter().find(|s| s.paddr <= pvh.entry.into()).unwrap();
    assert!(entry_segment.data().len() > 16 << 20, "{entry_segment:?}");
}

#[test]
fn bookworm_kernel() {
    linux_boots_both_ways("bookworm-vmlinuz");
}

#[test]
fn trixie_kernel() {
    linux_boots_both_ways("trixie-vmlinuz");
    let Some(kernel) = open("trixie-vmlinuz") else { return };
    let relocation = kernel.pvh().unwrap().relocation.expect("PHYS32_RELOC since Linux 6.10");
    assert_eq!(relocation.align, 2 << 20);
    assert_eq!(relocation.min, 0x100_0000);
    assert_eq!(relocation.max, 0x3fff_ffff);
}

fn grub_boots_as_pv(name: &str) {
    let Some(kernel) = open(name) else { return };
    assert_eq!(kernel.class(), ElfClass::Elf64);
    assert_eq!(kernel.notes().origin, NotesOrigin::ElfNotes);
    assert_eq!(kernel.notes().guest_os.as_deref(), Some("GRUB"));
    assert_eq!(kernel.boot_modes(), BootModes { pvh: false, pv: true });
    let pv = kernel.pv().unwrap();
    assert_eq!((pv.virt_base, pv.virt_entry, pv.virt_kstart), (0, 0, 0));
    assert_eq!((pv.hypercall_page, pv.p2m_base, pv.unmapped_initrd), (None, None, false));
    let [code, modules] = kernel.segments() else { panic!("{:?}", kernel.segments()) };
    assert!(code.memsz > code.data().len() as u64);
    assert_eq!(modules.paddr, code.end());
}

#[test]
fn grub_pv() {
    grub_boots_as_pv("bookworm-grub-x86_64-xen.bin");
    grub_boots_as_pv("trixie-grub-x86_64-xen.bin");
}

fn grub_boots_as_pvh(name: &str) {
    let Some(kernel) = open(name) else { return };
    assert_eq!(kernel.class(), ElfClass::Elf32);
    assert_eq!(kernel.boot_modes(), BootModes { pvh: true, pv: false });
    let pvh = kernel.pvh().unwrap();
    assert_eq!((pvh.entry, pvh.start, pvh.relocation), (0x10_0000, 0x10_0000, None));
    assert_eq!(kernel.segments().len(), 2);
}

#[test]
fn grub_pvh() {
    grub_boots_as_pvh("bookworm-grub-i386-xen_pvh.bin");
    grub_boots_as_pvh("trixie-grub-i386-xen_pvh.bin");
}
