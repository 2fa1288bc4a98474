"""Our sets against `packaging`'s own answer, and the laws of set inclusion."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet

from envcheck import versions

pytestmark = pytest.mark.property

numbers = st.integers(0, 4)
releases = st.lists(numbers, min_size=2, max_size=4).map(lambda parts: ".".join(map(str, parts)))
finals = st.builds(lambda release, post, local: release + post + local, releases, st.sampled_from(["", "", ".post1"]), st.sampled_from(["", "+cu121"]))
clauses = st.builds(lambda operator, release: operator + release, st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "~="]), releases)
wildcards = st.builds(lambda operator, release: f"{operator}{release}.*", st.sampled_from(["==", "!="]), releases)
specifiers = st.lists(st.one_of(clauses, wildcards), min_size=1, max_size=3).map(",".join)


@given(finals, specifiers)
def test_a_release_is_judged_as_packaging_judges_it(version: str, text: str) -> None:
    try:
        wanted = versions.specifier(text)
    except versions.VersionError:
        assert not SpecifierSet(text).contains(version, prereleases=True)
        return
    assert versions.within(versions.installed(version), wanted) is SpecifierSet(text).contains(version, prereleases=True)


@given(finals, st.one_of(clauses, wildcards), specifiers)
def test_what_lies_in_a_set_gets_the_answer_of_the_set(version: str, have: str, wanted: str) -> None:
    try:
        pool, range_ = versions.specifier(have), versions.specifier(wanted)
    except versions.VersionError:
        return
    one = versions.installed(version)
    answer = versions.within(pool, range_)
    if versions.within(one, pool) is True and answer is not None:
        assert versions.within(one, range_) is answer


@given(specifiers)
def test_every_set_lies_in_itself(text: str) -> None:
    try:
        pool = versions.specifier(text)
    except versions.VersionError:
        return
    assert versions.within(pool, pool) is True
