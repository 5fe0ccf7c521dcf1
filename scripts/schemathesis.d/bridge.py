"""bridge.py FILE COMMAND…: a TCP port of the loopback, whose number goes to FILE; COMMAND serves each connection."""

import socket
import subprocess
import sys
import threading
from pathlib import Path


def serve(connection, command):
    with connection:
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        threading.Thread(target=carry, args=(connection, child.stdin), daemon=True).start()
        while piece := child.stdout.read1():
            connection.sendall(piece)
        connection.shutdown(socket.SHUT_RDWR)
        child.wait()


def carry(connection, stdin):
    """What the client sends."""
    try:
        while piece := connection.recv(1 << 16):
            stdin.write(piece)
            stdin.flush()
        stdin.close()
    except OSError:
        # One of the two has gone.
        pass


def main(file, *command):
    listener = socket.create_server(("127.0.0.1", 0))
    Path(file).write_text(str(listener.getsockname()[1]))
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection, command), daemon=True).start()


main(*sys.argv[1:])
