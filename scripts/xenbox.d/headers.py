"""The C headers and libraries of a Xen release, to compile against."""

import re

import cache
import debs
import host

# Debian puts its libraries into a folder per architecture.
INCLUDE = r"usr/(include/.+)"
LIBRARY = r"usr/lib/x86_64-linux-gnu/(libxen[^/]+)"
PACKAGE = "libxen-dev"


def ensure(release):
    """A directory with `include/` and `lib/` of that release."""
    recipe = [release.suite, PACKAGE, INCLUDE, LIBRARY]
    return cache.entry(f"headers-{release.xen}", recipe, lambda result, scratch: _build(release, result, scratch))


def _build(release, result, scratch):
    host.require_to_build()
    cache.say(f"fetching the headers of Xen {release.xen} (once)")
    packages = debs.Suite(release.suite, scratch)
    for package in [PACKAGE, *packages.dependencies(PACKAGE, r"libxen.*")]:
        packages.extract(package, _name, result)


def _name(path):
    if match := re.fullmatch(INCLUDE, path):
        return match[1]
    if match := re.fullmatch(LIBRARY, path):
        return f"lib/{match[1]}"
    return None
