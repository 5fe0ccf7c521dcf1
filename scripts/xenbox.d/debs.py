"""Fetches single Debian packages of any suite into a scratch directory, without touching this machine's apt state."""

import os
import re
import subprocess
import tarfile

import mirror

# The machine's own settings (proxies, credentials) apply; its hooks, package state and sources do not.
_CONFIGURATION = """\
Dir::State "{root}/state";
Dir::State::status "{root}/status";
Dir::Cache "{root}/cache";
Dir::Etc::sourcelist "{root}/sources.list";
Dir::Etc::sourceparts "/dev/null";
APT::Architecture "amd64";
APT::Architectures {{ "amd64"; }};
APT::Sandbox::User "";
Acquire::Languages "none";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
"""


class Suite:
    """A suite's package index, in a scratch directory of the caller's."""

    def __init__(self, suite, root):
        self._root = root
        for name in ("state/lists/partial", "cache/archives/partial"):
            (root / name).mkdir(parents=True)
        (root / "status").touch()
        (root / "sources.list").write_text(mirror.source_line(suite) + "\n")
        (root / "apt.conf").write_text(_CONFIGURATION.format(root=root))
        self._apt("apt-get", "-q", "update")

    def dependencies(self, package, pattern):
        """The direct dependencies whose names match."""
        listing = self._apt("apt-cache", "depends", "--important", package)
        names = re.findall(r"^\s*\|?Depends: ([a-z0-9.+-]+)$", listing, re.M)
        return [name for name in names if re.fullmatch(pattern, name)]

    def extract(self, package, wanted, directory):
        """Unpacks the files for which `wanted(path)` gives a name, under that name."""
        before = set(self._root.glob("*.deb"))
        self._apt("apt-get", "-q", "download", package)
        (deb,) = set(self._root.glob("*.deb")) - before
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as unpack:
            with tarfile.open(fileobj=unpack.stdout, mode="r|") as tar:
                for member in tar:
                    name = wanted(member.name.removeprefix("./"))
                    if name:
                        _write(tar, member, directory / name)
        deb.unlink()

    def _apt(self, *command):
        env = {**os.environ, "APT_CONFIG": str(self._root / "apt.conf"), "LC_ALL": "C"}
        done = subprocess.run(command, cwd=self._root, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise mirror.unreachable(done.stderr.strip())
        return done.stdout


def _write(tar, member, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    if member.isreg():
        path.write_bytes(tar.extractfile(member).read())
    elif member.issym():
        path.unlink(missing_ok=True)
        path.symlink_to(os.path.basename(member.linkname))
