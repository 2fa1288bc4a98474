"""Bodies of classes and functions are left out before a file is parsed; nothing that counts may go with them."""

from __future__ import annotations

import pytest

from envcheck.names.source import read


@pytest.mark.parametrize(
    "body",
    [
        "class X(\n    Base,\n):\n    from b import hidden\n    def f(self): ...\n# a comment\n    y = 1\n",
        'class X:\n    """Text\nthat begins at the margin\n    """\n',
        'TEXT = """\nclass X:\n    code\n"""\nclass X: pass\n',
        "class X: pass\n",
        "class X:\r\n\r\n    z = 1\r\n",
        "@wrapped(\n    1\n)\nasync def X(\n    a,\n    b=(\n        1,\n    ),\n) -> int:\n    from b import hidden\n    def f(self): ...\n# a comment\n    y = 1\n",
        'def X():\n    """Text\nthat begins at the margin\n    """\n',
        'TEXT = """\ndef X():\n    code\n"""\ndef X(): pass\n',
        "def X(\na, b):\n    pass\n",
    ],
)
def test_what_follows_a_class_keeps_its_line(body: str) -> None:
    module = read(f"import a\n{body}from c import seen\n".encode(), "m", "m.py", False)
    assert module is not None
    assert {"X", "seen"} <= module.bound
    assert [(one.module, one.line) for one in module.imports] == [("a", 1), ("c", body.count("\n") + 2)]
