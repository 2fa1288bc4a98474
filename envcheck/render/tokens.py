"""What was found in tokenised data -> text and plain values."""

from __future__ import annotations

from typing import Any, Dict, Sequence

from envcheck.render.escape import visible
from envcheck.tokens import Fault, Tally


def text(path: str, tally: Tally, faults: Sequence[Fault]) -> str:
    """The faults with how many rows have them and the first, then a line on the whole."""
    lines = []
    for one in faults:
        lines += [
            f"{one.severity}  {one.title}: {one.rows:,} of {tally.rows:,} rows  [{one.kind}]",
            f"  first  row {one.first}: {visible(one.example)}",
            f"  why    {one.why}",
            "",
        ]
    return "\n".join([*lines, f"{verdict(faults)}  {visible(path)}", f"  {_whole(tally)}"]) + "\n"


def verdict(faults: Sequence[Fault]) -> str:
    """`bad` with an error, `caution` with a warning, else `sound`."""
    severities = {one.severity for one in faults}
    return "bad" if "error" in severities else "caution" if "warning" in severities else "sound"


def values(path: str, tally: Tally, faults: Sequence[Fault]) -> Dict[str, Any]:
    """The document of `--format json`."""
    return {
        "schema": 1,
        "path": path,
        "verdict": verdict(faults),
        "findings": [one._asdict() for one in faults],
        "rows": tally.rows,
        "tokens": tally.tokens,
        "longest": tally.longest,
        "trained": tally.trained if tally.has_labels else None,
        "trained_share": share(tally),
    }


def share(tally: Tally) -> Any:
    """The share of labels that train, from 0 to 1; None without labels."""
    return round(tally.trained / tally.labelled, 4) if tally.labelled else None


def _whole(tally: Tally) -> str:
    trained = share(tally)
    of_labels = f"{trained:.1%} of the labels train" if trained is not None else "no labels"
    return f"{tally.rows:,} rows, {tally.tokens:,} tokens, the longest {tally.longest:,}; {of_labels}"
