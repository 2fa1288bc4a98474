"""Our sets against `packaging`'s own answer, and the laws of set inclusion."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from packaging.specifiers import InvalidSpecifier, Specifier, SpecifierSet
from packaging.version import Version

from envcheck import versions

pytestmark = pytest.mark.property

numbers = st.integers(0, 4)
releases = st.lists(numbers, min_size=2, max_size=4).map(lambda parts: ".".join(map(str, parts)))
locals_ = st.sampled_from(["", "", "+cu121", "+cu118"])
finals = st.builds(lambda release, post, local: release + post + local, releases, st.sampled_from(["", "", ".post1"]), locals_)
few = st.sampled_from(["1.0", "1.0.1", "1.1", "2.0", "1!1.0"])
pres = st.sampled_from(["", "", "a1", "b2", "rc1", "rc2"])
ends = st.sampled_from(["", "", ".dev1", ".dev2", ".post1", ".post1.dev1"])
anything = st.builds(lambda release, pre, end: release + pre + end, few, pres, ends)
clauses = st.builds(lambda operator, release: operator + release, st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "~="]), releases)
wildcards = st.builds(lambda operator, release: f"{operator}{release}.*", st.sampled_from(["==", "!="]), releases)
builds = st.builds(lambda operator, release, local: operator + release + local, st.sampled_from(["==", "!="]), few, st.sampled_from(["+cu121", "+cu118"]))
odd = st.builds(lambda operator, version: operator + version, st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "~="]), anything)
specifiers = st.lists(st.one_of(clauses, wildcards), min_size=1, max_size=3).map(",".join)
odd_specifiers = st.lists(st.one_of(odd, builds, wildcards), min_size=1, max_size=3).map(",".join)


@given(
    st.one_of(finals, st.builds(str.__add__, few, locals_)), st.one_of(specifiers, st.lists(st.one_of(clauses, builds), min_size=1, max_size=3).map(",".join))
)
def test_a_release_is_judged_as_packaging_judges_it(version: str, text: str) -> None:
    try:
        wanted = versions.specifier(text)
    except versions.VersionError:
        assert not SpecifierSet(text).contains(version, prereleases=True)
        return
    assert versions.within(versions.installed(version), wanted) is SpecifierSet(text).contains(version, prereleases=True)


def _order_alone(version: Version, operator: str, operand: Version) -> bool:
    """PEP 440's order, with the one exclusion of `>V` that we keep; `packaging` excludes more beside `<V` and `>V`."""
    if operator == "<":
        return version < operand
    if (
        operand.is_postrelease
        or operand.dev is not None
        or version.post is None
        or (version.epoch, version.release, version.pre)
        != (
            operand.epoch,
            operand.release,
            operand.pre,
        )
    ):
        return version > operand
    return False


@given(anything, odd)
def test_where_a_clause_names_a_pre_release_the_order_of_pep_440_decides(version: str, text: str) -> None:
    try:
        clause = Specifier(text)
    except InvalidSpecifier:
        return
    operand, have = Version(clause.version), Version(version)
    assume(operand.is_prerelease or not have.is_prerelease)
    expected = _order_alone(have, clause.operator, operand) if clause.operator in "<>" else clause.contains(version, prereleases=True)
    assert versions.within(versions.installed(version), versions.specifier(text)) is expected


@given(anything, odd_specifiers)
def test_an_installed_pre_release_is_judged_as_packaging_or_left_open(version: str, text: str) -> None:
    try:
        wanted = versions.specifier(text)
    except versions.VersionError:
        return
    answer = versions.within(versions.installed(version), wanted)
    release = Version(version).base_version + (f".post{Version(version).post}" if Version(version).post is not None else "")
    if answer is not None and not any(Specifier(clause).operator in "<>" for clause in text.split(",")):
        assert answer is SpecifierSet(text).contains(version, prereleases=True) or answer is SpecifierSet(text).contains(release, prereleases=True)


@given(anything, st.one_of(odd, wildcards), odd_specifiers)
def test_a_requirement_and_a_pre_release_do_not_contradict_each_other(version: str, have: str, wanted: str) -> None:
    try:
        pool, range_ = versions.specifier(have), versions.specifier(wanted)
    except versions.VersionError:
        return
    one = versions.installed(version)
    answer = versions.within(pool, range_)
    if Version(version).is_prerelease:
        return
    if answer is not None and versions.within(one, pool) is True:
        assert versions.within(one, range_) is answer


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


@given(st.one_of(specifiers, odd_specifiers))
def test_every_set_lies_in_itself(text: str) -> None:
    try:
        pool = versions.specifier(text)
    except versions.VersionError:
        return
    assert versions.within(pool, pool) is True
