"""Names that a script imports: read from its source, and judged by the table of what real releases have."""

from __future__ import annotations

from pathlib import Path

import pytest
from build import snap

from envcheck import training
from envcheck.api import Checker
from envcheck.facts import public
from envcheck.model import Finding
from envcheck.rules import script_import
from envcheck.training.imports import PROVIDERS, words
from envcheck.wire import canonical_name

TABLES = Checker().tables()
ROW = {"package": "trl", "source": "wheels", "names": [{"module": "trl", "until": "0.9.6", "lacks": ">=0.10.0", "names": "A B"}]}


def told(imports: str, **packages: str) -> tuple[Finding, ...]:
    return script_import.find(snap(packages=packages, train={"imports": imports}), TABLES)


@pytest.mark.parametrize(
    ("name", "has", "lacks", "fix"),
    [
        ("transformers.Qwen2_5_VLForConditionalGeneration", "4.49.0", "4.48.3", "transformers>=4.49.0"),
        ("transformers.AdamW", "4.48.3", "4.53.0", "transformers<="),
        ("transformers.EncoderDecoderCache", "4.43.0", "4.42.4", "transformers>=4.43.0"),
        ("transformers.cache_utils.HybridCache", "4.57.6", "5.0.0", "transformers<=4.57.6"),
        ("transformers.models.llama.modeling_llama.LlamaFlashAttention2", "4.47.1", "4.48.0", "transformers<=4.47.1"),
    ],
)  # fmt: skip
def test_a_release_of_transformers(name: str, has: str, lacks: str, fix: str) -> None:
    assert told(name, transformers=has) == ()
    [finding] = told(f"{name} transformers.Trainer", transformers=lacks)
    assert (finding.severity, finding.culprit) == ("error", ("transformers", "config"))
    assert finding.title.startswith(f"transformers {lacks} does not have `{name}` (")
    assert fix in finding.page.fix[0]


def test_each_package_is_told_by_itself_and_what_is_open_is_not() -> None:
    both = "transformers.Qwen2_5_VLForConditionalGeneration trl.GRPOConfig"
    assert [one.culprit[0] for one in told(both, transformers="4.40.0", trl="0.13.0")] == ["transformers", "trl"]
    assert told(both, transformers=">=4.40", trl="0.14.0") == ()
    assert told("transformers.NeverThere transformers.Qwen2VLConfig", trl="0.9.6") == ()


@pytest.mark.parametrize(
    ("name", "has", "lacks"),
    [
        ("numpy.float", "1.23.5", "1.24.0"),
        ("numpy.bool", "2.0.0", "1.26.4"),
        ("numpy.float_", "1.26.4", "2.0.0"),
        ("numpy.trapz", "2.3.5", "2.4.0"),
    ],
)
def test_what_numpy_took_away_is_a_warning(name: str, has: str, lacks: str) -> None:
    assert told(f"{name} numpy.array", numpy=has) == ()
    [finding] = told(f"{name} numpy.array", numpy=lacks)
    assert (finding.severity, finding.culprit) == ("warning", ("numpy", "config"))
    assert finding.title.startswith(f"numpy {lacks} does not have `{name}` (last in ")
    assert all(link.startswith("https://numpy.org/") for link in finding.page.links)


@pytest.mark.parametrize(
    ("names", "version", "fix"),
    [
        ("transformers.Qwen2_5_VLConfig transformers.EncoderDecoderCache", "4.40.0", "install transformers>=4.49.0"),
        ("transformers.AdamW transformers.cache_utils.HybridCache", "5.0.0", "install transformers<=4.49.0"),
        ("transformers.AdamW transformers.Qwen3Config", "4.50.0", "no release of transformers has all of these names: change what the script asks for"),
    ],
)
def test_the_fix_has_all_names_or_says_that_none_has(names: str, version: str, fix: str) -> None:
    [finding] = told(names, transformers=version)
    assert finding.page.fix[0] == fix


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        (b"from transformers import AdamW, Trainer as T\nfrom trl.core import x", ["transformers.AdamW", "transformers.Trainer", "trl.core.x"]),
        (b"try:\n    from trl import A\nexcept ImportError:\n    A = None", []),
        (b"if NEW:\n    from trl import A\nelse:\n    from trl import B", []),
        (b"def f():\n    from trl import A", []),
        (b"import numpy as np\ndef f():\n    return np.zeros(3, dtype=np.float)", ["numpy.float", "numpy.zeros"]),
        (b"import numpy as np\nnp.float = float\nx = np.float(1)", []),
        (b"import numpy as np\nx = np.trapezoid if hasattr(np, 'trapezoid') else np.trapz", []),
        (b"import numpy as np\ntry:\n    y = np.Inf\nexcept AttributeError:\n    y = np.inf", []),
        (b"import numpy as np\nif np.__version__ < '2':\n    y = np.Inf", []),
        (b"import jax.numpy as np\ny = np.float", []),
        (b"import transformers\nfrom mine import A\nfrom trl import *\nfrom .trl import A", []),
        (b"def (", []),
    ],
)  # fmt: skip
def test_what_a_file_certainly_imports(text: bytes, asked: list[str]) -> None:
    assert words(text) == asked


def test_a_script_and_what_it_imports_of_its_project(tmp_path: Path) -> None:
    (tmp_path / "trl").mkdir()
    (tmp_path / "trl" / "__init__.py").write_text("from transformers import NotOfTheProject\n")
    (tmp_path / "part.py").write_text("from trl import GRPOConfig\n")
    script = tmp_path / "train.py"
    (tmp_path / "seldom.py").write_text("from trl import PPOConfig\n")
    script.write_text("from transformers import AdamW\nimport part, trl\ndef f():\n    import seldom\nif NEW:\n    import seldom\n")
    fact = training.snapshot([], [], [str(script)], lambda message: None).train["imports"]
    assert fact.value == "transformers.AdamW trl.GRPOConfig"
    assert fact.origin == f"{script}, {tmp_path / 'part.py'}"


def test_of_many_files_some_are_named(tmp_path: Path) -> None:
    for number in range(9):
        (tmp_path / f"part{number}.py").write_text("from trl import GRPOConfig\n")
    script = tmp_path / "train.py"
    script.write_text("".join(f"import part{number}\n" for number in range(9)))
    assert training.snapshot([], [], [str(script)], lambda message: None).train["imports"].origin.endswith(", and 5 more files")


def test_the_packages_that_are_read_are_those_of_the_table() -> None:
    assert all(TABLES.of("public_names", canonical_name(name)) for name in PROVIDERS)
    assert sum(len(row[4].split()) for row in TABLES.of("public_names", "transformers")) > 5000


@pytest.mark.parametrize(
    "change",
    [
        {"package": "Trl"},
        {"source": ""},
        {"more": "x"},
        {"names": [{**ROW["names"][0], "names": "a-b"}]},
        {"names": [{**ROW["names"][0], "lacks": "soon"}]},
        {"names": [{**ROW["names"][0], "since": "1.0"}]},
        {"names": [{"module": "trl", "lacks": ">=1", "names": "A"}]},
    ],
)
def test_a_malformed_row_is_refused(change: dict[str, object]) -> None:
    assert public.check_row(ROW) == ("trl", [["trl", "until", "0.9.6", ">=0.10.0", "A B"]])
    with pytest.raises(ValueError, match="."):
        public.check_row({**ROW, **change})
