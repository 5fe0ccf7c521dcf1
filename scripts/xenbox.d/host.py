"""Makes sure this machine has the programs xenbox needs."""

import os
import shutil
import subprocess
import sys

from errors import XenboxError

# Program and the Debian/Ubuntu package that brings it.
TO_RUN = {"qemu-system-x86_64": "qemu-system-x86"}
TO_BUILD = {"mmdebstrap": "mmdebstrap", "gpgv": "gpgv", "dpkg-deb": "dpkg", "apt-get": "apt"}
TO_BUILD_AS_USER = {"newuidmap": "uidmap"}
DEBIAN_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def require(programs, files=None):
    """Installs what is missing, or says how."""
    missing = [package for program, package in programs.items() if not find(program)]
    missing += [package for path, package in (files or {}).items() if not os.path.exists(path)]
    if not missing:
        return
    if not shutil.which("apt-get"):
        raise XenboxError(f"missing: {' '.join(missing)}; install them and try again")
    root = root_prefix()
    if root is None:
        raise XenboxError(
            f"packages are missing and only root can install them. Run:\n"
            f"  sudo apt-get update && sudo apt-get install --no-install-recommends {' '.join(missing)}"
        )
    print(f"xenbox: installing {' '.join(missing)}", file=sys.stderr)
    apt = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q"]
    for step in (["update"], ["install", "-y", "--no-install-recommends", *missing]):
        if subprocess.run([*apt, *step], stdout=sys.stderr, stdin=subprocess.DEVNULL).returncode:
            raise XenboxError(f"`apt-get {' '.join(step)}` failed; see its messages above")


def require_to_build():
    programs = dict(TO_BUILD)
    if os.getuid() != 0:
        programs.update(TO_BUILD_AS_USER)
    require(programs, {DEBIAN_KEYRING: "debian-archive-keyring"})


def require_to_run():
    require(TO_RUN)


def find(program):
    """Like `which`, but sbin counts for ordinary users too."""
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin:/bin")


def root_prefix():
    """What to put in front of a command to run it as root without a question; None when there is no way."""
    if os.getuid() == 0:
        return []
    if shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0:
        return ["sudo", "-n"]
    return None
