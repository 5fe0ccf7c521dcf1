"""The command line of xenbox."""

import argparse
import os
import sys

import host
import release
from box import BOOT_SECONDS, DEFAULT_DOM0_MEM, DEFAULT_MEM, METERED_RUN_SECONDS, Box, Options
from errors import XenboxError


def box_options(parser):
    parser.add_argument("--name", help="the box's name (default: Xen release, with -metered when metered)")
    parser.add_argument("--xen", choices=sorted(release.RELEASES), default=release.DEFAULT_XEN, help="Xen release (default: %(default)s)")
    parser.add_argument("--mem", type=int, metavar="MiB", default=DEFAULT_MEM, help="memory of the whole host (default: %(default)s)")
    parser.add_argument("--dom0-mem", type=int, metavar="MiB", default=DEFAULT_DOM0_MEM, help="dom0's share of it (default: %(default)s)")
    parser.add_argument("--metered", action="store_true", help="count instructions: one takes one nanosecond of the box's time")
    parser.add_argument("--boot-timeout", type=float, metavar="SECONDS", default=BOOT_SECONDS, help="wall time a boot may take (default: %(default)s)")


def options_of(args):
    name = args.name or args.xen + ("-metered" if args.metered else "")
    return Options(name, args.xen, args.mem, args.dom0_mem, args.metered)


def ensure_up(args):
    host.require_to_run()
    options = options_of(args)
    box = Box(options.name)
    booted = box.up(options, args.boot_timeout)
    return box, booted


def up(args):
    box, booted = ensure_up(args)
    if not booted:
        print(f"xenbox: {box.name} is up", file=sys.stderr)
    return 0


def run(args):
    argv = args.command[1:] if args.command[:1] == ["--"] else args.command
    if not argv:
        raise XenboxError("nothing to run: xenbox run [options] -- COMMAND [ARGUMENT…]", 2)
    box, _ = ensure_up(args)
    timeout = args.timeout or (METERED_RUN_SECONDS if args.metered else None)
    return box.execute({"argv": argv, "cwd": args.cwd}, timeout)


def down(args):
    boxes = Box.all() if args.all else [Box(options_of(args).name)]
    for box in boxes:
        if box.down():
            print(f"xenbox: {box.name} is down", file=sys.stderr)
    return 0


def parser():
    top = argparse.ArgumentParser(prog="xenbox")
    verbs = top.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, action in (("up", up), ("run", run), ("down", down)):
        verb = verbs.add_parser(name)
        verb.set_defaults(action=action)
        box_options(verb)
        if action is run:
            verb.add_argument("--timeout", type=float)
            verb.add_argument("--cwd")
            verb.add_argument("command", nargs=argparse.REMAINDER)
        if action is down:
            verb.add_argument("--all", action="store_true")
    return top


def main():
    args = parser().parse_args()
    try:
        return args.action(args)
    except XenboxError as error:
        print(f"xenbox: {error}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141


if __name__ == "__main__":
    sys.exit(main())
