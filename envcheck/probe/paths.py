"""When two spellings of a path mean one folder."""

from __future__ import annotations

import os


def key(path: str) -> str:
    """Equal for two spellings of one folder: `lib64` is often a link to `lib`, and a home is reached through links too."""
    try:
        return os.path.normcase(os.path.realpath(path))
    except (OSError, ValueError):
        # A relative path in a working directory that was deleted.
        return os.path.normcase(os.path.normpath(path))
