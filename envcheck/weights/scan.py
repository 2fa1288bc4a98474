"""Paths -> what is sick: files are opened one after the other, their tensors read in pieces by a few threads."""

from __future__ import annotations

import importlib.util
import io
import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from typing import Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from envcheck.errors import InputError, UnableError
from envcheck.weights import files
from envcheck.weights.dtypes import DTYPES
from envcheck.weights.tensors import Counts, Problem, Scan, Tensor

Progress = Callable[[int, int, str], None]
"""Called with the bytes done, the bytes in all, and the file just read."""

_CHUNK_BYTES = 1 << 20
"""Fits into a core's second cache, so that what was just read is counted there."""
_JOB_BYTES = 1 << 26
_MOST_THREADS = 4


class _Piece(NamedTuple):
    """A stretch of a tensor in its file."""

    tensor: Tensor
    begin: int
    nbytes: int


def scan(paths: Iterable[str], progress: Optional[Progress] = None, *, threads: int = 0) -> Scan:
    """What is sick in the checkpoints behind `paths`, and what could not be read of them.

    Holds a few MiB a thread, however large the checkpoint. `threads` 0 is one a core, at most four. Raises `UnableError` without numpy.
    """
    if importlib.util.find_spec("numpy") is None:
        raise UnableError("numpy is not installed; weights are counted with it", hint='`pip install "envcheck-ml[weights]"`, or install numpy')
    found = files.find(paths)
    result = Scan(problems=list(found.problems))
    for path in found.paths:
        try:
            result.files += files.contents(path)
        except InputError as error:
            result.problems.append(Problem.of(error))
    for one in result.files:
        result.problems += one.problems
    for index in found.indices:
        result.problems += files.promised(index, result.files)
    _count(result, progress, threads or min(_MOST_THREADS, os.cpu_count() or 1))
    from envcheck.weights import judge

    result.sick = judge.judge(result)
    if not result.counts and not result.problems:
        result.problems.append(Problem(", ".join(paths), "holds no weights", f"files that end in {', '.join(files.SUFFIXES)} are read"))
    return result


def _count(result: Scan, progress: Optional[Progress], threads: int) -> None:
    """Fill in the counts of every tensor; bytes that several share are read once."""
    places: Dict[Tuple[str, int, int, str], List[Tensor]] = {}
    for one in result.files:
        for tensor in one.tensors:
            places.setdefault((tensor.path, tensor.offset, tensor.nbytes, tensor.dtype), []).append(tensor)
    counted = {group[0]: Counts() for group in places.values()}
    jobs = list(_jobs(counted))
    total = sum(tensor.nbytes for tensor in counted)
    failed: Dict[str, Problem] = {}
    done = 0
    for job, rows in _run(jobs, threads):
        if isinstance(rows, Problem):
            failed.setdefault(rows.where, rows)
        else:
            for piece, counts in zip(job, rows):
                counted[piece.tensor] = counted[piece.tensor].plus(counts)
        done += sum(piece.nbytes for piece in job)
        if progress:
            progress(done, total, os.path.basename(job[0].tensor.path))
    result.problems += failed.values()
    for group in places.values():
        if group[0].path not in failed:
            result.counts.update((tensor, counted[group[0]]) for tensor in group)


def _jobs(tensors: Iterable[Tensor]) -> Iterator[List[_Piece]]:
    """The tensors as work of about the same size, within one file each."""
    job: List[_Piece] = []
    held = 0
    for tensor in tensors:
        for piece in _pieces(tensor):
            if job and (held + piece.nbytes > _JOB_BYTES or job[0].tensor.path != tensor.path):
                yield job
                job, held = [], 0
            job.append(piece)
            held += piece.nbytes
    if job:
        yield job


def _pieces(tensor: Tensor) -> Iterator[_Piece]:
    size = DTYPES[tensor.dtype].size
    step = _JOB_BYTES // size * size
    whole = tensor.nbytes // size * size
    for begin in range(0, whole, step):
        yield _Piece(tensor, begin, min(step, whole - begin))


def _run(jobs: Sequence[List[_Piece]], threads: int) -> Iterator[Tuple[List[_Piece], List[Counts] | Problem]]:
    reader = _Reader()
    pool = ThreadPoolExecutor(max_workers=threads)
    try:
        pending: Dict[Future[List[Counts] | Problem], List[_Piece]] = {pool.submit(reader.read, job): job for job in jobs}
        for future in as_completed(pending):
            yield pending[future], future.result()
    finally:
        pool.shutdown(cancel_futures=True)


class _Reader:
    """Reads and counts jobs, with one buffer a thread."""

    def __init__(self) -> None:
        self.own = threading.local()

    def read(self, job: List[_Piece]) -> List[Counts] | Problem:
        """The counts of each piece of a job, or why its file could not be read to the end."""
        buffer: Optional[bytearray] = getattr(self.own, "buffer", None)
        if buffer is None:
            buffer = self.own.buffer = bytearray(_CHUNK_BYTES)
        path = job[0].tensor.path
        try:
            with open(path, "rb", buffering=0) as stream:
                return [self._piece(stream, piece, memoryview(buffer)) for piece in job]
        except EOFError:
            return Problem(path, "became shorter while it was read", "is something still writing it? Scan it again")
        except OSError as error:
            return Problem(path, f"cannot be read to its end: {error.strerror or error}", "was it moved, or is the disk failing? Scan it again")

    def _piece(self, stream: io.FileIO, piece: _Piece, buffer: memoryview) -> Counts:
        from envcheck.weights.measure import measure

        size = DTYPES[piece.tensor.dtype].size
        step = max(size, len(buffer) // size * size)
        counts = Counts()
        stream.seek(piece.tensor.offset + piece.begin)
        for at in range(0, piece.nbytes, step):
            part = buffer[: min(step, piece.nbytes - at)]
            _fill(stream, part)
            counts = counts.plus(measure(part, piece.tensor.dtype))
        return counts


def _fill(stream: io.FileIO, part: memoryview) -> None:
    filled = 0
    while filled < len(part):
        taken = stream.readinto(part[filled:])
        if not taken:
            raise EOFError
        filled += taken
