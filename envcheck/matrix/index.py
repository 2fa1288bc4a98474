"""The compiled matrix: what a run needs of thousands of entries, without parsing one YAML file.

One file. A first line names the format and the header's length, the header (JSON) says where everything lies:

    envcheck-index 5 2345
    {"fingerprint": "…", "keys": {"torch": [offset, length], …}, "ids": [offset, length], "tables": {…}}
    …blocks of JSON, back to back…

A *directory* says for one condition key where the rows of the entries lie that this key can make interesting, by the
versions they are about (`slabs.py`); a run opens the directories and rows of what it knows. Pages (cause, fix, links) are opened only
for what fired. So the cost of a run grows with what is installed and known of it, not with the number of entries.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, AbstractSet, Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

from envcheck.errors import UnableError
from envcheck.matrix import slabs
from envcheck.matrix.slabs import Directory, Span
from envcheck.model import Entry, Page, Reproducer

if TYPE_CHECKING:
    from mmap import mmap

    from envcheck.matrix.schema import Draft

FORMAT = b"envcheck-index 5 "


class Located(NamedTuple):
    """An entry and where its page lies."""

    entry: Entry
    page: Span


def compile_index(drafts: Sequence[Draft], tables: Mapping[str, Any], fingerprint: str, notices: Sequence[str] = ()) -> bytes:
    """The bytes of an index over these entries and fact tables; the same input always gives the same bytes.

    The table `stacks`, and NVIDIA's images of the table `images`, become good entries.
    `notices` are what was to be said while they were loaded, to be said again whenever the index is opened.
    """
    # Not above: what makes an index knows how entries are written, what reads one need not.
    from envcheck.matrix import published

    drafts = [*drafts, *published.drafts(tables, frozenset(draft.entry.id for draft in drafts))]
    tables = {name: rows for name, rows in tables.items() if name != "stacks"}
    blocks = _Blocks()
    good: List[Any] = []
    located: List[Tuple[Mapping[str, Any], Span]] = []
    ids: Dict[str, Any] = {}
    for draft in drafts:
        page = blocks.add(_page_row(draft.page))
        row = [*_entry_row(draft.entry), page]
        ids[draft.entry.id] = [*row, draft.page.withdrawn != ""]
        if draft.page.withdrawn:
            continue
        if draft.entry.kind == "good":
            good.append(row)
        else:
            located.append((draft.entry.when, blocks.add(row)))
    header: Dict[str, Any] = {
        "fingerprint": fingerprint,
        "keys": {key: blocks.add(slabs.as_row(one)) for key, one in slabs.layout(located).items()},
        "good": blocks.add(good),
        "ids": blocks.add(ids),
        "signatures": blocks.add([[draft.entry.id, list(draft.page.signature)] for draft in drafts if draft.page.signature and not draft.page.withdrawn]),
        "tables": {name: _table(tables[name], blocks) for name in sorted(tables)},
        "notices": list(notices),
    }
    header["size"] = blocks.end
    head = _json(header)
    return FORMAT + str(len(head)).encode() + b"\n" + head + b"".join(blocks.parts)


def _table(rows: Any, blocks: _Blocks) -> Any:
    """Where a table lies; one by package (a mapping) has a block for each, so that a run reads those of what is installed."""
    return {key: blocks.add(rows[key]) for key in sorted(rows)} if isinstance(rows, dict) else blocks.add(rows)


class _Blocks:
    def __init__(self) -> None:
        self.parts: List[bytes] = []
        self.end = 0

    def add(self, value: Any) -> Span:
        part = _json(value)
        span = (self.end, len(part))
        self.parts.append(part)
        self.end += len(part)
        return span


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _entry_row(entry: Entry) -> List[Any]:
    return [entry.id, entry.kind, entry.severity, entry.title, list(entry.culprit), entry.when, entry.warns_unstated]


def _page_row(page: Page) -> List[Any]:
    reproducer = None if page.reproducer is None else vars(page.reproducer)
    return [page.symptom, page.signature, page.cause, page.fix, page.links, page.level, page.disputed, page.withdrawn, page.source, page.unstated, reproducer]


def _page(row: Sequence[Any]) -> Page:
    symptom, signature, cause, fix, links, level, disputed, withdrawn, source, unstated, found = row
    reproducer = None if found is None else Reproducer(**{**found, "bad": tuple(found["bad"]), "good": tuple(found["good"])})
    return Page(tuple(symptom), tuple(signature), cause, tuple(fix), tuple(links), level, disputed, withdrawn, source, unstated, reproducer)


def _located(row: Sequence[Any]) -> Located:
    name, kind, severity, title, culprit, when, unstated, page = row[:8]
    stated = None if unstated is None else tuple(unstated)
    return Located(Entry(name, kind, severity, title, tuple(culprit), when, stated), (page[0], page[1]))


class Index:
    """A compiled index, opened for reading; shards and pages are read when they are asked for, once."""

    def __init__(self, raw: Union[bytes, mmap], name: str) -> None:
        """Raises `UnableError` for bytes that are no index of this format."""
        first = raw[: raw.find(b"\n", 0, 64) + 1]
        try:
            if not first.startswith(FORMAT):
                raise ValueError
            self._start = len(first) + int(first[len(FORMAT) :])
            self._header: Mapping[str, Any] = json.loads(raw[len(first) : self._start])
            self.fingerprint: str = self._header["fingerprint"]
            if len(raw) != self._start + self._header["size"]:
                raise ValueError
        except (ValueError, KeyError):
            raise UnableError("is no compiled matrix of this version", where=name, hint="reinstall envcheck, or delete that file") from None
        self._raw = raw
        self._directories: Dict[str, Directory] = {}

    @property
    def notices(self) -> Sequence[str]:
        """What was to be said while the entries were loaded."""
        return self._header["notices"]  # type: ignore[no-any-return]

    @property
    def keys(self) -> AbstractSet[str]:
        """The condition keys that lead to an entry."""
        return self._header["keys"].keys()  # type: ignore[no-any-return]

    def directory(self, key: str) -> Directory:
        """What one of `keys` leads to."""
        if key not in self._directories:
            self._directories[key] = slabs.from_row(self._block(self._header["keys"][key]))
        return self._directories[key]

    def located(self, span: Span) -> Located:
        """The entry whose row lies there."""
        return _located(self._block(span))

    def good(self) -> Tuple[Located, ...]:
        """All known-good combinations: they are few, and the nearest one may share nothing but torch."""
        return tuple(_located(row) for row in self._block(self._header["good"]))

    def page(self, span: Span) -> Page:
        """The page that a `Located` points to."""
        return _page(self._block(span))

    def signatures(self) -> Sequence[Tuple[str, Sequence[str]]]:
        """Ids and what a log shows of them, of the entries that say so."""
        return [(id, patterns) for id, patterns in self._block(self._header["signatures"])]

    def all(self) -> Dict[str, Tuple[Located, bool]]:
        """Every entry by id, and whether it is withdrawn."""
        return {name: (_located(row), row[8]) for name, row in self._block(self._header["ids"]).items()}

    def table(self, name: str, key: Optional[str] = None) -> Any:
        """A fact table as it was compiled, or what one that goes by package says of `key`; None where this index has none."""
        span = self._header["tables"].get(name)
        span = span.get(key) if isinstance(span, dict) else span
        return self._block(span) if span else None

    def table_keys(self, name: str) -> Sequence[str]:
        """The packages that a table which goes by package speaks of."""
        span = self._header["tables"].get(name)
        return tuple(span) if isinstance(span, dict) else ()

    def _block(self, span: Sequence[int]) -> Any:
        begin = self._start + span[0]
        return json.loads(self._raw[begin : begin + span[1]])
