"""setuptools' setup.cfg: `install_requires` and the extras (https://setuptools.pypa.io/en/latest/userguide/declarative_config.html)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from envcheck.errors import InputError
from envcheck.inputs import requirements
from envcheck.inputs.gathered import Gathered

NOTHING = "names no requirement"
_SECTION = re.compile(r"\[([^\]]+)\]\s*(?:[#;].*)?")
_KEY = re.compile(r"([A-Za-z0-9_][^\s:=]*)\s*[:=]\s*(.*)")


def read(text: str, path: str, gathered: Gathered) -> None:
    """Take what the package needs, and what the chosen extras add. Raises `InputError`."""
    found = False
    folder = os.path.dirname(path)
    for section, key, value, number in _entries(text):
        taken = section == "options" and key == "install_requires"
        if section == "options.extras_require":
            taken = gathered.choice.takes_extra(key)
            gathered.met("extra", key, taken)
        if section == "options" and key == "python_requires":
            gathered.markers.fit_python(value)
        if not taken:
            continue
        found = True
        if value.startswith("file:"):
            for name in value[5:].split(","):
                requirements.one(f"-r {name.strip()}", path, f"{path}:{number}", gathered, folder)
        elif value:
            requirements.one(value, path, f"{path}:{number}", gathered, folder)
    if not found:
        raise InputError(NOTHING, where=path, hint="envcheck reads `install_requires` under `[options]`, and the extras")
    gathered.complete.append(False)
    gathered.say_left_out(path)


def _entries(text: str) -> Iterator[tuple[str, str, str, int]]:
    """(section, key, one line of its value, line number), as configparser reads them; it does not tell the lines itself."""
    section, key = "", ""
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if not stripped or stripped[0] in "#;":
            continue
        heading = _SECTION.fullmatch(stripped) if not line[0].isspace() else None
        if heading:
            section, key = heading[1].strip().lower(), ""
        elif line[0].isspace() and key:
            yield section, key, stripped, number
        else:
            found = _KEY.fullmatch(stripped)
            key = found[1] if found else ""
            if found and (section != "options" or found[2]):
                yield section, key, found[2], number
            elif found:
                yield section, key, "", number
