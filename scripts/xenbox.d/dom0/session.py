"""One command in dom0: its processes, its streams."""

import fcntl
import glob
import json
import os
import pty
import select
import signal
import struct
import subprocess
import termios

import frame

ENVIRONMENT = {
    "PATH": "/src/target/release:/src/target/debug:"
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/xenbox/bin",
    "HOME": "/root",
    "USER": "root",
    "LOGNAME": "root",
    "SHELL": "/bin/bash",
    "LANG": "C.UTF-8",
    "TERM": "dumb",
    "XENBOX": "1",
}


class Session:
    """One command, its streams, and the client who asked for it."""

    def __init__(self, port, number, request):
        self.number = number
        self._port = port
        self._loop = port.loop
        self._outputs = {}
        self._stdin = None
        self._stdin_data = bytearray()
        self._stdin_closing = False
        self._stdin_waiting = None
        self._paused = False
        self._tty = None
        self._start(request)

    def _start(self, request):
        argv = request["argv"]
        env = {**ENVIRONMENT, **request.get("env", {})}
        cwd = request.get("cwd") or "/root"
        os.stat(cwd)  # so that the error names the directory, not the program
        options = {"env": env, "cwd": cwd, "restore_signals": True}
        if request.get("tty"):
            self._start_on_tty(argv, options, request)
        else:
            self._start_on_pipes(argv, options)
        self._pidfd = os.pidfd_open(self._child.pid)
        self._loop.add(self._pidfd, select.EPOLLIN, self._on_exit)
        for fd in self._outputs:
            self._watch_output(fd)
        if self._stdin is not None:
            os.set_blocking(self._stdin, False)

    def _start_on_tty(self, argv, options, request):
        master, slave = pty.openpty()
        self._tty = master
        self._resize(request["size"])
        try:
            # setsid -c makes the terminal the controlling one; it does not fork, as it is not yet a group leader.
            self._child = subprocess.Popen(
                ["setsid", "-c", *argv], stdin=slave, stdout=slave, stderr=slave, **options
            )
        except OSError:
            os.close(master)
            raise
        finally:
            os.close(slave)
        self._outputs = {master: frame.STDOUT}
        self._stdin = master

    def _start_on_pipes(self, argv, options):
        pipe = subprocess.PIPE
        self._child = child = subprocess.Popen(
            argv, stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0, start_new_session=True, **options
        )
        # The session owns the descriptors, so that closing one early and closing all at the end do not conflict.
        stdin, stdout, stderr = map(_own, (child.stdin, child.stdout, child.stderr))
        self._outputs = {stdout: frame.STDOUT, stderr: frame.STDERR}
        self._stdin = stdin

    def _watch_output(self, fd):
        os.set_blocking(fd, False)
        if not self._paused:
            self._loop.add(fd, select.EPOLLIN, lambda: self._on_output(fd))

    def on_frame(self, kind, payload):
        if kind == frame.STDIN:
            self._stdin_data += payload
            self._feed_stdin()
        elif kind == frame.STDIN_EOF:
            self._stdin_closing = True
            self._feed_stdin()
        elif kind == frame.WINCH and self._tty is not None:
            self._resize(json.loads(payload))
        elif kind == frame.SIGNAL:
            self._signal(int(payload))
        elif kind == frame.KILL:
            self.kill()

    def _feed_stdin(self):
        if self._stdin is None:
            self._acknowledge(len(self._stdin_data))
            self._stdin_data.clear()
            return
        try:
            while self._stdin_data:
                written = os.write(self._stdin, self._stdin_data[: 64 * 1024])
                del self._stdin_data[:written]
                self._acknowledge(written)
        except BlockingIOError:
            return self._wait_for_stdin()
        except OSError:
            self._stdin_closing = True
            self._acknowledge(len(self._stdin_data))
            self._stdin_data.clear()
        if self._stdin_closing:
            self._close_stdin()

    def _wait_for_stdin(self):
        """Goes on when the command reads. A second descriptor, as a terminal's is already watched for output."""
        if self._stdin_waiting is None:
            self._stdin_waiting = os.dup(self._stdin)
            self._loop.add(self._stdin_waiting, select.EPOLLOUT, self._on_stdin_writable)

    def _on_stdin_writable(self):
        self._loop.remove(self._stdin_waiting)
        os.close(self._stdin_waiting)
        self._stdin_waiting = None
        self._feed_stdin()

    def _acknowledge(self, count):
        if count:
            self._port.send(self.number, frame.ACK, struct.pack("<I", count))

    def _close_stdin(self):
        if self._tty is None:
            os.close(self._stdin)
        else:
            os.write(self._stdin, b"\x04")
        self._stdin = None

    def _resize(self, size):
        fcntl.ioctl(self._tty, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))

    def _signal(self, number):
        try:
            os.killpg(self._child.pid, number)
        except ProcessLookupError:
            pass

    def _on_output(self, fd):
        try:
            data = os.read(fd, frame.MAX_PAYLOAD)
        except BlockingIOError:
            return False
        except OSError:  # a terminal whose last user is gone
            data = b""
        if data:
            self._port.send(self.number, self._outputs[fd], data)
            return True
        self._loop.remove(fd)
        if fd != self._tty:
            del self._outputs[fd]
            os.close(fd)
        return False

    def pace(self, congested):
        if congested == self._paused:
            return
        self._paused = congested
        for fd in self._outputs:
            if congested:
                self._loop.remove(fd)
            else:
                self._watch_output(fd)

    def _on_exit(self):
        """Passes on what the command left in its pipes and ends. What it left running in the background stays."""
        code = self._child.wait()
        for fd in list(self._outputs):
            while self._on_output(fd):
                pass
        self.close()
        self._port.ended(self)
        self._port.send(self.number, frame.EXIT, exit_payload(code if code >= 0 else 128 - code))

    def kill(self):
        """Kills every process of the command's session, whatever its process group; again, as one may just have forked."""
        while members := list(session_members(self._child.pid)):
            for pid in members:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass

    def close(self):
        owned = set(self._outputs) | {self._pidfd, self._stdin_waiting, self._stdin, self._tty}
        for fd in owned - {None}:
            self._loop.remove(fd)
            os.close(fd)
        self._outputs = {}
        self._stdin = self._tty = self._stdin_waiting = None


def _own(stream):
    with stream:
        return os.dup(stream.fileno())


def session_members(leader):
    """The living processes of a session."""
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path) as stat:
                state, _, _, session, *_ = stat.read().rpartition(")")[2].split()
        except OSError:
            continue
        if int(session) == leader and state not in "ZX":
            yield int(path.split("/")[2])


def exit_payload(code, error=None):
    return json.dumps({"code": code, "error": error}).encode()
