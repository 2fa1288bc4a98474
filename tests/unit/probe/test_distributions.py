from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from envcheck.probe import distributions, duplicates, ownership


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
    [odd] = duplicates.anomalies(found, None)
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
    [odd] = duplicates.anomalies(distributions.scan([str(tmp_path)]), None)
    assert (odd.kind, odd.packages) == ("duplicate-metadata", ("torch",))
    assert "2.1.2 and 2.3.0" in odd.detail


def test_the_user_site_hides_what_the_environment_has(tmp_path: Path) -> None:
    user, site = tmp_path / "user", tmp_path / "site"
    dist(user, "transformers-4.30.0.dist-info", header("transformers", "4.30.0"))
    dist(site, "transformers-4.46.1.dist-info", header("transformers", "4.46.1"))
    found = distributions.scan([str(user), str(site)])
    assert distributions.facts(found)["transformers"].value == "4.30.0"
    [odd] = duplicates.anomalies(found, str(user))
    assert odd.kind == "user-site-shadow"
    [other] = duplicates.anomalies(found, None)
    assert other.kind == "shadowed"


def test_an_egg_on_the_import_path_is_found(tmp_path: Path) -> None:
    egg = tmp_path / "apex-0.1-py3.10-linux-x86_64.egg"
    (egg / "EGG-INFO").mkdir(parents=True)
    (egg / "EGG-INFO" / "PKG-INFO").write_text(header("apex", "0.1"))
    [one] = distributions.scan([str(tmp_path), str(egg)])
    assert (one.name, one.version, one.root) == ("apex", "0.1", str(egg))


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_folder_that_is_reached_twice_is_read_once(tmp_path: Path) -> None:
    dist(tmp_path / "lib" / "site-packages", "torch-2.1.2.dist-info", header("torch", "2.1.2"))
    (tmp_path / "lib64").symlink_to("lib")
    found = distributions.scan([str(tmp_path / "lib" / "site-packages"), str(tmp_path / "lib64" / "site-packages")])
    assert len(found) == 1


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_the_user_site_is_known_behind_a_link(tmp_path: Path) -> None:
    home, site = tmp_path / "data" / "ann", tmp_path / "site"
    dist(home, "trl-0.8.0.dist-info", header("trl", "0.8.0"))
    dist(site, "trl-0.9.0.dist-info", header("trl", "0.9.0"))
    (tmp_path / "home").symlink_to("data")
    [odd] = duplicates.anomalies(distributions.scan([str(home), str(site)]), str(tmp_path / "home" / "ann"))
    assert odd.kind == "user-site-shadow"


def egg_info(root: Path, name: str, version: str) -> None:
    (root / f"{name}.egg-info").mkdir(parents=True)
    (root / f"{name}.egg-info" / "PKG-INFO").write_text(header(name, version))


@pytest.mark.parametrize(("here", "there"), [("1.0", "1.0"), ("1.0", "1.0.0")])
@pytest.mark.parametrize("together", [True, False])
def test_two_listings_of_one_version_are_no_anomaly(tmp_path: Path, here: str, there: str, together: bool) -> None:
    dist(tmp_path / "site-packages", "attrs-1.0.dist-info", header("attrs", here))
    egg_info(tmp_path / ("site-packages" if together else "dist-packages"), "attrs", there)
    found = distributions.scan([str(tmp_path / "site-packages"), str(tmp_path / "dist-packages")])
    assert len(found) == 2
    assert duplicates.anomalies(found, None) == ()


def test_ten_hidden_packages_of_one_folder_are_one_finding(tmp_path: Path) -> None:
    local, system = tmp_path / "local" / "dist-packages", tmp_path / "dist-packages"
    names = [f"p{number}" for number in range(10)]
    for name in names:
        dist(local, f"{name}-2.0.dist-info", header(name, "2.0"))
        dist(system, f"{name}-1.0.dist-info", header(name, "1.0"))
    [odd] = duplicates.anomalies(distributions.scan([str(local), str(system)]), None)
    assert (odd.kind, odd.packages) == ("shadowed", tuple(names))
    assert "10 packages" in odd.detail
    assert sum(f"`{name}`" in odd.detail for name in names) == 3


@pytest.mark.parametrize("crowded", [True, False])
def test_the_source_tree_of_an_editable_install_is_no_anomaly(tmp_path: Path, crowded: bool) -> None:
    site, source = tmp_path / "site-packages", tmp_path / "project"
    path = dist(site, "mine-2.0.dist-info", header("mine", "2.0"))
    (path / "direct_url.json").write_text('{"dir_info": {"editable": true}, "url": "file:///home/ann/project"}')
    egg_info(source, "mine", "1.9")
    if crowded:
        egg_info(source, "another", "1.0")
    assert duplicates.anomalies(distributions.scan([str(site), str(source)]), None) == ()


def test_a_source_tree_alone_in_its_folder_is_no_anomaly(tmp_path: Path) -> None:
    dist(tmp_path / "site-packages", "mine-2.0.dist-info", header("mine", "2.0"))
    egg_info(tmp_path / "project", "mine", "1.9")
    assert duplicates.anomalies(distributions.scan([str(tmp_path / "project"), str(tmp_path / "site-packages")]), None) == ()


RECORD = "{name}/__init__.py,sha256={hash},{size}\n{name}/core.py,sha256=y,10\n"


def claim(root: Path, owner: str, package: str, digest: str, size: int = 20) -> None:
    dist(root, f"{owner}-3.0.0.dist-info", header(owner, "3.0.0"), RECORD.format(name=package, hash=digest, size=size))


def test_a_distribution_whose_files_belong_to_another(tmp_path: Path) -> None:
    claim(tmp_path, "triton", "triton", "one")
    claim(tmp_path, "pytorch_triton", "triton", "two")
    [odd] = ownership.anomalies(distributions.scan([str(tmp_path)]))
    assert set(odd.packages) == {"triton", "pytorch-triton"}
    assert "`triton/`" in odd.detail


def test_only_the_two_that_collide_are_named(tmp_path: Path) -> None:
    for owner, digest in (("a", "same"), ("b", "same"), ("c", "other")):
        claim(tmp_path, owner, "cv2", digest)
    pairs = [odd.packages for odd in ownership.anomalies(distributions.scan([str(tmp_path)]))]
    assert pairs == [("a", "c"), ("b", "c")]


@pytest.mark.parametrize(
    ("folder", "digests", "size"),
    [("tests", ("one", "two"), 20), ("google", ("one", "two"), 0), ("google", ("same", "same"), 20)],
    ids=["a careless folder", "an empty namespace", "identical copies"],
)
def test_what_overwrites_nothing_is_no_anomaly(tmp_path: Path, folder: str, digests: tuple[str, str], size: int) -> None:
    for owner, digest in zip("ab", digests):
        claim(tmp_path, owner, folder, digest, size)
    assert ownership.anomalies(distributions.scan([str(tmp_path)])) == ()


def test_requirements_of_what_is_installed_too_are_read(tmp_path: Path) -> None:
    lines = [
        "tokenizers<0.15,>=0.14",
        "numpy (>=1.17)",
        "deepspeed>=0.9; extra == 'deepspeed'",
        "psutil",
        "Not_There>=1",
        'typing_extensions>=4; python_version < "3.12"',
    ]
    metadata = (
        "Metadata-Version: 2.1\nName: transformers\nVersion: 4.36.2\n" + "".join(f"Requires-Dist: {line}\n" for line in lines) + "\nRequires-Dist: numpy<1\n"
    )
    path = dist(tmp_path, "transformers-4.36.2.dist-info", metadata)
    for name in ("tokenizers", "numpy", "deepspeed", "psutil", "typing-extensions"):
        dist(tmp_path, f"{name}-1.0.dist-info", header(name, "1.0"))
    [(name, fact)] = distributions.requires(distributions.scan([str(tmp_path)])).items()
    assert (name, fact.origin) == ("transformers", str(path))
    assert fact.value == 'tokenizers<0.15,>=0.14 | numpy (>=1.17) | typing_extensions>=4; python_version < "3.12"'
