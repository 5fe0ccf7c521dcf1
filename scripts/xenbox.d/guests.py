"""Debian's own guest kernels and boot loaders, and a small initramfs that ends in a shell."""

import gzip
import io
import os
import re
import shutil
import tempfile
from pathlib import Path

import cache
import cpio
import debs
import host
import paths
from release import DEFAULT_XEN, RELEASES

# Packages and, per package, which file is wanted under which name.
GRUB = "grub-xen-host"
GRUB_IMAGES = r"usr/lib/grub-xen/(grub-(?:x86_64|i386)-xen(?:_pvh)?\.bin)"
INIT = paths.PROGRAM / "guest-init"


def provide():
    """Puts the guest images of every suite under target/guests/debian of the checkout."""
    target = paths.REPO / "target" / "guests" / "debian"
    target.mkdir(parents=True, exist_ok=True)
    for release in RELEASES.values():
        recipe = [release.suite, GRUB, GRUB_IMAGES, INIT.read_text()]
        source = cache.entry(
            f"guests-{release.suite}", recipe, lambda result, scratch, suite=release.suite: _build(suite, result, scratch)
        )
        for path in source.iterdir():
            _copy(path, target / path.name)


def _build(suite, result, scratch):
    host.require_to_build()
    cache.say(f"fetching Debian {suite}'s guest kernel and boot loaders (once; about 80 MB)")
    packages = debs.Suite(suite, scratch)
    (kernel,) = packages.dependencies("linux-image-amd64", r"linux-image-[0-9].*")
    packages.extract(kernel, lambda path: f"{suite}-vmlinuz" if path.startswith("boot/vmlinuz-") else None, result)
    packages.extract(GRUB, lambda path: _grub_name(suite, path), result)
    if suite == RELEASES[DEFAULT_XEN].suite:
        packages.extract("busybox-static", lambda path: "busybox" if path.endswith("bin/busybox") else None, scratch)
        (result / "shell-initrd.gz").write_bytes(gzip.compress(_initramfs(scratch / "busybox"), 9, mtime=0))


def _grub_name(suite, path):
    match = re.fullmatch(GRUB_IMAGES, path)
    return f"{suite}-{match[1]}" if match else None


def _initramfs(busybox):
    out = io.BytesIO()
    writer = cpio.Writer(out)
    for name in ("bin", "dev", "proc", "sys", "tmp", "root", "etc"):
        writer.directory(name)
    writer.node("dev/console", 5, 1)
    writer.file("bin/busybox", busybox.read_bytes(), 0o755)
    writer.file("init", INIT.read_bytes(), 0o755)
    writer.close()
    return out.getvalue()


def _copy(source, target):
    """Copies what is not the same already; in one step, as a guest may just be booting from it."""
    old, new = source.stat(), target.stat() if target.exists() else None
    if new and (new.st_size, int(new.st_mtime)) == (old.st_size, int(old.st_mtime)):
        return
    handle, partial = tempfile.mkstemp(dir=target.parent, prefix=".copying-")
    os.close(handle)
    shutil.copy2(source, partial)
    os.chmod(partial, 0o644)
    os.rename(Path(partial), target)
