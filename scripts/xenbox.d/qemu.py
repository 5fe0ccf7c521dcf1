"""QEMU: its command line, its life and its control socket."""

import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import link
import paths
from errors import XenboxError

# Each missing feature is a fault of emulation, not of Xen: with smap a PV dom0 dies in its first page fault, with pku or
# rdtscp a Linux guest in emulated SVM does; fixed CPU models panic Xen in mwait.
CPU = "max,-smap,-pku,-rdtscp"
FREE_RUNNING = ["-accel", "tcg,thread=multi"]
# Every instruction takes one nanosecond of virtual time, and idle time is skipped.
METERED = ["-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off"]
CPUS = 2
# With two, QEMU takes turns in slices as long as half the time to the next timer: a CPU that is woken by the other
# may wait milliseconds of virtual time for its turn.
METERED_CPUS = 1
# Xen's credit2 scheduler leaves a vCPU that has used up its credit to the last bit where it ran before, even when another
# CPU is idle and was woken for it (runq_candidate, CSCHED2_MIGRATE_RESIST): then nobody runs it, and dom0 stands still
# until something wakes the right CPU. On a machine so busy that time passes in leaps this happens within minutes.
XEN_OPTIONS = (
    "dom0_max_vcpus=1 com1=115200,8n1 console=com1 loglvl=warning guest_loglvl=warning sched_credit2_migrate_resist=0"
    # Under emulation, vector registers are lost where Xen switches them lazily: a program of dom0 that is interrupted while it
    # copies finds another domain's values in the lower halves of its ymm registers. Xen switches eagerly by itself on
    # processors with the LazyFP flaw.
    " spec-ctrl=eager-fpu"
)
# Where more virtual CPUs run than the box has, programs crashed at random without these, in dom0 and in guests. A metered
# box has one CPU and is to measure Xen as it is.
XEN_OPTIONS_FREE = "xsave=0 pcid=0"
DOM0_OPTIONS = "console=hvc0 rdinit=/init quiet panic=1"


def command(options, image):
    """The command line of a box; its sockets and logs are named relative to its directory."""
    # A comma separates boot modules; doubled, it is itself.
    dom0_line = f"{DOM0_OPTIONS} {options.dom0_args}".strip().replace(",", ",,")
    dom0 = f"dom0_mem={options.dom0_mem}M,max:{options.dom0_mem}M"
    xen = XEN_OPTIONS if options.metered else f"{XEN_OPTIONS} {XEN_OPTIONS_FREE}"
    return [
        "qemu-system-x86_64", "-name", f"xenbox-{options.name}",
        "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
        *(METERED if options.metered else FREE_RUNNING),
        "-cpu", CPU, "-smp", str(METERED_CPUS if options.metered else CPUS), "-m", str(options.mem),
        "-kernel", str(image.xen), "-append", f"{dom0} {xen} {options.xen_args}".strip(),
        "-initrd", f"{image.vmlinuz} {dom0_line},{image.initrd()}",
        "-chardev", "file,id=console,path=console.log", "-serial", "chardev:console",
        "-qmp", "unix:qmp,server=on,wait=off",
        "-fsdev", f"local,id=src,path={_escaped(paths.REPO)},security_model=none,readonly=on",
        "-device", "virtio-9p-pci,fsdev=src,mount_tag=src",
        *_link_options(),
    ]  # fmt: skip


def _link_options():
    yield from ("-device", f"virtio-serial-pci,max_ports={link.PORTS + 1}")
    for number in range(link.PORTS):
        yield from ("-chardev", f"socket,id=port{number},path=port{number},server=on,wait=off")
        yield from ("-device", f"virtserialport,nr={number + 1},chardev=port{number},name=xenbox.{number}")


def _escaped(path):
    return str(path).replace(",", ",,")


def start(argv, directory):
    """Starts QEMU detached from this process and its terminal; a small shell records how it ends."""
    script = '"$@" >qemu.log 2>&1 </dev/null & echo $! >pid; wait $!; echo $? >exit'
    subprocess.Popen(
        ["sh", "-c", script, "xenbox-supervisor", *argv],
        cwd=directory, start_new_session=True, close_fds=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if (directory / "exit").exists():
            raise XenboxError(f"QEMU did not start:\n{(directory / 'qemu.log').read_text()}")
        if process(directory) and (directory / f"port{link.PORTS - 1}").exists():
            return
        time.sleep(0.02)
    raise XenboxError("QEMU did not open its sockets within 10 s")


def process(directory):
    """The process number of the box's QEMU, or None. A reused number is not mistaken for it."""
    try:
        pid = int((directory / "pid").read_text())
        argv = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        same = os.path.samefile(f"/proc/{pid}/cwd", directory)
    except (OSError, ValueError):
        return None
    return pid if same and b"qemu-system" in argv[0] else None


def kill(directory):
    """Ends the box's QEMU, if there is one, and waits until it is gone."""
    for number, seconds in ((signal.SIGTERM, 3), (signal.SIGKILL, 10)):
        pid = process(directory)
        if pid is None:
            return
        os.kill(pid, number)
        deadline = time.monotonic() + seconds
        while process(directory) and time.monotonic() < deadline:
            time.sleep(0.02)
    if process(directory):
        raise XenboxError(f"QEMU (process {process(directory)}) cannot be killed")


def monitor(directory, verb):
    """Executes one QMP command without arguments, such as `stop` or `cont`."""
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(30)
        control.connect(str(directory / "qmp"))
        stream = control.makefile("rw")
        json.loads(stream.readline())
        for name in ("qmp_capabilities", verb):
            stream.write(json.dumps({"execute": name}))
            stream.flush()
            while "return" not in (reply := json.loads(stream.readline())):
                if "error" in reply:
                    raise XenboxError(f"QEMU refused {name}: {reply['error']['desc']}")
        return reply["return"]
