"""Shows a box's console: Xen's lines, dom0's, or both."""

import sys
import time


def show(box, which, follow):
    """Prints the log; with `follow`, goes on until the box is gone."""
    with open(box.console, errors="replace") as log:
        partial = ""
        while True:
            alive = follow and box.running
            chunk = log.read()
            *whole, partial = (partial + chunk).split("\n")
            for line in whole:
                _print(line, which)
            if not chunk and not alive:
                break
            if not chunk:
                sys.stdout.flush()
                time.sleep(0.2)
    if partial:
        _print(partial, which)


def _print(line, which):
    from_xen = line.startswith("(XEN)") or line.startswith("(d")
    if which is None or from_xen == (which == "xen"):
        print(line.rstrip("\r"))
