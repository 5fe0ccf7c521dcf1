"""Makes some of the right requests ones that can be carried out: a kernel that is there, an end to what has none."""

import random

import schemathesis

# Of the box: see `start`.
KERNEL = "/tmp/noop"
DISK = "/tmp/disk.img"
MOST_MS = 1000

chosen = random.Random(1)


def sometimes():
    return chosen.random() < 0.5


@schemathesis.hook
def before_call(context, case, kwargs):
    name = case.operation.definition.raw.get("operationId")
    if name == "followEvents" and case.query.get("follow", 1) in (1, "1"):
        case.query = {**case.query, "follow": "0"}
    if not case.meta or not case.meta.generation.mode.is_positive or not isinstance(case.body, dict):
        return
    if name == "createGuest":
        case.body = guest(case.body)
    elif name == "createGuests":
        case.body = {**case.body, "guests": [guest(one) for one in case.body.get("guests", [])[:3]]}
    elif name == "addFlavour" and sometimes():
        case.body = {**case.body, "low": 1, "high": 2, "guest": {"kernel": KERNEL, "memory": "4MiB"}}
    elif name == "attachDisk" and sometimes():
        case.body = {**case.body, "path": DISK}
    elif "timeout_ms" in case.body:
        case.body = short(case.body)


def guest(body):
    """A request that ends soon, and every other time is good for a guest."""
    body = short(body)
    if sometimes():
        config = {key: value for key, value in body.get("config", {}).items() if key in ("name", "nic", "user_data")}
        body["config"] = {**config, "kernel": KERNEL, "memory": "4MiB", "cmdline": "idle", "hotplug_slots": 2}
    elif isinstance(body.get("config"), dict):
        body["config"] = {**body["config"], "kernel": KERNEL}
    return body


def short(body):
    timeout = body.get("timeout_ms")
    return {**body, "timeout_ms": min(timeout, MOST_MS) if isinstance(timeout, int) else MOST_MS}
