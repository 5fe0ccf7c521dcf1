"""Finds out why a box died, from what it left in its directory."""

import re

import qemu

CONSOLE_LINES = 25
# What Xen and Linux write when they give up.
_LAST_CRY = re.compile(
    r"Panic on CPU|Kernel panic|FATAL TRAP|FATAL PAGE FAULT|Out of memory and no killable|Dom(ain )?0 crashed|"
    r"Could not (set up|construct) d(om|OM)0|Not enough RAM"
)


def console(directory):
    return directory / "console.log"


def lines(directory):
    """The console so far; Xen's lines start with `(XEN)`, the others are dom0's."""
    try:
        return console(directory).read_text(errors="replace").splitlines()
    except OSError:
        return []


def last_words(directory):
    tail = lines(directory)[-CONSOLE_LINES:]
    return "\n".join(["last lines of the console:", *(f"  {line}" for line in tail)]) if tail else "the console is empty"


def cause(directory):
    """The most telling reason there is."""
    cry = next((index for index, line in enumerate(lines(directory)) if _LAST_CRY.search(line)), None)
    if cry is not None:
        # Xen frames its panic: the reason is on the line after.
        return " ".join(line.removeprefix("(XEN)").strip() for line in lines(directory)[cry : cry + 2])
    if qemu.process(directory):
        return "QEMU still runs, but dom0 does not answer"
    return _how_qemu_ended(directory)


def _how_qemu_ended(directory):
    try:
        code = int((directory / "exit").read_text())
        said = (directory / "qemu.log").read_text(errors="replace").strip()
    except (OSError, ValueError):
        return "QEMU is gone without a trace (was this machine restarted?)"
    if code == 137:
        return "QEMU was killed by signal 9 (by hand, or by the machine for want of memory)"
    if code > 128:
        return f"QEMU was killed by signal {code - 128}. {said}"
    if code:
        return f"QEMU ended with status {code}. {said}"
    return f"the box powered off or reset. {said}".rstrip()
