"""What a project settles once: its files, targets, waivers and baseline, in `[tool.envcheck]` of pyproject.toml or in envcheck.toml."""

from __future__ import annotations

from envcheck.project.config import Project, find, read

__all__ = ["Project", "find", "read"]
