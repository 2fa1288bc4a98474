"""The house stands: rooms import only what is on a lower floor, and what a run must not load is not loaded."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import envcheck

ROOT = Path(envcheck.__file__).parent
FLOORS = {
    "errors": 0,
    "versions": 1,
    "numbers": 1,
    "settings": 1,
    "documents": 1,
    "variables": 1,
    "families": 1,
    "pickles": 1,
    "credentials": 1,
    "toml": 2,
    "child": 1,
    "cache": 1,
    "model": 2,
    "wire": 3,
    "conditions": 3,
    "signatures": 3,
    "contrast": 3,
    "facts": 4,
    "names": 1,
    "probe": 4,
    "training": 4,
    "selftest": 4,
    "weights": 4,
    "tokens": 4,
    "render": 5,
    "match": 4,
    "good": 5,
    "inputs": 5,
    "derive": 5,
    "rules": 5,
    "matrix": 5,
    "deep": 6,
    "api": 6,
    "named": 6,
    "guard": 7,
    "workshop": 7,
    "project": 7,
    "constraints": 7,
    "cli": 8,
    "pytest_plugin": 8,
}
MODULES = sorted(ROOT.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "envcheck":
            parts = node.module.split(".")
            names |= {parts[1]} if len(parts) > 1 else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("envcheck.")}
    return names - {"__version__"}


@pytest.mark.parametrize("path", [path for path in MODULES if not room_of(path).startswith("__")], ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_imports_only_lower_floors(path: Path) -> None:
    room = room_of(path)
    assert room in FLOORS, f"room `{room}` has no floor: add it here and to docs/architecture.md"
    upward = {other for other in imported_rooms(path) if other != room and FLOORS[other] >= FLOORS[room]}
    assert not upward


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_stay_small(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 350


def test_the_picture_names_every_room() -> None:
    picture = (ROOT.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    missing = [room for room in FLOORS if f"`{room}" not in picture]
    assert not missing


def loaded(statement: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", f"import sys\n{statement}\nprint('\\n'.join(sys.modules))"], capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return set(done.stdout.splitlines())


def test_a_static_run_loads_no_torch_numpy_yaml_or_rich(tmp_path: Path) -> None:
    snapshot = tmp_path / "s.json"
    snapshot.write_text('{"packages": {"torch": "2.1.2"}}')
    warm = f"import envcheck.cli\ntry: envcheck.cli.main(['check', '--snapshot', {str(snapshot)!r}, '--format', 'json'])\nexcept SystemExit: pass\n"
    subprocess.run([sys.executable, "-c", warm], capture_output=True, check=True)  # compiles the matrix once
    modules = loaded(warm)
    assert "envcheck.match" in modules
    assert not modules & {"torch", "numpy", "yaml", "rich", "envcheck.matrix.schema", "envcheck.probe"}


def test_importing_envcheck_loads_none_of_its_rooms() -> None:
    assert {name for name in loaded("import envcheck") if name.startswith("envcheck.")} == set()
