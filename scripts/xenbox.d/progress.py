"""Shows how a build gets on."""

import sys
import threading
import time


# The steps of mmdebstrap worth telling.
STEPS = ("running apt-get update", "downloading", "extracting", "installing", "creating tarball")


class Progress:
    """Repeats the steps mmdebstrap logs, with the time, until stopped."""

    def __init__(self, log):
        self._log = log
        self._started = time.monotonic()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def stop(self):
        self._done.set()
        self._thread.join()

    def _follow(self):
        with open(self._log, errors="replace") as log:
            while not self._done.wait(0.3):
                for line in log:
                    if line.startswith(tuple(f"I: {step}" for step in STEPS)):
                        seconds = time.monotonic() - self._started
                        print(f"xenbox:  {seconds:4.0f} s  {line[3:].strip()}", file=sys.stderr, flush=True)
