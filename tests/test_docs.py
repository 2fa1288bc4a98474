"""The documentation says what the program does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from click import Argument
from click.testing import CliRunner

from envcheck import settings
from envcheck.cli import COMMANDS, group
from envcheck.conditions import CONDITIONS
from envcheck.matrix.schema import REMEDIES, SYMPTOMS
from envcheck.model import EVIDENCE_LEVELS, SENSE_KEYS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
ENTRIES = (ROOT / "docs" / "entries.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", list(COMMANDS))
def test_every_command_has_help_and_stands_in_the_readme(command: str) -> None:
    shown = CliRunner().invoke(group, [command, "--help"])
    assert shown.exit_code == 0
    assert len(shown.output.splitlines()) > 4
    assert f"envcheck {command}" in README or command in ("check", "selftest")


def test_every_option_in_the_readme_exists() -> None:
    helped = "".join(CliRunner().invoke(group, [command, "--help"]).output for command in COMMANDS)
    used = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", README))
    assert {option for option in used if option not in helped} == set()


def test_every_option_is_explained_in_one_line() -> None:
    for command in ("check", "probe", "selftest"):
        for parameter in group.get_command(None, command).params:  # type: ignore[union-attr,arg-type]
            assert isinstance(parameter, Argument) or getattr(parameter, "help", None), f"{command} {parameter.name}"


def test_the_readmes_example_is_what_the_program_prints(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text('{"packages": {"torch": "2.2.0+cu121", "numpy": "2.0.0"}}')
    done = subprocess.run([sys.executable, "-m", "envcheck", "--snapshot", "broken.json"], capture_output=True, text=True, cwd=tmp_path, check=False)
    example = re.search(r"\$ envcheck --snapshot broken.json\n(.*?)```", README, re.DOTALL)
    assert example is not None
    printed = " ".join(done.stdout.split())
    for line in example[1].splitlines():
        assert " ".join(line.split()) in printed


@pytest.mark.parametrize("key", [*CONDITIONS, *(f"`{remedy}:" for remedy in REMEDIES), *SYMPTOMS, *EVIDENCE_LEVELS])
def test_every_key_an_entry_may_use_is_documented(key: str) -> None:
    assert key in ENTRIES


@pytest.mark.parametrize("key", settings.TRAIN_KEYS)
def test_every_training_setting_is_documented(key: str) -> None:
    assert f"`{key}`" in ENTRIES


@pytest.mark.parametrize(
    "key", [*SENSE_KEYS, "complete", "packages", "gpus", "env", "env_complete", "train", "builds", "requires", "anomalies", "unknown", "origins"]
)
def test_every_key_of_a_snapshot_is_documented(key: str) -> None:
    assert f"`{key}`" in (ROOT / "docs" / "snapshot.md").read_text(encoding="utf-8")


def test_links_between_documents_lead_somewhere() -> None:
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", path.read_text(encoding="utf-8")):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_the_sample_of_an_entry_is_a_sound_entry() -> None:
    from envcheck import documents
    from envcheck.matrix import schema

    sample = re.search(r"```yaml\n(.*?)```", ENTRIES, re.DOTALL)
    assert sample is not None
    draft, problems = schema.read(documents.parse_yaml(sample[1], "entries.md", aliases=False), "entries.md", "example-3.1-zero-grad")
    assert problems == []
    assert draft is not None


def test_the_page_of_rules_is_up_to_date() -> None:
    done = subprocess.run([sys.executable, str(ROOT / "scripts" / "rules_page.py"), "--check"], check=False)
    assert done.returncode == 0, "run `python scripts/rules_page.py`"


def test_every_fact_table_says_how_it_is_brought_up_to_date() -> None:
    from envcheck.facts.tables import TABLES

    page = (ROOT / "docs" / "facts.md").read_text(encoding="utf-8")
    assert [name for name in TABLES if f"`{name}`" not in page.partition("| table |")[2]] == []
    assert {path.stem for path in (ROOT / "matrices" / "facts").glob("*.yaml")} == set(TABLES)
