"""The worker of the self-test with one trouble in `torch.softmax`, named by a variable; for tests only."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import sys
import time
from typing import Any, Callable


def main(report: Callable[[Any], None], arguments: list[str]) -> None:
    spec = importlib.util.spec_from_file_location("worker", os.environ["REAL_WORKER"])
    worker = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    sys.modules["worker"] = worker
    spec.loader.exec_module(worker)  # type: ignore[union-attr]
    order = json.loads(arguments[0])

    import torch

    real = torch.softmax

    def troubled(x: Any, dim: int) -> Any:
        return TROUBLES[os.environ["TROUBLE"]](real(x, dim), order)

    torch.softmax = troubled
    worker.main(report, arguments)


def crash(out: Any, order: dict[str, Any]) -> Any:
    import ctypes

    return ctypes.string_at(0)


def illegal(out: Any, order: dict[str, Any]) -> Any:
    os.kill(os.getpid(), signal.SIGILL)


def abort(out: Any, order: dict[str, Any]) -> Any:
    os.abort()


def hang_in_c(out: Any, order: dict[str, Any]) -> Any:
    import ctypes

    ctypes.CDLL(None).sleep(600)


def fill(out: Any, order: dict[str, Any]) -> Any:
    import torch

    return [torch.empty(1 << 28) for _ in range(1000)]


def killed(out: Any, order: dict[str, Any]) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


def noise(out: Any, order: dict[str, Any]) -> Any:
    os.write(1, b"x" * (4 << 20) + b"\n")
    return out


def poison(out: Any, order: dict[str, Any]) -> Any:
    raise RuntimeError("CUDA error: device-side assert triggered")


def hang(out: Any, order: dict[str, Any]) -> Any:
    time.sleep(600)


def leave(out: Any, order: dict[str, Any]) -> Any:
    os._exit(3)


def refuse(out: Any, order: dict[str, Any]) -> Any:
    raise RuntimeError("CUDA error: no kernel image is available for execution on the device")


def lack(out: Any, order: dict[str, Any]) -> Any:
    raise NotImplementedError("softmax is not there")


def unwritable(out: Any, order: dict[str, Any]) -> Any:
    raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp', '/var/tmp']")


def starve(out: Any, order: dict[str, Any]) -> Any:
    raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")


def always(out: Any, order: dict[str, Any]) -> Any:
    return out * 1.01


def differently(out: Any, order: dict[str, Any]) -> Any:
    return out * (1.5 + int.from_bytes(os.urandom(2), "big") / 2**16)


def once(out: Any, order: dict[str, Any]) -> Any:
    return out if order["attempt"] else out * 1.01


TROUBLES = {
    f.__name__: f
    for f in (crash, illegal, abort, hang, hang_in_c, fill, killed, noise, poison, leave, refuse, lack, unwritable, starve, always, differently, once)
}
