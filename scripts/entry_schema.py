"""Writes `matrices/entry.schema.json` for editors, from the same constants that the loader uses.

python scripts/entry_schema.py [--check]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Dict

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from envcheck import settings  # noqa: E402 - the checkout's own code
from envcheck.conditions import CONDITIONS  # noqa: E402
from envcheck.matrix import schema  # noqa: E402
from envcheck.matrix.grammar import REMEDIES  # noqa: E402
from envcheck.matrix.reproducer import KEYS  # noqa: E402
from envcheck.model import EVIDENCE_LEVELS, KINDS, SEVERITIES  # noqa: E402

TARGET = ROOT / "matrices" / "entry.schema.json"
STRING = {"type": "string", "minLength": 1}
STRINGS = {"type": "array", "items": STRING, "minItems": 1}


def entry() -> Dict[str, Any]:
    """The JSON Schema (2020-12) of an entry; what it cannot say (versions, examples that hold) `envcheck matrix lint` does."""
    argument = {"anyOf": [STRING, STRINGS]}
    when = {
        "type": "object",
        "minProperties": 1,
        "properties": {
            **dict.fromkeys([*CONDITIONS, *(f"train.{key}" for key in settings.TRAIN_KEYS)], argument),
            "any": {"type": "array", "items": {"$ref": "#/$defs/when"}, "minItems": 1},
            "not": {"$ref": "#/$defs/when"},
        },
        "patternProperties": {r"^env\.": argument, r"^[a-z0-9]+(-[a-z0-9]+)*$": {}},
        "additionalProperties": False,
    }
    examples = {"type": "array", "items": {"type": "object"}, "minItems": 1}
    remedy = {"type": "object", "minProperties": 1, "maxProperties": 1, "properties": {name: {} for name in REMEDIES}, "additionalProperties": False}
    properties = {
        "schema": {"const": schema.SCHEMA},
        "id": {"type": "string", "pattern": schema.SLUG},
        "kind": {"enum": list(KINDS)},
        "severity": {"enum": list(SEVERITIES)},
        "title": STRING,
        "culprit": STRINGS,
        "when": {"$ref": "#/$defs/when"},
        "unstated": STRING,
        "stated": STRINGS,
        "symptom": {"type": "array", "items": {"enum": list(schema.SYMPTOMS)}, "minItems": 1},
        "signature": STRINGS,
        "cause": STRING,
        "fix": {"type": "array", "items": remedy},
        "evidence": {
            "type": "object",
            "required": ["level", "reviewed", "links"],
            "properties": {
                "level": {"enum": list(EVIDENCE_LEVELS)},
                "reviewed": {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"},
                "links": {"type": "array", "items": {"type": "string", "pattern": "^https://"}, "minItems": 1},
                "disputed": STRING,
            },
            "additionalProperties": False,
        },
        "examples": {
            "type": "object",
            "required": list(schema.EXAMPLE_KINDS),
            "properties": dict.fromkeys(schema.EXAMPLE_KINDS, examples),
            "additionalProperties": False,
        },
        "reproducer": reproducer(),
        "withdrawn": STRING,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "envcheck matrix entry",
        "type": "object",
        "required": list(schema.REQUIRED),
        "properties": properties,
        "additionalProperties": False,
        "$defs": {"when": when},
    }


def reproducer() -> Dict[str, Any]:
    requirements = {"type": "array", "items": STRING}
    variables = {"type": "object", "additionalProperties": {"type": "string"}}
    kinds = {"bad": requirements, "good": requirements, "env": variables, "timeout": {"type": ["string", "integer"]}}
    return {
        "type": "object",
        "required": ["bad", "good", "fails"],
        "oneOf": [{"required": ["import"]}, {"required": ["run"]}],
        "properties": {key: kinds.get(key, STRING) for key in KEYS},
        "additionalProperties": False,
    }


def main() -> int:
    text = json.dumps(entry(), indent=1) + "\n"
    if "--check" in sys.argv[1:]:
        same = TARGET.is_file() and TARGET.read_text(encoding="utf-8") == text
        print("up to date" if same else f"{TARGET.name} is not what `python scripts/entry_schema.py` writes")
        return 0 if same else 1
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
