#!/bin/sh
# What `scripts/bench density` runs in dom0: density.sh GUESTS. One JSON object to standard output.
set -eu
guests=$1 run=/tmp/density
mkdir -p "$run"
for program in chaosd lvm bench-pool; do cp "/src/target/release/$program" "$run/"; done
cp /src/target/guests/daytime "$run/"
PATH=$run:$PATH
# Linux remembers 1,024 neighbours by default (docs/network.md).
for level in 1 2 3; do echo 16384 >/proc/sys/net/ipv4/neigh/default/gc_thresh$level; done
# As the unit has it: a shell may allow a few thousand only.
ulimit -n 65536
# Shells would be counted as guests' memory.
printf '[pool]\nenabled = false\n' >"$run/chaosd.toml"
chaosd --config "$run/chaosd.toml" --log warn >"$run/chaosd.log" 2>&1 &
daemon=$!
trap 'kill $daemon; tail -n 20 "$run/chaosd.log" >&2' EXIT
until lvm network create crowd --routed --subnet4 10.96.0.1/18 >&2; do kill -0 $daemon && sleep 0.2; done
bench-pool density --guests "$guests" --network crowd "$run/daytime"
sed -n 's/^VmRSS:[[:space:]]*/bench: the daemon then has /p' /proc/$daemon/status >&2
