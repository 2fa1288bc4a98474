"""A scene that the guard kept, as a page for a person."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Mapping, Sequence, Tuple

from envcheck.render.text import page_lines

_SHOWN = 5
_SEVERITIES = ("error", "warning")


def render(scene: Mapping[str, Any], *, color: bool = False, width: int = 100) -> str:
    """The page of one scene, as `guard.scene.read` gives it; what is missing in it or has another shape is left out."""
    sign = _mapping(scene.get("sign"))
    pairs = [(str(sign.get("id", "sick step")), str(sign.get("text", ""))), ("step", _step(scene))]
    pairs += [(name, str(scene[name])) for name in ("norm", "loss") if scene.get(name) is not None]
    pairs += _tensors("gradients", scene) + _tensors("weights", scene)
    pairs.append(("after it", _after(scene, sign)))
    pairs += _batches(scene.get("batches"))
    pairs += _environment(_mapping(scene.get("report")), str(sign.get("symptom", "")))
    pairs.append(("kept in", str(scene.get("folder", ""))))
    return page_lines(pairs, width, color)


def as_json(scenes: Sequence[Mapping[str, Any]]) -> str:
    """One scene a line."""
    return "".join(json.dumps(one, separators=(",", ":")) + "\n" for one in scenes)


def _after(scene: Mapping[str, Any], sign: Mapping[str, Any]) -> str:
    if scene.get("restored"):
        return "the weights are those of the start again"
    return "the weights are spoiled" if spoiled(sign) else "the gradients were dropped and the weights are as they were before this step"


def spoiled(sign: Mapping[str, Any]) -> bool:
    """Whether the weights were already wrong when the sign was seen."""
    return sign.get("id") in ("weight-not-finite", "weight-spoiled", "dead-at-chance", "norm-signature")


def _step(scene: Mapping[str, Any]) -> str:
    rank = f", rank {scene.get('rank', 0)} of {scene['world']}" if scene.get("world", 1) != 1 else ""
    return f"{scene.get('step', '?')}{rank}, {scene.get('optimizer', 'optimizer')} at rate {', '.join(map(str, _list(scene.get('rates')))) or 'unknown'}"


def _tensors(label: str, scene: Mapping[str, Any]) -> List[Tuple[str, str]]:
    sick = _mapping(scene.get(label))
    first = [_mapping(one) for one in _list(sick.get("first"))]
    if not first:
        elsewhere = label == "gradients" and _mapping(scene.get("sign")).get("id") == "gradient-not-finite"
        return [(label, "all finite on this rank; another rank saw it")] if elsewhere else []
    count, of = sick.get("count", len(first)), sick.get("of", "?")
    rows = [(label, f"{count} of {of} are not finite" + (" (after clipping one NaN is in all of them)" if count == of and label == "gradients" else ""))]
    rows += [("", f"{one.get('name')} {one.get('dtype')}{one.get('shape')}: {one.get('nan')} NaN, {one.get('inf')} Inf") for one in first[:_SHOWN]]
    return rows


def _batches(found: Any) -> List[Tuple[str, str]]:
    rows: List[Tuple[str, str]] = []
    for batch in map(_mapping, _list(found)):
        shapes = ", ".join(f"{name} {shape}" for name, shape in _mapping(batch.get("shapes")).items())
        rows.append(("" if rows else "batch", f"{str(batch.get('sha256', batch.get('failed', '')))[:16]}  {shapes}"))
    return rows


def _environment(report: Dict[str, Any], symptom: str) -> List[Tuple[str, str]]:
    if "verdict" not in report:
        return [("environment", f"not known: {report.get('failed', 'no report')}")]
    found = [_mapping(one) for one in _list(report.get("findings"))]
    loud = [one for one in found if one.get("severity") in _SEVERITIES and one.get("kind") != "good"]
    fitting = [one for one in loud if symptom in _list(one.get("symptom"))]
    rows = [("environment", f"{report['verdict']}; {len(fitting)} of {len(loud)} findings name this symptom ({symptom})")]
    for one in fitting[:_SHOWN]:
        rows.append(("fits", f"{one.get('title')}  [{one.get('id')}]"))
        rows += [("  fix", str(_list(one.get("fix"))[0]))] if _list(one.get("fix")) else []
    return rows


def _mapping(value: Any) -> Dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> List[Any]:
    return value if isinstance(value, list) else []
