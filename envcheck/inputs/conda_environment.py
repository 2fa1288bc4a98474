"""conda's environment.yml: `dependencies` in conda's own words, with a section for pip.

https://docs.conda.io/projects/conda/en/stable/user-guide/tasks/manage-environments.html
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any, Optional

from envcheck import documents
from envcheck.documents import line_of
from envcheck.errors import InputError
from envcheck.inputs import conda_names, requirements
from envcheck.inputs.claims import shown
from envcheck.inputs.gathered import Gathered


def read(text: str, path: str, gathered: Gathered) -> None:
    """Take what an environment file asks for. Raises `InputError`."""
    document = documents.parse_yaml(_without_jinja(text), path)
    wishes = document.get("dependencies") if isinstance(document, dict) else None
    if not isinstance(wishes, list) or not wishes:
        raise InputError("names no dependency", where=path, hint="an environment file has a list under `dependencies:`")
    pip: list[Any] = []
    for wish in wishes:
        if isinstance(wish, str):
            take(wish, f"{path}:{line_of(wish)}", gathered)
        elif isinstance(wish, dict) and isinstance(wish.get("pip"), list):
            pip += wish["pip"]
    _pip(pip, path, gathered)
    gathered.complete.append(False)


def _without_jinja(text: str) -> str:
    # {% set version = "2.1" %} is no YAML; a comment keeps the lines where they are.
    return re.sub(r"^(\s*)\{%", r"\1# {%", text, flags=re.MULTILINE)


_WISH = re.compile(r"(?:(?P<channel>[^\s:\[\]]+)::)?(?P<name>[A-Za-z0-9_][\w.-]*)\s*(?P<rest>.*)", re.DOTALL)
_BRACKETS = re.compile(r"\[(.*)\]\s*$", re.DOTALL)
_PAIR = re.compile(r"(\w+)\s*=\s*(?:'([^']*)'|\"([^\"]*)\"|([^,\]]*))")


def take(wish: str, origin: str, gathered: Gathered) -> None:
    """Take one match specification (`pytorch::pytorch=2.1.0=py3.10_cuda12.1*`). What cannot be read is said, not guessed."""
    found = _WISH.fullmatch(wish.split(" #")[0].strip())
    if found is None:
        gathered.warn(f"{origin}: `{shown(wish)}` is no package as conda writes it; passed over")
        return
    version, build = _asked(found["rest"])
    conda_names.take(conda_names.Item(found["name"], version, build, origin, found["channel"] or "", True), gathered)


def _asked(rest: str) -> tuple[str, str]:
    """The version and the build of what stands behind a name."""
    brackets = _BRACKETS.search(rest)
    inside = {key: one or two or three for key, one, two, three in _PAIR.findall(brackets[1])} if brackets else {}
    rest = (rest[: brackets.start()] if brackets else rest).strip()
    version, build = rest, ""
    plain = re.fullmatch(r"(=?)([^=<>!~\s]+)(?:=|\s+)([^=<>!~\s,|]+)", rest)
    if plain:
        version, build = f"={plain[2]}" if plain[1] else plain[2], plain[3]
        # name=version=build asks for that very version.
        version = version.lstrip("=") if plain[1] and "*" not in version else version
    return inside.get("version") or version, inside.get("build") or build


def _pip(lines: Sequence[Optional[str]], path: str, gathered: Gathered) -> None:
    asked = Gathered(gathered.markers, gathered.warn, gathered.choice, gathered.table)
    for line in lines:
        if isinstance(line, str):
            requirements.one(line, path, f"{path}:{line_of(line)}", asked, os.path.dirname(path))
    gathered.follow(asked)
