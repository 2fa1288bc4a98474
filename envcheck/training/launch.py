"""One command -> which launcher starts what with which arguments. Options by the launchers' own parsers.

torchrun: torch/distributed/run.py · accelerate launch: accelerate/commands/launch.py · deepspeed: deepspeed/launcher/runner.py
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Callable

from envcheck.documents import Text


@dataclass
class Launch:
    """A training command taken apart."""

    launcher: str = "python"
    """`python`, `torchrun`, `accelerate`, `deepspeed`, or the framework's own command."""
    options: dict[str, Text] = field(default_factory=dict)
    """The launcher's options, `-` as `_`."""
    target: str = ""
    """The script's path, the module, or the framework's subcommand (`sft`)."""
    arguments: dict[str, Text] = field(default_factory=dict)
    """What the script gets, `-` as `_`; a name without a value is `true`; of equal ones the last."""
    files: list[Text] = field(default_factory=list)
    """Configs among the words without a name."""
    open: list[Text] = field(default_factory=list)
    """Words that may hold further arguments that nobody knows."""


_PYTHON = re.compile(r"(?:python|pypy)[\d.]*(?:\.exe)?w?")
_ACCELERATE = """
    multi_gpu use_deepspeed use_fsdp use_megatron_lm use_tp use_parallelism_config cpu tpu m module no_python quiet q debug same_network use_xpu ipex
    use_mps_device use_cpu dynamo_use_dynamic dynamo_use_fullgraph dynamo_use_regional_compilation
    tpu_use_cluster tpu_use_sudo enable_cpu_affinity downcast_bf16
"""
_DEEPSPEED = "module no_python no_local_rank force_multi bind_cores_to_rank save_pid no_ssh no_ssh_check venv_script"
_FLAGS: dict[str, frozenset[str]] = {
    "torchrun": frozenset(("standalone", "no_python", "m", "module", "use_env", "run_path")),
    "accelerate": frozenset(_ACCELERATE.split()),
    "deepspeed": frozenset(_DEEPSPEED.split()),
    "python": frozenset("uOBsSEIbdqvx"),
    "tune": frozenset(("standalone", "no_python", "m", "module")),
}
"""Options that take no value."""
_CONFIG = re.compile(r".*\.(?:ya?ml|json|toml)", re.IGNORECASE)
_HYDRA = re.compile(r"[+~]{0,2}([A-Za-z_][\w.]*)=(.*)", re.DOTALL)
_SCRIPT = re.compile(r".*\.py")


def find(words: Sequence[Text]) -> Launch | None:
    """The launch that the words of one command are, wherever in them it begins (`srun …`, `nohup …`); None where there is none."""
    for number, word in enumerate(words):
        parser = _parser(word, words[number + 1 : number + 3])
        if parser is not None:
            return parser(words[number:])
    return None


def _parser(word: Text, following: Sequence[Text]) -> Callable[[Sequence[Text]], Launch | None] | None:
    name = word.replace("\\", "/").rpartition("/")[2]
    if name in _COMMANDS and (name not in _SUBCOMMANDS or following and following[0] in _SUBCOMMANDS[name]):
        return _COMMANDS[name]
    if _PYTHON.fullmatch(name) and any(one.startswith("-") or _SCRIPT.fullmatch(one) for one in following):
        return _python
    return _bare if _SCRIPT.fullmatch(name) else None


def _bare(words: Sequence[Text]) -> Launch:
    return _with(Launch(target=str(words[0])), words[1:])


def _python(words: Sequence[Text]) -> Launch | None:
    launch = Launch()
    at = 1
    while at < len(words) and words[at].startswith("-"):
        option = words[at].lstrip("-")
        if option == "m":
            return _module(launch, words[at + 1 :])
        if option == "c":
            return None
        at += 1 if option in _FLAGS["python"] else 2
    if at >= len(words):
        return None
    return _target(launch, words[at:])


def _module(launch: Launch, words: Sequence[Text]) -> Launch | None:
    if not words:
        return None
    name = str(words[0])
    if name in ("torch.distributed.run", "torch.distributed.launch"):
        return _launcher("torchrun")(words)
    if name in ("accelerate.commands.launch", "deepspeed.launcher.runner"):
        return _launcher(name.partition(".")[0])(words)
    launch.target = name
    return _with(launch, words[1:])


def _launcher(name: str) -> Callable[[Sequence[Text]], Launch | None]:
    def parse(words: Sequence[Text]) -> Launch | None:
        launch = Launch(name)
        # `accelerate launch`, `tune run` have a word more.
        rest = words[2:] if words[0].rpartition("/")[2] in ("accelerate", "tune") else words[1:]
        at, module = 0, False
        while at < len(rest) and rest[at].startswith("-"):
            option, equals, value = rest[at].lstrip("-").partition("=")
            option = option.replace("-", "_")
            module = module or option in ("m", "module")
            if equals:
                launch.options[option] = _like(rest[at], value)
            elif option in _FLAGS[name]:
                launch.options[option] = Text("true", rest[at].line)
            elif at + 1 < len(rest):
                at += 1
                launch.options[option] = rest[at]
            at += 1
        while at < len(rest) and hasattr(rest[at], "reason"):
            launch.open.append(rest[at])
            at += 1
        if at >= len(rest):
            return launch if launch.options else None
        return _module(launch, rest[at:]) if module else _target(launch, rest[at:])

    return parse


def _target(launch: Launch, words: Sequence[Text]) -> Launch | None:
    """What the launcher starts: a script, or another command (`accelerate launch -m axolotl.cli.train`, `torchrun $(which trl) sft`)."""
    parser = _parser(words[0], words[1:3])
    if parser is not None and parser is not _bare:
        inner = parser(words)
        if inner is not None:
            inner.options = {**launch.options, **inner.options}
            inner.launcher = launch.launcher if launch.launcher != "python" else inner.launcher
        return inner
    launch.target = str(words[0])
    return _with(launch, words[1:])


def _own(name: str) -> Callable[[Sequence[Text]], Launch | None]:
    """A framework's own command (`swift sft …`): the subcommand stands for the script."""

    def parse(words: Sequence[Text]) -> Launch | None:
        launch = Launch(name, target=f"{name} {words[1]}")
        return _with(launch, words[2:])

    return parse


def _tune(words: Sequence[Text]) -> Launch | None:
    launch = _launcher("tune")(words)
    if launch is not None:
        launch.target = f"tune {launch.target}"
    return launch


_SUBCOMMANDS: dict[str, tuple[str, ...]] = {
    "accelerate": ("launch",),
    "llamafactory-cli": ("train",),
    "lmf": ("train",),
    "swift": ("sft", "pt", "rlhf"),
    "megatron": ("sft", "pt", "rlhf"),
    "axolotl": ("train",),
    "trl": ("sft", "dpo", "grpo", "kto", "reward", "rloo"),
    "tune": ("run",),
}
_COMMANDS: dict[str, Callable[[Sequence[Text]], Launch | None]] = {
    **{name: _launcher(name) for name in ("torchrun", "deepspeed", "accelerate")},
    "accelerate-launch": _launcher("accelerate"),
    **{name: _own(name) for name in ("llamafactory-cli", "lmf", "swift", "megatron", "axolotl", "trl")},
    "tune": _tune,
}


def _with(launch: Launch, words: Sequence[Text]) -> Launch:
    """The script's words as names with values, files, and what is open."""
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word.startswith("-") and not _is_number(word):
            name, equals, value = word.lstrip("-").partition("=")
            if equals:
                values = [_like(word, value)]
            else:
                values = []
                while at < len(words) and _is_value(words[at], bool(values)):
                    values.append(words[at])
                    at += 1
            _put(launch, name.replace("-", "_"), values, word.line)
        elif hasattr(word, "reason"):
            launch.open.append(word)
        elif _HYDRA.fullmatch(word) and not _CONFIG.fullmatch(word.partition("=")[0]):
            name, _, value = word.lstrip("+~").partition("=")
            launch.arguments[name] = _like(word, value)
        elif _CONFIG.fullmatch(word):
            launch.files.append(word)
    return launch


def _put(launch: Launch, name: str, values: list[Text], line: int) -> None:
    if not name:
        return
    if not values and name.startswith("no_"):
        launch.arguments[name[3:]] = Text("false", line)
    elif len(values) < 2:
        launch.arguments[name] = values[0] if values else Text("true", line)
    else:
        launch.arguments[name] = Text(" ".join(values), values[0].line)


def _is_value(word: Text, several: bool) -> bool:
    """Whether a word belongs to the name before it; of several in a row a config or an assignment is the script's own."""
    if word.startswith("-") and not _is_number(word):
        return False
    return not (several and (_CONFIG.fullmatch(word) or _HYDRA.fullmatch(word) or hasattr(word, "reason")))


def _is_number(word: str) -> bool:
    return re.fullmatch(r"-\.?\d[\w.]*", word) is not None


def _like(word: Text, value: str) -> Text:
    """A part of a word, with what is not known of the word."""
    from envcheck.training.values import unresolved

    reason = getattr(word, "reason", "")
    return unresolved(value, word.line, reason) if reason and "$" in value else Text(value, word.line)
