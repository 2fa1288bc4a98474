"""Downloads published releases once into a folder of your choice, for `scripts/mine_symbols.py` to read.

    python scripts/fetch_releases.py --cache FOLDER [--only peft] [--jobs 3]

Of packages with small wheels every final release is fetched, of the others the first and the last patch of each minor
release: names come and go with minor releases, and where the two ends differ `mine_symbols.py` says which release
between them it needs (`--also transformers==4.46.1`). Of torch the wheels for a Mac are taken, which are small; only their Python
files are kept, and the words that its compiled part holds.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Dict, List, NamedTuple, Set, Tuple

from packaging.version import Version


class Wanted(NamedTuple):
    """Which releases of a package are read."""

    since: str
    every: bool = False
    """Every final release, and not only the two ends of each minor one."""
    source: bool = False
    """Published as source only."""
    platform: str = ""
    """The platform whose wheels are taken, where they are smaller than those for this machine; little of them is kept."""


PACKAGES: Dict[str, Wanted] = {
    "torch": Wanted("1.11", platform="macosx_14_0_arm64"),
    "peft": Wanted("0.2", every=True),
    "trl": Wanted("0.4", every=True),
    "accelerate": Wanted("0.12", every=True),
    "transformers": Wanted("4.21"),
    "huggingface-hub": Wanted("0.8"),
    "datasets": Wanted("2.0"),
    "tokenizers": Wanted("0.12"),
    "deepspeed": Wanted("0.8", source=True),
    "liger-kernel": Wanted("0.1", every=True),
    "diffusers": Wanted("0.12"),
    "sentence-transformers": Wanted("2.2"),
    "llamafactory": Wanted("0.7", every=True),
    "autoawq": Wanted("0.1", every=True),
    "torchao": Wanted("0.3"),
    # Frameworks: `mine_symbols.py --frameworks`.
    "tensordict": Wanted("0.1", every=True),
    "torchrl": Wanted("0.1", every=True),
    "rl4co": Wanted("0.2", every=True),
    "unsloth": Wanted("2024.8"),
    "unsloth-zoo": Wanted("2024.10"),
    "verl": Wanted("0.1", every=True),
    "ms-swift": Wanted("1.5"),
    "axolotl": Wanted("0.4", every=True),
    "pytorch-lightning": Wanted("1.4"),
    "lightning": Wanted("2.0"),
    "torchmetrics": Wanted("0.7"),
    "torchtune": Wanted("0.0.1", every=True),
    "openrlhf": Wanted("0.7"),
    "setfit": Wanted("0.7", every=True),
    "flair": Wanted("0.11", every=True),
    "flagembedding": Wanted("1.1"),
    "colpali-engine": Wanted("0.2", every=True),
    "fschat": Wanted("0.2.20", every=True),
    "adapters": Wanted("0.1", every=True),
    "litgpt": Wanted("0.2"),
    "llmcompressor": Wanted("0.1"),
    "compressed-tensors": Wanted("0.3"),
    "mergekit": Wanted("0.0.2", every=True),
    "lm-eval": Wanted("0.4", every=True),
    "simpletransformers": Wanted("0.63"),
    "spacy-transformers": Wanted("1.1"),
    "megatron-core": Wanted("0.3"),
    "nemo-toolkit": Wanted("1.20"),
    "xtuner": Wanted("0.1.10", every=True),
    "optimum": Wanted("1.10"),
    "auto-gptq": Wanted("0.4", every=True),
    "sglang": Wanted("0.2"),
    # Libraries: `mine_symbols.py --libraries`, and what only gives them names.
    "fsspec": Wanted("2022.1"),
    "gymnasium": Wanted("0.26"),
    "jsonargparse": Wanted("4.0"),
    "librosa": Wanted("0.8"),
    "networkx": Wanted("2.5"),
    "omegaconf": Wanted("2.0"),
    "pydantic": Wanted("1.9"),
    "setuptools": Wanted("59.8"),
}

_LIBRARIES = """
agentlightning 0.1, albumentations 1.0, allennlp 2.0, anndata 0.7, anomalib 0.2, asteroid 0.5, audiolm-pytorch 0.0, audiomentations 0.25, auto-round
0.2, autotrain-advanced 0.6, be-great 0.0, beir 1.0, bert-score 0.3.9, bertopic 0.9, boltz 0.1, botorch 0.6, captum 0.5, cellpose 2.0, chatterbox-tts
0.1, chemprop 1.5, chronos-forecasting 1.3, clean-fid 0.1.30, clip-anytorch 2.4, colbert-ai 0.2, compel 1.0, controlnet-aux 0.0.1, coqui-tts 0.22,
d3rlpy 1.0, dalle2-pytorch 1.0, darts 0.20, deepchem 2.6, deeplabcut 2.2, descript-audiotools 0.7, dgl 0.9, distilabel 0.1, donut-python 1.0, easyocr
1.6, effdet 0.3, enformer-pytorch 0.0, esm 3.0, espnet 202205, evaluate 0.1, f5-tts 0.3, farm-haystack 1.10, fastai 2.5, faster-whisper 0.5, fastervit
0.8, fms-hf-tuning 0.0, funasr 1.0, gliner 0.1, gluonts 0.9, gpytorch 1.5, granite-tsfm 0.0, happytransformer 2.4, hcpdiff 0.1, hpsv2 1.0, hqq 0.1,
hydra-core 1.0, image-reward 1.0, imgaug 0.4, imitation 0.3, inseq 0.4, instructlab 0.15, instructlab-training 0.2, k-diffusion 0.0.12, keybert 0.5,
kornia 0.6, laion-clap 1.0, lerobot 0.1, lhotse 1.0, lighteval 0.0, lightly 1.2, lightning-bolts 0.4, lightning-flash 0.5, litdata 0.2, llama-recipes
0.0.1, llm-blender 0.0, llm-foundry 0.1, llm2vec 0.1, lm-polygraph 0.3, ludwig 0.6, lycoris-lora 1.8, mace-torch 0.3, mambavision 1.0, matgl 0.5,
minari 0.3, minicons 0.2, mlagents 0.28, mmdet 2.20, mmengine 0.1, mmpose 0.28, mmpretrain 1.0, mmsegmentation 0.20, model2vec 0.1, modelscope 1.5,
monai 0.9, mosaicml 0.10, moshi 0.2, mteb 1.0, multimolecule 0.0, nemo-toolkit 1.18, nequip 0.5, neural-compressor 2.0, neuralforecast 1.0, nnsight
0.2, opacus 0.9, open-clip-torch 2.0, opendelta 0.0, openprompt 0.1, oumi 0.1, paddleocr 2.6, petals 2.0, pettingzoo 1.20, pyannote-audio 2.0, pylate
1.0, pyreft 0.0, pythainlp 3.0, python-doctr 0.6, pytorch-forecasting 0.9, pytorch-ignite 0.4, pytorch-metric-learning 1.0, pytorch-tabnet 3.1,
pytorch-tabular 0.7, pyvene 0.0, ragatouille 0.0.5, relik 1.0, rfdetr 1.0, rsl-rl-lib 1.0, s3prl 0.4, sacrebleu 2.0, sae-lens 2.0, safe-mol 0.1,
salesforce-lavis 1.0, sb3-contrib 1.4, scanpy 1.8, schnetpack 2.0, scvi-tools 0.15, segmentation-models-pytorch 0.2, shimmy 0.2, skorch 0.10, skrl
0.8, small-text 1.0, spacy-transformers 1.0, span-marker 1.0, sparseml 0.1, speechbrain 0.5.12, stable-audio-tools 0.0, stable-baselines3 1.4, stanza
1.3, super-gradients 3.0, supervision 0.10, tabpfn 0.1, tensorboardx 2.0, terratorch 0.99, tevatron 0.1, textattack 0.3, tianshou 0.4, timm 0.4, tner
0.1, torch-audiomentations 0.10, torch-fidelity 0.3, torch-geometric 2.2, torchdata 0.3, torchgeo 0.1, torchio 0.18, torchtitan 0.1, trankit 1.0,
transformer-lens 1.0, transformers-interpret 0.7, transformers-stream-generator 0.0.1, trlx 0.5, tsai 0.2.20, ultralytics 8.0, unbabel-comet 0.1,
uni2ts 1.1, verifiers 0.1, vocos 0.0.2, whisperx 3.1, x-transformers 1.0, yolov5 6.0
"""
"""Library and the oldest release that is of interest."""
PACKAGES.update((name, Wanted(since)) for name, since in map(str.split, _LIBRARIES.split(",")))

_COMPILED = """
numpy 1.21, pandas 1.3, pyarrow 8.0, scikit-learn 1.0, scipy 1.7, torchaudio 0.11, torchvision 0.12
"""
"""The same of what gives them names and has compiled parts."""
PACKAGES.update((name, Wanted(since, platform="macosx_14_0_arm64")) for name, since in map(str.split, _COMPILED.split(",")))


_VERSION = re.compile(r"[\d.]+(?:\.?post\d+)?")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--cache", required=True, type=Path)
    parser.add_argument("--only", action="append", choices=list(PACKAGES), help="this package; may be repeated")
    parser.add_argument("--also", action="append", default=[], metavar="NAME==VERSION", help="nothing but these releases")
    parser.add_argument("--jobs", type=int, default=3)
    chosen = parser.parse_args()
    if chosen.also:
        pairs = [(name, version) for name, _, version in (text.partition("==") for text in chosen.also)]
    else:
        pairs = [(name, version) for name in chosen.only or PACKAGES for version in releases(name)]
    chosen.cache.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(chosen.jobs) as pool:
        failed = [text for text in pool.map(lambda pair: fetch(pair[0], pair[1], chosen.cache), pairs) if text]
    for text in failed:
        print(text)
    print(f"{len(pairs) - len(failed)} of {len(pairs)} releases are in {chosen.cache}")
    return 0


def listed(name: str) -> List[str]:
    """Every release since the oldest that is of interest; the index client leaves out pre-releases and yanked ones."""
    texts: Set[str] = set()
    for options in _kinds(name) if PACKAGES[name].platform else [[]]:
        found = re.search(r"^Available versions: (.*)$", pip("index", "versions", name, "--ignore-requires-python", *options).stdout, re.MULTILINE)
        texts.update(found[1].split(", ") if found else ())
    return [text for text in sorted(filter(_VERSION.fullmatch, texts), key=Version) if Version(text) >= Version(PACKAGES[name].since) and "+" not in text]


def _kinds(name: str) -> List[List[str]]:
    """Options for pip, one list after the other until one brings the release: no one Python has wheels of all the years."""
    wanted = PACKAGES[name]
    if wanted.source:
        return [["--no-binary", name, "--no-build-isolation"]]
    pythons = ("3.10", "3.12") if wanted.platform else ()
    return [["--only-binary", ":all:", "--platform", wanted.platform, "--python-version", python] for python in pythons] or [["--only-binary", ":all:"]]


def releases(name: str) -> List[str]:
    """The releases to be read, oldest first."""
    texts, wanted = listed(name), PACKAGES[name]
    if wanted.every:
        return texts
    ends: Dict[Tuple[int, ...], List[str]] = {}
    for text in texts:
        ends.setdefault(Version(text).release[:2], []).append(text)
    return [text for group in ends.values() for text in dict.fromkeys((group[0], group[-1]))]


def fetch(name: str, version: str, cache: Path) -> str:
    """Put one release into the cache, unless it is there; what went wrong, or nothing."""
    stem = re.sub(r"[-_.]+", "_", name)
    if any(re.sub(r"[-_.]+", "_", path.name.lower()).startswith(re.sub(r"[-_.]+", "_", f"{stem}-{version}") + "_") for path in cache.iterdir()):
        return ""
    said = ""
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        for options in _kinds(name):
            done = pip("download", "--no-deps", "--ignore-requires-python", "-q", "-d", folder, *options, f"{name}=={version}")
            if done.returncode == 0:
                break
            said = f"{name} {version}: {(done.stderr.strip().splitlines() or ['failed'])[-1]}"
        for path in Path(folder).iterdir():
            said = ""
            if PACKAGES[name].platform:
                keep(path, cache / f"{stem}-{version}-python.zip")
            elif PACKAGES[name].source:
                keep_source(path, cache / f"{stem}-{version}-source.zip")
            else:
                path.replace(cache / path.name)
    return said


WORDS = "words.txt"
"""In what is kept of a wheel with compiled parts: the words in them that may be names, one a line."""
_WORD = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*(?=\0)")


def keep(wheel: Path, target: Path) -> None:
    """The Python files of a wheel, and of torch's the words in the library that gives them their other names."""
    words: Set[bytes] = set()
    part = target.with_suffix(".part")
    with zipfile.ZipFile(wheel) as whole, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as kept:
        for name in whole.namelist():
            if name.endswith((".py", ".pyi")):
                kept.writestr(name, whole.read(name))
            elif re.search(r"/lib\w*_python\.(?:dylib|so)$|/_C\.[\w-]*\.so$", name):
                words.update(_WORD.findall(whole.read(name)))
            if name.endswith((".so", ".dylib", ".pyd")):
                kept.writestr(name, b"")
        if wheel.name.startswith("torch-"):
            kept.writestr(WORDS, b"\n".join(sorted(words)) + b"\n")
    part.replace(target)


def keep_source(archive: Path, target: Path) -> None:
    """The Python files of a source archive, without the folder that they are all in."""
    part = target.with_suffix(".part")
    with tarfile.open(archive) as whole, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as kept:
        for member in whole:
            stream = whole.extractfile(member) if member.name.endswith(".py") else None
            if stream is not None:
                kept.writestr(member.name.partition("/")[2], stream.read())
    part.replace(target)


def pip(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DS_BUILD_OPS": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    return subprocess.run([sys.executable, "-m", "pip", *arguments], capture_output=True, text=True, env=environment, check=False)


if __name__ == "__main__":
    sys.exit(main())
