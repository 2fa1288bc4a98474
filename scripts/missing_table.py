"""From what releases need and have to the fewest rows that tell the impossible pairs; `mine_symbols.py` gives it the facts."""

from __future__ import annotations

from typing import Any, Callable, Dict, FrozenSet, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from packaging.specifiers import SpecifierSet

Has = Callable[[str, str, str, Optional[str]], Optional[bool]]
"""(provider, version, module, name) -> whether that release has it."""


class Use(NamedTuple):
    """What one release needs in one of its roots."""

    module: str
    name: Optional[str]
    path: str
    extra: Tuple[Tuple[str, str], ...]
    """(package, specifier) that must hold for the import to run, beyond the provider itself."""
    missing: Tuple[str, ...]
    """Releases of the provider that lack it and in which the import runs, oldest first."""
    having: Tuple[str, ...] = ()
    """Those that certainly have it."""
    is_attribute: bool = False

    @property
    def target(self) -> str:
        return f"{self.module}.{self.name}" if self.name else self.module


class Row(NamedTuple):
    """Releases of a package that need what releases of another lack."""

    importers: Tuple[str, ...]
    provider: str
    use: Use
    roots: Tuple[str, ...]


def uses(needs: Sequence[Sequence[Any]], provider: str, module: str, versions: Sequence[str], has: Has) -> List[Use]:
    """The needs of one root that some release of `provider` does not meet."""
    found = []
    for dotted, name, path, _, asked, is_attribute in needs:
        if dotted.partition(".")[0] != module:
            continue
        own = [specifier for package, specifier in asked if package == provider and specifier]
        fitting = [version for version in versions if all(SpecifierSet(one).contains(version) for one in own)]
        missing = tuple(version for version in fitting if has(provider, version, dotted, name) is False)
        if missing:
            extra = tuple(
                sorted((package, specifier) for package, specifier in asked if package not in (provider, "torch") or (package == "torch" and specifier))
            )
            having = tuple(version for version in versions if has(provider, version, dotted, name))
            found.append(Use(dotted, name, path, extra, missing, having, is_attribute))
    return found


def chosen(candidates: Sequence[Use], covered: FrozenSet[str], before: FrozenSet[Tuple[str, Tuple[str, ...]]]) -> List[Use]:
    """The fewest uses that tell every pair, those of the release before first, so that rows of many releases come out."""
    left = {version for use in candidates for version in use.missing} - covered
    found: List[Use] = []
    while left:
        best = max(candidates, key=lambda use: (not use.extra, len(left & set(use.missing)), (use.target, use.missing) in before, -len(use.target), use.target))
        if not left & set(best.missing):
            candidates = [use for use in candidates if left & set(use.missing)]
            continue
        found.append(best)
        left -= set(best.missing)
    return found


def rows(
    importers: Mapping[str, Mapping[str, Sequence[Sequence[Any]]]],
    roots: Sequence[Tuple[str, str]],
    providers: Mapping[str, Tuple[str, Sequence[str]]],
    has: Has,
) -> List[Row]:
    """The rows of one package: `importers` is release -> root -> needs; `roots` is (module, severity), the gravest first;
    `providers` is distribution -> (its module, its releases)."""
    found: List[Row] = []
    for provider, (module, versions) in providers.items():
        open_rows: Dict[Tuple[str, Tuple[Tuple[str, str], ...], Tuple[str, ...], Tuple[str, ...]], List[str]] = {}
        paths: Dict[Any, Use] = {}
        before: FrozenSet[Tuple[str, Tuple[str, ...]]] = frozenset()
        for release, needs in importers.items():
            now = _release(needs, roots, provider, module, versions, has, before)
            before = frozenset((use.target, use.missing) for use, _ in now)
            keys = {(use.target, use.extra, use.missing, stopped): use for use, stopped in now}
            for key in [key for key in open_rows if key not in keys]:
                found.append(Row(tuple(open_rows.pop(key)), provider, paths[key], key[3]))
            for key, use in keys.items():
                open_rows.setdefault(key, []).append(release)
                paths[key] = use
        found += [Row(tuple(releases), provider, paths[key], key[3]) for key, releases in open_rows.items()]
    return found


def _release(
    needs: Mapping[str, Sequence[Sequence[Any]]],
    roots: Sequence[Tuple[str, str]],
    provider: str,
    module: str,
    versions: Sequence[str],
    has: Has,
    before: FrozenSet[Tuple[str, Tuple[str, ...]]],
) -> List[Tuple[Use, Tuple[str, ...]]]:
    """The uses of one release that tell its impossible pairs, each with the roots that it stops."""
    covered: FrozenSet[str] = frozenset()
    stopped: Dict[Use, List[str]] = {}
    for root, severity in roots:
        found = uses(needs.get(root, ()), provider, module, versions, has)
        picked = chosen(found, covered, before | frozenset((use.target, use.missing) for use in stopped))
        for use in picked:
            same = next((one for one in stopped if one.target == use.target and one.missing == use.missing and one.extra == use.extra), use)
            stopped.setdefault(same, []).append(root)
        if severity == "error":
            covered |= {version for use in picked if not use.extra for version in use.missing}
    return [(use, tuple(roots)) for use, roots in stopped.items()]


def ranges(chosen: Iterable[str], versions: Sequence[str]) -> List[str]:
    """Specifiers for runs of consecutive releases: open below the oldest and above the newest one that was read."""
    wanted = set(chosen)
    found: List[str] = []
    begin: Optional[int] = None
    for at, version in enumerate([*versions, ""]):
        if version in wanted and begin is None:
            begin = at
        elif version not in wanted and begin is not None:
            low = f">={versions[begin]}" if begin else ""
            high = f"<={versions[at - 1]}" if at < len(versions) else ""
            found.append(",".join(part for part in (low, high) if part) or ">=0")
            begin = None
    return found


def neighbours(use: Use, versions: Sequence[str]) -> Tuple[Optional[str], Optional[str]]:
    """The first release that has the name after ones that lack it, and the last one before it went; None where there is none."""
    if not use.having:
        return None, None
    at = [versions.index(version) for version in use.missing]
    first, last = versions.index(use.having[0]), versions.index(use.having[-1])
    return use.having[0] if min(at) < first else None, use.having[-1] if max(at) > last else None
