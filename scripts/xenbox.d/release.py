"""The Xen releases xenbox knows, and what each is made of."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Release:
    """One Xen release and the Debian suite that ships it."""

    xen: str
    suite: str

    @property
    def hypervisor_package(self):
        return f"xen-hypervisor-{self.xen}-amd64"

    @property
    def packages(self):
        """What dom0 consists of, besides Debian's essential packages."""
        return (
            self.hypervisor_package,
            f"xen-utils-{self.xen}",
            "linux-image-amd64",
            "kmod",
            "iproute2",
            "iputils-ping",
            "procps",
            "psmisc",
            "e2fsprogs",
            "bridge-utils",
            "nftables",
            "socat",
            "curl",
            "strace",
            "python3",
        )


RELEASES = {r.xen: r for r in (Release("4.17", "bookworm"), Release("4.20", "trixie"))}
DEFAULT_XEN = "4.17"
