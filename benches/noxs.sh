#!/bin/sh
# What `scripts/bench noxs` runs in dom0: noxs.sh SUITE [PART]. One JSON object a file in /tmp/bench.
# A part that fails is reported and left out; the others go on.
# Programs and images are copied first: what is read from /src arrives at no particular virtual time.
set -u
suite=$1 only=${2-}
out=/tmp/bench
mkdir -p "$out"
say() { echo "bench: $*" >&2; }
# Whether a part is asked for, by its name or the first word of it: ping is ping_pv, too.
wanted() { case $only in '' | "$1") ;; *) case $1 in "$only"_*) ;; *) return 1 ;; esac ;; esac; }
part() {
    name=$1
    shift
    wanted "$name" || return 0
    say "$name"
    "$@" >"$out/$name" || { say "$name FAILED"; rm -f "$out/$name"; }
}

host() {
    modprobe -a loop bridge tun xen-netback xen-blkback
    ip link add bench0 type bridge forward_delay 0
    ip addr add 10.9.0.1/24 dev bench0
    ip link set bench0 up
    truncate -s 64M /tmp/disk.img
    cp /src/target/guests/echo /src/target/guests/noop /tmp/
    cp "/src/target/guests/debian/$suite-vmlinuz" /tmp/vmlinuz
    cp "/src/target/bench/linux-$suite.cpio" /tmp/initrd
    for program in chaosd lvm bench-devices; do cp "/src/target/release/$program" /tmp/; done
    PATH=/tmp:$PATH
}

daemon() {
    # Shells would be built while others are measured.
    printf '[pool]\nenabled = false\n' >/tmp/chaosd.toml
    chaosd --config /tmp/chaosd.toml --log warn >>"$out/chaosd.log" 2>&1 &
    daemon=$!
    until [ -S /run/lightvm/chaosd.sock ]; do kill -0 $daemon && sleep 0.05 || return; done
}

# linux NAME IP CONTROL NIC: a Linux guest; its number to standard output.
linux() {
    cat >"/tmp/$1.toml" <<END
name = "$1"
type = "pvh"
kernel = "/tmp/vmlinuz"
ramdisk = "/tmp/initrd"
memory = "256 MiB"
cmdline = "console=hvc0 quiet BENCH_IP=$2/24"
control = "$3"
[[nic]]
$4
[[disk]]
path = "/tmp/disk.img"
END
    lvm create "/tmp/$1.toml" >&2 && number "$1"
}

number() {
    lvm list --json | tr -d '\n' | tr '{' '\n' |
        sed -n "/\"name\": *\"$1\"/s/.*\"domid\": *\([0-9]*\).*/\1/p" | head -n 1
}

host
daemon
lvm network create bench --bridge bench0 >&2
cat >/tmp/echo.toml <<END
name = "echo"
kernel = "/tmp/echo"
memory = "8 MiB"
[[nic]]
network = "bench"
addresses = ["10.9.0.4/24"]
END
part first_packet bench-devices first-packet /tmp/echo.toml
native() {
    sed "1i type = \"$2\"" /tmp/echo.toml >"/tmp/echo-$2.toml"
    lvm create "/tmp/echo-$2.toml" >&2
    part "$1" bench-devices ping 10.9.0.4 "$(number echo)"
    lvm destroy echo >&2
}
if wanted ping; then native ping pvh && native ping_pv pv; fi
part devices bench-devices create /tmp/noop
# beside LINUX NAME IP CONTROL NIC PING: the parts of a Linux guest.
beside() {
    domain=$(linux "$2" "$3" "$4" "$5")
    # Its kernel boots for seconds.
    timeout 60 sh -c 'until ping -q -c 1 -W 1 "$0"; do :; done' "$3" >&2
    part "$1" bench-devices linux "$3" "${domain:-0}"
    part "$6" bench-devices ping "$3" "${domain:-0}"
    lvm destroy "$2" >&2
}
if wanted ping || wanted linux; then
    beside linux ours 10.9.0.3 facade 'network = "bench"' ping_linux
    # xenstored wants to hear of domains' ends from Xen, which tells one program: it goes first.
    kill "$daemon" && wait "$daemon"
    /usr/lib/xenbox/bin/xl-up >&2
    daemon
    beside linux_kernel kernels 10.9.0.2 xenstore 'bridge = "bench0"' ping_kernel
fi
kill "$daemon"
tail -n 20 "$out/chaosd.log" >&2
