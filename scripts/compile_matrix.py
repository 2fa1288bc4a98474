"""Build hook: compiles `matrices/` into the index that the wheel carries, so that users never parse YAML."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any, Dict

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent.parent


class CompileMatrix(BuildHookInterface):  # type: ignore[type-arg,misc,unused-ignore]
    """Adds `envcheck/matrix/compiled.idx` to the wheel; a broken entry fails the build with all its errors."""

    def initialize(self, version: str, build_data: Dict[str, Any]) -> None:
        """Called by hatchling before the wheel is written."""
        if version == "editable":
            return
        # The entry loader uses envcheck's own floor-1 to floor-4 rooms, which need packaging and PyYAML only.
        sys.path.insert(0, str(ROOT))
        from envcheck.facts import tables
        from envcheck.matrix import files, load
        from envcheck.matrix.index import compile_index

        base = ROOT / "matrices"
        drafts = load.drafts(files.below(base / "entries"), relative_to=ROOT)
        raw = compile_index(drafts, tables.load(sorted((base / "facts").glob("*.yaml"))), f"wheel {self.metadata.version}")
        self._folder = tempfile.TemporaryDirectory()
        path = Path(self._folder.name) / "compiled.idx"
        path.write_bytes(raw)
        build_data["force_include"][str(path)] = "envcheck/matrix/compiled.idx"
        build_data["force_include"][str(ROOT / "docs" / "entries.md")] = "envcheck/matrix/entries.md"
