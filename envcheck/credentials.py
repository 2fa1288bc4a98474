"""What a line of a file or a log may carry and no message repeats: passwords and tokens in URLs, and tokens by their form."""

from __future__ import annotations

import re

_USER = re.compile(r"//[^/@\s]+@")
_QUERY = re.compile(r"(://[^\s?#]*\?)[^\s#]*")
# The prefixes by which Hugging Face, GitHub, GitLab, Weights & Biases' and others' scanners know their tokens
# (https://docs.github.com/en/code-security/secret-scanning/introduction/supported-secret-scanning-patterns).
_TOKEN = re.compile(r"\b(?:hf_|gh[pousr]_|github_pat_|glpat-|sk-|pypi-)[A-Za-z0-9_-]{6,}")


def hidden(text: str) -> str:
    """The text with `***` in place of every credential."""
    text = _QUERY.sub(r"\1***", _USER.sub("//***@", text))
    return _TOKEN.sub("***", text)
