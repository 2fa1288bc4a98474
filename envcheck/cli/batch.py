"""`envcheck batch`: what is wrong with tokenised data."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Optional

import click

from envcheck.cli import options, talk
from envcheck.errors import InputError

_MOST_PROBLEMS = 5
"""Rows that cannot be read, told one by one."""


@click.command()
@click.argument("path", metavar="FILE")
@click.option("--vocab-size", type=click.IntRange(min=1), metavar="N", help="Rows of the embedding: no id or label may reach it.")
@click.option("--model-config", metavar="FILE", help="The model's `config.json`, which tells the vocabulary and the padding id.")
@click.option("--max-length", type=click.IntRange(min=1), metavar="N", help="Where training cuts sequences off.")
@click.option("--pad-token-id", type=click.IntRange(min=0), metavar="N", help="The id that sequences are filled up with.")
@options.output_format
@options.fail_on
def command(path: str, output_format: str, fail_on: str, **given: Any) -> int:
    """Find what is wrong with tokenised data: labels that are all masked or out of the vocabulary, NaN and Inf in features,
    empty sequences, answers that are cut off, masks of nothing but 0.

    FILE is jsonl, Parquet or Arrow (these two need pyarrow) with `input_ids`, `labels` and `attention_mask`, or some of them.
    Rows are read one after the other. Exit status 1 where something at or above `--fail-on` was found.
    """
    from envcheck import tokens
    from envcheck.render import tokens as shown

    problems: List[InputError] = []
    tally = tokens.count(tokens.rows(path, problems.append), bounds(**given))
    if not problems and not tally.has_ids and not tally.has_labels:
        raise InputError("has neither `input_ids` nor `labels`", where=path, hint="name a file of tokenised data")
    faults = tokens.judge(tally)
    if output_format == "json":
        talk.show(json.dumps({**shown.values(path, tally, faults), "problems": [str(one) for one in problems]}, separators=(",", ":")) + "\n")
    else:
        talk.show(shown.text(path, tally, faults))
    for problem in problems[:_MOST_PROBLEMS]:
        talk.complain(problem)
    if len(problems) > _MOST_PROBLEMS:
        talk.say(f"{len(problems) - _MOST_PROBLEMS} more rows cannot be read")
    if problems:
        return 2
    return options.exit_code(faults[0].severity if faults else None, fail_on)


def bounds(vocab_size: Optional[int], model_config: Optional[str], max_length: Optional[int], pad_token_id: Optional[int]) -> Any:
    """What rows are held against: options first, then the model's config. Raises `InputError`."""
    from envcheck.tokens import Bounds

    told = _told(model_config) if model_config else {}
    vocabulary = vocab_size if vocab_size is not None else told.get("vocab_size")
    padding = pad_token_id if pad_token_id is not None else told.get("pad_token_id")
    return Bounds(vocabulary, max_length, padding)


def _told(path: str) -> Dict[str, int]:
    """The whole numbers of a model's config, those of its text part first."""
    from envcheck import documents

    held = documents.plain_json(documents.read_text(path), path)
    if not isinstance(held, dict):
        raise InputError("is no model's config", where=path, hint="name its `config.json`")
    inner = held.get("text_config")
    found = {key: value for part in (held, inner) if isinstance(part, dict) for key, value in part.items() if type(value) is int}
    if "vocab_size" not in found:
        raise InputError("has no `vocab_size`", where=path, hint="name the model's `config.json`, or use `--vocab-size`")
    return found
