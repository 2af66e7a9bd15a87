"""Fixtures that tests of several folders share, and how Hypothesis runs here."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, Phase, settings

from faults.harness import TRIED, tell
from recorders import memory_recorder, shared_target, sqlite_path, sqlite_recorder, targets
from servers import postgres_dsn, postgres_server, umadb_url

if TYPE_CHECKING:
    import pytest

__all__ = [
    "memory_recorder",
    "postgres_dsn",
    "postgres_server",
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


# The first example builds tables of characters, which takes a second. Every run draws others, so
# that few at a time do; `make test-deep` draws many.
settings.register_profile(
    "reps-ledger",
    max_examples=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("deep", settings.get_profile("reps-ledger"), max_examples=1_000)
# Thousands of mutants (see mutation) get fewer examples, the same for each, and no shrinking.
settings.register_profile(
    "mutants",
    settings.get_profile("reps-ledger"),
    max_examples=30,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
)
settings.load_profile(os.environ.get("REPS_HYPOTHESIS", "reps-ledger"))
