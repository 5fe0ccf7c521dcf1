"""What a box boots: hypervisor, dom0 kernel, dom0 initramfs.

The cached image has `xen`, `vmlinuz` and `base.cpio`. The box's own small programs are appended to `base.cpio` when a
box starts (the kernel takes concatenated archives), so that changing them does not mean building again.
"""

import hashlib
import io
import os
import shutil
import subprocess
import tempfile
import time

import cache
import cpio
import host
import mirror
import paths
from progress import Progress

# Not even unpacked: documentation, and kernel modules for hardware an emulated Xen host cannot have.
_NO_DOCS = ("doc", "man", "info", "locale", "lintian", "bug")
_NO_MODULES = (
    "drivers/gpu", "drivers/media", "drivers/infiniband", "drivers/iio", "drivers/usb", "drivers/scsi",
    "drivers/net/ethernet", "drivers/net/wireless", "drivers/staging", "drivers/hwmon", "sound",
    "fs/xfs", "fs/btrfs", "fs/ocfs2", "fs/smb", "fs/nfs", "fs/nfsd", "fs/ceph", "fs/gfs2", "fs/f2fs",
    "net/bluetooth", "net/mac80211", "net/wireless", "arch/x86/kvm",
)  # fmt: skip
EXCLUDED = (
    *(f"/usr/share/{name}/*" for name in _NO_DOCS),
    *(f"{root}/modules/*/kernel/{name}/*" for root in ("/lib", "/usr/lib") for name in _NO_MODULES),
)
TRIM = paths.DOM0 / "trim.sh"
_LIBRARY = "usr/lib/xenbox"
OVERLAY = {
    "init": paths.DOM0 / "init",
    f"{_LIBRARY}/agent.py": paths.DOM0 / "agent.py",
    f"{_LIBRARY}/session.py": paths.DOM0 / "session.py",
    f"{_LIBRARY}/frame.py": paths.PROGRAM / "frame.py",
    f"{_LIBRARY}/bin/xl-up": paths.DOM0 / "xl-up",
    f"{_LIBRARY}/bin/xl-down": paths.DOM0 / "xl-down",
}


class Image:
    """A complete image in the cache."""

    def __init__(self, directory):
        self.directory = directory
        self.xen = directory / "xen"
        self.vmlinuz = directory / "vmlinuz"

    def initrd(self):
        """The initramfs with the box's current programs."""
        overlay = _overlay()
        path = self.directory / f"initrd-{hashlib.sha256(overlay).hexdigest()[:12]}.cpio"
        if not path.exists():
            with tempfile.NamedTemporaryFile(dir=self.directory, prefix=".initrd", delete=False) as out:
                with open(self.directory / "base.cpio", "rb") as base:
                    shutil.copyfileobj(base, out, 1 << 20)
                out.write(overlay)
            os.chmod(out.name, 0o644)
            os.rename(out.name, path)
            _remove_old(self.directory.glob("initrd-*.cpio"), path)
        return path


def ensure(release):
    """The image of a release, built when it is not in the cache."""
    recipe = [release.xen, release.suite, *release.packages, *EXCLUDED, TRIM.read_text()]
    return Image(cache.entry(f"dom0-{release.suite}", recipe, lambda result, scratch: _build(release, result, scratch)))


def _build(release, result, scratch):
    host.require_to_build()
    cache.say(f"building dom0 for Xen {release.xen} from Debian {release.suite} (once; about a minute, 150 MB of packages)")
    log = scratch / "mmdebstrap.log"
    with open(log, "wb") as errors:
        child = subprocess.Popen(
            _mmdebstrap(release),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            # INITRD=No: no initramfs for the kernel package, ours replaces it. The new root must be where an ordinary
            # user's namespace may go, which a closed home directory is not.
            env={**os.environ, "INITRD": "No", "TMPDIR": os.environ.get("TMPDIR", "/var/tmp")},
        )
    progress = Progress(log)
    try:
        if child.stdout.peek(1):
            _pack(child.stdout, result)
        failed = child.wait() != 0
    finally:
        progress.stop()
        if child.poll() is None:
            child.terminate()
            child.wait()
    if failed:
        raise mirror.failed("mmdebstrap", log.read_text(errors="replace"))


def _mmdebstrap(release):
    mode = "root" if os.getuid() == 0 else "unshare"
    return [
        "mmdebstrap", f"--mode={mode}", "--variant=minbase", "--format=tar", "--skip=cleanup",
        "--architectures=amd64",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in EXCLUDED),
        "--aptopt=APT::Install-Recommends false",
        f"--include={','.join(release.packages)}",
        f"--customize-hook=upload {TRIM} /trim.sh",
        '--customize-hook=chroot "$1" sh /trim.sh',
        '--customize-hook=rm "$1"/trim.sh',
        release.suite, "-", mirror.source_line(release.suite),
    ]  # fmt: skip


def _pack(tar, result):
    with open(result / "base.cpio", "wb") as out:
        taken = cpio.from_tar(tar, out, take={"xen.image": "xen", "vmlinuz.image": "vmlinuz"})
    for name, data in taken.items():
        (result / name).write_bytes(data)


def _overlay():
    """An archive of the box's own programs."""
    out = io.BytesIO()
    writer = cpio.Writer(out)
    for directory in (_LIBRARY, f"{_LIBRARY}/bin"):
        writer.directory(directory)
    for name, source in OVERLAY.items():
        writer.file(name, source.read_bytes(), 0o755)
    # The kernel opens it before anything is mounted.
    writer.node("dev/console", 5, 1)
    writer.close()
    return out.getvalue()


def _remove_old(candidates, current):
    """Removes what an hour ago was current; a box that just boots may still read a younger one."""
    hour_ago = time.time() - 3600
    for path in candidates:
        if path != current and path.stat().st_mtime < hour_ago:
            path.unlink(missing_ok=True)
