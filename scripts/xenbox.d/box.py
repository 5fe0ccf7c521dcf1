"""A box: its options, its directory, its life."""

import fcntl
import json
import os
import re
import shutil
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import cache
import death
import guests
import image
import link
import paths
import qemu
from errors import TIMED_OUT, XenboxError
from release import RELEASES

BOOT_SECONDS = 240
METERED_RUN_SECONDS = 600
DEFAULT_MEM = 3072
DEFAULT_DOM0_MEM = 1536


@dataclass(frozen=True)
class Options:
    """What a box is made of."""

    name: str
    xen: str
    mem: int
    dom0_mem: int
    metered: bool
    xen_args: str = ""
    dom0_args: str = ""


class Box:
    """A box of this checkout, by name; it may be up, dead or not there at all."""

    def __init__(self, name):
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}", name):
            raise XenboxError(f"'{name}' cannot name a box: letters, digits, '.', '_' and '-' only, at most 40")
        self.name = name
        self.directory = paths.state() / name
        self.console = death.console(self.directory)

    @classmethod
    def all(cls):
        root = paths.state()
        return [cls(path.name) for path in sorted(root.iterdir()) if path.is_dir()] if root.exists() else []

    @property
    def exists(self):
        return (self.directory / "box.json").exists()

    @property
    def running(self):
        return qemu.process(self.directory) is not None

    @property
    def options(self):
        return Options(**json.loads((self.directory / "box.json").read_text())["options"])

    @property
    def booted_in(self):
        """Seconds of wall time the boot took; None while booting."""
        try:
            return float((self.directory / "booted").read_text())
        except (OSError, ValueError):
            return None

    @property
    def state(self):
        """`up`, `booting`, `dead` (it ended by itself) or `absent`."""
        if not self.exists:
            return "absent"
        if not self.running:
            return "dead"
        return "booting" if self.booted_in is None else "up"

    def up(self, options, boot_timeout):
        """Boots the box unless it is up with these options. Says whether it booted."""
        with self._lock("box.lock"):
            if self.running and self.booted_in is not None:
                self._check_same(options)
                return False
            self._remove()
            self._boot(options, boot_timeout)
            return True

    def _check_same(self, wanted):
        has = asdict(self.options)
        differs = [f"{key}={has[key]}, not {value}" for key, value in asdict(wanted).items() if has[key] != value]
        if differs:
            raise XenboxError(
                f"box {self.name} is up with other options ({'; '.join(differs)}). "
                f"Use the box as it is, or another --name, or first: xenbox down --name {self.name}"
            )

    def _boot(self, options, boot_timeout):
        built = image.ensure(RELEASES[options.xen])
        guests.provide()
        self.directory.mkdir(parents=True, exist_ok=True)
        self._note(options)
        mode = "metered" if options.metered else "free-running"
        cache.say(f"booting {self.name}: Xen {options.xen}, {options.mem} MiB, {mode}")
        started = time.monotonic()
        booted = False
        try:
            qemu.start(qemu.command(options, built), self.directory)
            self._await_dom0(boot_timeout)
            (self.directory / "booted").write_text(f"{time.monotonic() - started:.2f}")
            booted = True
        finally:
            # Ctrl-C included: a box that is not up leaves no QEMU behind. Its console log stays for `xenbox log`.
            if not booted:
                qemu.kill(self.directory)
        cache.say(f"{self.name} is up after {self.booted_in:.1f} s")

    def _note(self, options):
        """Writes down what the box is made of; whoever reads it at this moment finds all of it or nothing."""
        fresh = self.directory / "box.json.new"
        fresh.write_text(json.dumps({"options": asdict(options)}))
        fresh.rename(self.directory / "box.json")

    def _await_dom0(self, seconds):
        deadline = time.monotonic() + seconds
        with link.Port.acquire(self.directory) as port:
            try:
                while not port.ping(2):
                    if time.monotonic() > deadline:
                        late = f"{self.name} did not boot within {seconds:g} s (--boot-timeout)."
                        raise XenboxError(f"{late}\n{death.last_words(self.directory)}", TIMED_OUT)
            except link.BoxDied:
                raise XenboxError(f"{self.name} died while booting: {self.obituary()}") from None
        self._idle()

    def down(self):
        """Ends the box and removes what it left. Says whether there was one."""
        if not self.directory.exists():
            return False
        with self._lock("box.lock"):
            was_there = self.exists or self.running
            self._remove()
            # With its locks: whoever waits for one finds that its file is gone and starts over.
            shutil.rmtree(self.directory, ignore_errors=True)
        return was_there

    def _remove(self):
        qemu.kill(self.directory)
        for path in self.directory.iterdir():
            if path.name not in ("box.lock", "run.lock"):
                path.unlink()

    def execute(self, request, timeout, stdin=0, stdout=1):
        """Runs a command in dom0 on the given descriptors (`stdin` None: empty); its exit status."""
        try:
            with self._session() as port:
                return link.Command(port, request, timeout, stdin, stdout).run()
        except link.BoxDied:
            time.sleep(0.3)
            raise XenboxError(f"{self.name} died: {self.obituary()}") from None
        except link.Unresponsive as stuck:
            qemu.kill(self.directory)
            raise XenboxError(
                f"the command ran into its limit{f' of {stuck.timeout:g} s' if stuck.timeout else ''} and dom0 does not "
                f"answer any more, so {self.name} was killed: {self.obituary()}",
                TIMED_OUT,
            ) from None

    @contextmanager
    def _session(self):
        """A port. A metered box is thawed for as long as it has sessions."""
        with self._lock("run.lock"):
            port = link.Port.acquire(self.directory)
            self._monitor("cont")
        try:
            yield port
        finally:
            with self._lock("run.lock"):
                port.close()
                self._idle()

    def _idle(self):
        if not self._busy():
            self._monitor("stop")

    def _busy(self):
        """Whether any port is in use."""
        for path in self.directory.glob("port*.lock"):
            with open(path) as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    return True
        return False

    def _monitor(self, verb):
        """Freezes or thaws a metered box: its clock runs ahead at full speed whenever it idles, taking a whole CPU."""
        if self.options.metered and self.running:
            qemu.monitor(self.directory, verb)

    def describe(self):
        """What `xenbox status` reports; None when the box is not there, or is removed meanwhile."""
        try:
            options, state = self.options, self.state
        except FileNotFoundError:
            return None
        return None if state == "absent" else {
            **asdict(options),
            "state": state,
            "pid": qemu.process(self.directory),
            "boot_seconds": self.booted_in,
            "cause": death.cause(self.directory) if state == "dead" else None,
            "directory": str(self.directory),
        }  # fmt: skip

    def obituary(self):
        """Why the box died, and the last lines of its console."""
        return f"{death.cause(self.directory)}\n{death.last_words(self.directory)}"

    @contextmanager
    def _lock(self, name):
        path = self.directory / name
        while True:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(path, "w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if _is_same_file(lock, path):
                    yield
                    return


def _is_same_file(opened, path):
    try:
        return os.path.samestat(os.fstat(opened.fileno()), path.stat())
    except FileNotFoundError:
        return False
