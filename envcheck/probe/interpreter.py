"""What an interpreter says of itself: a self-contained script for CPython 3.8 and newer, run by path or called in place.

It imports nothing outside the standard library and no package of the environment it describes.
"""

import os
import sys


def describe():
    # type: () -> dict
    """The interpreter's version, platform, import path and site folders; a text that is missing is None."""
    import sysconfig

    # Without `site` (-S) nobody computed where the user site would be.
    site = sys.modules.get("site")
    return {
        "python": release(sys.version_info),
        "executable": sys.executable,
        "base_prefix": sys.base_prefix,
        "platform": sys.platform,
        "machine": _machine(),
        "glibc": _glibc(),
        "path": [entry for entry in sys.path if entry],
        "site": [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")],
        "user_site": getattr(site, "USER_SITE", None),
    }


_STAGES = {"alpha": "a", "beta": "b", "candidate": "rc"}


def release(info):
    # type: (tuple) -> str
    """`3.11.7` or `3.14.0rc1`: a pre-release is older than what `3.14.0` promises, and must not pass for it."""
    stage = _STAGES.get(info[3])
    return ".".join(map(str, info[:3])) + ("%s%d" % (stage, info[4]) if stage else "")


def _machine():
    # type: () -> str
    if hasattr(os, "uname"):
        return os.uname().machine
    # A 32-bit Python on 64-bit Windows tells the truth only in the second variable.
    return os.environ.get("PROCESSOR_ARCHITEW6432") or os.environ.get("PROCESSOR_ARCHITECTURE", "")


def _glibc():
    # type: () -> object
    """`glibc 2.35` on glibc; None on musl, macOS and Windows."""
    try:
        text = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, ValueError, OSError):
        return None
    name, _, version = text.partition(" ")
    return version if name == "glibc" else None


def main(report, arguments):
    # type: (object, object) -> None
    """Report the description as one row: see `envcheck.child`."""
    report(describe())
