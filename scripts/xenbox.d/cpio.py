"""Writes initramfs archives ("newc" cpio), straight from a tar: no root and no cpio program needed."""

import stat
import tarfile

TRAILER = "TRAILER!!!"
_TYPES = {
    tarfile.REGTYPE: stat.S_IFREG,
    tarfile.AREGTYPE: stat.S_IFREG,
    tarfile.DIRTYPE: stat.S_IFDIR,
    tarfile.SYMTYPE: stat.S_IFLNK,
    tarfile.CHRTYPE: stat.S_IFCHR,
    tarfile.BLKTYPE: stat.S_IFBLK,
    tarfile.FIFOTYPE: stat.S_IFIFO,
}


class Writer:
    """Appends entries to a binary file; `close` writes the trailer."""

    def __init__(self, out):
        self._out = out
        self._inode = 0

    def file(self, name, data, mode=0o644):
        self.entry(name, stat.S_IFREG | mode, data)

    def directory(self, name, mode=0o755):
        self.entry(name, stat.S_IFDIR | mode)

    def node(self, name, major, minor, mode=0o600):
        self.entry(name, stat.S_IFCHR | mode, device=(major, minor))

    def entry(self, name, mode, data=b"", owner=(0, 0), device=(0, 0), mtime=0):
        self._inode += 1
        encoded = name.encode() + b"\0"
        fields = (self._inode, mode, *owner, 1, mtime, len(data), 0, 0, *device, len(encoded), 0)
        self._write(b"070701" + b"".join(b"%08x" % field for field in fields) + encoded)
        self._write(data)

    def close(self):
        self.entry(TRAILER, 0)

    def _write(self, data):
        self._out.write(data)
        self._out.write(b"\0" * (-len(data) % 4))


def from_tar(stream, out, take):
    """Turns a tar stream into an archive. Hard links become copies.

    Files named in `take` (path to key) are left out of the archive; their contents are returned by key.
    """
    writer = Writer(out)
    contents, taken = {}, {}
    with tarfile.open(fileobj=stream, mode="r|") as tar:
        for member in tar:
            name = member.name.removeprefix("./").strip("/")
            if name in ("", "."):
                continue
            kind, data = member.type, b""
            if member.isreg():
                data = contents[member.name] = tar.extractfile(member).read()
            elif member.islnk():
                kind, data = tarfile.REGTYPE, contents[member.linkname]
            elif member.issym():
                data = member.linkname.encode()
            if name in take:
                taken[take[name]] = data
                continue
            writer.entry(
                name,
                _TYPES[kind] | member.mode,
                data,
                owner=(member.uid, member.gid),
                device=(member.devmajor, member.devminor) if member.isdev() else (0, 0),
                mtime=int(member.mtime),
            )
    writer.close()
    return taken
