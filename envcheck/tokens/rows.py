"""A file of tokenised data -> its rows, one after the other: jsonl with the standard library, Parquet and Arrow with pyarrow."""

from __future__ import annotations

import json
import os
from typing import Any, Callable, Dict, Iterator, Tuple

from envcheck.errors import InputError, UnableError

Row = Tuple[int, Dict[str, Any]]
"""Number of the row, from 1 (in jsonl the line), and its columns."""

_LIMIT_LINE = 1 << 26
_BATCH_ROWS = 256
_SUFFIXES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".parquet": "parquet", ".arrow": "arrow", ".feather": "arrow"}
_MAGIC = {b"PAR1": "parquet", b"ARRO": "arrow", b"\xff\xff\xff\xff": "arrow"}


def rows(path: str, complain: Callable[[InputError], None]) -> Iterator[Row]:
    """Every row of a file. `complain` gets what cannot be read, after which the rest goes on: the next line of jsonl; nothing of a damaged column file.

    Raises `InputError` for a file that cannot be opened, and `UnableError` without pyarrow where it is needed.
    """
    try:
        with open(path, "rb") as stream:
            head = stream.read(4)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", where=path, hint="name a jsonl, Parquet or Arrow file") from None
    if not head:
        raise InputError("is empty", where=path, hint="was the data written to its end?")
    kind = _MAGIC.get(head) or _SUFFIXES.get(os.path.splitext(path)[1].lower(), "jsonl")
    return _jsonl(path, complain) if kind == "jsonl" else _columns(path, kind, complain)


def _jsonl(path: str, complain: Callable[[InputError], None]) -> Iterator[Row]:
    with open(path, "rb") as stream:
        number = 0
        while raw := stream.readline(_LIMIT_LINE):
            number += 1
            if not raw.strip():
                continue
            try:
                row = _line(raw, f"{path}:{number}")
            except InputError as error:
                complain(error)
                continue
            yield number, row


def _line(raw: bytes, where: str) -> Dict[str, Any]:
    if len(raw) >= _LIMIT_LINE:
        raise InputError(f"is longer than {_LIMIT_LINE >> 20} MiB", where=where, hint="jsonl has one object a line")
    try:
        # Not `documents`: a float must stay a float here, and NaN and Infinity are what is looked for.
        row = json.loads(raw)
    except (ValueError, RecursionError) as error:
        reason = getattr(error, "msg", "") or type(error).__name__
        raise InputError(f"is not valid JSON: {reason}", where=where, hint="jsonl has one object a line; was the file cut off?") from None
    if not isinstance(row, dict):
        raise InputError("is no object", where=where, hint='a row looks so: {"input_ids": [1, 2], "labels": [-100, 2]}')
    return row


def _columns(path: str, kind: str, complain: Callable[[InputError], None]) -> Iterator[Row]:
    try:
        import pyarrow
    except ImportError:
        raise UnableError("pyarrow is not installed; Parquet and Arrow are read with it", hint='`pip install "envcheck-ml[batch]"`, or write jsonl') from None
    number = 0
    try:
        for batch in _parquet(path) if kind == "parquet" else _arrow(path):
            names = batch.schema.names
            for values in zip(*(column.to_pylist() for column in batch.columns)):
                number += 1
                yield number, dict(zip(names, values))
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        complain(InputError(f"is damaged or truncated: {reason}", where=f"{path} after row {number}" if number else path, hint="write it again"))


def _parquet(path: str) -> Iterator[Any]:
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path) as file:
        yield from file.iter_batches(batch_size=_BATCH_ROWS)


def _arrow(path: str) -> Iterator[Any]:
    """The file format (Feather 2) begins with `ARROW1`; what `datasets` keeps on disk is the stream format."""
    import pyarrow.ipc

    with pyarrow.memory_map(path) as source:
        if source.read(6) == b"ARROW1":
            reader = pyarrow.ipc.open_file(source)
            batches = (reader.get_batch(at) for at in range(reader.num_record_batches))
        else:
            source.seek(0)
            batches = iter(pyarrow.ipc.open_stream(source))
        for batch in batches:
            yield from (batch.slice(at, _BATCH_ROWS) for at in range(0, batch.num_rows, _BATCH_ROWS))
