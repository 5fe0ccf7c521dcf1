"""Builds and caches what a box boots: hypervisor, dom0 kernel, dom0 initramfs.

A cached image is a directory `<suite>-<recipe hash>` with `xen`, `vmlinuz` and `base.cpio`. The box's own small
programs are appended to `base.cpio` when a box starts (the kernel takes concatenated archives), so that changing them
does not mean building again.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import cpio
import host
import mirror
import paths
from progress import Progress
from errors import XenboxError

# Not even unpacked: documentation, and kernel modules for hardware an emulated Xen host cannot have.
EXCLUDED = (
    *(f"/usr/share/{name}/*" for name in ("doc", "man", "info", "locale", "lintian", "bug")),
    *(f"{root}/modules/*/kernel/{name}/*" for root in ("/lib", "/usr/lib") for name in (
        "drivers/gpu", "drivers/media", "drivers/infiniband", "drivers/iio", "drivers/usb", "drivers/scsi",
        "drivers/net/ethernet", "drivers/net/wireless", "drivers/staging", "drivers/hwmon", "sound",
        "fs/xfs", "fs/btrfs", "fs/ocfs2", "fs/smb", "fs/nfs", "fs/nfsd", "fs/ceph", "fs/gfs2", "fs/f2fs",
        "net/bluetooth", "net/mac80211", "net/wireless", "arch/x86/kvm",
    )),
)
OVERLAY = {
    "init": paths.DOM0 / "init",
    "usr/lib/xenbox/agent.py": paths.DOM0 / "agent.py",
    "usr/lib/xenbox/frame.py": paths.PROGRAM / "frame.py",
}
PROGRAMS = {f"usr/lib/xenbox/bin/{name}": paths.DOM0 / name for name in ()}


class Image:
    """A complete image in the cache."""

    def __init__(self, directory):
        self.directory = directory
        self.xen = directory / "xen"
        self.vmlinuz = directory / "vmlinuz"
        self.base = directory / "base.cpio"

    def initrd(self):
        """The initramfs with the box's current programs."""
        overlay = _overlay()
        path = self.directory / f"initrd-{hashlib.sha256(overlay).hexdigest()[:12]}.cpio"
        if not path.exists():
            with tempfile.NamedTemporaryFile(dir=self.directory, prefix=".initrd", delete=False) as out:
                with open(self.base, "rb") as base:
                    shutil.copyfileobj(base, out, 1 << 20)
                out.write(overlay)
            os.chmod(out.name, 0o644)
            os.rename(out.name, path)
        _remove_old(self.directory.glob("initrd-*.cpio"), path)
        return path


def ensure(release):
    """The image of a release, built when it is not in the cache."""
    directory = paths.cache() / f"{release.suite}-{_recipe(release)}"
    if not directory.exists():
        with building(release.suite):
            if not directory.exists():
                _build(release, directory)
    return Image(directory)


@contextmanager
def building(what):
    """Only one builder of a thing at a time; the others wait for it and find it in the cache."""
    paths.cache().mkdir(parents=True, exist_ok=True)
    with open(paths.cache() / f".{what}.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another xenbox is building {what}; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _recipe(release):
    parts = [release.xen, release.suite, *release.packages, *EXCLUDED, (paths.DOM0 / "trim.sh").read_text()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def _build(release, directory):
    host.require_to_build()
    started = time.monotonic()
    say(f"building the Xen {release.xen} image from Debian {release.suite} (once; about a minute and 150 MB of packages)")
    with tempfile.TemporaryDirectory(dir=paths.cache(), prefix=".building-") as scratch:
        partial = Path(scratch) / "image"
        partial.mkdir()
        _install(release, Path(scratch), partial)
        os.rename(partial, directory)
    size = (directory / "base.cpio").stat().st_size >> 20
    say(f"image ready in {time.monotonic() - started:.0f} s, dom0 is {size} MiB: {directory}")


def _install(release, scratch, partial):
    log = scratch / "mmdebstrap.log"
    with open(log, "wb") as errors:
        child = subprocess.Popen(_mmdebstrap(release), stdout=subprocess.PIPE, stderr=errors, stdin=subprocess.DEVNULL,
                                 env={**os.environ, "INITRD": "No", "TMPDIR": str(scratch)})
    progress = Progress(log)
    try:
        head = child.stdout.peek(1)
        if head:
            say("  packing dom0's file system")
            _pack(child.stdout, partial)
        failed = child.wait() != 0
    finally:
        progress.stop()
        if child.poll() is None:
            child.terminate()
            child.wait()
    if failed:
        raise mirror.unreachable("\n".join(log.read_text(errors="replace").splitlines()[-15:]))


def _mmdebstrap(release):
    mode = "root" if os.getuid() == 0 else "unshare"
    options = [f"--dpkgopt=path-exclude={pattern}" for pattern in EXCLUDED]
    return [
        "mmdebstrap", f"--mode={mode}", "--variant=minbase", "--format=tar", "--skip=cleanup", *options,
        "--aptopt=APT::Install-Recommends false",
        f"--include={','.join(release.packages)}",
        f"--customize-hook=upload {paths.DOM0 / 'trim.sh'} /trim.sh",
        "--customize-hook=chroot \"$1\" sh /trim.sh",
        "--customize-hook=rm \"$1\"/trim.sh",
        release.suite, "-", mirror.source_line(release.suite),
    ]


def _pack(tar, partial):
    with open(partial / "base.cpio", "wb") as out:
        extracted = cpio.from_tar(tar, out, take={"xen.image": "xen", "vmlinuz.image": "vmlinuz"})
    for name, data in extracted.items():
        (partial / name).write_bytes(data)


def _overlay():
    """An archive of the box's own programs."""
    import io

    out = io.BytesIO()
    writer = cpio.Writer(out)
    for directory in ("usr/lib/xenbox", "usr/lib/xenbox/bin"):
        writer.directory(directory)
    for name, source in OVERLAY.items():
        writer.file(name, source.read_bytes(), 0o755)
    writer.node("dev/console", 5, 1)
    writer.close()
    return out.getvalue()


def _remove_old(candidates, current):
    hour_ago = time.time() - 3600
    for path in candidates:
        if path != current and path.stat().st_mtime < hour_ago:
            path.unlink(missing_ok=True)


def say(text):
    print(f"xenbox: {text}", file=sys.stderr, flush=True)
