"""The values of a weight scan: where a tensor lies, what was counted in it, what is sick, what could not be read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, List, NamedTuple, Optional, Tuple

from envcheck.errors import InputError


class Tensor(NamedTuple):
    """A tensor and the bytes of one file that it lies in."""

    name: str
    dtype: str
    """A key of `dtypes.DTYPES`."""
    shape: Tuple[int, ...]
    path: str
    offset: int
    nbytes: int

    @property
    def numel(self) -> int:
        """Values in it, as its shape says."""
        product = 1
        for size in self.shape:
            product *= size
        return product


class Counts(NamedTuple):
    """What was counted in a tensor, or a part of one."""

    total: int = 0
    nan: int = 0
    inf: int = 0
    at_limit: int = 0
    """Values at the largest that fp16 holds, where a cast may have stopped them."""
    low: Optional[float] = None
    """The smallest finite value; None where there is none."""
    high: Optional[float] = None

    def plus(self, other: Counts) -> Counts:
        """The counts of both parts."""
        return Counts(
            self.total + other.total,
            self.nan + other.nan,
            self.inf + other.inf,
            self.at_limit + other.at_limit,
            _of(min, self.low, other.low),
            _of(max, self.high, other.high),
        )

    @property
    def is_zero(self) -> bool:
        """Whether every value is zero, and there is one."""
        return self.low == 0 == self.high and not self.nan and not self.inf

    @property
    def largest(self) -> float:
        """The largest finite magnitude."""
        return max(abs(self.low or 0), abs(self.high or 0))


def _of(choose: object, one: Optional[float], other: Optional[float]) -> Optional[float]:
    if one is None or other is None:
        return other if one is None else one
    return choose(one, other)  # type: ignore[operator, no-any-return]


class Problem(NamedTuple):
    """A file, or a part of one, that could not be read; the scan went on."""

    where: str
    message: str
    hint: str = ""

    @classmethod
    def of(cls, error: InputError) -> Problem:
        """The problem that an error tells."""
        return cls(error.where, error.message, error.hint)


@dataclass
class Contents:
    """What one file holds."""

    path: str
    format: str
    tensors: List[Tensor] = field(default_factory=list)
    problems: List[Problem] = field(default_factory=list)
    imports: List[str] = field(default_factory=list)
    """Names outside of torch and Python that a load with pickle would import."""


@dataclass(frozen=True)
class Sick:
    """One kind of sickness and the tensors that have it."""

    kind: str
    """`nan`, `inf`, `all-zero`, `at-limit`, `subnormal`, `mixed-dtypes`, `shared`, `duplicate` or `imports`."""
    severity: str
    title: str
    tensors: Tuple[str, ...] = ()
    """Names, each with what was counted in it."""
    layers: str = ""
    """Where they lie, such as `model.layers 21-23`; empty where they have no layer numbers."""


@dataclass
class Scan:
    """All that a scan found."""

    files: List[Contents] = field(default_factory=list)
    counts: Dict[Tensor, Counts] = field(default_factory=dict)
    sick: List[Sick] = field(default_factory=list)
    problems: List[Problem] = field(default_factory=list)

    @property
    def nbytes(self) -> int:
        """Bytes that were looked at."""
        return sum(tensor.nbytes for tensor in self.counts)

    @property
    def verdict(self) -> str:
        """`sick` with an error among what was found, `incomplete` where something could not be read, else `sound`."""
        if any(one.severity == "error" for one in self.sick):
            return "sick"
        return "incomplete" if self.problems or not self.counts else "sound"
