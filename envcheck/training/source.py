"""A training script's source -> what is wrong in the way its loop is written. Parsed with `ast`, never run.

Only patterns that stand in one file in plain sight are told; whatever the file does not show is taken as right. The arguments that are given to
trainers are looked for in the files of the project as well that the script imports.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from envcheck.documents import read_text
from envcheck.errors import InputError
from envcheck.model import Anomaly, Fact
from envcheck.training import local, overrides
from envcheck.training.arguments import of_script, together
from envcheck.training.imports import words

_HALF = ("float16", "half")
_BF16_WORDS = ("bf16", "bfloat16")
_OWN_CLEARING = ("deepspeed", "pytorch_lightning", "lightning", "transformers.Trainer")
"""Engines that clear gradients themselves."""


class Source(NamedTuple):
    """What one script says."""

    train: dict[str, Fact]
    """`declared_precision` and `precision`, where the script asks for bf16 and autocasts to fp16; `padding_side`; `arguments`, `imports`."""
    anomalies: tuple[Anomaly, ...]


def read(path: str) -> Source:
    """What is wrong in one Python file. Raises `InputError` for what cannot be read or is no Python."""
    text = read_text(path)
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        reason = getattr(error, "msg", None) or "it is nested too deeply or holds a null byte"
        raise InputError(f"is no Python that can be parsed: {reason}", where=f"{path}:{line}" if line else path, hint="name the training script") from None
    script = _Script(path, tree)
    others = local.modules(path, tree)
    scripts = [script, *(_Script(one.path, one.tree) for one in others)]
    certain = [(path, text), *((one.path, one.text) for one in others if one.is_certain)]
    asked = {"arguments": _arguments(scripts), "imports": _imports_of(certain)}
    told = {key: fact for key, fact in asked.items() if fact is not None}
    return Source({**_precision(script), **_padding_side(script), **told}, tuple(_anomalies(script)))


def _arguments(scripts: Sequence[_Script]) -> Fact | None:
    """What the script, and the files of the project that it imports, give classes and methods of transformers and trl.

    In the script all trainers count, in the other files those of which some file makes use.
    """
    used = overrides.used(one.tree for one in scripts)
    found = [of_script(one.tree, one.calls, one.imported, one.path, used if number else None) for number, one in enumerate(scripts)]
    return together([fact for fact in found if fact is not None])


def _imports_of(files: Iterable[tuple[str, str]]) -> Fact | None:
    """The names that files, given with their texts, import from the packages whose names come and go."""
    found = [(words(text.encode()), path) for path, text in files]
    return together([Fact(" ".join(names), path) for names, path in found if names])


class _Script:
    def __init__(self, path: str, tree: ast.Module) -> None:
        self.path, self.tree = path, tree
        self.nodes = list(ast.walk(tree))
        self.calls = [(node, _dotted(node.func)) for node in self.nodes if isinstance(node, ast.Call)]
        self.functions = [tree, *(node for node in self.nodes if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)))]
        self.imported = {name for node in self.nodes for name in _imports(node)}

    def where(self, node: ast.AST) -> str:
        return f"{self.path}:{getattr(node, 'lineno', 0)}"

    def named(self, *ends: str) -> list[ast.Call]:
        """The calls of what is called so, by its last name."""
        return [call for call, name in self.calls if name.rpartition(".")[2] in ends]


def _dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    if isinstance(node, ast.Name):
        return node.id
    return "?"


def _imports(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((one.value for one in call.keywords if one.arg == name), None)


def _precision(script: _Script) -> dict[str, Fact]:
    """bf16 as the script's own option says by default, and fp16 as its autocast does."""
    declared = _declared_bf16(script)
    bare = [call for call in script.named("autocast") if _is_bare_autocast(call)]
    if declared is None or not bare or any(call for call in script.named("autocast", "set_autocast_gpu_dtype", "set_autocast_dtype") if call not in bare):
        return {}
    return {"declared_precision": Fact("bf16", script.where(declared)), "precision": Fact("fp16", f"autocast without a dtype, {script.where(bare[0])}")}


def _declared_bf16(script: _Script) -> ast.AST | None:
    """An `add_argument("--dtype", default="bfloat16")`, or a module's `dtype = "bfloat16"`."""
    for call in script.named("add_argument"):
        default = _keyword(call, "default")
        if isinstance(default, ast.Constant) and default.value in _BF16_WORDS:
            return call
    for node in script.nodes:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and node.value.value in _BF16_WORDS:
            return node
    return None


def _padding_side(script: _Script) -> dict[str, Fact]:
    """Which side the script pads on, where every place in it says the same."""
    placed: list[tuple[ast.expr, ast.AST]] = [(node.value, node) for node in script.nodes if isinstance(node, ast.Assign) and _sets(node, "padding_side")]
    placed += [(value, call) for call, _ in script.calls for value in [_keyword(call, "padding_side")] if value is not None]
    sides = {value.value if isinstance(value, ast.Constant) else None for value, _ in placed}
    side = sides.pop() if len(sides) == 1 else None
    return {"padding_side": Fact(side, script.where(placed[0][1]))} if side in ("left", "right") else {}


def _sets(node: ast.Assign, *names: str) -> bool:
    return any(isinstance(target, ast.Attribute) and target.attr in names for target in node.targets)


def _is_bare_autocast(call: ast.Call) -> bool:
    """Without a dtype, and not for the CPU, where bf16 is the default (https://docs.pytorch.org/docs/stable/amp.html)."""
    if _keyword(call, "dtype") is not None or any(one.arg is None for one in call.keywords) or any(isinstance(one, ast.Starred) for one in call.args):
        return False
    device = call.args[0] if call.args else _keyword(call, "device_type")
    is_cpu = isinstance(device, ast.Constant) and device.value == "cpu"
    return not is_cpu and len(call.args) < 2 and "cpu" not in _dotted(call.func)


def _anomalies(script: _Script) -> Iterator[Anomaly]:
    yield from _clipped_before_unscale(script)
    yield from _scaler_with_bf16(script)
    yield from _mask_divisor(script)
    yield from _gradients_never_cleared(script)
    yield from _half_parameters(script)
    yield from _end_token_masked(script)
    yield from _padding_in_labels(script)
    yield from _frozen_and_reentrant(script)


def _found(kind: str, detail: str, origin: str) -> Anomaly:
    return Anomaly(kind, ("config",), detail, origin)


def _clipped_before_unscale(script: _Script) -> Iterator[Anomaly]:
    scalers = _assigned(script, "GradScaler")
    for function in script.functions:
        calls = [(node, _dotted(node.func)) for node in _own_nodes(function) if isinstance(node, ast.Call)]
        steps = [node for node, name in calls if name.rpartition(".")[2] == "step" and name.rpartition(".")[0] in scalers]
        unscaled = [node.lineno for node, name in calls if name.endswith(".unscale_")]
        for node, name in calls:
            clips = name.rpartition(".")[2] in ("clip_grad_norm_", "clip_grad_value_") and "accelerator" not in name and "fabric" not in name
            # A step behind the clip, and nothing before it that unscales.
            if clips and any(step.lineno > node.lineno for step in steps) and not any(line < node.lineno for line in unscaled):
                yield _found("clip-before-unscale", f"`{name}` clips gradients that are still multiplied by the loss scale", script.where(node))


def _assigned(script: _Script, maker: str) -> set[str]:
    """The names that hold what calls of `maker` made."""
    held: set[str] = set()
    for node in script.nodes:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and _dotted(node.value.func).rpartition(".")[2] == maker:
            held.update(_dotted(target) for target in node.targets)
    return held


def _own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function or module that are not inside another function."""
    pending = list(ast.iter_child_nodes(function))
    while pending:
        node = pending.pop()
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield node
            pending.extend(ast.iter_child_nodes(node))


def _scaler_with_bf16(script: _Script) -> Iterator[Anomaly]:
    casts = script.named("autocast")
    dtypes = [_dotted(dtype) for dtype in (_keyword(call, "dtype") for call in casts) if dtype is not None]
    if not dtypes or len(dtypes) < len(casts) or any(not name.endswith("bfloat16") for name in dtypes):
        return
    for call in script.named("GradScaler"):
        if _keyword(call, "enabled") is None:
            yield _found("scaler-with-bf16", "a GradScaler scales a loss that is computed in bf16", script.where(call))


def _mask_divisor(script: _Script) -> Iterator[Anomaly]:
    for node in script.nodes:
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and _is_mask_sum(node.right):
            yield _found("mask-sum-divisor", f"the loss is divided by `{ast.unparse(node.right)}`, which can be 0", script.where(node))


def _is_mask_sum(node: ast.AST) -> bool:
    """`loss_mask.sum()` or `torch.sum(loss_mask)`, with nothing around it that keeps it above 0."""
    if not isinstance(node, ast.Call):
        return False
    name = _dotted(node.func)
    if name in ("torch.sum", "np.sum", "sum") and node.args:
        name = _dotted(node.args[0]) + ".sum"
    return name.endswith(".sum") and "mask" in name.rpartition(".")[0].rpartition(".")[2].lower()


def _gradients_never_cleared(script: _Script) -> Iterator[Anomaly]:
    if any(name.startswith(one) for name in script.imported for one in _OWN_CLEARING) or not script.named("backward"):
        return
    if script.named("zero_grad") or any(isinstance(node, ast.Attribute) and node.attr == "grad" and isinstance(node.ctx, ast.Store) for node in script.nodes):
        return
    for call, name in script.calls:
        if name.rpartition(".")[2] == "step" and "optim" in name.rpartition(".")[0].lower():
            yield _found("gradients-never-cleared", f"`{name}` is called and no `zero_grad` stands in the file", script.where(call))
            return


def _half_parameters(script: _Script) -> Iterator[Anomaly]:
    adams = [call for call in script.named("Adam", "AdamW") if _dotted(call.func).startswith(("torch.optim", "optim.", "Adam")) and _is_default_adam(call)]
    if not adams or not script.named("backward") or script.named("get_peft_model", "LoraConfig") or "deepspeed" in script.imported:
        return
    for call, name in script.calls:
        if _makes_half(call, name):
            detail = f"the parameters are fp16 (`{name}`) and {_dotted(adams[0].func)} runs on them with an eps that fp16 rounds to 0"
            yield _found("half-parameters-with-adam", detail, script.where(call))
            return


def _is_default_adam(call: ast.Call) -> bool:
    eps, fused = _keyword(call, "eps"), _keyword(call, "fused")
    small = eps is None or isinstance(eps, ast.Constant) and isinstance(eps.value, float) and eps.value < 6e-8
    return small and fused is None and not any(one.arg is None for one in call.keywords)


def _makes_half(call: ast.Call, name: str) -> bool:
    """`model.half()`, `model.to(torch.float16)`: of a name that says it is the model."""
    holder, _, method = name.rpartition(".")
    if holder.rpartition(".")[2].lower() not in ("model", "net", "network", "unet", "transformer"):
        return False
    if method == "half":
        return not call.args
    given: Iterable[ast.expr] = [*call.args, *(one.value for one in call.keywords if one.arg == "dtype")]
    return method == "to" and any(_dotted(one).rpartition(".")[2] in _HALF and _dotted(one).startswith("torch") for one in given)


def _end_token_masked(script: _Script) -> Iterator[Anomaly]:
    """The end token is made the padding token, and the collator that masks padding makes the labels."""
    if any("pad_token" in ast.unparse(call) for call in script.named("add_special_tokens", "add_tokens")):
        return
    collators = [call for call in script.named("DataCollatorForLanguageModeling") if _is_false(_keyword(call, "mlm"))]
    for node in script.nodes:
        if isinstance(node, ast.Assign) and _sets(node, "pad_token", "pad_token_id") and "eos_token" in _dotted(node.value) and collators:
            detail = f"`{ast.unparse(node)}`, and DataCollatorForLanguageModeling ({script.where(collators[0])}) takes the padding token out of the labels"
            yield _found("end-token-masked", detail, script.where(node))
            return


def _is_false(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


_MAKERS_OF_LABELS = ("DataCollatorForLanguageModeling", "DataCollatorForCompletionOnlyLM", "DataCollatorWithFlattening", "SFTTrainer")


def _padding_in_labels(script: _Script) -> Iterator[Anomaly]:
    """Labels are a copy of ids that were padded, and nothing in the file speaks of -100."""
    padded = [call for call, _ in script.calls if _pads(_keyword(call, "padding"))]
    if not padded or script.named(*_MAKERS_OF_LABELS) or any(_is_ignored_label(node) for node in script.nodes):
        return
    for node in script.nodes:
        if isinstance(node, ast.Assign) and _is_entry(node.targets[0], "labels") and _is_copy_of_ids(node.value):
            yield _found(
                "padding-in-labels", f"`{ast.unparse(node)}` after padding ({script.where(padded[0])}): the loss counts the padding", script.where(node)
            )
            return


def _pads(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value in (True, "max_length", "longest")


def _is_ignored_label(node: ast.AST) -> bool:
    """-100 itself, or a name for it (`IGNORE_INDEX`, `label_pad_token_id`)."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return isinstance(node.operand, ast.Constant) and node.operand.value == 100
    names = (getattr(node, "id", ""), getattr(node, "attr", ""), getattr(node, "arg", ""))
    return any(isinstance(name, str) and ("ignore" in name.lower() or "label_pad" in name.lower()) for name in names)


def _is_entry(node: ast.AST, key: str) -> bool:
    return isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and node.slice.value == key


def _is_copy_of_ids(node: ast.AST) -> bool:
    """`x["input_ids"]`, with `.copy()` or `.clone()` or without."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("copy", "clone") and not node.args:
        node = node.func.value
    return _is_entry(node, "input_ids")


_GIVE_GRADIENTS = ("enable_input_require_grads", "get_peft_model", "LoraConfig", "prepare_model_for_kbit_training", "make_inputs_require_grads")


def _frozen_and_reentrant(script: _Script) -> Iterator[Anomaly]:
    """Parameters are frozen and activations recomputed, and nothing says which way or makes the inputs need gradients."""
    frozen = next((node for node in script.nodes if _freezes(node)), None)
    if (
        frozen is None
        or script.named(*_GIVE_GRADIENTS)
        or any("use_reentrant" in (getattr(node, "value", ""), getattr(node, "arg", "")) for node in script.nodes)
    ):
        return
    for call, name in script.calls:
        switched = _keyword(call, "gradient_checkpointing")
        if name.endswith(".gradient_checkpointing_enable") or isinstance(switched, ast.Constant) and switched.value is True:
            detail = f"`{ast.unparse(frozen)}` ({script.where(frozen)}) and gradient checkpointing without a `use_reentrant`"
            yield _found("frozen-layers-reentrant", detail, script.where(call))
            return


def _freezes(node: ast.AST) -> bool:
    """`p.requires_grad = False` or `tower.requires_grad_(False)`."""
    if isinstance(node, ast.Assign):
        return _sets(node, "requires_grad") and _is_false(node.value)
    return isinstance(node, ast.Call) and _dotted(node.func).endswith(".requires_grad_") and bool(node.args) and _is_false(node.args[0])
