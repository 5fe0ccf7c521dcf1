"""The framing both ends of a box's link speak. This file runs on the machine and inside dom0.

A frame is: session (8 bytes), kind (1 byte), payload, CRC-32 (4 bytes), with 0x7d and 0x7e escaped as 0x7d 0x5d and
0x7d 0x5e, and closed by 0x7e. A virtio-serial port has no notion of a connection: what a killed client left half
written is followed by the next client's bytes. So a new client starts with 0x7e, which ends any torso (its CRC is
wrong, it is dropped), and frames of an older session are recognised by their number.
"""

import struct
import zlib

SESSION_BYTES = 8
MAX_PAYLOAD = 32 * 1024
# How much standard input may be under way to the box before it acknowledges.
STDIN_WINDOW = 256 * 1024

END = b"\x7e"

# Towards the box.
PING, OPEN, STDIN, STDIN_EOF, WINCH, SIGNAL, KILL = b"P", b"O", b"i", b"e", b"w", b"s", b"k"
# From the box.
PONG, STDOUT, STDERR, ACK, EXIT = b"p", b"1", b"2", b"a", b"x"


def encode(session, kind, payload=b""):
    body = session + kind + payload
    body += struct.pack("<I", zlib.crc32(body))
    return body.replace(b"\x7d", b"\x7d\x5d").replace(END, b"\x7d\x5e") + END


class Decoder:
    """Collects bytes; hands out whole, undamaged frames as (session, kind, payload)."""

    def __init__(self):
        self._partial = b""

    def feed(self, data):
        *whole, self._partial = (self._partial + data).split(END)
        return [frame for frame in map(_decode, whole) if frame]


def _decode(raw):
    body = raw.replace(b"\x7d\x5e", END).replace(b"\x7d\x5d", b"\x7d")
    if len(body) < SESSION_BYTES + 5:
        return None
    body, crc = body[:-4], body[-4:]
    if struct.pack("<I", zlib.crc32(body)) != crc:
        return None
    return body[:SESSION_BYTES], body[SESSION_BYTES : SESSION_BYTES + 1], body[SESSION_BYTES + 1 :]
