"""Which Debian mirror packages come from."""

import os
import re
import subprocess
from pathlib import Path

from errors import XenboxError
from host import DEBIAN_KEYRING

DEFAULT = "http://deb.debian.org/debian"


def url():
    """$XENBOX_MIRROR, else what this machine's own apt uses when it is Debian, else Debian's."""
    if "XENBOX_MIRROR" in os.environ:
        return os.environ["XENBOX_MIRROR"].rstrip("/")
    if is_debian():
        for line in apt_sources():
            if re.fullmatch(r"https?://\S+/debian/?", line):
                return line.rstrip("/")
    return DEFAULT


def source_line(suite):
    return f"deb [signed-by={DEBIAN_KEYRING}] {url()} {suite} main"


def is_debian():
    try:
        return re.search(r"^ID=\"?debian\"?$", Path("/etc/os-release").read_text(), re.M) is not None
    except OSError:
        return False


def apt_sources():
    """Every repository address apt knows on this machine."""
    command = ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]
    listing = subprocess.run(command, capture_output=True, text=True)
    return sorted(set(listing.stdout.split()))


def unreachable(detail):
    return XenboxError(
        f"packages could not be had from {url()}:\n{detail}\n"
        "Check the network (apt's own proxy settings are used), or name another mirror with XENBOX_MIRROR=URL."
    )


def failed(program, log):
    """The error for a failed build, from the program's log."""
    tail = "\n".join(log.splitlines()[-15:])
    if "apt-get update" in tail or "E: Failed to fetch" in log or "E: Unable to" in log:
        return unreachable(tail)
    return XenboxError(f"{program} failed:\n{tail}")
