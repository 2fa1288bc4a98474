"""A folder of the run's own for whatever a library builds, so that nothing is left behind."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import TracebackType

FOLDERS = ("TORCH_EXTENSIONS_DIR", "TRITON_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR", "HF_HOME")
"""Where torch, triton and accelerate build and keep things. A build that is killed leaves a lock, and whoever builds the same
extension later waits for it for ever: the user's own folders must not see ours."""


class Private:
    """A temporary folder, removed at the end; without one where nothing can be written, with the reason in `refusal`."""

    def __init__(self) -> None:
        self.environment: dict[str, str] = {}
        self.refusal = ""
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Private:
        try:
            self._folder = tempfile.TemporaryDirectory(prefix="envcheck-selftest-", ignore_cleanup_errors=True)
        except TypeError:  # before Python 3.10
            self._folder = tempfile.TemporaryDirectory(prefix="envcheck-selftest-")
        except OSError as error:
            self.refusal = f"no folder to build in can be made: {error.strerror or error}"
            return self
        self.environment = {name: str(Path(self._folder.name) / name.lower()) for name in FOLDERS}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._folder is not None:
            self._folder.cleanup()
