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
  130  ended by Ctrl-C or SIGTERM";

pub(super) const CREATE_USAGE: &str = "lvm create [OPTIONS] [CONFIG] [KEY=VALUE]...";

pub(super) const CREATE: &str = "\
Flags win over KEY=VALUE, KEY=VALUE over the file. Keys are described in docs/configuration.md.

Whatever fails leaves nothing behind. With -n, a failure or Ctrl-C destroys the guests that this
command created before; --keep keeps them. During --wait, Ctrl-C leaves and the guest lives on.
With --console, Ctrl-] detaches and every other key goes to the guest, Ctrl-C too; once detached,
nobody does what on_poweroff, on_reboot or on_crash say until `lvm shutdown` or `lvm destroy`.

Examples:
  lvm create guest.toml                              a guest of our own kind of file
  lvm create guest.cfg 'memory=64' 'extra+=\" quiet\"'  an xl.cfg as it is, two keys changed
  lvm create --kernel noop -m 4 --name n -n 100      n-1 to n-100
  lvm create --kernel vmlinuz --ramdisk initrd.gz --cmdline console=hvc0 -m 256 --console
  lvm create guest.toml --wait --timeout 5 --timings  up to the first sign of life, stage by stage
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
(or as --timeout and --drain say). Only one program at a time can be attached.

Examples:
  lvm console web-1
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
The guest is NOT asked to shut down: it has no channel yet on which it could be. It is stopped from
outside, as if it had powered itself off (SCHEDOP_remote_shutdown), so its file systems are not
unmounted. Then its on_poweroff action is done: destroy (the default), restart, preserve or
rename-restart. The same is done with a guest that has stopped by itself, for whatever reason.

To shut a guest down in order, tell it so on its console.

Examples:
  lvm shutdown web-1";

pub(super) const REBOOT: &str = "\
The guest is NOT asked to reboot: it has no channel yet on which it could be. It is stopped from
outside, as if it had asked for a reboot itself (SCHEDOP_remote_shutdown), so its file systems are
not unmounted. Then its on_reboot action is done: restart (the default) builds it again from its
configuration, under the same name and UUID, in a new domain.

Examples:
  lvm reboot web-1";

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
