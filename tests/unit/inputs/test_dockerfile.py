"""Dockerfiles: the last stage, by its base image and what it installs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable

import pytest

from envcheck import documents
from envcheck.facts import images as table
from envcheck.facts import tables
from envcheck.inputs import images, kinds
from envcheck.inputs.gathered import Gathered
from envcheck.inputs.marking import Markers
from envcheck.inputs.shell import commands
from envcheck.model import Snapshot

ROOT = Path(__file__).parents[3]
PATH = ROOT / "matrices" / "facts" / "images.yaml"
ROWS = tables.load([PATH])["images"]


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]) -> Callable[..., Snapshot]:
    """Reads a Dockerfile with the given text, beside other files."""

    def one(text: str, **others: str) -> Snapshot:
        monkeypatch.chdir(tmp_path)
        Path("Dockerfile").write_text(text, encoding="utf-8")
        for name, content in others.items():
            Path(f"{name}.txt").write_text(content, encoding="utf-8")
        gathered = Gathered(Markers({"python": "3.10", "os": "linux", "arch": "x86_64"}, said.append), said.append, table={"images": ROWS}.get)
        return kinds.read(["Dockerfile"], gathered)

    return one


def values(snapshot: Snapshot) -> dict[str, Any]:
    return {name: fact.value for name, fact in snapshot.packages.items()}


def test_a_whole_file(monkeypatch: pytest.MonkeyPatch, said: list[str]) -> None:
    monkeypatch.chdir(ROOT / "tests" / "raw" / "inputs" / "images")
    snapshot = kinds.read(["Dockerfile"], Gathered(Markers({}, said.append), said.append, table={"images": ROWS}.get))
    assert {name: (fact.value, fact.origin) for name, fact in snapshot.packages.items()} == {
        "torch": ("2.1.2", "Dockerfile:8"),
        "numpy": ("1.26.4", "req/requirements.txt:1"),
        "transformers": (">=0", "Dockerfile:14"),
        "accelerate": (">=0.30", "Dockerfile:14"),
        "deepspeed": (None, "Dockerfile:14"),
        "flash-attn": ("2.5.8", "Dockerfile:17"),
        "bitsandbytes": (None, "Dockerfile:19"),
        "peft": ("0.10.0", "Dockerfile:22"),
    }
    assert {key: fact.value for key, fact in snapshot.facts.items()} == {"os": "linux", "glibc": "2.35", "cuda_toolkit": "12.1.1", "torch_cuda": "12.1"}
    assert {name: (fact.value, fact.origin) for name, fact in snapshot.env.items()} == {"NCCL_P2P_DISABLE": ("1", "Dockerfile:5")}
    assert said == ["Dockerfile:14: the shell takes `transformers>=4.49.0` for a redirection into a file, so no version is asked for; quote it"]


@pytest.mark.parametrize(
    ("reference", "packages", "facts"),
    [
        ("pytorch/pytorch:2.1.2-cuda12.1-cudnn8-runtime", {"torch": "2.1.2"}, {"torch_cuda": "12.1", "cudnn": "8"}),
        ("docker.io/pytorch/pytorch:2.4.0-cuda12.4-cudnn9-devel", {"torch": "2.4.0"}, {"torch_cuda": "12.4", "cuda_toolkit": "12.4", "cudnn": "9"}),
        ("nvcr.io/nvidia/pytorch:24.05-py3", {"torch": "2.4.0a0+07cecf4168.nv24.05"}, {"torch_cuda": "12.4", "cuda_toolkit": "12.4"}),
        ("nvidia/cuda:12.4.1-cudnn-devel-ubuntu22.04", {}, {"cuda_toolkit": "12.4.1", "glibc": "2.35"}),
        ("nvidia/cuda:11.8.0-cudnn8-runtime-ubuntu20.04", {}, {"cudnn": "8", "glibc": "2.31"}),
        ("python:3.10-slim-bookworm", {}, {"python": "3.10"}),
        (
            "763104351884.dkr.ecr.us-east-1.amazonaws.com/huggingface-pytorch-training:2.1.0-transformers4.36.0-gpu-py310-cu121-ubuntu20.04",
            {"torch": "2.1.0", "transformers": "4.36.0"},
            {"torch_cuda": "12.1", "python": "3.10", "glibc": "2.31"},
        ),
        (
            "us-docker.pkg.dev/deeplearning-platform-release/gcr.io/pytorch-cu121.2-1.py310",
            {"torch": "==2.1.*"},
            {"torch_cuda": "12.1", "python": "3.10"},
        ),
        ("huggingface/transformers-pytorch-gpu:4.35.2", {"transformers": "4.35.2"}, {}),
        ("rocm/pytorch:rocm6.1_ubuntu22.04_py3.10_pytorch_2.1.2", {"torch": "2.1.2"}, {"rocm": "6.1", "torch_cuda": "absent", "python": "3.10"}),
    ],
)
def test_known_images(reference: str, packages: dict[str, str], facts: dict[str, str]) -> None:
    found = images.contents(reference, ROWS, "here")
    assert found is not None
    assert values(found) == packages
    assert facts.items() <= {key: fact.value for key, fact in found.facts.items()}.items()


@pytest.mark.parametrize(
    "reference", ["pytorch/pytorch", "pytorch/pytorch:latest", "nvcr.io/nvidia/pytorch:19.01-py3", "ubuntu:22.04", "mine/pytorch:2.1.2-cuda12.1-cudnn8-devel"]
)
def test_what_no_tag_tells_is_unknown(reference: str) -> None:
    found = images.contents(reference, ROWS, "here")
    assert found is None


@pytest.mark.parametrize(
    "row",
    [
        {"image": "x", "tag": "(", "source": "https://a"},
        {"image": "x", "tag": "y", "packages": {"torch": "{torch}"}, "source": "https://a"},
        {"image": "x", "tag": "y", "packages": {"Torch": "1"}, "source": "https://a"},
        {"image": "x", "tag": "y", "source": "hearsay"},
        {"image": "x", "tag": "y", "torhc": "1", "source": "https://a"},
        {"image": "x", "tag": "y"},
    ],
)
def test_malformed_rows(row: dict[str, Any]) -> None:
    with pytest.raises((ValueError, KeyError)):
        table.check(row)


def test_every_row_of_the_table_is_reached() -> None:
    """A row that an earlier one hides would never be read."""
    tags = [row["tag"] for row in documents.parse_yaml(PATH.read_text(encoding="utf-8"), "images")["rows"]]  # type: ignore[index,call-overload]
    images_ = [row[0] for row in ROWS]
    assert len(set(zip(images_, tags))) == len(tags)


class TestStages:
    def test_the_last_one_counts(self, read: Callable[..., Snapshot]) -> None:
        assert values(read("FROM python:3.10\nRUN pip install torch==2.0.1\nFROM python:3.11\nRUN pip install torch==2.1.2\n")) == {"torch": "2.1.2"}

    def test_one_that_begins_from_another(self, read: Callable[..., Snapshot]) -> None:
        text = "FROM python:3.10 AS a\nRUN pip install torch==2.0.1 numpy==1.26.4\nFROM a\nRUN pip install -U torch==2.1.2\n"
        assert values(read(text)) == {"torch": "2.1.2", "numpy": "1.26.4"}

    def test_an_environment_that_is_copied(self, read: Callable[..., Snapshot]) -> None:
        text = "FROM python:3.10 AS b\nRUN pip install torch==2.0.1\nFROM python:3.10-slim\nCOPY --from=b /opt/venv /opt/venv\n"
        assert values(read(text)) == {"torch": "2.0.1"}

    def test_a_base_that_only_the_builder_knows(self, read: Callable[..., Snapshot], said: list[str]) -> None:
        assert values(read("ARG BASE\nFROM ${BASE}\nRUN pip install torch==2.1.2\n")) == {"torch": "2.1.2"}
        assert "`${BASE}` is known only to who builds it" in said[0]


class TestInstalls:
    BASE = "FROM pytorch/pytorch:2.1.2-cuda12.1-cudnn8-devel\n"

    def test_what_is_there_and_fits_stays(self, read: Callable[..., Snapshot]) -> None:
        snapshot = read(self.BASE + "RUN pip install 'torch>=2.0' peft\n")
        assert values(snapshot) == {"torch": "2.1.2", "peft": ">=0"}
        assert snapshot.fact("torch_cuda").value == "12.1"

    def test_what_does_not_fit_is_replaced_with_what_it_brought(self, read: Callable[..., Snapshot]) -> None:
        snapshot = read(self.BASE + "RUN pip install torch==2.3.0\n")
        assert values(snapshot) == {"torch": "2.3.0"}
        assert not snapshot.fact("torch_cuda").is_known
        assert snapshot.fact("cuda_toolkit").value == "12.1"

    def test_a_package_with_a_torch_of_its_own(self, read: Callable[..., Snapshot]) -> None:
        fact = read(self.BASE + "RUN pip install vllm==0.6.0\n").packages["torch"]
        assert (fact.value, fact.origin) == (None, "Dockerfile:2")
        assert values(read(self.BASE + "RUN pip install --no-deps xformers==0.0.23\n"))["torch"] == "2.1.2"

    @pytest.mark.parametrize(
        "line",
        [
            "RUN pip3 install --no-cache-dir torch==2.2.0",
            "RUN python3.10 -m pip install --upgrade torch==2.2.0",
            "RUN --mount=type=cache,target=/root/.cache uv pip install --system torch==2.2.0",
            "RUN conda run -n env pip install torch==2.2.0",
            'RUN ["pip", "install", "torch==2.2.0"]',
            "RUN bash -lc 'pip install torch==2.2.0'",
            "ENV V=2.2.0\nRUN pip install torch==$V",
            "ARG V\nARG V=2.2.0\nRUN pip install torch==${V:-1.0}",
            "RUN V=2.2.0 && pip install torch==${V}",
            "RUN apt-get update; \\\n # why\n pip install \\\n  torch==2.2.0 \\\n  ;",
            "RUN <<EOF\npip install torch==2.2.0\nEOF",
            "RUN conda install -y -c pytorch pytorch=2.2.0",
            "COPY req.txt /x/\nRUN pip install -r /x/req.txt",
            "RUN pip install torch==2.2.0 > /dev/null 2>&1",
        ],
    )
    def test_ways_to_say_it(self, read: Callable[..., Snapshot], line: str) -> None:
        assert values(read(f"{self.BASE}{line}\n", req="torch==2.2.0\n"))["torch"] == "2.2.0"

    @pytest.mark.parametrize("line", ["RUN false || pip install torch==2.2.0", 'RUN if [ "$X" = 1 ]; then pip install torch==2.2.0; fi'])
    def test_only_under_a_condition(self, read: Callable[..., Snapshot], line: str) -> None:
        fact = read(f"{self.BASE}{line}\n").packages["torch"]
        assert (fact.value, fact.reason) == (None, "it is installed only under a condition")

    @pytest.mark.parametrize(
        "line",
        [
            "RUN python - <<EOF\npip install torch==2.2.0\nEOF",
            "RUN echo pip install torch==2.2.0",
            "# RUN pip install torch==2.2.0",
            "RUN pip download torch==2.2.0",
        ],
    )
    def test_what_is_no_install(self, read: Callable[..., Snapshot], line: str) -> None:
        assert values(read(f"{self.BASE}{line}\n")) == {"torch": "2.1.2"}

    @pytest.mark.parametrize(
        ("lines", "accelerate"),
        [
            ("COPY . /app\nWORKDIR /app\nRUN pip install -e .[train]", "0.25.0"),
            ("COPY . /app\nRUN pip install /app", ">=0"),
            ("COPY . /app\nRUN git clone https://index.example/x && cd x && pip install .", None),
            ("WORKDIR /x\nRUN pip install .", None),
        ],
    )
    def test_the_project_itself(self, read: Callable[..., Snapshot], tmp_path: Path, lines: str, accelerate: str | None) -> None:
        (tmp_path / "pyproject.toml").write_text(
            '[project]\nname = "x"\ndependencies = ["accelerate"]\n[project.optional-dependencies]\ntrain = ["accelerate==0.25.0"]\n'
        )
        assert values(read(f"{self.BASE}{lines}\n")).get("accelerate") == accelerate

    def test_its_lock(self, read: Callable[..., Snapshot], tmp_path: Path, said: list[str]) -> None:
        (tmp_path / "uv.lock").write_text('version = 1\n\n[[package]]\nname = "torch"\nversion = "2.3.0"\nsource = { registry = "x" }\n')
        assert values(read(self.BASE + "COPY uv.lock .\nRUN uv sync --frozen\n")) == {"torch": "2.3.0"}
        assert values(read(self.BASE + "RUN poetry install --no-root\n")) == {"torch": "2.1.2"}
        assert said == ["Dockerfile:2: there is no `poetry.lock` in the project, so what it installs is unknown"]

    def test_a_file_that_is_not_there_is_said(self, read: Callable[..., Snapshot], said: list[str]) -> None:
        read(self.BASE + "RUN pip install -r /elsewhere/reqs.txt\n")
        assert said == ["Dockerfile:2: `/elsewhere/reqs.txt` is not in the project, so what it asks for is unknown"]

    def test_no_password_is_repeated(self, read: Callable[..., Snapshot], said: list[str]) -> None:
        snapshot = read(
            self.BASE + "ENV HF_TOKEN=s3cret\nRUN pip install -i https://me:s3cret@index.example/simple https://me:s3cret@index.example/x.zip 'a b'\n"
        )
        assert "s3cret" not in repr(snapshot) + "".join(said)


def test_commands_and_their_certainty() -> None:
    script = "a=1; b x$a && (c) || d\nif e; then f; else g; fi; h # i\nj"
    assert [(*command.words, command.is_certain) for command in commands(script, {})] == [
        ("b", "x1", True),
        ("c", True),
        ("d", False),
        ("e", False),
        ("f", False),
        ("g", False),
        ("h", True),
        ("j", True),
    ]
