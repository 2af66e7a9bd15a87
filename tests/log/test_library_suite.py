"""The library's own test suite for recorders, on every log that a ledger can be kept in.

It runs unchanged on all of them, UmaDB included, as long as each test has a server of its own: the
suite's conditions name the first positions. The one difference that it does not look at is that
``stop`` on UmaDB's subscription does not end a ``next`` that is waiting already.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from eventsourcing.dcb.tests import DCBRecorderTestCase

from recorders import postgres_recorder, umadb_recorder
from reps_ledger.log import open_recorder
from reps_ledger.log.sqlite import SQLiteRecorder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from eventsourcing.dcb.api import DCBRecorder

LOGS = ["sqlite file", "sqlite in memory", "postgres", "postgres guarded", "umadb"]


@contextmanager
def opened(log: str, request: pytest.FixtureRequest) -> Iterator[DCBRecorder]:
    """A recorder on an empty log of this kind; only its own server is started."""
    match log:
        case "sqlite file":
            with SQLiteRecorder(request.getfixturevalue("sqlite_path")) as recorder:
                yield recorder
        case "sqlite in memory":
            with SQLiteRecorder(":memory:") as recorder:
                yield recorder
        case "postgres":
            with postgres_recorder(request.getfixturevalue("postgres_dsn")) as other:
                yield other
        case "postgres guarded":
            guarded, close = open_recorder(request.getfixturevalue("postgres_dsn"))
            try:
                yield guarded
            finally:
                close()
        case _:
            with umadb_recorder(request.getfixturevalue("umadb_url")) as other:
                yield other


@pytest.mark.parametrize("log", LOGS)
def test_append_and_read(log: str, request: pytest.FixtureRequest) -> None:
    """Appending, conditions, queries, limits and heads are as the library defines them."""
    with opened(log, request) as recorder:
        DCBRecorderTestCase()._test_append_read(recorder)


@pytest.mark.parametrize("log", LOGS)
def test_append_and_subscribe(log: str, request: pytest.FixtureRequest) -> None:
    """A subscription returns what was recorded, waits, and returns what is recorded then."""
    with opened(log, request) as recorder:
        DCBRecorderTestCase()._test_append_subscribe(recorder)
