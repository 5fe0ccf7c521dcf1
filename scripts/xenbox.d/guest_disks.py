"""A small Debian system on a disk image, for each suite, with the kernel and initramfs that belong to it.

`python3 guest_disks.py` puts them under target/guests/debian of the checkout: `SUITE-disk.tar` (in it `disk.img`: an ext4 file
system, no partitions, sparse), `SUITE-disk-vmlinuz` and `SUITE-disk-initrd`; where the kernel is compressed with zstd, which PV GRUB
cannot read, also `SUITE-disk-vmlinux.gz`. The system asks for its address by DHCP, has a
log-in prompt on the console (root, no password), answers on TCP port 7 with what it is sent, and has a shell for
anyone on port 8.
"""

import os
import subprocess
import sys
import tempfile

import bzimage
import cache
import host
import image
import mirror
import paths
from errors import XenboxError
from release import RELEASES

SIZE = "600M"
# What a guest needs of the kernel's modules; the initramfs takes the first three.
MODULES = ("xen-blkfront", "xen-netfront", "ext4")
PACKAGES = ("linux-image-amd64", "initramfs-tools", "systemd-sysv", "udev", "kmod", "iproute2", "e2fsprogs")
# The image is copied into the memory of a box: only what a guest of Xen can use.
_ROOTS = ("/lib", "/usr/lib")
EXCLUDED = (
    *image.EXCLUDED,
    *(f"{root}/modules/*/kernel/{name}/*" for root in _ROOTS for name in ("drivers", "fs", "net", "sound")),
    *(f"{root}/udev/hwdb.d/*" for root in _ROOTS),
    "/usr/share/zoneinfo/*",
    "/usr/share/bash-completion/*",
)
INCLUDED = tuple(
    f"{root}/modules/*/kernel/{name}"
    for root in _ROOTS
    for name in ("drivers/net/xen-netfront.ko*", "drivers/block/xen-blkfront.ko*", "fs/ext4/*", "fs/jbd2/*", "fs/mbcache.ko*", "fs/autofs/*")
)
SETUP = paths.PROGRAM / "guest-disk-setup"
DISK = "disk.img"
BESIDE = ("disk-vmlinuz", "disk-initrd")


def provide(releases):
    """Puts the disks of `releases` under target/guests/debian of the checkout."""
    target = paths.REPO / "target" / "guests" / "debian"
    target.mkdir(parents=True, exist_ok=True)
    for release in releases:
        suite = release.suite
        recipe = [suite, SIZE, *MODULES, *PACKAGES, *EXCLUDED, *INCLUDED, SETUP.read_text()]
        source = cache.entry(f"guest-disk-{suite}", recipe, lambda result, scratch, suite=suite: _build(suite, result, scratch))
        _pack(source / DISK, target / f"{suite}-disk.tar")
        for suffix in BESIDE:
            _copy(source / suffix, target / f"{suite}-{suffix}")
        bzimage.repack(target / f"{suite}-disk-vmlinuz", target / f"{suite}-disk-vmlinux.gz")


def _build(suite, result, scratch):
    host.require_to_build()
    host.require({"mke2fs": "e2fsprogs"})
    cache.say(f"building a guest's disk from Debian {suite} (once; about a minute, 150 MB of packages)")
    # The hooks run as root of mmdebstrap's own namespace, which may be nobody here.
    out = scratch / "out"
    out.mkdir()
    os.chmod(out, 0o777)
    log = scratch / "mmdebstrap.log"
    with open(log, "wb") as errors:
        child = subprocess.run(
            _mmdebstrap(suite, out),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env={**os.environ, "TMPDIR": os.environ.get("TMPDIR", "/var/tmp")},
        )
    if child.returncode:
        raise mirror.failed("mmdebstrap", log.read_text(errors="replace"))
    for suffix in (DISK, *BESIDE):
        _copy(out / suffix, result / suffix)


def _mmdebstrap(suite, out):
    mode = "root" if os.getuid() == 0 else "unshare"
    return [
        "mmdebstrap", f"--mode={mode}", "--variant=minbase", "--format=null", "--architectures=amd64",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in EXCLUDED),
        *(f"--dpkgopt=path-include={pattern}" for pattern in INCLUDED),
        "--aptopt=APT::Install-Recommends false",
        f"--include={','.join(PACKAGES)}",
        '--essential-hook=mkdir -p "$1"/etc/initramfs-tools/conf.d',
        '--essential-hook=echo MODULES=list >"$1"/etc/initramfs-tools/conf.d/modules',
        f'--essential-hook=printf "%s\\n" {" ".join(MODULES)} >"$1"/etc/initramfs-tools/modules',
        f"--customize-hook=upload {SETUP} /setup.sh",
        '--customize-hook=chroot "$1" sh /setup.sh',
        '--customize-hook=rm "$1"/setup.sh',
        f'--customize-hook=cp "$1"/boot/vmlinuz-* {out}/disk-vmlinuz',
        f'--customize-hook=cp "$1"/boot/initrd.img-* {out}/disk-initrd',
        # Seen from here the folder has nothing mounted in it.
        f'--customize-hook=mkdir {out}/root && mount --bind "$1" {out}/root',
        f"--customize-hook=mke2fs -q -t ext4 -L root -E lazy_itable_init=1,root_owner=0:0 -d {out}/root {out}/disk.img {SIZE}",
        f"--customize-hook=umount {out}/root",
        f"--customize-hook=chmod 644 {out}/disk.img {out}/disk-vmlinuz {out}/disk-initrd",
        suite, "-", mirror.source_line(suite),
    ]  # fmt: skip


def _pack(source, target):
    """Packs a file without its holes, unless that was done; a box reads those like data, and they are three quarters of a disk."""
    if target.exists() and int(target.stat().st_mtime) == int(source.stat().st_mtime):
        return
    handle, partial = tempfile.mkstemp(dir=target.parent, prefix=".packing-")
    os.close(handle)
    subprocess.run(["tar", "--sparse", "-C", source.parent, "-cf", partial, source.name], check=True)
    os.chmod(partial, 0o644)
    os.utime(partial, (source.stat().st_atime, source.stat().st_mtime))
    os.rename(partial, target)


def _copy(source, target):
    """Copies what is not the same already, holes and all; in one step, as a guest may just be using it."""
    old, new = source.stat(), target.stat() if target.exists() else None
    if new and (new.st_size, int(new.st_mtime)) == (old.st_size, int(old.st_mtime)):
        return
    handle, partial = tempfile.mkstemp(dir=target.parent, prefix=".copying-")
    os.close(handle)
    subprocess.run(["cp", "--sparse=always", "--preserve=timestamps", source, partial], check=True)
    os.chmod(partial, 0o644)
    os.rename(partial, target)


if __name__ == "__main__":
    try:
        wanted = sys.argv[1:] or list(RELEASES)
        provide([RELEASES[xen] for xen in wanted])
    except XenboxError as error:
        sys.exit(f"{error}")
    except KeyError as error:
        sys.exit(f"guest_disks.py: no Xen release {error}; there are {', '.join(RELEASES)}")
