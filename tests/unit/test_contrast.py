"""Two environments side by side, and the odd one among nodes."""

from __future__ import annotations

from build import snap

from envcheck import contrast
from envcheck.api import Checker

CHECKER = Checker()


def test_what_a_finding_rests_on_comes_first_and_is_named() -> None:
    one = CHECKER.report(snap(torch="2.2.0", numpy="1.26.4", peft="0.11.1", complete=True))
    other = CHECKER.report(snap(torch="2.2.0", numpy="2.0.0", peft="0.12.0", complete=True))
    found = contrast.between(one, other)
    assert (found.differs[0].key, found.differs[0].one, found.differs[0].other) == ("numpy", "1.26.4", "2.0.0")
    assert "numpy-2-torch-before-2.3" in found.differs[0].findings
    assert [finding.id for finding in found.only_one] == []
    assert "numpy-2-torch-before-2.3" in [finding.id for finding in found.only_other]


def test_unknown_is_no_difference_and_absent_is() -> None:
    listed = CHECKER.report(snap(torch="2.2.0", complete=True))
    given = CHECKER.report(snap(torch="2.2.0", peft="0.11.1", driver="535.104.05"))
    found = contrast.between(listed, given)
    assert [(row.key, row.one, row.other) for row in found.differs] == [("peft", "absent", "0.11.1")]
    assert found.unknown == ("driver",)


def test_the_same_has_no_difference() -> None:
    one = CHECKER.report(snap(torch="2.2.0", gpus=[{"name": "A100", "count": 8}]))
    assert contrast.between(one, one) == contrast.Comparison((), (), (), ())


def test_the_odd_node() -> None:
    usual = CHECKER.report(snap(torch="2.2.0", numpy="1.26.4", driver="535.104.05", complete=True))
    odd = CHECKER.report(snap(torch="2.2.0", numpy="2.0.0", driver="525.60.13", complete=True))
    found = contrast.odd_ones([("n:1", usual), ("n:2", odd), ("n:3", usual)])
    assert [(one.node, one.key, one.value, one.usual, one.nodes) for one in found] == [
        ("n:2", "driver", "525.60.13", "535.104.05", 2),
        ("n:2", "numpy", "2.0.0", "1.26.4", 2),
    ]
    assert "numpy-2-torch-before-2.3" in found[1].findings
