"""Plants faults in a child and reports which checks see them, or the ratios of a healthy device; for tests and scripts.

Arguments: path of the worker, a JSON object with `task` (`own`: each fault before the check that must see it, `all`: before
all checks, `healthy`: nothing planted, every ratio), `seeds`, and, where not everything is wanted, `names` (of faults or checks),
`device`, `backends`, and `train` (settings of a healthy run).
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import json
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any


def main(report: Callable[[Any], None], arguments: list[str]) -> None:
    warnings.simplefilter("ignore")
    order = json.loads(arguments[1])
    worker = _load(arguments[0])
    checks = _Checks(worker, order)
    sys.path.insert(0, os.path.dirname(os.path.abspath(sys.argv[0])))
    catalogue = importlib.import_module("catalogue") if order["task"] != "healthy" or not order.get("names") else None
    for seed in order["seeds"]:
        if order["task"] == "healthy":
            names = order.get("names") or checks.runnable
            with contextlib.ExitStack() as stack:
                for name in names:
                    if catalogue is not None and name in catalogue.HEALTHY:
                        stack.enter_context(catalogue.HEALTHY[name]())
                found = list(checks.run(names, seed, order.get("train")))
            ratios = {name: ratio for name, ratio, _ in found}
            report({"seed": seed, "ratios": ratios, "compiler": "torch._dynamo" in sys.modules, "machine": checks.machine()})
            continue
        assert catalogue is not None
        for name, fault in catalogue.FAULTS.items():
            if name in order.get("names", (name,)) and checks.has(fault.check):
                report({"fault": name, "seed": seed, "check": fault.check, "alone": fault.alone, "fired": _fired(checks, fault, seed, order, catalogue)})


def _fired(checks: Any, fault: Any, seed: int, order: Any, catalogue: Any) -> list[str]:
    names = [fault.check] if order["task"] == "own" else checks.runnable
    if fault.check in catalogue.HEALTHY and fault.check not in names:
        names = [*names, fault.check]
    with fault.plant():
        return [name for name, ratio, _ in checks.run(names, seed, fault.train) if ratio > 1]


class _Checks:
    """The checks as the worker's package has them, run in this process."""

    def __init__(self, worker: Any, order: Any) -> None:
        self._package = worker.PACKAGE
        self.checks = worker.load().CHECKS
        self._device = order.get("device", "cpu")
        self._backends = order.get("backends", ["FLASH_ATTENTION"])
        self._large = self._device != "cpu"
        self._module("devices").settle(self._device)
        self._module("adamw").without_compiler()
        self._bench = self._module("bench").Bench
        self._cannot = self._module("devices").cannot
        kind = self._device.partition(":")[0]
        self.runnable = [name for name, check in self.checks.items() if self.has(name) and not (check.kinds and kind not in check.kinds)]

    def machine(self) -> str:
        """The device in words."""
        return str(self._module("devices").describe(self._device))

    def has(self, name: str) -> bool:
        """Whether what a check needs is installed, or is stood in for."""
        needs = self.checks[name].needs
        return not needs or needs == "flash_attn" or importlib.util.find_spec(needs) is not None

    def run(self, names: Iterable[str], seed: int, train: Any = None) -> Iterator[tuple[str, float, str]]:
        """Name, ratio and word of every comparison."""
        for name in names:
            module, function = self.checks[name].code.split(":")
            check = getattr(self._module(module), function)
            for backend in self._backends if name == "sdpa" else ("",):
                for dtype in self.checks[name].dtypes:
                    if self._cannot(self._device, dtype):
                        continue
                    environment = {"TORCH_EXTENSIONS_DIR": os.environ["TORCH_EXTENSIONS_DIR"]}
                    bench = self._bench(self._device, dtype, seed, backend, train, environment, self._large)
                    yield from self._results(name, backend, dtype, check(bench))

    def _results(self, name: str, backend: str, dtype: str, results: Any) -> Iterator[tuple[str, float, str]]:
        label = ".".join(filter(None, (name, backend)))
        try:
            for result in results:
                if result.ratio is not None and result.word != "info" and not result.skipped:
                    yield ".".join(filter(None, (label, result.part, dtype))), result.ratio, result.word
        except Exception as error:  # noqa: BLE001 - under a fault a check may raise, which is a way of seeing it
            yield f"{label}.{dtype}:{type(error).__name__}", float("inf"), ""

    def _module(self, name: str) -> Any:
        return importlib.import_module(f"{self._package}.{name}")


def _load(path: str) -> Any:
    spec = importlib.util.spec_from_file_location("worker", path)
    worker = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    sys.modules["worker"] = worker
    spec.loader.exec_module(worker)  # type: ignore[union-attr]
    return worker
