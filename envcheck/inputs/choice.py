"""Which of the environments that one file describes is meant: its extras and dependency groups."""

from __future__ import annotations

from dataclasses import dataclass, field

from envcheck.wire import canonical_name


@dataclass(frozen=True)
class Choice:
    """Which of the environments that one file describes is meant."""

    groups: tuple[str, ...] = ()
    all_groups: bool = False
    extras: tuple[str, ...] = ()
    found: set[str] = field(default_factory=set, compare=False)
    """What of these a file named, noted as it is asked for."""

    def takes(self, group: str, default: bool = False) -> bool:
        """Whether a dependency group belongs to the target."""
        return self._has(group, self.groups) or self.all_groups or default

    def takes_extra(self, extra: str) -> bool:
        """Whether an extra belongs to the target."""
        return self._has(extra, self.extras)

    def missed(self) -> tuple[str, ...]:
        """The groups and extras that no file named."""
        return tuple(name for name in (*self.groups, *self.extras) if canonical_name(name) not in self.found)

    def _has(self, name: str, chosen: tuple[str, ...]) -> bool:
        if canonical_name(name) not in map(canonical_name, chosen):
            return False
        self.found.add(canonical_name(name))
        return True
