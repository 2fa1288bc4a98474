from __future__ import annotations

from typing import Any

import pytest

from envcheck import versions

YES, NO, PARTLY = True, False, None


@pytest.mark.parametrize(
    ("version", "wanted", "answer"),
    [
        ("2.1.2", "==2.1.2", YES),
        ("2.1.2+cu121", "==2.1.2", YES),
        ("2.1.2+cu121", ">2.1.2", NO),
        ("2.1.2+cu121", "<=2.1.2", YES),
        ("2.1.2+cu121", "==2.1.2+cu121", YES),
        ("2.1.2+cu118", "==2.1.2+cu121", NO),
        ("2.1.2", "==2.1.2+cu121", NO),
        ("2.1.3", "!=2.1.2", YES),
        ("2.8.3.post1", "<=2.8.3", NO),
        ("2.8.3.post1", ">2.8.3", NO),
        ("2.8.3.post2", ">2.8.3.post1", YES),
        ("2.8.0.1", "==2.8.0.*", YES),
        ("2.8.1", "==2.8.0.*", NO),
        ("2.8.1", "!=2.8.0.*", YES),
        ("2.2.5", "~=2.2.1", YES),
        ("2.3.0", "~=2.2.1", NO),
        ("1!1.0", ">5", YES),
        ("0.12.4", ">=0.12.4,<0.14.3,!=0.13.0", YES),
        ("0.13.0", ">=0.12.4,<0.14.3,!=0.13.0", NO),
    ],
)
def test_an_installed_release_lies_in_a_specifier_or_not(version: str, wanted: str, answer: object) -> None:
    assert versions.within(versions.installed(version), versions.specifier(wanted)) is answer


@pytest.mark.parametrize("version", ["2.4.0a0+f70bd71a48.nv24.06", "2.4.0.dev20240612+cu124", "2.4.0rc3"])
@pytest.mark.parametrize(
    ("wanted", "answer"),
    [("<2.4", PARTLY), (">=2.4", PARTLY), ("<2.5", YES), (">=2.3.1", YES), (">=2.0,<2.3", NO), ("==2.4.0", PARTLY), (">2.4.0", NO)],
)
def test_what_a_vendor_build_or_nightly_contains_is_undecided_only_at_its_own_release(version: str, wanted: str, answer: object) -> None:
    assert versions.within(versions.installed(version), versions.specifier(wanted)) is answer


@pytest.mark.parametrize(("wanted", "answer"), [(">=4.0.0b11", YES), ("<4.0.0b11", NO), ("<4.0.0rc1", YES), ("==4.0.0b11", YES)])
def test_a_specifier_that_names_a_pre_release_means_that_pre_release(wanted: str, answer: object) -> None:
    assert versions.within(versions.installed("4.0.0b11"), versions.specifier(wanted)) is answer


@pytest.mark.parametrize(
    ("reported", "wanted", "answer"),
    [
        ("3.10", ">=3.9", YES),
        ("3.10", ">=3.10.4", PARTLY),
        ("3.10", "<3.10", NO),
        ("3.10", "<3.11", YES),
        ("570", ">=525.60.13", YES),
        ("570", ">=570.26", PARTLY),
        (">=0.12", ">=0.12.4,<0.14.3", PARTLY),
        (">=0.14.3", ">=0.12.4,<0.14.3", NO),
        (">=0.13,<0.14", ">=0.12.4,<0.14.3", YES),
        ("==0.13.*", ">=0.12.4,<0.14.3", YES),
        ("==2.1", "==2.1.0", YES),
        (">=0", "<1", PARTLY),
        ("!=0.14.3", "==0.14.3", NO),
        ("==2.1.2", "==2.1.2+cu121", PARTLY),
    ],
)
def test_a_reported_version_may_be_a_set(reported: str, wanted: str, answer: object) -> None:
    assert versions.within(versions.reported(reported), versions.specifier(wanted)) is answer


@pytest.mark.parametrize(
    ("text", "wanted", "answer"),
    [
        ("535.104.05", ">=535.104.5", YES),
        ("535.54.03", "<535.104", YES),
        ("8.0.RC3", ">=7.0", YES),
        ("8.0.RC3.alpha001", ">=8.1", NO),
        ("12.1.r12.1/x", ">=12", YES),
    ],
)
def test_vendor_versions_are_read_as_far_as_they_go(text: str, wanted: str, answer: object) -> None:
    assert versions.within(versions.vendor(text), versions.specifier(wanted)) is answer
    assert versions.vendor(text).text == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("8.0", "8.0"),
        ("sm_80", "8.0"),
        ("SM_90a", "9.0"),
        ("compute_120", "12.0"),
        ("9.0a", "9.0"),
        ("12.1", "12.1"),
        ("sm80", "8.0"),
        ("compute86", "8.6"),
        ("sm_120", "12.0"),
    ],
)
def test_capabilities_have_one_form(text: str, shown: str) -> None:
    assert versions.capability(text).text == shown


@pytest.mark.parametrize("text", ["gfx90a", "A100", "", "8", "8.0.1", "80", "120", "4090", "1080", "910", "sm_4090", "sm_10", "20.0", "1.0", "٨.٠", "9" * 5000])
def test_what_is_no_capability_is_refused(text: str) -> None:
    with pytest.raises(versions.VersionError):
        versions.capability(text)


@pytest.mark.parametrize("text", ["2.1", "=>2.1", ">=2.1.*", "~=2", ">=x", "<2,>3", "", ">=2,", "==2.1rc1.*", "==2.1+a,==2.1+b", f">={'9' * 5000}"])
def test_a_specifier_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(versions.VersionError):
        versions.specifier(text)


@pytest.mark.parametrize("text", ["1.0-custom-build", "9" * 5000, f"1.{'9' * 5000}"])
@pytest.mark.parametrize("grammar", [versions.installed, versions.reported, versions.specifier])
def test_what_pep_440_cannot_read_is_refused(text: str, grammar: Any) -> None:
    with pytest.raises(versions.VersionError) as caught:
        grammar(text)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("value", "wanted", "answer"),
    [
        ("2.1.2+cu121", "!=2.1.2+cu118", YES),
        ("2.1.2+cu118", "!=2.1.2+cu118", NO),
        ("2.1.2", "!=2.1.2+cu118", YES),
        ("2.1.3", "!=2.1.2+cu118", YES),
        ("==2.1.2", "!=2.1.2+cu118", PARTLY),
        (">=2.1,!=2.1.2+cu118", "!=2.1.2+cu118", YES),
        ("2.1.2+cu121", "==2.1.2,!=2.1.2+cu118", YES),
    ],
)
def test_an_excluded_build_excludes_no_other(value: str, wanted: str, answer: object) -> None:
    assert versions.within(versions.reported(value), versions.specifier(wanted)) is answer


@pytest.mark.parametrize(
    ("version", "wanted", "answer"),
    [
        ("0.6.3.post2.dev77", ">=0.6.3", YES),
        ("0.6.3.post2.dev77", ">0.6.3.post1", YES),
        ("0.6.3.post2.dev77", "<0.6.3.post2", PARTLY),
        ("0.6.3.post2.dev77", "<=0.6.3.post2", YES),
        ("0.6.3.post2.dev77", "==0.6.3", NO),
    ],
)
def test_a_development_version_of_a_post_release_leads_to_it(version: str, wanted: str, answer: object) -> None:
    assert versions.within(versions.installed(version), versions.specifier(wanted)) is answer


@pytest.mark.parametrize(
    ("version", "wanted", "answer"),
    [
        ("1.0.dev5", ">1.0.dev3", YES),
        ("1.0a1", ">1.0.dev3", YES),
        ("1.0.dev3", ">1.0.dev3", NO),
        ("1.0rc1", ">1.0rc1.dev2", YES),
        ("1.0.post1", ">1.0.dev3", YES),
        ("2.6.0.dev20241101", ">=2.4.0rc1,<2.6", PARTLY),
        ("2.6.0.dev20241101", ">=2.4.0rc1", YES),
        ("2.4.0a1", ">=2.4.0rc1,<2.6", NO),
    ],
)
def test_only_the_clause_that_names_a_pre_release_means_one(version: str, wanted: str, answer: object) -> None:
    assert versions.within(versions.installed(version), versions.specifier(wanted)) is answer


@pytest.mark.parametrize(
    ("value", "wanted", "answer"),
    [
        ("==2.*", ">=2", YES),
        ("==2.*", ">=2.0.0", YES),
        ("==2.1.*", ">=2.1,<2.2", YES),
        ("==2.*", "<2", NO),
        ("==2.*", ">=2.1", PARTLY),
        ("==2.*", "==2.*", YES),
    ],
)
def test_a_requirement_for_a_series_begins_at_its_first_release(value: str, wanted: str, answer: object) -> None:
    assert versions.within(versions.reported(value), versions.specifier(wanted)) is answer


@pytest.mark.parametrize(
    ("version", "wanted", "answer"), [("2.1", "===2.1", YES), ("2.1.0", "===2.1", NO), ("2.1+cu121", "===2.1", NO), ("2.1+CU121", "===2.1+cu121", YES)]
)
def test_three_equals_signs_compare_the_text(version: str, wanted: str, answer: object) -> None:
    assert versions.within(versions.installed(version), versions.specifier(wanted)) is answer


def test_thousands_of_exclusions_are_met_in_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Meeting each with all the others grows with the square of their number: counted, because time is no assertion."""
    met = []
    intersect = versions._intersect
    monkeypatch.setattr(versions, "_intersect", lambda left, right: (met.append(len(left) + len(right)), intersect(left, right))[1])
    text = ",".join(f"!=1.0.{number}" for number in range(5000))
    assert versions.within(versions.installed("1.0.4000"), versions.specifier(text)) is False
    assert sum(met) < 5000 * 40
