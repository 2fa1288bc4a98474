"""The live machine -> Snapshot, one file a sense. Nothing of the environment it looks at is imported."""

from __future__ import annotations

import os
import sys
import types
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from envcheck.errors import InputError
from envcheck.model import Fact, Gpu, Snapshot, unknown
from envcheck.probe import build_locks, distributions, duplicates, environ, interpreter, loader_path, ownership, paths, readers, torch_build, wheels

INTERPRETER_SECONDS = 20.0
"""Time for another interpreter to start: on a cold network file system, seconds are normal."""
_OS = {"linux": "linux", "darwin": "macos", "win32": "windows", "cygwin": "windows"}


def probe(python: Optional[str] = None, machine: readers.Readers = readers.MACHINE) -> Snapshot:
    """Everything that can be read of this machine and of one Python environment on it.

    `python` is an interpreter or a virtual environment's folder; without it the running interpreter is described.
    Raises `InputError` where `python` is no interpreter that answers in time.
    """
    hardware = _Background(machine)
    described, origin = _describe(python)
    found = distributions.scan(_import_path(described))
    builds = {**wheels.facts(found), **torch_build.build_facts(found), **loader_path.facts(machine, described["base_prefix"] or "")}
    odd = duplicates.anomalies(found, described.get("user_site")) + ownership.anomalies(found) + torch_build.anomalies(found, builds)
    facts = {**_interpreter_facts(described, origin), **_build_senses(builds)}
    odd += build_locks.anomalies(os.environ, _builder(facts, found))
    seen, gpus = hardware.join()
    if seen["driver"].is_known and seen["driver"].value != "absent":
        seen["cuda_compat"] = loader_path.cuda_compat(machine, seen["driver"])
    return Snapshot(
        facts={**facts, **seen},
        packages=distributions.facts(found),
        complete=True,
        gpus=gpus,
        env=environ.facts(os.environ),
        env_complete=True,
        builds={key: fact for key, fact in builds.items() if key != "torch.cuda"},
        requires=distributions.requires(found),
        anomalies=odd,
    )


def _builder(facts: Mapping[str, Fact], found: Sequence[distributions.Distribution]) -> build_locks.Builder:
    cuda = facts["torch_cuda"].value
    return build_locks.Builder(str(facts["python"].value), None if cuda is None else str(cuda), any(one.name == "deepspeed" for one in found))


def installed(python: Optional[str] = None) -> Tuple[Tuple[str, ...], Tuple[distributions.Distribution, ...]]:
    """The import path of an interpreter (None is the running one) and the distributions on it. Raises `InputError` as `probe` does."""
    path = _import_path(_describe(python)[0])
    return tuple(path), distributions.scan(path)


class _Background:
    """The hardware senses, which wait for drivers and tools, and compilers, at work while the metadata is read."""

    def __init__(self, machine: readers.Readers) -> None:
        import threading

        self._result: Tuple[Dict[str, Fact], Optional[Tuple[Gpu, ...]]] = ({}, None)
        self._error: Optional[BaseException] = None
        self._thread = threading.Thread(target=self._look, args=(machine,), daemon=True)
        self._thread.start()

    def _look(self, machine: readers.Readers) -> None:
        from envcheck.probe.hardware import look

        try:
            self._result = look(machine)
        except BaseException as error:  # noqa: BLE001 - raised again where it can be heard
            self._error = error

    def join(self) -> Tuple[Dict[str, Fact], Optional[Tuple[Gpu, ...]]]:
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._result


def _describe(python: Optional[str]) -> Tuple[Mapping[str, Any], str]:
    if python is None:
        return interpreter.describe(), sys.executable
    found = executable(python)
    from envcheck import child

    outcome = child.run(found, Path(__file__).with_name("interpreter.py"), timeout=INTERPRETER_SECONDS)
    if not outcome.rows:
        raise silent(f"--python {python}", outcome.detail or "it said nothing")
    return outcome.rows[0], found


def silent(where: str, why: str) -> InputError:
    """The error about an interpreter that does not answer."""
    hint = "name an interpreter (`/path/to/venv/bin/python`) or a virtual environment's folder; Python 3.8 or newer"
    return InputError(f"is no Python interpreter that answers: {why}", where=where, hint=hint)


_INSIDE = ("bin/python", "bin/python3", "Scripts/python.exe", "python.exe")


def executable(python: str) -> str:
    """The interpreter that a path or a command name means; of a virtual environment's folder the one in it.

    Raises `InputError` for a folder that holds none, and for a file that is no program.
    """
    import shutil

    if os.path.isdir(python):
        return _inside(python)
    found = shutil.which(python)
    if found is None and os.path.isfile(python):
        return _program(python)
    return found or python


def _inside(folder: str) -> str:
    for name in _INSIDE:
        candidate = os.path.join(folder, name)
        if os.path.exists(candidate):
            return candidate
    hint = "name a virtual environment, or its `bin/python`"
    barred = _barred(folder)
    if barred:
        raise InputError(f"is a folder that cannot be read: {barred}", where=f"--python {folder}", hint="check the folder's permissions")
    raise InputError("is a folder without a Python interpreter", where=f"--python {folder}", hint=hint)


def _barred(folder: str) -> str:
    """Why an interpreter may be in a folder and not be seen; empty where nothing stands in the way."""
    for place in (folder, os.path.join(folder, "bin")):
        try:
            os.listdir(place)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            return error.strerror or str(error)
    return ""


def _program(path: str) -> str:
    """`path`, spelt so that it is not looked for among the commands. Raises `InputError` where it cannot be run."""
    if not os.access(path, os.X_OK):
        raise InputError("exists, but is no program", where=f"--python {path}", hint="name an interpreter; a saved snapshot is read with `--snapshot`")
    return os.path.join(os.curdir, path)


def _import_path(described: Mapping[str, Any]) -> List[str]:
    """The import path without the script's folder and the working directory, which belong to nobody's environment."""
    own = {paths.key(os.path.dirname(described["executable"] or "")), _working_directory()}
    sites = {paths.key(folder) for folder in described["site"] if folder}
    return [entry for entry in described["path"] if paths.key(entry) not in own or paths.key(entry) in sites]


def _working_directory() -> Optional[str]:
    try:
        return paths.key(os.getcwd())
    except OSError:
        return None  # somebody deleted it under this shell


def _interpreter_facts(described: Mapping[str, Any], origin: str) -> Dict[str, Fact]:
    glibc = described["glibc"]
    linux = described["platform"] == "linux"
    return {
        "python": Fact(described["python"], origin),
        "os": Fact(_OS.get(described["platform"], described["platform"]), origin),
        "arch": Fact(described["machine"].lower(), origin) if described["machine"] else unknown("the system does not say", origin),
        "glibc": Fact(glibc, origin) if glibc else Fact("absent", origin) if not linux else unknown("the C library is not glibc, or does not say", origin),
    }


def _build_senses(builds: Mapping[str, Fact]) -> Dict[str, Fact]:
    cuda = builds.get("torch.cuda")
    return {"torch_cuda": cuda} if cuda is not None else {"torch_cuda": Fact("absent", "torch is not installed")}


class _CallableRoom(types.ModuleType):
    """Lets `envcheck.probe()` work: importing this room puts it where the package offers the function of that name."""

    def __call__(self, python: Optional[str] = None) -> Snapshot:
        return probe(python)


sys.modules[__name__].__class__ = _CallableRoom

__all__ = ["executable", "installed", "probe", "silent"]
