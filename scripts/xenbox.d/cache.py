"""The cache: directories that are complete or not there at all."""

import fcntl
import hashlib
import os
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import paths


def entry(kind, recipe, build):
    """The directory `<kind>-<hash of the recipe>`; `build(directory, scratch)` fills it when it is not there yet."""
    key = hashlib.sha256("\0".join(recipe).encode()).hexdigest()[:12]
    directory = paths.cache() / f"{kind}-{key}"
    if not directory.exists():
        with _sole_builder(kind):
            if not directory.exists():
                _build(directory, build)
    return directory


def _build(directory, build):
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=paths.cache(), prefix=".building-") as scratch:
        # Readable by all: an ordinary user's mmdebstrap and apt step down to other users.
        os.chmod(scratch, 0o755)
        partial = Path(scratch) / "result"
        partial.mkdir()
        build(partial, Path(scratch))
        os.rename(partial, directory)
    say(f"  ready in {time.monotonic() - started:.0f} s: {directory}")


@contextmanager
def _sole_builder(kind):
    """Only one builder of a thing at a time; the others wait for it and find it in the cache."""
    paths.cache().mkdir(parents=True, exist_ok=True)
    with open(paths.cache() / f".{kind}.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another xenbox is building {kind}; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def say(text):
    """Progress for the user, away from a command's own output."""
    print(f"xenbox: {text}", file=sys.stderr, flush=True)
