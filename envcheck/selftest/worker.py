"""Runs in the child, under the inspected interpreter (3.8 or newer): imports torch and carries out one order.

It is loaded by path and imports nothing of envcheck, which need not be installed there; the checks beside it are loaded
as a package of their own, without a change to `sys.path`.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import warnings
from typing import Any, Callable

PACKAGE = "envcheck_selftest_inside"

LAUNCHERS = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_RANK", "ROLE_RANK", "MASTER_ADDR", "MASTER_PORT", "DS_ACCELERATOR")
LAUNCHER_FAMILIES = ("ACCELERATE_", "FSDP_", "TORCHELASTIC_", "OMPI_COMM_", "PMI_")
"""What a launcher tells its processes: a child of the self-test is alone, even where envcheck itself was launched many times."""


def main(report: Callable[[Any], None], arguments: list[str]) -> None:
    """Carry out the order in the first argument and leave at once: how torch is torn down is not under test."""
    work(report, json.loads(arguments[0]))
    report({"end": True})
    os._exit(0)


def work(report: Callable[[Any], None], order: dict[str, Any]) -> None:
    """Import torch and carry out the order, or report why that cannot be."""
    warnings.simplefilter("ignore")
    for name in [name for name in os.environ if name in LAUNCHERS or name.startswith(LAUNCHER_FAMILIES)]:
        del os.environ[name]
    report({"begin": "torch"})
    row = _torch_row()
    if row:
        report({"row": {"check": "torch", **row}})
        return
    load()
    importlib.import_module(PACKAGE + ".order").carry_out(order, report)


def load() -> Any:
    """The package of checks, under a name that nothing else has."""
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "inside")
    place = os.path.join(folder, "__init__.py")
    spec = importlib.util.spec_from_file_location(PACKAGE, place, submodule_search_locations=[folder])
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = package
    spec.loader.exec_module(package)
    return package


def _torch_row() -> dict[str, str]:
    """Status and detail where there is no torch to check; empty where it imports."""
    try:
        import torch
    except ModuleNotFoundError as error:
        if error.name == "torch":
            return {"status": "skip", "detail": "torch is not installed"}
        return {"status": "crash", "detail": f"torch does not import: {error}"}
    except BaseException as error:  # noqa: BLE001 - a package may even call sys.exit while it is imported
        return {"status": "crash", "detail": f"torch does not import: {type(error).__name__}: {error}"[:400]}
    if not getattr(torch, "__file__", None):
        # A folder named torch without __init__.py, as an interrupted removal leaves it behind, imports without error.
        return {"status": "skip", "detail": f"torch is not installed: the folder {next(iter(torch.__path__), '')} holds no module"}
    if not hasattr(torch, "__version__"):
        return {"status": "crash", "detail": f"torch at {torch.__file__} has no version"}
    return {}
