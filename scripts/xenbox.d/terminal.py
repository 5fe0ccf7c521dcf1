"""This machine's terminal, lent to a command in the box."""

import os
import sys
import termios
import tty
from contextlib import contextmanager

import link
from errors import XenboxError


@contextmanager
def raw(request):
    """Completes a request for a terminal, and passes every key on until the command ends."""
    if not sys.stdin.isatty():
        raise XenboxError("--tty wants a terminal on standard input")
    request["tty"] = True
    request["size"] = link.terminal_size()
    request.setdefault("env", {})["TERM"] = os.environ.get("TERM", "xterm")
    before = termios.tcgetattr(0)
    # Keys typed ahead are the command's too.
    tty.setraw(0, termios.TCSADRAIN)
    try:
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)


@contextmanager
def untouched():
    yield
