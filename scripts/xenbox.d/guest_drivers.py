"""Debian's front-end drivers (xen-netfront, xen-blkfront) of a suite's stock kernel, as an archive to add to a guest's
initramfs: `python3 guest_drivers.py 4.17` prints its path. They are modules there, and a guest needs them as modules."""

import io
import lzma
import sys

import cache
import cpio
import debs
import host
from errors import XenboxError
from release import RELEASES

DRIVERS = ("xen-netfront", "xen-blkfront")
FOLDER = "lib/drivers"
_SUFFIXES = (".ko", ".ko.xz")


def archive(release):
    """The path of `drivers.cpio` of a release's suite; the kernel it is for is the one `guests.py` provides."""
    recipe = [release.suite, FOLDER, *DRIVERS]
    return cache.entry(f"drivers-{release.suite}", recipe, lambda result, scratch: _build(release.suite, result, scratch)) / "drivers.cpio"


def _build(suite, result, scratch):
    host.require_to_build()
    cache.say(f"fetching Debian {suite}'s front-end drivers (once)")
    packages = debs.Suite(suite, scratch)
    (kernel,) = packages.dependencies("linux-image-amd64", r"linux-image-[0-9].*")
    packages.extract(kernel, _driver, scratch / "modules")
    (result / "drivers.cpio").write_bytes(_archive(scratch / "modules"))


def _driver(path):
    name = path.rsplit("/", 1)[-1]
    return name if name in [driver + suffix for driver in DRIVERS for suffix in _SUFFIXES] else None


def _archive(modules):
    out = io.BytesIO()
    writer = cpio.Writer(out)
    for folder in ("lib", FOLDER):
        writer.directory(folder)
    for path in sorted(modules.iterdir()):
        data = path.read_bytes()
        writer.file(f"{FOLDER}/{path.name.removesuffix('.xz')}", lzma.decompress(data) if path.suffix == ".xz" else data)
    writer.close()
    return out.getvalue()


if __name__ == "__main__":
    try:
        print(archive(RELEASES[sys.argv[1]]))
    except XenboxError as error:
        sys.exit(f"{error}")
