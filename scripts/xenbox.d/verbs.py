"""What the verbs of the command line do. Each takes the parsed arguments and returns an exit status."""

import json
import sys
from dataclasses import asdict

import cache
import consolelog
import copy_files
import guests
import headers as xen_headers
import host
import image
import terminal
from box import DEFAULT_DOM0_MEM, DEFAULT_MEM, METERED_RUN_SECONDS, Box, Options
from errors import XenboxError
from release import DEFAULT_XEN, RELEASES

USAGE = 2


def named_box(args):
    """The box the arguments speak of, whether or not it is there."""
    if args.name:
        return Box(args.name)
    return Box((args.xen or DEFAULT_XEN) + ("-metered" if args.metered else ""))


def wanted_options(args, box):
    """The options asked for; what is not asked for is as the box is, or the default."""
    is_up = asdict(box.options) if box.state == "up" else {}
    default = {"xen": DEFAULT_XEN, "mem": DEFAULT_MEM, "dom0_mem": DEFAULT_DOM0_MEM, "metered": False}
    asked = {key: getattr(args, key) for key in (*default, "xen_args", "dom0_args") if getattr(args, key) is not None}
    options = Options(**{**default, **is_up, **asked, "name": box.name})
    if options.dom0_mem + 256 > options.mem:
        raise XenboxError(f"--mem {options.mem} leaves less than 256 MiB beside dom0's {options.dom0_mem}", USAGE)
    return options


def ensure_up(args):
    host.require_to_run()
    box = named_box(args)
    booted = box.up(wanted_options(args, box), args.boot_timeout)
    return box, booted


def up(args):
    box, booted = ensure_up(args)
    if not booted:
        cache.say(f"{box.name} is up already")
    return 0


def run(args):
    argv = args.command[1:] if args.command[:1] == ["--"] else args.command
    if not argv:
        raise XenboxError("nothing to run: xenbox run [options] -- COMMAND [ARGUMENT ...]", USAGE)
    for setting in args.env:
        if "=" not in setting:
            raise XenboxError(f"--env takes NAME=VALUE, not '{setting}'", USAGE)
    env = dict(setting.split("=", 1) for setting in args.env)
    return _execute(args, argv, env, tty=args.tty)


def shell(args):
    return _execute(args, ["bash", "-i"] if sys.stdin.isatty() else ["bash"], {}, tty=sys.stdin.isatty())


def _execute(args, argv, env, tty):
    box, _ = ensure_up(args)
    timeout = args.timeout or (METERED_RUN_SECONDS if box.options.metered and not tty else None)
    request = {"argv": argv, "cwd": args.cwd, "env": env}
    with terminal.raw(request) if tty else terminal.untouched():
        return box.execute(request, timeout)


def xl_up(args):
    box, _ = ensure_up(args)
    argv = ["xl-up"] + ([args.xenstored] if args.xenstored else [])
    return box.execute({"argv": argv}, METERED_RUN_SECONDS, stdin=None)


def in_box(program):
    """The action that runs one of the box's own programs."""

    def action(args):
        box, _ = ensure_up(args)
        return box.execute({"argv": [program]}, METERED_RUN_SECONDS, stdin=None)

    return action


def put(args):
    box, _ = ensure_up(args)
    return copy_files.put(box, args.source, args.target)


def get(args):
    box, _ = ensure_up(args)
    return copy_files.get(box, args.source, args.target)


def status(args):
    report = [found for box in Box.all() if (found := box.describe())]
    if args.json:
        print(json.dumps(report, indent=2))
        return 0
    if not report:
        print("no box of this checkout is up (scripts/xenbox up boots one)")
    for box in report:
        mode = "metered" if box["metered"] else "free-running"
        line = f"{box['name']:<16} {box['state']:<8} Xen {box['xen']}  {box['mem']} MiB  {mode}"
        print(line + (f"  QEMU {box['pid']}" if box["pid"] else "") + (f"  {box['cause']}" if box["cause"] else ""))
    return 0


def log(args):
    box = named_box(args)
    if not box.console.exists():
        raise XenboxError(f"there is no console log of {box.name}; boot it with: xenbox up")
    consolelog.show(box, args.which, args.follow)
    return 0


def down(args):
    boxes = Box.all() if args.all else [named_box(args)]
    gone = [box.name for box in boxes if box.down()]
    for name in gone:
        cache.say(f"{name} is down")
    if not gone and not args.all:
        cache.say(f"{boxes[0].name} was not up")
    return 0


def build_image(args):
    wanted = [RELEASES[args.xen]] if args.xen else RELEASES.values()
    for release in wanted:
        print(image.ensure(release).directory)
    guests.provide()
    return 0


def headers(args):
    print(xen_headers.ensure(RELEASES[args.xen]))
    return 0
