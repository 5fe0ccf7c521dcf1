#!/bin/sh
# What `scripts/bench pool` runs in dom0: pool.sh GUESTS ROUNDS. One JSON object a file in /tmp/bench.
# A part that fails is reported and left out; the others go on.
# Programs and images are copied first: what is read from /src arrives at no particular virtual time.
set -u
guests=$1 rounds=$2
out=/tmp/bench run=/tmp/pool
mkdir -p "$out" "$run"
say() { echo "bench: $*" >&2; }
part() {
    name=$1
    shift
    say "$name"
    "$@" >"$out/$name" || { say "$name FAILED"; rm -f "$out/$name"; }
}

for program in release/chaosd lvm/lvm release/bench-pool; do cp "/src/target/$program" "$run/"; done
cp /src/target/guests/hello-c /src/target/guests/echo "$run/"
PATH=$run:$PATH
flavour() { printf '[[pool.flavour]]\nlow = %s\nhigh = 128\n[pool.flavour.guest]\nkernel = "%s"\nmemory = "2 MiB"\ntype = "pvh"\n' "$1" "$run/$2"; }
{
    printf '[pool]\nbudget = "512 MiB"\nlearn = { flavours = 0 }\n'
    flavour 64 hello-c
    flavour 16 echo
    printf '[[pool.flavour.guest.nic]]\nnetwork = "bench"\n'
} >"$run/chaosd.toml"
chaosd --config "$run/chaosd.toml" --log warn >>"$out/chaosd.log" 2>&1 &
daemon=$!
trap 'kill $daemon' EXIT
until [ -S /run/lightvm/chaosd.sock ]; do kill -0 $daemon || exit; sleep 0.05; done
lvm network create bench --routed --subnet4 10.95.0.1/16 >&2

part finish bench-pool finish --rounds "$rounds" "$run/hello-c"
part cli bench-pool cli "$run/hello-c"
part sustained bench-pool sustained "$run/hello-c"
part churn bench-pool churn --guests "$((guests < 1000 ? guests : 1000))" "$run/hello-c"
part flat bench-pool flat --guests "$guests" --network bench "$run/echo"
lvm pool >&2
