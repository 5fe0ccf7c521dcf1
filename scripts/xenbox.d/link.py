"""The machine's end of the link: a session on one of a box's ports, and the loop that streams a command."""

import fcntl
import json
import os
import select
import signal
import socket
import struct
import sys
import time

import frame
from errors import TIMED_OUT, XenboxError

PORTS = 8
# After a signal the command may tidy up this long before the box kills it.
GRACE_SECONDS = 5
RECEIVE_BYTES = 256 * 1024


class BoxDied(Exception):
    """The box closed the connection: QEMU is gone."""


class Port:
    """A port of a box, held for one session. Use as a context manager."""

    def __init__(self, directory, number, lock):
        self._lock = lock
        self._session = os.urandom(frame.SESSION_BYTES)
        self._decoder = frame.Decoder()
        self._outgoing = bytearray(frame.END)
        self.socket = socket.socket(socket.AF_UNIX)
        try:
            self.socket.connect(str(directory / f"port{number}"))
        except OSError:
            self.close()
            raise BoxDied() from None
        self.socket.setblocking(False)

    @classmethod
    def acquire(cls, directory):
        """The first free port; raises when every port runs a command."""
        for number in range(PORTS):
            lock = os.open(directory / f"port{number}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                continue
            return cls(directory, number, lock)
        raise XenboxError(f"all {PORTS} ports of this box run a command; wait for one to end or use another --name")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()
        os.close(self._lock)

    @property
    def wants_to_send(self):
        return bool(self._outgoing)

    def send(self, kind, payload=b""):
        self._outgoing += frame.encode(self._session, kind, payload)
        self.flush()

    def flush(self):
        try:
            while self._outgoing:
                del self._outgoing[: self.socket.send(self._outgoing)]
        except BlockingIOError:
            pass
        except OSError:
            raise BoxDied() from None

    def receive(self):
        """Frames of this session that are there now."""
        try:
            data = self.socket.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        if not data:
            raise BoxDied()
        return [(kind, payload) for session, kind, payload in self._decoder.feed(data) if session == self._session]

    def ping(self, seconds):
        """Whether dom0 answers within that time."""
        deadline = time.monotonic() + seconds
        self.send(frame.PING)
        while (left := deadline - time.monotonic()) > 0:
            select.select([self.socket], [], [], left)
            if any(kind == frame.PONG for kind, _ in self.receive()):
                return True
        return False


class Command:
    """Streams one command until it ends."""

    def __init__(self, port, request, timeout=None, stdin=0, stdout=1):
        self._port = port
        self._request = request
        self._deadline = time.monotonic() + timeout if timeout else None
        self._timeout = timeout
        self._stdin = stdin
        self._stdout = stdout
        self._window = frame.STDIN_WINDOW
        self._signals = 0
        self._noted = []

    def run(self):
        """The command's exit status."""
        watched = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, *([signal.SIGWINCH] if self._request.get("tty") else [])]
        old = {number: signal.signal(number, self._note_signal) for number in watched}
        # A terminal's stop signals must not freeze a background run that reads standard input.
        old[signal.SIGTTIN] = signal.signal(signal.SIGTTIN, signal.SIG_IGN)
        self._alarm, alarm_end = socket.socketpair()
        for end in (self._alarm, alarm_end):
            end.setblocking(False)
        old_alarm = signal.set_wakeup_fd(alarm_end.fileno(), warn_on_full_buffer=False)
        try:
            self._port.send(frame.OPEN, json.dumps(self._request).encode())
            if self._stdin is None:
                self._port.send(frame.STDIN_EOF)
            return self._stream()
        finally:
            signal.set_wakeup_fd(old_alarm)
            for number, handler in old.items():
                signal.signal(number, handler)
            self._alarm.close()
            alarm_end.close()

    def _stream(self):
        while True:
            self._wait()
            while self._noted:
                self._on_signal(self._noted.pop(0))
            if self._port.wants_to_send:
                self._port.flush()
            for kind, payload in self._port.receive():
                if kind == frame.EXIT:
                    return self._ended(json.loads(payload))
                self._on_frame(kind, payload)

    def _wait(self):
        poll = select.poll()
        sending = select.POLLOUT if self._port.wants_to_send else 0
        poll.register(self._port.socket, select.POLLIN | sending)
        poll.register(self._alarm, select.POLLIN)
        if self._stdin is not None and self._window > 0:
            poll.register(self._stdin, select.POLLIN)
        wait = None
        if self._deadline is not None:
            wait = int(max(0.0, self._deadline - time.monotonic()) * 1000) + 1
        ready = dict(poll.poll(wait))
        if self._alarm.fileno() in ready:
            self._alarm.recv(64)
        if self._stdin in ready:
            self._read_stdin()
        if self._deadline is not None and time.monotonic() >= self._deadline:
            self._kill()

    def _read_stdin(self):
        try:
            data = os.read(self._stdin, min(frame.MAX_PAYLOAD, self._window))
        except OSError:  # a background process reading its terminal
            data = b""
        if data:
            self._window -= len(data)
            self._port.send(frame.STDIN, data)
        else:
            self._stdin = None
            self._port.send(frame.STDIN_EOF)

    def _on_frame(self, kind, payload):
        if kind == frame.STDOUT:
            write_all(self._stdout, payload)
        elif kind == frame.STDERR:
            write_all(2, payload)
        elif kind == frame.ACK:
            self._window += struct.unpack("<I", payload)[0]

    def _note_signal(self, number, _):
        """Only notes it: a handler that sent frames could do so in the middle of another."""
        self._noted.append(number)
        # Not even the second helped, as when whoever reads our output has stopped.
        if sum(noted != signal.SIGWINCH for noted in self._noted) > 2:
            raise KeyboardInterrupt

    def _on_signal(self, number):
        """The first signal is the command's to handle; the second, or no end within the grace time, kills it."""
        if number == signal.SIGWINCH:
            self._port.send(frame.WINCH, json.dumps(terminal_size()).encode())
            return
        self._signals += 1
        if self._signals == 1:
            self._port.send(frame.SIGNAL, str(int(number)).encode())
            self._timeout = None
            self._deadline = time.monotonic() + GRACE_SECONDS
        else:
            self._deadline = time.monotonic()

    def _kill(self):
        self._port.send(frame.KILL)
        if not self._drain(GRACE_SECONDS):
            raise Unresponsive(self._timeout)
        if self._timeout:
            raise XenboxError(
                f"the command ran longer than {self._timeout:g} s of wall time and was killed (--timeout sets the limit)",
                TIMED_OUT,
            )
        raise XenboxError("the command was killed", 128 + signal.SIGINT)

    def _drain(self, seconds):
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            select.select([self._port.socket], [], [], left)
            for kind, payload in self._port.receive():
                if kind == frame.EXIT:
                    return True
                self._on_frame(kind, payload)
        return False

    def _ended(self, result):
        if result["error"]:
            print(f"xenbox: {result['error']}", file=sys.stderr)
        return result["code"]


class Unresponsive(Exception):
    """The command could not even be killed: dom0 does not answer."""

    def __init__(self, timeout):
        super().__init__(timeout)
        self.timeout = timeout


def write_all(fd, data):
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def terminal_size():
    size = os.get_terminal_size(0)
    return [size.lines, size.columns]
