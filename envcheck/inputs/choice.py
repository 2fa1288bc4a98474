"""Which of the environments that one file describes is meant: its extras and dependency groups."""

from __future__ import annotations

from dataclasses import dataclass

from envcheck.wire import canonical_name


@dataclass(frozen=True)
class Choice:
    """Which of the environments that one file describes is meant."""

    groups: tuple[str, ...] = ()
    all_groups: bool = False
    extras: tuple[str, ...] = ()

    def takes(self, group: str, default: bool = False) -> bool:
        """Whether a dependency group belongs to the target."""
        return self.all_groups or default or canonical_name(group) in map(canonical_name, self.groups)

    def takes_extra(self, extra: str) -> bool:
        """Whether an extra belongs to the target."""
        return canonical_name(extra) in map(canonical_name, self.extras)
