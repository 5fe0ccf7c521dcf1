#!/bin/sh
# What `scripts/bench idle` runs in dom0: idle.sh GUESTS SHARDS. What so many guests cost that do
# nothing, each with a console and a network interface: one JSON object in /tmp/bench/idle.
set -eu
guests=$1 shards=$2
out=/tmp/bench run=/tmp/idle ticks=$(getconf CLK_TCK)
mkdir -p "$out" "$run"
say() { echo "bench: $*" >&2; }

cp /src/target/guests/echo /src/target/release/chaosd /src/target/release/lvm "$run/"
PATH=$run:$PATH
# Shells would be counted as guests' memory.
printf 'shards = %s\n[pool]\nenabled = false\n' "$shards" >"$run/chaosd.toml"
chaosd --config "$run/chaosd.toml" --log warn >>"$out/chaosd.log" 2>&1 &
daemon=$!
trap 'kill $daemon' EXIT
until lvm network create idle --routed --subnet4 10.94.0.1/16 >&2; do kill -0 $daemon && sleep 0.2; done

guest() {
    printf 'name = "idle-%s"\nkernel = "%s/echo"\nmemory = "2 MiB"\n[[nic]]\nnetwork = "idle"\n' "$1" "$run" >"$run/guest.toml"
    lvm create "$run/guest.toml" >/dev/null
}

# KiB of a field of /proc/meminfo or of the daemon's status.
field() { sed -n "s/^$1:[[:space:]]*\([0-9]*\) kB/\1/p" "$2"; }
# Memory of dom0 that is in use, the daemon's own included.
used() { echo $(($(field MemTotal /proc/meminfo) - $(field MemAvailable /proc/meminfo))); }
rss() { field VmRSS /proc/$daemon/status; }
# Jiffies of processor time of the daemon.
time_used() { sed 's/.*) //' /proc/$daemon/stat | awk '{ print $12 + $13 }'; }

# The first guests bring code and buffers that all of them share.
for n in 1 2 3 4; do guest "first-$n"; done
sleep 3
rss0=$(rss) used0=$(used) slab0=$(field Slab /proc/meminfo)
say "$guests guests"
for n in $(seq "$guests"); do guest "$n"; done
say "waiting for them to rest"
sleep 10
rss1=$(rss) used1=$(used) slab1=$(field Slab /proc/meminfo)
before=$(time_used) began=$(cut -d' ' -f1 /proc/uptime)
sleep 30
after=$(time_used) ended=$(cut -d' ' -f1 /proc/uptime)
threads=$(sed -n 's/^Threads:[[:space:]]*//p' /proc/$daemon/status)

awk -v n="$guests" -v shards="$shards" -v threads="$threads" -v rss=$((rss1 - rss0)) \
    -v used=$((used1 - used0)) -v slab=$((slab1 - slab0)) -v all="$rss1" \
    -v ticks=$((after - before)) -v hz="$ticks" -v seconds="$(echo "$ended $began" | awk '{ print $1 - $2 }')" \
    'BEGIN { printf "{\"guests\":%d,\"shards\":%d,\"daemon_kib\":%.2f,\"dom0_kib\":%.2f,\"slab_kib\":%.2f,\"cpu_percent\":%.3f,\"daemon_rss_kib\":%d,\"threads\":%d}\n",
        n, shards, rss / n, used / n, slab / n, 100 * ticks / hz / seconds, all, threads }' >"$out/idle"
cat "$out/idle" >&2
