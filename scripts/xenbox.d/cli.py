"""The command line of xenbox: low-level arguments to checked options, verbs to actions."""

import argparse
import os
import signal
import sys

import verbs
from box import BOOT_SECONDS, DEFAULT_DOM0_MEM, DEFAULT_MEM, METERED_RUN_SECONDS
from errors import XenboxError
from release import DEFAULT_XEN, RELEASES

EPILOG = """\
examples:
  scripts/xenbox run -- xl info                 boot Xen 4.17 when it is not up, run a command in dom0
  cargo build && scripts/xenbox run -- lvm list the programs just built are on PATH in the box
  scripts/xenbox run --metered -- lvm list      on the host whose clock counts instructions
  scripts/xenbox run --xen 4.20 -- /src/scripts/some-test
  scripts/xenbox shell                          look around
  scripts/xenbox put guest.cfg /root/           copy into the box, `get` copies out
  scripts/xenbox xl-up && scripts/xenbox run -- xl list
  scripts/xenbox up --name big --mem 21504      another box beside it
  scripts/xenbox log xen                        what Xen wrote on its console
  scripts/xenbox down --all                     end every box of this checkout

in the box:
  /src                       this checkout, read-only
  /src/target/{release,debug} on PATH
  /src/target/guests         guest images; debian/ has Debian's kernels, GRUB and an initramfs with a shell
  /tmp, /root                writable, gone with the box

environment:
  XENBOX_MIRROR   Debian mirror to build from (default: this machine's own on Debian, else deb.debian.org)
  XENBOX_CACHE    where built images are kept (default: ~/.cache/lightvm-xenbox, shared by all checkouts)
  XENBOX_STATE    where running boxes have their files (default: /tmp/xenbox-UID)
  XENBOX_REPO     another directory to show at /src

exit status: the command's own; 124 it ran into --timeout, 125 the box failed, 126/127 it could not be run
docs/xenbox.md has the details.
"""


def build_parser():
    top = argparse.ArgumentParser(
        prog="xenbox",
        description="A real Xen host under QEMU, for developing and measuring on any Debian or Ubuntu machine.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    sub = top.add_subparsers(dest="verb", metavar="VERB", required=True)
    _verb(sub, "up", verbs.up, "boot a box unless it is up")
    run = _verb(sub, "run", verbs.run, "run a command in dom0 (boots the box when it is not up)")
    _run_arguments(run)
    _run_arguments(_verb(sub, "shell", verbs.shell, "a shell in dom0"), command=False)
    put = _verb(sub, "put", verbs.put, "copy a file or directory into the box")
    get = _verb(sub, "get", verbs.get, "copy a file or directory out of the box")
    for verb, source, target in ((put, "here", "in the box"), (get, "in the box", "here")):
        verb.add_argument("source", metavar="SRC", help=f"path {source}")
        verb.add_argument("target", metavar="DST", help=f"path {target}; a directory takes SRC in")
    status = _verb(sub, "status", verbs.status, "the boxes of this checkout", box=False)
    status.add_argument("--json", action="store_true", help="for programs")
    log = _verb(sub, "log", verbs.log, "the consoles of Xen and dom0")
    log.add_argument("which", nargs="?", choices=("xen", "dom0"), help="only this one's (default: both, interleaved)")
    log.add_argument("-f", "--follow", action="store_true", help="go on as it grows")
    down = _verb(sub, "down", verbs.down, "end a box and remove what it left")
    down.add_argument("--all", action="store_true", help="every box of this checkout")
    xl_up = _verb(sub, "xl-up", verbs.xl_up, "start a xenstored and xenconsoled in the box, for stock xl")
    xl_up.add_argument(
        "--xenstored", choices=("oxenstored", "xenstored"), help="which one: in OCaml or in C (default: the one that runs, or oxenstored)"
    )  # fmt: skip
    _verb(sub, "xl-down", verbs.in_box("xl-down"), "stop them again")
    build = _verb(sub, "build-image", verbs.build_image, "build images now instead of on first use", box=False)
    build.add_argument("--xen", choices=sorted(RELEASES), help="only this release (default: all)")
    headers = _verb(sub, "headers", verbs.headers, "print a directory with Xen's C headers and libraries", box=False)
    headers.add_argument("--xen", choices=sorted(RELEASES), default=DEFAULT_XEN, help="Xen release (default: %(default)s)")
    return top


def _verb(sub, name, action, summary, box=True):
    verb = sub.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
    verb.set_defaults(action=action)
    if box:
        _box_options(verb.add_argument_group("the box"))
    return verb


def _box_options(group):
    group.add_argument("--name", help="its name (default: the Xen release, and -metered when metered)")
    group.add_argument("--xen", choices=sorted(RELEASES), help=f"Xen release (default: {DEFAULT_XEN})")
    group.add_argument("--mem", type=_mebibytes, metavar="MiB", help=f"memory of the whole host (default: {DEFAULT_MEM})")
    group.add_argument("--dom0-mem", type=_mebibytes, metavar="MiB", help=f"dom0's part of it (default: {DEFAULT_DOM0_MEM})")
    group.add_argument("--metered", action="store_true", default=None, help="one instruction takes one nanosecond of its clock")
    group.add_argument("--xen-args", metavar="ARGS", help="more options for Xen's command line")
    group.add_argument("--dom0-args", metavar="ARGS", help="more options for the command line of dom0's kernel")
    group.add_argument(
        "--boot-timeout", type=_seconds, metavar="SECONDS", default=BOOT_SECONDS, help="limit of a boot (default: %(default)s)"
    )


def _run_arguments(verb, command=True):
    verb.add_argument(
        "--timeout", type=_seconds, metavar="SECONDS",
        help=f"wall time after which the command is killed (default: {METERED_RUN_SECONDS} on a metered box, else none)",
    )  # fmt: skip
    verb.add_argument("--cwd", metavar="DIR", help="directory in the box to start in (default: /root)")
    if command:
        verb.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="set a variable; may be repeated")
        verb.add_argument("-t", "--tty", action="store_true", help="give the command a terminal")
        verb.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND [ARGUMENT ...]")


def _mebibytes(text):
    if not text.isdecimal() or int(text) < 128:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of MiB of at least 128")
    return int(text)


def _seconds(text):
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e7:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of seconds above 0")
    return value


def _interrupt(*_):
    raise KeyboardInterrupt


def main():
    args = build_parser().parse_args()
    # Whatever ends xenbox, what it began is undone: a half-built image, a half-booted box.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        return args.action(args)
    except XenboxError as error:
        print(f"xenbox: {error}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        # Whoever read our output has gone; Python must not complain about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141


if __name__ == "__main__":
    sys.exit(main())
