"""The kernel in a bzImage, compressed so that PV GRUB can read it. Its loader (grub-core/loader/i386/xen_file.c) takes an ELF
through GRUB's file filters (grub-core/io), which are gzip, xz and lzo."""

import gzip
import os
import struct
import subprocess

import host
from errors import XenboxError

ZSTD = b"\x28\xb5\x2f\xfd"


def repack(source, target):
    """Writes the kernel in the bzImage `source` to `target` as a gzip file, when it is compressed with zstd; in one step, and not
    again while `source` is the same."""
    if target.exists() and target.stat().st_mtime == source.stat().st_mtime:
        return
    payload = _payload(source.read_bytes())
    if not payload.startswith(ZSTD):
        return
    host.require({"zstd": "zstd"})
    # Four bytes after the stream are the size of the kernel (Linux scripts/Makefile.lib, size_append).
    kernel = subprocess.run(["zstd", "-dc"], input=payload[:-4], stdout=subprocess.PIPE, check=True).stdout
    if not kernel.startswith(b"\x7fELF"):
        raise XenboxError(f"{source}: no ELF in it")
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    partial.write_bytes(gzip.compress(kernel, 1, mtime=0))
    os.utime(partial, (source.stat().st_atime, source.stat().st_mtime))
    os.rename(partial, target)


def _payload(image):
    """The compressed kernel; Linux Documentation/arch/x86/boot.rst, setup_sects, payload_offset and payload_length."""
    sectors = image[0x1F1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (sectors + 1) * 512 + offset
    return image[start : start + length]
