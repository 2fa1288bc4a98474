"""pylock.toml, the standard lock file: each package with its own marker.

https://packaging.python.org/en/latest/specifications/pylock-toml/
"""

from __future__ import annotations

from envcheck.inputs import locktoml
from envcheck.inputs.gathered import Gathered
from envcheck.inputs.locked import Package, take, text, texts


def read(text_: str, path: str, gathered: Gathered) -> None:
    """Take the packages whose markers hold for the target's Python, platform, extras and groups."""
    lock = locktoml.read(text_, path)
    gathered.markers.fit_python(text(lock.top.get("requires-python")))
    choice = gathered.choice
    default = texts(lock.top.get("default-groups"))
    groups = {group for group in (*texts(lock.top.get("dependency-groups")), *default) if choice.takes(group, group in default)}
    extras = {extra for extra in texts(lock.top.get("extras")) if choice.takes_extra(extra)}
    for extra in texts(lock.top.get("extras")):
        gathered.met("extra", extra, extra in extras)
    for group in texts(lock.top.get("dependency-groups")):
        gathered.met("group", group, group in groups)
    found = []
    for row, line in zip(lock.packages, lock.lines):
        origin, marker = f"{path}:{line}", text(row.get("marker"))
        if marker and not gathered.markers.hold(marker, origin, extras, groups):
            continue
        if not gathered.markers.admits(text(row.get("requires-python"))):
            continue
        found.append(Package(text(row.get("name")), text(row.get("version")), origin))
        if row.get("name") == "torch":
            gathered.index(text(row.get("index")), origin, only=True)
    take(found, gathered)
    gathered.complete.append(not gathered.left_out())
    gathered.say_left_out(path)
