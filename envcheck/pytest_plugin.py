"""`pytest --envcheck`: the check of this environment and the project's settings before the first test; nothing where it is not asked for."""

from __future__ import annotations

from typing import Any


def pytest_addoption(parser: Any) -> None:
    """The one option."""
    parser.getgroup("envcheck").addoption("--envcheck", action="store_true", help="Check this environment first, and stop where it is known to break.")


def pytest_sessionstart(session: Any) -> None:
    """Stops the session, with the findings, where something reaches `fail-on` of the project's settings."""
    config = session.config
    # Workers of pytest-xdist are told by their controller.
    if not config.getoption("envcheck") or hasattr(config, "workerinput"):
        return
    import pytest

    from envcheck.errors import EnvcheckError
    from envcheck.project import run

    try:
        text, failed = run.of_this_environment(str(config.rootpath))
    except EnvcheckError as error:
        raise pytest.UsageError(f"envcheck: {error}") from None
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter is not None and failed:
        reporter.write(text)
    if failed:
        pytest.exit("envcheck: this environment is known to break, see above", returncode=1)
