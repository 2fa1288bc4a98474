"""Where the files of a package are read: a folder of the import path; a miner of wheels passes its own."""

from __future__ import annotations

import os
from typing import Dict, FrozenSet, Optional, Protocol


class Files(Protocol):
    """A tree of files, by paths relative to its root, with slashes."""

    def read(self, path: str) -> Optional[bytes]:
        """The bytes of a file; None where it cannot be read."""

    def listed(self, folder: str) -> FrozenSet[str]:
        """The names in a folder; none where there is no such folder."""


class Folder:
    """The files below one entry of the import path."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._listed: Dict[str, FrozenSet[str]] = {}

    def read(self, path: str) -> Optional[bytes]:
        """See `Files`."""
        try:
            with open(os.path.join(self._root, path), "rb") as stream:
                return stream.read()
        except OSError:
            return None

    def listed(self, folder: str) -> FrozenSet[str]:
        """See `Files`."""
        if folder not in self._listed:
            try:
                self._listed[folder] = frozenset(os.listdir(os.path.join(self._root, folder)))
            except OSError:
                self._listed[folder] = frozenset()
        return self._listed[folder]
