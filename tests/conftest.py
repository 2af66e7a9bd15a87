"""Fixtures that tests of several folders share, and how Hypothesis runs here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from faults.harness import TRIED, tell
from limits import (
    pytest_configure,
    pytest_enter_pdb,
    pytest_timeout_cancel_timer,
    pytest_timeout_set_timer,
    pytest_unconfigure,
)
from recorders import memory_recorder, shared_target, sqlite_path, sqlite_recorder, targets
from scale import load_profile
from servers import postgres_dsn, postgres_server, umadb_url

if TYPE_CHECKING:
    import pytest

__all__ = [
    "memory_recorder",
    "postgres_dsn",
    "postgres_server",
    "pytest_configure",
    "pytest_enter_pdb",
    "pytest_timeout_cancel_timer",
    "pytest_timeout_set_timer",
    "pytest_unconfigure",
    "shared_target",
    "sqlite_path",
    "sqlite_recorder",
    "targets",
    "tell",
    "umadb_url",
]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the searches for faults tried and found."""
    reports = [each for kind in ("passed", "failed") for each in terminalreporter.getreports(kind)]
    told = [words for each in reports for name, words in each.user_properties if name == TRIED]
    if told:
        terminalreporter.section("faults: what was tried, and found")
        for words in told:
            terminalreporter.line(str(words))


load_profile()
