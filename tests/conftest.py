"""Fixtures that tests of several folders share, and how Hypothesis runs here."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import is_hypothesis_test

from faults.harness import TRIED, tell
from limits import (
    pytest_configure,
    pytest_enter_pdb,
    pytest_timeout_cancel_timer,
    pytest_timeout_set_timer,
    pytest_unconfigure,
)
from racers import Crew
from recorders import memory_recorder, shared_target, sqlite_path, sqlite_recorder, targets
from scale import load_profile
from servers import postgres_dsn, postgres_server, umadb_url

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "crew",
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


@pytest.fixture(scope="session")
def crew() -> Iterator[Crew]:
    """Processes that race, one test after another."""
    with closing(Crew()) as made:
        yield made


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Do not trace properties: their many examples run the lines that other tests run too."""
    for item in items:
        if isinstance(item, pytest.Function) and is_hypothesis_test(item.obj):
            item.add_marker(pytest.mark.no_cover)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the searches for faults tried and found."""
    reports = [each for kind in ("passed", "failed") for each in terminalreporter.getreports(kind)]
    told = [words for each in reports for name, words in each.user_properties if name == TRIED]
    if told:
        terminalreporter.section("faults: what was tried, and found")
        for words in told:
            terminalreporter.line(str(words))


load_profile()
