"""Which public names came and went with the releases that `fetch_releases.py` fetched: the table behind what scripts import.

    python scripts/mine_public_names.py --cache FOLDER [--write matrices/facts/public_names.yaml] [--jobs 2]

Of each package the modules in MODULES are read. A name counts where it is certain of every release that was read whether it has it; a
`since` or `until` is told with the nearest release on the other side, and no row speaks of releases between the two.
"""

from __future__ import annotations

import argparse
import re
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, Optional, Set, Tuple

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from mine_symbols import Wheel, releases  # noqa: E402

from envcheck.names.package import Package  # noqa: E402

MODULES: Dict[str, str] = {
    "transformers": """
        activations cache_utils data.data_collator deepspeed file_utils generation generation.logits_process generation.stopping_criteria
        generation.utils generation_utils image_processing_utils integrations integrations.deepspeed loss.loss_utils
        modeling_attn_mask_utils modeling_flash_attention_utils modeling_outputs modeling_rope_utils modeling_utils optimization processing_utils
        pytorch_utils tokenization_utils tokenization_utils_base trainer trainer_callback trainer_pt_utils trainer_utils training_args utils
        utils.hub utils.import_utils video_utils models.llama.modeling_llama models.qwen2.modeling_qwen2 models.qwen2_5_vl.modeling_qwen2_5_vl
        models.qwen2_vl.modeling_qwen2_vl
    """,
    "trl": "core data_utils extras import_utils models models.utils trainer trainer.grpo_trainer trainer.ppo_trainer trainer.utils",
    "peft": "import_utils mapping peft_model tuners tuners.lora tuners.lora.layer utils utils.save_and_load",
    "accelerate": "big_modeling hooks logging state utils utils.dataclasses utils.modeling utils.other",
    "datasets": "arrow_dataset combine features iterable_dataset load utils utils.logging",
    "huggingface-hub": "errors file_download repository utils",
    "diffusers": "loaders models optimization training_utils utils utils.import_utils utils.torch_utils",
    "deepspeed": "accelerator comm runtime.utils runtime.zero utils",
}
"""Package -> the modules, besides the package itself, from which scripts import."""

HEAD = """\
# Public names that came (`since`) and went (`until`) with releases: who imports one from a release of `lacks` gets an ImportError. Written by
# scripts/mine_public_names.py from the published files; a name without an answer in one of the releases is left out. NumPy's are by hand: what
# installed releases of it have.
rows:
"""


def modules(name: str, top: str) -> List[str]:
    """The modules that are read of a package."""
    return [top, *(f"{top}.{inner}" for inner in MODULES[name].split())]


def public(package: Package, dotted: str) -> Set[str]:
    """The names that a module may be asked for: not private ones, and not what it imports from other packages."""
    module = package.module(dotted)
    if module is None:
        return set()
    names = {name for name in module.bound if name in module.rebound or _is_own(module.aliases.get(name, ()), package.name)}
    if module.lazy is not None:
        names.update(module.lazy.names)
        for folder in module.lazy.folders:
            names |= package._all_below(folder)
    return {name for name in names if not name.startswith("_")}


def _is_own(aliases: Iterable[Tuple[str, Optional[str]]], top: str) -> bool:
    roots = [module.partition(".")[0] for module, _ in aliases]
    return not roots or top in roots


def asked(path: Path, name: str, top: str) -> Dict[str, Set[str]]:
    """Module -> its public names, of one release."""
    package = Package(top, Wheel(path))
    return {dotted: public(package, dotted) for dotted in modules(name, top)}


def answers(path: Path, top: str, wanted: Dict[str, List[str]]) -> Dict[Tuple[str, str], Optional[bool]]:
    """Whether one release has each name; None where that cannot be told."""
    package = Package(top, Wheel(path))
    return {(dotted, name): False if package.lacks(dotted, name) else package.has(dotted, name) or None for dotted, names in wanted.items() for name in names}


Change = Tuple[str, str, str, str]
"""Module, `since` or `until`, the release, and the specifier of those that lack the names."""


def changes(there: Dict[str, Dict[Tuple[str, str], Optional[bool]]], newest: str) -> Iterator[Tuple[Change, str]]:
    """What came and went, oldest release first; a name that came twice is left out."""
    read = list(there)
    for dotted, name in there[read[0]]:
        has = [there[version][(dotted, name)] for version in read]
        if None in has or all(has) or not any(has):
            continue
        first, last = has.index(True), len(has) - 1 - has[::-1].index(True)
        if not all(has[first : last + 1]):
            continue
        if first:
            yield (dotted, "since", read[first], f"<={read[first - 1]}"), name
        if read[last] != newest:
            yield (dotted, "until", read[last], f">={read[last + 1]}"), name


def mined(cache: Path, jobs: int, before: str = "") -> str:
    """The table as YAML; what it had `before` of packages that are not mined stays."""
    by_hand = {found[1]: found[0] for found in re.finditer(r"^  - package: (.*)\n(?:    .*\n)*", before, re.MULTILINE)}
    found, lines = releases(cache), [HEAD]
    with ProcessPoolExecutor(jobs) as pool:
        for name in sorted({*MODULES, *by_hand}):
            if name not in MODULES:
                lines.append(by_hand[name])
                continue
            by, top = found[name], name.replace("-", "_")
            every = list(pool.map(asked, by.values(), [name] * len(by), [top] * len(by)))
            wanted = {dotted: sorted(set().union(*(one[dotted] for one in every))) for dotted in modules(name, top)}
            there = dict(zip(by, pool.map(answers, by.values(), [top] * len(by), [wanted] * len(by))))
            rows: Dict[Change, List[str]] = {}
            for change, one in changes(there, list(by)[-1]):
                rows.setdefault(change, []).append(one)
            lines += [] if not rows else _rows(name, f"{len(by)} published releases, {list(by)[0]} to {list(by)[-1]}", rows)
    return "".join(lines)


def _rows(package: str, source: str, rows: Dict[Change, List[str]]) -> Iterator[str]:
    yield f"  - package: {package}\n    source: {source}\n    names:\n"
    for (dotted, word, release, lacks), names in rows.items():
        yield f'      - {{module: {dotted}, {word}: "{release}", lacks: "{lacks}", names: {" ".join(sorted(names))}}}\n'


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    text = mined(given.cache, given.jobs, given.write.read_text(encoding="utf-8") if given.write and given.write.exists() else "")
    if given.write:
        given.write.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
