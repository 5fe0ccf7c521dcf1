#!/bin/sh
# Runs inside the freshly installed dom0 root file system: keeps what a Xen host needs, so that it unpacks quickly.
set -eu
cd /

release=$(ls /usr/lib/modules)
modules=/usr/lib/modules/$release
keep='drivers/xen/ drivers/virtio/ drivers/vhost/ drivers/block/(loop|nbd|virtio_blk|xen-|null_blk)
drivers/char/virtio_console drivers/char/hw_random/ drivers/net/(tun|tap|veth|dummy|virtio_net|net_failover|xen-|macv|bonding)
net/(9p|802|8021q|bridge|llc|core|ipv4|ipv6|netfilter|packet|sched|vmw_vsock|unix)/
fs/(9p|ext4|jbd2|netfs|fscache|fuse|overlayfs|squashfs|isofs|erofs|fat|vfat|nls)/ crypto/ lib/ arch/x86/crypto/'
pattern=$(echo $keep | tr ' ' '|')

# The wanted modules and everything they depend on.
find "$modules/kernel" -name '*.ko*' | sed "s|$modules/kernel/||" | grep -E "^($pattern)" |
    sed 's|.*/||; s|\.ko.*||' >/tmp/wanted
xargs -n 50 modprobe -S "$release" -a --show-depends </tmp/wanted 2>/dev/null |
    sed -n 's/^insmod \([^ ]*\).*/\1/p' | sed 's|^/lib/|/usr/lib/|' | sort -u >/tmp/kept
find "$modules/kernel" -name '*.ko*' | sort >/tmp/all
grep -v /test_ /tmp/kept >/tmp/needed
comm -23 /tmp/all /tmp/needed | xargs rm -f
# Unpacking a module costs more under emulation than reading it.
python3 - "$modules" <<'END'
import lzma, pathlib, sys
for packed in pathlib.Path(sys.argv[1]).rglob("*.ko.xz"):
    packed.with_suffix("").write_bytes(lzma.decompress(packed.read_bytes()))
    packed.unlink()
END
find "$modules" -type d -empty -delete
depmod "$release"
rm -f "$modules"/modules.alias "$modules"/modules.dep "$modules"/modules.symbols

cp "/boot/vmlinuz-$release" /vmlinuz.image
gzip -dc /boot/xen-[0-9]*-amd64.gz >/xen.image

rm -rf /boot/* /initrd.img* /vmlinuz /vmlinuz.old \
    /usr/share/doc /usr/share/man /usr/share/info /usr/share/locale /usr/share/zoneinfo /usr/share/perl /usr/share/perl5 \
    /usr/share/bash-completion /usr/share/lintian /usr/share/bug /usr/share/common-licenses /usr/share/initramfs-tools \
    /usr/share/i18n /usr/share/pam /usr/share/keyrings /usr/share/debconf /usr/share/python3 /usr/share/gcc /usr/share/gdb \
    /usr/share/applications /usr/share/pixmaps /usr/share/icons \
    /usr/lib/klibc /usr/lib/systemd /usr/lib/udev /usr/lib/apt /usr/lib/dpkg /usr/lib/initramfs-tools /usr/lib/firmware \
    /usr/lib/x86_64-linux-gnu/perl /usr/lib/x86_64-linux-gnu/perl-base /usr/lib/x86_64-linux-gnu/libperl.so* \
    /usr/lib/valgrind /usr/lib/usrmerge /usr/lib/x86_64-linux-gnu/gconv /usr/lib/x86_64-linux-gnu/security \
    /usr/lib/xen-*/boot/*.efi /usr/lib/debug \
    /var/lib/dpkg /var/lib/apt /var/cache /var/log/apt /var/log/*.log /var/lib/systemd \
    /etc/systemd /etc/apt /etc/initramfs-tools /tmp/*
rm -f /usr/lib/x86_64-linux-gnu/libapt-* /usr/lib/x86_64-linux-gnu/libdb-5.3.so /usr/lib/x86_64-linux-gnu/libsqlite3* \
    /usr/bin/perl /usr/bin/perl5* \
    /usr/bin/udevadm /usr/bin/apt* /usr/bin/dpkg* /usr/bin/systemd* /usr/bin/journalctl
rm -rf /usr/lib/python3*/test /usr/lib/python3*/unittest /usr/lib/python3*/pydoc* /usr/lib/python3*/idlelib \
    /usr/lib/python3*/lib2to3 /usr/lib/python3*/ensurepip /usr/lib/python3*/distutils /usr/lib/python3*/lib-dynload/*.a
# Of the compiled Python files only those the agent and xl's helpers want at once.
find /usr/lib/python3* -name __pycache__ -prune -exec rm -rf {} +
python3 -SEsc 'import fcntl, glob, json, pty, select, signal, struct, subprocess, termios, zlib'
mkdir -p /src /var/cache /var/log /var/lib
