from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from envcheck.probe import distributions, ownership


def dist(root: Path, folder: str, metadata: str | None, record: str = "") -> Path:
    path = root / folder
    path.mkdir(parents=True)
    if metadata is not None:
        (path / "METADATA").write_text(metadata, encoding="utf-8")
    if record:
        (path / "RECORD").write_text(record, encoding="utf-8")
    for line in record.splitlines():
        file = root / line.split(",")[0]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return path


def header(name: str, version: str) -> str:
    return f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: x\n\nName: not this one\n"


def test_the_running_environment_is_read_as_pip_reads_it() -> None:
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check"], capture_output=True, text=True, check=True
    ).stdout
    expected = {line.split("==")[0].lower().replace("_", "-").replace(".", "-"): line.split("==")[1] for line in listed.splitlines() if "==" in line}
    found = {name: fact.value for name, fact in distributions.facts(distributions.scan(sys.path[1:])).items()}
    assert {name: found.get(name) for name in expected} == expected


def test_name_and_version_come_from_the_metadata(tmp_path: Path) -> None:
    path = dist(tmp_path, "Flash_Attn-2.5.8.dist-info", header("flash_attn", "2.5.8+cu122torch2.3cxx11abiFALSE"))
    [one] = distributions.scan([str(tmp_path)])
    assert (one.name, one.version, one.path) == ("flash-attn", "2.5.8+cu122torch2.3cxx11abiFALSE", str(path))


def test_eggs_are_read_too(tmp_path: Path) -> None:
    egg = tmp_path / "old_package-1.0-py3.8.egg-info"
    egg.write_text("Metadata-Version: 1.0\nName: old-package\nVersion: 1.0\n")
    folder = tmp_path / "Develop.egg-info"
    folder.mkdir()
    (folder / "PKG-INFO").write_text(header("Develop", "0.1.dev0"))
    assert {one.name: one.version for one in distributions.scan([str(tmp_path)])} == {"old-package": "1.0", "develop": "0.1.dev0"}


@pytest.mark.parametrize(
    ("metadata", "version", "trouble"),
    [
        (None, "2.1.2", "its metadata file is missing or cannot be read"),
        ("Name: torch\n", "2.1.2", "its metadata states no version"),
        ("\x00\xff", "2.1.2", "states no version"),
    ],
)
def test_broken_metadata_is_an_anomaly_and_not_a_crash(tmp_path: Path, metadata: str | None, version: str, trouble: str) -> None:
    dist(tmp_path, "torch-2.1.2.dist-info", metadata)
    found = distributions.scan([str(tmp_path)])
    assert [one.version for one in found] == [version]
    [odd] = distributions.anomalies(found, None)
    assert odd.kind == "broken-metadata"
    assert trouble in odd.detail


def test_without_any_version_the_fact_is_unknown_with_the_reason(tmp_path: Path) -> None:
    dist(tmp_path, "torch.dist-info", None)
    fact = distributions.facts(distributions.scan([str(tmp_path)]))["torch"]
    assert not fact.is_known
    assert "metadata" in fact.reason


def test_leftovers_of_pip_and_missing_folders_are_passed_over(tmp_path: Path) -> None:
    dist(tmp_path, "~orch-2.1.2.dist-info", header("torch", "2.1.2"))
    assert distributions.scan([str(tmp_path), str(tmp_path / "gone"), __file__]) == ()


def test_two_metadata_folders_of_one_package(tmp_path: Path) -> None:
    dist(tmp_path, "torch-2.1.2.dist-info", header("torch", "2.1.2"))
    dist(tmp_path, "torch-2.3.0.dist-info", header("torch", "2.3.0"))
    [odd] = distributions.anomalies(distributions.scan([str(tmp_path)]), None)
    assert (odd.kind, odd.packages) == ("duplicate-metadata", ("torch",))
    assert "2.1.2 and 2.3.0" in odd.detail


def test_the_user_site_hides_what_the_environment_has(tmp_path: Path) -> None:
    user, site = tmp_path / "user", tmp_path / "site"
    dist(user, "transformers-4.30.0.dist-info", header("transformers", "4.30.0"))
    dist(site, "transformers-4.46.1.dist-info", header("transformers", "4.46.1"))
    found = distributions.scan([str(user), str(site)])
    assert distributions.facts(found)["transformers"].value == "4.30.0"
    [odd] = distributions.anomalies(found, str(user))
    assert odd.kind == "user-site-shadow"
    [other] = distributions.anomalies(found, None)
    assert other.kind == "shadowed"


RECORD = "{name}/__init__.py,sha256=x,{size}\n{name}/core.py,sha256=y,10\n"


def test_a_distribution_whose_files_belong_to_another(tmp_path: Path) -> None:
    dist(tmp_path, "triton-3.0.0.dist-info", header("triton", "3.0.0"), RECORD.format(name="triton", size=20))
    dist(tmp_path, "pytorch_triton-3.0.0.dist-info", header("pytorch-triton", "3.0.0"), RECORD.format(name="triton", size=20))
    [odd] = ownership.anomalies(distributions.scan([str(tmp_path)]))
    assert set(odd.packages) == {"triton", "pytorch-triton"}
    assert "`triton/`" in odd.detail


@pytest.mark.parametrize(("folder", "second"), [("tests", RECORD), ("google", "{name}/__init__.py,sha256=x,0\n{name}/other.py,sha256=z,5\n")])
def test_careless_folders_and_empty_namespaces_are_no_anomaly(tmp_path: Path, folder: str, second: str) -> None:
    first = RECORD.format(name=folder, size=0)
    dist(tmp_path, "a-1.0.dist-info", header("a", "1.0"), first)
    dist(tmp_path, "b-1.0.dist-info", header("b", "1.0"), second.format(name=folder, size=0))
    assert ownership.anomalies(distributions.scan([str(tmp_path)])) == ()
