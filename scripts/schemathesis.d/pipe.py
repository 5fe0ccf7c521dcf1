"""In the box: joins standard input and output to a unix socket."""

import os
import select
import socket
import sys

PIECE = 1 << 16

there = socket.socket(socket.AF_UNIX)
there.connect(sys.argv[1])
sources = [0, there.fileno()]
while there.fileno() in sources:
    for source in select.select(sources, [], [])[0]:
        try:
            piece = os.read(source, PIECE)
        except ConnectionResetError:
            # Refused with a request half read.
            piece = b""
        if source == 0 and piece:
            try:
                there.sendall(piece)
            except BrokenPipeError:
                # The daemon has said what it had to say, and reads no more.
                sources.remove(0)
        elif source == 0:
            sources.remove(0)
            there.shutdown(socket.SHUT_WR)
        elif piece:
            while piece:
                piece = piece[os.write(1, piece) :]
        else:
            sources.remove(there.fileno())
