"""Reading off releases which names came and went."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

import mine_public_names as mine

from envcheck import documents
from envcheck.facts import public

RELEASES = {
    "0.1.0": "from os import path\nclass Old: pass\nclass Always: pass\n",
    "0.2.0": "class Always: pass\nclass _Hidden: pass\nclass Brief: pass\n",
    "0.3.0": "from .new import New\nclass Always: pass\n",
    "0.4.0": "from .new import New\nclass Always: pass\nclass Old: pass\n",
}


def test_a_table_is_made_of_releases_and_can_be_read(tmp_path: Path) -> None:
    for name in mine.MODULES:
        texts = RELEASES if name == "trl" else {"1.0": "class A: pass\n"}
        for version, text in texts.items():
            top = name.replace("-", "_")
            with zipfile.ZipFile(tmp_path / f"{top}-{version}-py3-none-any.whl", "w") as wheel:
                wheel.writestr(f"{top}/__init__.py", text)
                wheel.writestr(f"{top}/new.py", "class New: pass\n")
    text = mine.mined(tmp_path, 1)
    rows = dict(public.check_row(row) for row in documents.parse_yaml(text, "t", aliases=False)["rows"])
    assert list(rows) == ["trl"]
    assert rows["trl"] == [
        ["trl", "since", "0.2.0", "<=0.1.0", "Brief"],
        ["trl", "until", "0.2.0", ">=0.3.0", "Brief"],
        ["trl", "since", "0.3.0", "<=0.2.0", "New"],
    ]
