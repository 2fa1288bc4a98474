"""Launch commands, scripts and pasted arguments -> training facts and the variables that are set for the run.

The arguments are read by the same readers as the files of that framework; files that they name are read where they are there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from envcheck.documents import Text, read_text
from envcheck.errors import InputError
from envcheck.model import Fact, plain, unknown
from envcheck.training import accelerate, axolotl, hf_arguments, launch, llamafactory, ms_swift, named, shell
from envcheck.training.arguments import written
from envcheck.training.combine import combine
from envcheck.training.launch import Launch
from envcheck.training.values import Section, contradiction, is_default
from envcheck.variables import matters

Warn = Callable[[str], None]
Read = Callable[[str, Warn], Mapping[str, Fact]]
"""Reads one config file by its content: `training.read`, which stands above this file."""


class Commanded(NamedTuple):
    """What commands say."""

    train: dict[str, Fact]
    env: dict[str, Fact]
    scripts: tuple[str, ...]
    """The Python files that they start, where they are there."""


# A line of a command: a launcher, or an option at the beginning of a line.
_LINE = re.compile(
    r"^\s*(?:[A-Za-z_]\w*=\S*\s+)*(?:nohup\s+|srun\s.*|sudo\s+|uv run\s+|exec\s+)?"
    r"(?:torchrun|accelerate\s+launch|deepspeed\s|python[\d.]*\s|llamafactory-cli\s|swift\s|axolotl\s|trl\s|tune\s+run|\S+\.py(?:\s|$)|--?[A-Za-z]\w+[ =])",
    re.MULTILINE,
)
_KNOWN = "it knows torchrun, accelerate, deepspeed, `python FILE.py`, `python -m MODULE` and the frameworks' own commands"
_YAML = re.compile(r"^[\w.-]+\s*:(?:\s|$)", re.MULTILINE)


def looks_like(text: str) -> bool:
    """Whether a text is a script or a command and no config."""
    return text.startswith("#!") or bool(_LINE.search(text)) and not _YAML.search(text) and not text.lstrip().startswith(("{", "["))


def read_script(path: str, text: str, read: Read, warn: Warn) -> Commanded:
    """What the training commands of a shell script, or of a pasted command line, say.

    Where several commands differ in a setting it is unknown. Raises `InputError` where nothing is started.
    """
    parsed = shell.parse(text)
    for line in parsed.cut:
        warn(f"{path}:{line}: a comment line ends the command above, so the shell does not pass the options below it")
    found = [(command, one) for command in shell.commands(text) for one in [_of(command.words)] if one is not None]
    if not found:
        raise InputError("starts no training that envcheck knows", where=path, hint=_KNOWN)
    several = [_commanded(one, command.env, path, read, warn) for command, one in found]
    trained = [one for one in several if len(one.train) > 1] or several[:1]
    return trained[0] if len(trained) == 1 else _joined(trained)


def read_words(words: Iterable[str], read: Read, warn: Warn) -> Commanded:
    """What one command says, given as a shell passes it on. Raises `InputError`."""
    listed = [Text(word) for word in words]
    env: dict[str, Text] = {}
    while listed and re.match(r"[A-Za-z_]\w*=", listed[0]):
        name, _, value = listed.pop(0).partition("=")
        env[name] = Text(value)
    if len(listed) == 1 and " " in listed[0]:
        return read_script("command", listed[0], read, warn)
    if len(listed) > 1 and listed[0].rpartition("/")[2] in ("bash", "sh") and os.path.isfile(listed[1]):
        return read_script(listed[1], read_text(listed[1]), read, warn)
    found = _of(listed)
    if found is None:
        raise InputError(f"`{listed[0] if listed else ''}` starts no training that envcheck knows", where="command", hint=_KNOWN)
    return _commanded(found, env, "command", read, warn)


def _of(words: list[Text]) -> Launch | None:
    if words and words[0].startswith("--"):
        # Pasted options without the command before them.
        return launch.find([Text("train.py", words[0].line), *words])
    return launch.find(words)


def _commanded(one: Launch, env: Mapping[str, Text], path: str, read: Read, warn: Warn) -> Commanded:
    parts = [*_named_configs(one, path, read, warn), _arguments(one, path, warn), _launcher(one, path, read, warn)]
    train = combine(parts)
    for key, fact in _kind(one, path).items():
        train.setdefault(key, fact)
    if one.open:
        word = one.open[0]
        warn(f"{_where(path, word)}: {getattr(word, 'reason', '')}, so defaults are not taken for granted")
        train = {key: fact for key, fact in train.items() if not is_default(fact)}
    variables = {name: _variable(value, path) for name, value in env.items() if matters(name)}
    script = named.found(one.target, path) if one.target.endswith(".py") else None
    return Commanded(train, variables, (script,) if script else ())


def _variable(value: Text, path: str) -> Fact:
    reason = getattr(value, "reason", "")
    return unknown(reason, _where(path, value)) if reason else Fact(str(value), _where(path, value))


def _where(path: str, word: Text) -> str:
    return f"{path}:{word.line}" if word.line else path


def _arguments(one: Launch, path: str, warn: Warn) -> dict[str, Fact]:
    """The script's arguments by the framework they belong to; of an unknown script only what is written, no defaults."""
    settings: dict[str, Any] = {Text(key, value.line): value for key, value in one.arguments.items()}
    if settings.get("deepspeed") == "true":
        del settings["deepspeed"]
    if "deepspeed" not in settings and "deepspeed_config" in settings:
        settings[Text("deepspeed")] = settings["deepspeed_config"]
    section = Section(settings, path, "the script's", lenient=True)
    if one.launcher == "axolotl" or "axolotl" in one.target:
        return axolotl.read(section, warn) if axolotl.fits(settings) else {}
    for reader in (ms_swift, llamafactory):
        if reader.fits(settings) or _OF.get(one.launcher) is reader and not one.files:
            read: Callable[[Section, Warn], dict[str, Fact]] = reader.read
            return read(section, warn)
    found = hf_arguments.read(section, warn)
    if not (hf_arguments.fits(settings) and _TRAINERS_OWN.intersection(settings)) or one.files or "config" in settings:
        found = {key: fact for key, fact in found.items() if _is_written(key, fact, settings)}
    else:
        found.update({"arguments": given} if (given := written(section)) is not None else {})
    mixed = section.word("mixed_precision")
    if mixed is not None and mixed.value in ("fp16", "bf16", "fp8"):
        found["precision"] = mixed
    return found


_TRAINERS_OWN = frozenset(
    ("bf16", "fp16", "tf32", "do_train", "do_eval", "logging_steps", "logging_strategy", "evaluation_strategy", "eval_strategy", "save_strategy", "optim")
)
"""Arguments that scripts without the Trainer (diffusers' and the `no_trainer` examples) do not have beside the names they share with it."""


def _is_written(key: str, fact: Fact, settings: Mapping[Any, Any]) -> bool:
    """Whether a fact stands among the arguments and is not what a Trainer, which this may not be, would take instead."""
    return not is_default(fact) and (fact.is_known or key in settings)


_OF = {"swift": ms_swift, "llamafactory-cli": llamafactory, "lmf": llamafactory}


def _named_configs(one: Launch, path: str, read: Read, warn: Warn) -> Iterable[Mapping[str, Fact]]:
    """What the config files among the words say: positional ones, and that of `--config`."""
    files = [*one.files, *(value for key, value in one.arguments.items() if key in ("config", "config_file", "job.config_file") and value.endswith(_ENDINGS))]
    for file in files:
        place = named.found(str(file), path)
        if place is None:
            warn(f"{_where(path, file)}: the config `{file}` is not there, so its settings are unknown")
            continue
        try:
            yield read(place, warn)
        except InputError as error:
            if not str(error.message).startswith(("is no training config", "looks like")):
                raise
            warn(f"{place}: {error.message}")


_ENDINGS = (".yaml", ".yml", ".json", ".toml")


def _launcher(one: Launch, path: str, read: Read, warn: Warn) -> dict[str, Fact]:
    """What the launcher's own options say."""
    found: dict[str, Fact] = {}
    section = Section({Text(key, value.line): value for key, value in one.options.items()}, path, "the launcher's", lenient=True)
    if one.launcher == "accelerate" or "mixed_precision" in one.options:
        return _accelerate(section, path, read, warn)
    per_node = section.whole("nproc_per_node") or section.whole("num_gpus")
    nodes = section.whole("nnodes") or section.whole("num_nodes") or Fact(1, "")
    if per_node is not None:
        if isinstance(per_node.value, int) and isinstance(nodes.value, int):
            found["world_size"] = Fact(per_node.value * nodes.value, per_node.origin)
        else:
            found["world_size"] = unknown(per_node.reason or nodes.reason or "the number of processes is not a number", per_node.origin)
    return found


def _accelerate(section: Section, path: str, read: Read, warn: Warn) -> dict[str, Fact]:
    own: dict[str, Any] = {key: value for key, value in section.settings.items() if key in ("mixed_precision", "num_processes")}
    if section.raw("use_deepspeed") is not None or section.raw("deepspeed_config_file") is not None or section.raw("zero_stage") is not None:
        keys = ("deepspeed_config_file", "zero_stage", "offload_optimizer_device", "offload_param_device", "gradient_clipping", "gradient_accumulation_steps")
        own[Text("deepspeed_config")] = {key: section.raw(key) for key in keys if section.raw(key) is not None}
    parts: list[Mapping[str, Fact]] = [accelerate.read(Section(own, path, section.owner, lenient=True), warn)]
    file = section.raw("config_file")
    if file is not None:
        parts.extend(_named_configs(Launch(files=[file]), path, read, warn))
        # An option of the command line wins over the file.
        return {**parts[1], **{key: fact for key, fact in parts[0].items() if fact.is_known and not is_default(fact)}} if len(parts) > 1 else dict(parts[0])
    return dict(parts[0])


_TRAINERS = ("sft", "dpo", "grpo", "ppo", "kto", "orpo", "rloo", "cpo", "reward", "pretrain")
_TRAINER = re.compile(rf"(?:^|[/_.\s-])({'|'.join(_TRAINERS)})(?=$|[/_.\s-])")
_FRAMEWORKS = {
    "axolotl": "axolotl",
    "llamafactory": "llamafactory",
    "swift": "ms-swift",
    "trl": "trl",
    "tune": "torchtune",
    "torchtitan": "torchtitan",
}


def _kind(one: Launch, path: str) -> dict[str, Fact]:
    """What the started program's name tells: the trainer (`train_dpo.py`, `trl sft`) and the framework."""
    found: dict[str, Fact] = {}
    base = one.target.replace("\\", "/").rpartition("/")[2].lower()
    match = _TRAINER.search(base.replace(" pt", " pretrain"))
    if match:
        found["trainer"] = Fact(match[1], path)
    framework = _FRAMEWORKS.get(re.split(r"[\s.-]", one.target.lower())[0])
    if framework is not None and not one.target.endswith(".py"):
        found["framework"] = Fact(framework, path)
    return found


def _joined(several: list[Commanded]) -> Commanded:
    """Of several commands what all of them say alike; what they differ in is unknown."""
    train: dict[str, Fact] = {}
    for key in dict.fromkeys(key for one in several for key in one.train):
        facts = [one.train[key] for one in several if key in one.train]
        values = {plain(fact.value) for fact in facts}
        train[key] = facts[0] if len(values) == 1 and len(facts) == len(several) else _several(facts)
    env = {name: fact for one in several for name, fact in one.env.items()}
    return Commanded(train, env, tuple(dict.fromkeys(script for one in several for script in one.scripts)))


def _several(facts: list[Fact]) -> Fact:
    return unknown("the script's commands differ in it", contradiction(facts).origin)
