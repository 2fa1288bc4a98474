"""`envcheck constraints`: what it leaves out, and that pip obeys it on an index of tiny wheels."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version
from test_cli import envcheck, is_clear_error

from envcheck.api import Checker
from envcheck.constraints import find, render
from envcheck.inputs import target as targets
from envcheck.inputs.target import Target


def wheel(folder: Path, name: str, version: str, requires: str = "") -> None:
    stem = f"{name.replace('-', '_')}-{version}"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" + (f"Requires-Dist: {requires}\n" if requires else "")
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{stem}.dist-info/METADATA", metadata)
        archive.writestr(f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{stem}.dist-info/RECORD", "")


def resolved(folder: Path, constraints: Path, *asked: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--no-index", "--find-links", str(folder), "-c", str(constraints), *asked],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_pip_takes_the_file_and_leaves_out_what_is_known_bad(tmp_path: Path) -> None:
    path = tmp_path / "constraints.txt"
    assert envcheck("constraints", "--gpu", "A100", "--python-version", "3.11", "-o", str(path), cwd=tmp_path).returncode == 0
    for version in ("2025.5.7", "2025.5.8"):
        wheel(tmp_path, "unsloth", version)
    for version in ("1.0.9", "2.0.3"):
        wheel(tmp_path, "flash-attn", version)
    assert "Would install flash-attn-1.0.9 unsloth-2025.5.7" in resolved(tmp_path, path, "unsloth", "flash-attn")
    assert "unsloth!=2025.5.8  # unsloth-2025.5.8-none-compared\n" in path.read_text()
    assert "conflict" in resolved(tmp_path, path, "unsloth==2025.5.8").lower()


@pytest.mark.parametrize("target", [Target(("A100",), python_version="3.11"), Target(("V100",), cuda="12.1", python_version="3.13"), Target(("none",), platform="windows")])  # fmt: skip
def test_every_line_is_a_requirement_that_leaves_a_release(target: Target) -> None:
    checker = Checker()
    found = find(checker, targets.read(target, checker.gpu_rows))
    lines = [line.partition("  # ") for line in render(found, "", "0").splitlines() if line and not line.startswith("#")]
    assert lines
    together: dict[str, list[Requirement]] = {}
    for text, _, id in lines:
        assert id
        together.setdefault(Requirement(text).name, []).append(Requirement(text))
    for name, asked in together.items():
        releases = [Version(one) for one in checker.matrix.table("releases", name) or ["9999"]]
        assert any(all(one.specifier.contains(release) for one in asked) for release in releases), name


def test_what_would_take_the_last_release_away_is_only_told() -> None:
    checker = Checker()
    found = find(checker, targets.read(Target(("V100",), cuda="12.1"), checker.gpu_rows))
    told = [one for one in found.exclusions if one.why]
    assert ("flash-attn", "extension-without-kernels") in [(one.package, one.id) for one in told]
    assert "\n# flash-attn: no listed release would be left. extension-without-kernels: " in render(found, "", "0")


def test_a_package_whose_releases_are_not_listed_is_left_out_where_one_clause_says_it(tmp_path: Path) -> None:
    entry = "id: {id}\nkind: bad\nseverity: error\ntitle: {title}\nculprit: [tiny]\nwhen: {{{when}}}\nsymptom: [crash]\ncause: It crashes.\nfix:\n  - change: {{tiny: '>=3'}}\n"
    entry += "evidence:\n  level: maintainer\n  reviewed: 2026-11-22\n  links: ['https://github.com/pytorch/pytorch/issues/1']\nexamples:\n  hit: [{{packages: {{tiny: '{hit}'}}}}]\n  miss: [{{packages: {{tiny: '9'}}}}]\n  unknown: [{{packages: {{torch: '2.3.0'}}}}]\n"
    rows = {"tiny-1": ("tiny: '==1.2.0'", "1.2.0"), "tiny-2": ("tiny: '<1.0'", "0.5"), "tiny-3": ("tiny: '>=2.0,<2.2'", "2.1")}
    for id, (when, hit) in rows.items():
        (tmp_path / f"{id}.yaml").write_text(entry.format(id=id, title=id, when=when, hit=hit))
    lines = envcheck("constraints", "--matrix", str(tmp_path), cwd=tmp_path).stdout.splitlines()
    assert [line for line in lines if "tiny" in line] == [
        "tiny!=1.2.0  # tiny-1",
        "tiny>=1.0  # tiny-2",
        "# tiny: `>=2.0,<2.2` is bad, and its releases are not listed. tiny-3: tiny-3",
    ]


def test_a_project_is_pinned_and_pairs_with_it_are_decided_by_that(tmp_path: Path) -> None:
    done = envcheck("constraints", "--for", "llama-factory==0.9.3", "--python-version", "3.11", cwd=tmp_path)
    lines = done.stdout.splitlines()
    assert lines[1] == "llamafactory==0.9.3  # --for"
    transformers = [Requirement(line.partition("  #")[0]) for line in lines if line.startswith("transformers")]
    assert transformers
    assert not any(one.specifier.contains("5.0.0") for one in transformers[:1]) or len(transformers) > 1
    assert not [line for line in lines if line.startswith(("vllm", "xformers"))]
    assert "did you mean `llamafactory`?" in is_clear_error(envcheck("constraints", "--for", "lamafactory", cwd=tmp_path))[1]
    assert "the newest that was is" in is_clear_error(envcheck("constraints", "--for", "llamafactory==99", cwd=tmp_path))[1]


def test_pairs_are_comments(tmp_path: Path) -> None:
    lines = envcheck("constraints", "--gpu", "A100", cwd=tmp_path).stdout.splitlines()
    assert "#   numpy-2-torch-before-2.3: NumPy 2 cannot exchange arrays with torch before 2.3" in lines


def test_bounds_are_used_only_where_nothing_else_falls_under_them() -> None:
    from envcheck.constraints import _left_out

    releases = [Version(text) for text in ("1.0", "1.1", "2.0", "2.1", "3.0")]
    assert _left_out(releases, releases[:2], False) == ">=2.0"
    assert _left_out(releases, releases[3:], True) == "<2.1"
    assert _left_out(releases, releases[3:], False) == "!=2.1,!=3.0"
    assert _left_out(releases, [releases[0], releases[2], releases[4]], True) == ">=1.1,<3.0,!=2.0"
