//! What stands below the options in each verb's help: how it behaves, and examples.

pub(crate) const LVM: &str = "\
A guest is named by its name, its UUID or its domain number.

Examples:
  lvm create --kernel noop --memory 4 --wait --timings
  lvm create debian.cfg --console
  lvm list
  lvm destroy --all

Exit codes:
  0    done
  1    failed, for a reason that no other code names
  2    wrong command line
  3    no such guest, or it vanished meanwhile
  4    no Xen dom0, no permission, or a Xen of an unknown version
  5    the host has no memory left, or no room for one more domain
  6    the name or the UUID is taken
  7    the time given with --timeout is over
  8    the configuration, or an image it names, cannot be used
  9    the daemon, chaosd, is needed and does not answer
  130  ended by Ctrl-C or SIGTERM";

pub(super) const CREATE_USAGE: &str = "lvm create [OPTIONS] [CONFIG] [KEY=VALUE]...";

pub(super) const CREATE: &str = "\
Flags win over KEY=VALUE, KEY=VALUE over the file. Keys are described in docs/configuration.md.

Where the daemon, chaosd, runs, it makes the guest and serves it: devices, control, a console that
is kept. Without it, or with --direct, a guest has a console and nothing else.

Whatever fails leaves nothing behind. With -n, a failure or Ctrl-C destroys the guests that this
command created before; --keep keeps them. During --wait, Ctrl-C leaves and the guest lives on.
With --console, Ctrl-] detaches and every other key goes to the guest, Ctrl-C too; once detached
from a guest without the daemon, nobody does what on_poweroff, on_reboot or on_crash say until
`lvm shutdown` or `lvm destroy`.

Examples:
  lvm create guest.toml                              a guest of our own kind of file
  lvm create guest.cfg 'memory=64' 'extra+=\" quiet\"'  an xl.cfg as it is, two keys changed
  lvm create --kernel noop -m 4 --name n -n 100      n-1 to n-100
  lvm create --kernel vmlinuz --ramdisk initrd.gz --cmdline console=hvc0 -m 256 --console
  lvm create guest.toml --wait --timeout 5 --timings  up to the first sign of life, stage by stage
  lvm create --kernel echo -m 4 --nic network=lan,ip=10.0.0.5/24 --wait ready
  lvm create debian.toml --disk /srv/debian.img,xvda,rw --nic bridge=br0
  lvm create guest.toml --json | jq .domid";

pub(super) const DESTROY: &str = "\
The guest is not asked: its domain is taken away with all it has. Dom0 is always refused. Domains
of other toolstacks need --foreign and their UUID or number; their toolstack is not told.

Examples:
  lvm destroy web-1 web-2
  lvm destroy --all
  lvm destroy --foreign 12";

pub(super) const LIST: &str = "\
Domains without a name were created by another toolstack.

Examples:
  lvm list -l
  lvm list -q | xargs lvm destroy
  lvm list --json | jq -r '.[] | select(.state == \"paused\") | .name'";

pub(super) const INFO: &str = "\
Examples:
  lvm info web-1
  lvm info web-1 --config > again.toml
  lvm info --host";

pub(super) const CONSOLE: &str = "\
In a terminal every key goes to the guest but Ctrl-], which detaches; the guest lives on. Without a
terminal, standard input goes to the guest and its output to standard output, until the guest ends
(or as --timeout and --drain say).

The daemon's guests can be watched by any number at once: each sees what was printed before it came,
then what is printed. One of them types; those who come later watch, as with --read-only. A guest
without the daemon has a console for one program at a time.

Examples:
  lvm console web-1
  lvm console web-1 --read-only
  echo 'uname -a' | lvm console web-1 --drain 1
  lvm console web-1 --dump
  lvm console web-1 --timeout 60 < /dev/null > boot.log";

pub(super) const PAUSE: &str = "\
A guest that is held already stays so.

Examples:
  lvm pause web-1 web-2";

pub(super) const UNPAUSE: &str = "\
A guest that is not held stays as it is.

Examples:
  lvm create guest.toml --paused && lvm unpause web-1";

pub(super) const SHUTDOWN: &str = "\
A guest of the daemon is asked to power off, as by pressing its power button, and waited for. Then
its on_poweroff action is done: destroy (the default), restart, preserve or rename-restart. A guest
that does not listen is left as it is, with exit code 7; --force stops it.

A guest without the daemon has no channel on which it could be asked: it is stopped from outside, as
if it had powered itself off (SCHEDOP_remote_shutdown), so its file systems are not unmounted.
--force does the same with the daemon's. The action is also done with a guest that has stopped by
itself, for whatever reason.

Examples:
  lvm shutdown web-1
  lvm shutdown web-1 web-2 --timeout 10 || lvm shutdown web-1 web-2 --force";

pub(super) const REBOOT: &str = "\
A guest of the daemon is asked to reboot, and waited for. Then its on_reboot action is done: restart
(the default) builds it again from its configuration, under the same name and UUID, in a new domain.
A guest that does not listen is left as it is, with exit code 7; --force stops it.

A guest without the daemon has no channel on which it could be asked: it is stopped from outside, as
if it had asked for a reboot itself (SCHEDOP_remote_shutdown), so its file systems are not
unmounted. --force does the same with the daemon's.

Examples:
  lvm reboot web-1
  lvm reboot web-1 --force";

pub(super) const LOG: &str = "\
The daemon keeps what its guests print, each in a log of limited size; the oldest goes first.

Examples:
  lvm log web-1 | tail
  lvm log web-1 --records | jq -r 'select(.severity <= 4) | .text'";

pub(super) const NETWORK: &str = "\
A network is a switch of the daemon: its guests reach each other, and through its uplink the world.

Examples:
  lvm network create lan --nat --subnet4 10.0.0.1/24 --dhcp
  lvm network list
  lvm network delete lan";

pub(super) const NETWORK_CREATE: &str = "\
Without --bridge, --routed and --nat its guests reach each other and nobody else.

Examples:
  lvm network create lan --nat --subnet4 10.0.0.1/24 --dhcp
  lvm network create office --bridge br0
  lvm network create dmz --routed --subnet4 192.0.2.1/28 --subnet6 2001:db8::1/64";

pub(super) const NET_ATTACH: &str = "\
The parts are those of `lvm create --nic`. A guest with a noxs page needs a slot kept free
(hotplug_slots).

Examples:
  lvm net-attach web-1 network=lan
  lvm net-attach web-1 bridge=br0,mac=00:16:3e:00:00:07";

pub(super) const NET_DETACH: &str = "\
The guest is told, and lets go of it; with --force it is taken away in any case.

Examples:
  lvm net-detach web-1 0";

pub(super) const NET_LIST: &str = "\
Examples:
  lvm net-list web-1
  lvm net-list web-1 --json | jq '.[].stats'";

pub(super) const BLOCK_ATTACH: &str = "\
The disk is written as for `lvm create --disk`. A guest with a noxs page needs a slot kept free
(hotplug_slots).

Examples:
  lvm block-attach web-1 /srv/data.img,xvdb
  lvm block-attach web-1 /dev/vg/backup,xvdc,ro";

pub(super) const BLOCK_DETACH: &str = "\
The guest is told, and lets go of it; with --force it is taken away in any case, also with writes
under way.

Examples:
  lvm block-detach web-1 xvdb";

pub(super) const BLOCK_LIST: &str = "\
Examples:
  lvm block-list web-1";

pub(super) const POOL: &str = "\
Shells are domains that chaosd builds in advance; a guest that is asked for takes one that fits.
READY is how many wait, WANTED how many recent demand asks for, HITS and MISSES are requests.

Examples:
  lvm pool
  lvm pool add web.toml --low 8 --high 64
  lvm pool remove 3
  lvm pool --json | jq '.flavours[] | {kernel, hits, misses}'";

pub(super) const EVENTS: &str = "\
Every event has a number, greater than the one before, over restarts of chaosd too. A `gap` says which
numbers are not to be had any more.

Examples:
  lvm events
  lvm events --past
  lvm events --after 1200 --json | jq -r 'select(.event == \"guest-gone\") | .guest.name'";

pub(super) const RENAME: &str = "\
Examples:
  lvm rename web-1 old-web-1";

pub(super) const VCPU_PIN: &str = "\
Holds until the guest is built again; its configuration's `cpus` holds for good.

Examples:
  lvm vcpu-pin web-1 all 0-3
  lvm vcpu-pin web-1 0 node:1,^7
  lvm vcpu-pin Domain-0 all 0";

pub(super) const SCHED_CREDIT2: &str = "\
Without --weight and --cap it shows the shares; what is not given stays as it is. Holds until the
guest is built again; its configuration's `cpu_weight` and `cap` hold for good.

Examples:
  lvm sched-credit2
  lvm sched-credit2 web-1 --weight 512
  lvm sched-credit2 web-1 --cap 50";

pub(super) const DMESG: &str = "\
Examples:
  lvm dmesg | tail
  lvm dmesg --clear > before.log
  lvm dmesg -f";

pub(super) const STATS: &str = "\
CPU% is the share of one CPU over the interval: a guest with two busy vCPUs has 200.

Examples:
  lvm stats
  lvm stats web-1 web-2 --interval 0.2
  lvm stats --json | jq '.domains[] | select(.cpu_percent > 90) | .name'";

pub(super) const COMPLETIONS: &str = "\
Examples:
  lvm completions bash > /etc/bash_completion.d/lvm
  lvm completions zsh > /usr/local/share/zsh/site-functions/_lvm
  lvm completions fish > ~/.config/fish/completions/lvm.fish";

pub(super) const MAN: &str = "\
Examples:
  lvm man /usr/local/share/man/man1 && man lvm-create";
