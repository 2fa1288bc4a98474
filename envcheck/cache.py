"""The user's cache folder, which envcheck fills where it may and never needs."""

from __future__ import annotations

import os
from pathlib import Path


def folder() -> Path:
    """Where cached files are: below `XDG_CACHE_HOME`, `LOCALAPPDATA` or `~/.cache`; it need not exist."""
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "envcheck"


def keep(path: Path, raw: bytes) -> None:
    """Write a cached file in one step, so that a reader never sees half of it; a read-only home only costs time."""
    import tempfile

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(raw)
            os.replace(temporary, path)
        except OSError:
            os.unlink(temporary)
    except OSError:
        return
