"""Runs commands in dom0 for clients on the machine, one at a time per virtio-serial port.

Purely event driven: no timers, so it neither disturbs a measurement nor hangs on the metered host, whose clock stands
still while nothing happens.
"""

import errno
import glob
import json
import os
import select

import frame
from session import Session, exit_payload

PORT_PREFIX = "xenbox."
# Output waiting for a slow client; beyond it the command's pipes are left alone.
OUTPUT_LIMIT = 512 * 1024
PORT_WRITE = 32 * 1024


class Loop:
    """An epoll loop: file descriptor to callback."""

    def __init__(self):
        self._poll = select.epoll()
        self._callbacks = {}

    def add(self, fd, events, callback):
        self._poll.register(fd, events)
        self._callbacks[fd] = callback

    def remove(self, fd):
        if self._callbacks.pop(fd, None):
            self._poll.unregister(fd)

    def run(self):
        while True:
            for fd, _ in self._poll.poll():
                callback = self._callbacks.get(fd)
                if callback:
                    callback()


class Port:
    """One virtio-serial port: frames in, frames out, at most one session."""

    def __init__(self, loop, fd):
        self.loop = loop
        self._fd = fd
        self._decoder = frame.Decoder()
        self._out = bytearray()
        self._session = None
        # Level-triggered polling would spin: the port reports a hang-up for as long as no client is connected.
        loop.add(fd, select.EPOLLIN | select.EPOLLOUT | select.EPOLLET, self._on_event)

    def _on_event(self):
        self.flush()
        while True:
            try:
                data = os.read(self._fd, 64 * 1024)
            except BlockingIOError:
                return
            if not data:
                return self._disconnected()
            for session, kind, payload in self._decoder.feed(data):
                self._on_frame(session, kind, payload)

    def _disconnected(self):
        self._decoder = frame.Decoder()
        self._abandon()

    def _abandon(self):
        if self._session:
            self._session.kill()
            self._session.close()
        self._session = None
        self._out.clear()

    def _on_frame(self, session, kind, payload):
        if kind == frame.PING:
            self._abandon()
            self.send(session, frame.PONG)
        elif kind == frame.OPEN:
            self._abandon()
            self._open(session, json.loads(payload))
        elif self._session and self._session.number == session:
            self._session.on_frame(kind, payload)

    def _open(self, session, request):
        try:
            self._session = Session(self, session, request)
        except OSError as error:
            code = 127 if error.errno == errno.ENOENT else 126
            self.send(session, frame.EXIT, exit_payload(code, f"{error.filename}: {error.strerror}"))

    def send(self, session, kind, payload=b""):
        self._out += frame.encode(session, kind, payload)
        self.flush()

    def flush(self):
        while self._out:
            try:
                written = os.write(self._fd, self._out[:PORT_WRITE])
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EPIPE, errno.ENODEV):
                    raise
                break
            del self._out[:written]
        if self._session:
            self._session.pace(congested=len(self._out) > OUTPUT_LIMIT)

    def ended(self, session):
        if self._session is session:
            self._session = None


def ports():
    """The box's ports, found by name in sysfs (there is no udev in the box)."""
    for path in sorted(glob.glob("/sys/class/virtio-ports/*/name")):
        with open(path) as name:
            if name.read().startswith(PORT_PREFIX):
                yield "/dev/" + path.split("/")[4]


def main():
    loop = Loop()
    opened = [Port(loop, os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)) for path in ports()]
    with open("/dev/console", "w") as console:
        print(f"xenbox: dom0 ready, {len(opened)} ports", file=console)
    loop.run()


main()
