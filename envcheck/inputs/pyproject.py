"""pyproject.toml: the standard tables, and those of poetry, pdm, hatch, setuptools and uv.

https://packaging.python.org/en/latest/specifications/pyproject-toml/, https://packaging.python.org/en/latest/specifications/dependency-groups/
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from envcheck import toml
from envcheck.documents import PYTHON, line_of, read_text
from envcheck.errors import InputError
from envcheck.inputs import poetry_constraints, requirements, setup_cfg, setup_py
from envcheck.inputs.gathered import Gathered
from envcheck.inputs.locked import flag, table, tables, text, texts
from envcheck.wire import canonical_name

_Table = Mapping[str, Any]
_DEPTH = 20


def read(text_: str, path: str, gathered: Gathered) -> None:
    """Take what the project asks for, and what the chosen extras and groups add. Raises `InputError`."""
    document = toml.parse(text_, path)
    project, tool = table(document.get("project")), table(document.get("tool"))
    gathered.markers.fit_python(text(project.get("requires-python")))
    reading = _Reading(path, gathered)
    reading.all(project.get("dependencies"))
    reading.optional("extra", project.get("optional-dependencies"))
    reading.groups(table(document.get("dependency-groups")))
    reading.poetry(table(tool.get("poetry")))
    reading.optional("group", table(tool.get("pdm")).get("dev-dependencies"))
    reading.optional("group", {"dev": table(tool.get("uv")).get("dev-dependencies")})
    reading.hatch(table(table(tool.get("hatch")).get("envs")))
    reading.dynamic(project, table(table(tool.get("setuptools")).get("dynamic")))
    reading.sources(tool)
    if not reading.asked and not _is_beside(path, gathered):
        _say_nothing(project, path, gathered)
    gathered.complete.append(False)
    gathered.say_left_out(path)


def _is_beside(path: str, gathered: Gathered) -> bool:
    """Whether setup.cfg or setup.py beside it names what the project asks for; then that was taken, as setuptools would."""
    for name, reader in (("setup.cfg", setup_cfg), ("setup.py", setup_py)):
        beside = os.path.join(os.path.dirname(path), name)
        if os.path.isfile(beside):
            try:
                reader.read(read_text(beside), beside, gathered)
            except InputError as error:
                if error.message not in (setup_cfg.NOTHING, setup_py.NOTHING):
                    raise
            else:
                return True
    return False


def _say_nothing(project: _Table, path: str, gathered: Gathered) -> None:
    where = "setup.py or setup.cfg" if "dependencies" in texts(project.get("dynamic")) or not project else "a lock file or requirements.txt"
    if not gathered.left_out():
        raise InputError("names no requirement", where=path, hint=f"check {where} instead, where there is one")


class _Reading:
    def __init__(self, path: str, gathered: Gathered) -> None:
        self.path = path
        self.gathered = gathered
        self.folder = os.path.dirname(path)
        self.asked = 0

    def all(self, rows: Any) -> None:
        for row in rows if isinstance(rows, list) else ():
            if isinstance(row, str) and row.strip():
                self.asked += 1
                requirements.one(row, self.path, self.origin(row), self.gathered, self.folder)

    def origin(self, value: Any) -> str:
        line = line_of(value)
        return f"{self.path}:{line}" if line else self.path

    def optional(self, kind: str, rows: Any) -> None:
        """Extras, or groups without includes."""
        for name, inner in table(rows).items():
            if not inner:
                continue
            taken = self.gathered.choice.takes_extra(name) if kind == "extra" else self.gathered.choice.takes(name)
            self.gathered.met(kind, name, taken)
            if taken:
                self.all(inner)

    def groups(self, rows: _Table) -> None:
        for name in rows:
            taken = self.gathered.choice.takes(name)
            self.gathered.met("group", name, taken)
            if taken:
                self.all(list(self._members(rows, name, ())))

    def _members(self, rows: _Table, name: str, through: tuple[str, ...]) -> Iterator[Any]:
        normal = {canonical_name(one): inner for one, inner in rows.items()}
        name = canonical_name(name)
        if name not in normal:
            raise InputError(f"includes the dependency group `{name}`, which is not there", where=self.path, hint=f"groups: {', '.join(rows)}")
        if name in through or len(through) > _DEPTH:
            raise InputError(f"the dependency group `{name}` includes itself", where=self.path, hint="remove one of the includes")
        for one in normal[name] if isinstance(normal[name], list) else ():
            included = text(table(one).get("include-group"))
            if included:
                yield from self._members(rows, included, (*through, name))
            else:
                yield one

    def poetry(self, poetry: _Table) -> None:
        python = text(table(poetry.get("dependencies")).get("python"))
        self.gathered.markers.fit_python(poetry_constraints.specifier(python) or "")
        if PYTHON.fullmatch(python):
            self.gathered.python(python, self.origin(python))
        extras = table(poetry.get("extras"))
        chosen = {canonical_name(name) for extra in extras if self.gathered.choice.takes_extra(extra) for name in texts(extras[extra])}
        for extra in extras:
            self.gathered.met("extra", extra, self.gathered.choice.takes_extra(extra))
        for name, value in table(poetry.get("dependencies")).items():
            if name != "python" and (not flag(table(value).get("optional")) or canonical_name(name) in chosen):
                self._one(name, value)
        groups = {"dev": poetry.get("dev-dependencies"), **{name: table(one).get("dependencies") for name, one in table(poetry.get("group")).items()}}
        for group, rows in groups.items():
            if not table(rows):
                continue
            taken = self.gathered.choice.takes(group)
            self.gathered.met("group", group, taken)
            for name, value in table(rows).items() if taken else ():
                self._one(name, value)

    def _one(self, name: str, value: Any) -> None:
        self.asked += 1
        poetry_constraints.take(name, value, self.origin(value), self.gathered)

    def hatch(self, environments: _Table) -> None:
        for name, one in environments.items():
            rows = texts(table(one).get("dependencies")) + texts(table(one).get("extra-dependencies"))
            if rows:
                taken = self.gathered.choice.takes(name)
                self.gathered.met("group", name, taken)
                self.all(rows if taken else ())

    def dynamic(self, project: _Table, rows: _Table) -> None:
        """Requirements that setuptools reads from other files."""
        if "dependencies" in texts(project.get("dynamic")):
            self._files(rows.get("dependencies"))
        for extra, value in table(rows.get("optional-dependencies")).items():
            taken = self.gathered.choice.takes_extra(extra)
            self.gathered.met("extra", extra, taken)
            if taken:
                self._files(value)

    def _files(self, value: Any) -> None:
        for name in texts(table(value).get("file")):
            self.asked += 1
            requirements.one(f"-r {name}", self.path, self.origin(name), self.gathered, self.folder)

    def sources(self, tool: _Table) -> None:
        """The index that torch comes from: uv's and poetry's named ones, pdm's list."""
        uv, poetry = table(tool.get("uv")), table(tool.get("poetry"))
        named = {text(one.get("name")): text(one.get("url")) for one in (*tables(uv.get("index")), *tables(poetry.get("source")))}
        wanted = table(uv.get("sources")).get("torch")
        for one in tables(wanted) or [table(wanted), table(table(poetry.get("dependencies")).get("torch"))]:
            index = text(one.get("index")) or text(one.get("source"))
            marker = text(one.get("marker"))
            extra = text(one.get("extra"))
            if marker and not self.gathered.markers.hold(marker, self.origin(marker)) or extra and not self.gathered.choice.takes_extra(extra):
                continue
            self.gathered.index(named.get(index, ""), self.origin(one.get("index") or one.get("source")), only=True)
            for key in ("url", "git", "path"):
                if text(one.get(key)):
                    prefix = "git+" if key == "git" else "" if key == "url" else "file:///"
                    self.gathered.requirement(f"torch @ {prefix}{one[key]}", self.origin(one[key]))
