"""`envcheck check --deep` on small real environments: what it finds, and what it survives."""

from __future__ import annotations

import json
import subprocess
import venv
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
from test_cli import envcheck

Made = Callable[..., Path]
PEFT = "from transformers import HybridCache\nimport transformers\nSLOW = transformers.utils.Slow\n"


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """An environment of packages that consist of one file each: name and version -> its text."""

    def make(**files: Any) -> Path:
        root = tmp_path / "env"
        venv.create(root, with_pip=False)
        site = next((root / "lib").glob("python*/site-packages"))
        for name, (version, text) in files.items():
            (site / name).mkdir()
            (site / name / "__init__.py").write_bytes(text.encode() if isinstance(text, str) else text)
            metadata = site / f"{name}-{version}.dist-info"
            metadata.mkdir()
            (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
            (metadata / "RECORD").write_text(f"{name}/__init__.py,,\n{metadata.name}/METADATA,,\n")
        return site

    return make


def deep(site: Path, *arguments: str, **env: str) -> tuple[subprocess.CompletedProcess[str], List[Dict[str, Any]]]:
    python = str(site.parents[2] / "bin" / "python")
    done = envcheck(
        "check",
        "--python",
        python,
        "--deep",
        "--rules-only",
        "--format",
        "json",
        *arguments,
        cwd=site.parent,
        env={"XDG_CACHE_HOME": str(site.parents[2] / "cache"), **env},
    )
    assert "Traceback" not in done.stderr, done.stderr
    found = [one for one in json.loads(done.stdout)["findings"] if one["id"] in ("missing-name", "import-fails")]
    return done, found


def test_it_reads_what_is_installed_and_then_imports_it(made: Made) -> None:
    site = made(torch=("2.8.0", ""), transformers=("5.99.0", "class utils: ..."), peft=("0.99.0", PEFT))
    done, found = deep(site)
    assert done.returncode == 1
    titles = [one["title"] for one in found]
    assert "peft 0.99.0 imports `transformers.HybridCache`, which transformers 5.99.0 does not have" in titles
    assert any(title.startswith("`import peft` fails: ImportError: cannot import name 'HybridCache'") for title in titles)
    assert "peft/__init__.py:1" in next(one for one in found if one["id"] == "missing-name")["cause"]
    done, found = deep(site, "--no-imports")
    assert [one["id"] for one in found] == ["missing-name"]


def test_an_attribute_that_is_not_there_is_found_too(made: Made) -> None:
    site = made(transformers=("5.99.0", "class A: ..."), peft=("0.99.0", "import transformers\nclass B(transformers.B): ...\n"))
    _, (one,) = deep(site, "--no-imports")
    assert "looks up `transformers.B` at its top level, so that `import peft` ends in an AttributeError" in one["cause"]


def test_an_environment_without_a_break_has_no_finding(made: Made) -> None:
    done, found = deep(made(torch=("2.8.0", ""), transformers=("5.99.0", "HybridCache = 1"), peft=("0.99.0", "from transformers import HybridCache")))
    # `import transformers.trainer` finds no such module, which is no break.
    assert (done.returncode, found) == (0, [])


def test_a_module_that_hangs_costs_its_limit_and_no_more(made: Made) -> None:
    site = made(torch=("2.8.0", ""), peft=("0.99.0", "import time\ntime.sleep(300)\n"), accelerate=("1.99.0", "raise RuntimeError('broken')"))
    _, found = deep(site, "--import-limit", "2")
    assert sorted((one["severity"], one["title"]) for one in found) == [
        ("error", "`import accelerate` fails: RuntimeError: broken"),
        ("warning", "`import peft` hangs: no answer within 2 s"),
    ]
    assert "--import-limit" in envcheck("check", "--deep", "--import-limit", "0").stderr


@pytest.mark.parametrize(
    "text",
    [b"from transformers import (\n", b"x = '\xff\xfe'\nfrom transformers import Gone\n", b"\x00", b"# -*- coding: nonsense -*-\n", b"(" * 100_000, b""],
    ids=["syntax", "not UTF-8", "null", "unknown encoding", "deep", "empty"],
)
def test_a_file_that_python_cannot_read_is_not_judged(made: Made, text: bytes) -> None:
    site = made(transformers=("5.99.0", text), peft=("0.99.0", "from transformers import A\nfrom . import gone"), trl=("1.99.0", text))
    done, found = deep(site, "--no-imports")
    assert done.returncode in (0, 1), done.stderr
    # Of an empty file it is certain that a name is not in it; of one that cannot be read nothing is.
    assert [one["id"] for one in found] == ["missing-name"] * (text == b"")


def test_files_that_vanish_meanwhile_are_not_judged(made: Made) -> None:
    site = made(transformers=("5.99.0", ""), peft=("0.99.0", "from transformers import A\n"))
    (site / "transformers" / "__init__.py").unlink()
    (site / "transformers" / "__init__.py").symlink_to("nowhere.py")
    done, found = deep(site, "--no-imports")
    assert (done.returncode, found) == (0, [])


def test_a_cache_that_cannot_be_written_changes_nothing(made: Made) -> None:
    site = made(transformers=("5.99.0", ""), peft=("0.99.0", "from transformers import A\n"))
    first, second = (deep(site, "--no-imports", XDG_CACHE_HOME=folder)[1] for folder in ("/proc/nowhere", "/proc/nowhere"))
    assert first == second != []
    kept = deep(site, "--no-imports")[1]
    assert kept == deep(site, "--no-imports")[1] == first
