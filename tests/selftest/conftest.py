"""What the tests of the self-test share. None of them imports torch here: it is used in children only."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def bare_python(tmp_path: Path) -> str:
    """This interpreter without its site-packages, and so without torch."""
    path = tmp_path / "python"
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def fake_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts a folder `torch` first on the path of every child, with the `__init__.py` given or none."""

    def put(source: str | None = None) -> None:
        folder = tmp_path / "path" / "torch"
        folder.mkdir(parents=True)
        if source is not None:
            (folder / "__init__.py").write_text(source)
        monkeypatch.setenv("PYTHONPATH", str(folder.parent))

    return put
