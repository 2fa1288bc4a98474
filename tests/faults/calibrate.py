"""Prints the table of `docs/calibration.md` for one device: the largest error over bound of every part of every check.

Usage: `calibrate.py PYTHON [--device cuda:0] [--seeds 200] [--faults 8]`, where PYTHON has torch. One call does everything: what was
measured on, false alarms, ratios, and with `--faults` whether that many seeds of the planted faults are seen there.
"""

from __future__ import annotations

import argparse
import datetime
import sys

import prove

from envcheck import api
from envcheck.render import text
from envcheck.selftest.plan import BACKENDS


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("python")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--faults", type=int, default=0)
    given = parser.parse_args()
    where = {"device": given.device, "backends": BACKENDS.get(given.device.partition(":")[0], ("MATH",))}
    rows = prove.carried_out(given.python, {"task": "healthy", "seeds": list(range(given.seeds)), **where})
    lines, calm = prove.alarms(rows)
    subject = text.subject(api.snapshot_of(api.Sources(python=given.python), api.Checker()))
    sys.stdout.write(f"## `{given.device}`, {datetime.date.today()}\n\n{subject}; {rows[0]['machine']}\n\n" + "".join(f"{line}\n" for line in lines))
    if given.faults:
        table, seen = prove.table(prove.carried_out(given.python, {"task": "own", "seeds": list(range(given.faults)), **where}), own=True)
        sys.stdout.write("\n" + "".join(f"{line}\n" for line in table))
        calm = calm and seen
    return 0 if calm else 1


if __name__ == "__main__":
    sys.exit(main())
