"""Where things live on this machine."""

import hashlib
import os
import stat
from pathlib import Path

from errors import XenboxError

PROGRAM = Path(__file__).resolve().parent
# What a box shows at /src: this checkout, or another one.
REPO = Path(os.environ["XENBOX_REPO"]).resolve() if os.environ.get("XENBOX_REPO") else PROGRAM.parent.parent
DOM0 = PROGRAM / "dom0"


def cache():
    """Images: shared by every clone of the repository, so a fresh clone boots at once."""
    if "XENBOX_CACHE" in os.environ:
        return Path(os.environ["XENBOX_CACHE"]).absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "lightvm-xenbox"


def state():
    """Running boxes of this checkout.

    Outside the repository: unix socket paths are limited to 107 bytes, `cargo clean` must not orphan a box,
    and a reboot clears it.
    """
    if "XENBOX_STATE" in os.environ:
        root = Path(os.environ["XENBOX_STATE"]).absolute()
    else:
        root = Path("/tmp") / f"xenbox-{os.getuid()}"
    _private_dir(root)
    return root / hashlib.sha256(bytes(REPO)).hexdigest()[:8]


def _private_dir(path):
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    info = path.lstat()
    if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.getuid():
        raise XenboxError(f"{path} belongs to someone else; set XENBOX_STATE to a directory of your own")
