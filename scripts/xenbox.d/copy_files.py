"""Copies files and directories to and from a box, as tar streams over an ordinary command.

As with cp: an existing directory as the target takes the source in, anything else becomes its new name.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from errors import XenboxError

# Unpacks beside the target, so that the move into place is one step.
_RECEIVE = """
set -e
target=$1 name=$2
case $target in */) mkdir -p "$target";; esac
if [ -d "$target" ]; then target=$target/$name; fi
mkdir -p "$(dirname "$target")"
scratch=$(mktemp -d "$(dirname "$target")/.put-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
tar -C "$scratch" -xf -
if [ -d "$target" ]; then cp -a "$scratch/$name/." "$target"; else mv -fT "$scratch/$name" "$target"; fi
"""
_SEND = 'cd "$(dirname "$1")" && exec tar -cf - -- "$(basename "$1")"'


def put(box, source, target):
    source = Path(source)
    if not os.path.lexists(source):
        raise XenboxError(f"{source} does not exist")
    source = source.parent.resolve() / source.name if source.name else source.resolve()
    command = ["tar", "-C", source.parent, "--owner=0", "--group=0", "-cf", "-", "--", source.name]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as tar:
        request = {"argv": ["sh", "-c", _RECEIVE, "put", target, source.name]}
        code = box.execute(request, None, stdin=tar.stdout.fileno())
        tar.stdout.close()
    return code or tar.returncode


def get(box, source, target):
    name = os.path.basename(os.path.normpath(source))
    into = Path(target) / name if os.path.isdir(target) or target.endswith("/") else Path(target)
    into.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into.parent, prefix=".get-") as scratch:
        with subprocess.Popen(["tar", "-C", scratch, "--no-same-owner", "-xf", "-"], stdin=subprocess.PIPE) as tar:
            request = {"argv": ["sh", "-c", _SEND, "get", os.path.normpath(source)]}
            code = box.execute(request, None, stdin=None, stdout=tar.stdin.fileno())
            tar.stdin.close()
        if code or tar.returncode:
            raise XenboxError(f"{source} could not be copied from {box.name}", code or 1)
        _move(Path(scratch) / name, into)
    return 0


def _move(received, target):
    if received.is_dir() and target.is_dir():
        shutil.copytree(received, target, symlinks=True, dirs_exist_ok=True)
    else:
        os.replace(received, target)
