"""What the tests of the guard share: the environment is looked at only where a test asks for it, because that takes longer than the rest."""

from __future__ import annotations

from typing import Any

import pytest

from envcheck.guard import scene


@pytest.fixture(autouse=True)
def _unreported(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "reported" not in request.fixturenames:
        monkeypatch.setattr(scene, "_report", lambda told: {"failed": "not asked"})


@pytest.fixture
def reported() -> Any:
    """Asks for the environment report in scenes."""
