"""Following a log in PostgreSQL: what is appended while a subscription begins is seen."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

import reps_ledger as rl
from live.test_application import env_of
from processes import PATIENCE
from reps_ledger.live import LedgerApplication
from reps_ledger.log.postgres.following import WatchfulSubscription

if TYPE_CHECKING:
    from contextlib import AbstractContextManager


def by_ledger(ledger: rl.Ledger, _: LedgerApplication) -> AbstractContextManager[Any]:
    """Subscribe to a ledger."""
    return ledger.subscribe(after=0)


def by_application(_: rl.Ledger, application: LedgerApplication) -> AbstractContextManager[Any]:
    """Subscribe to an application of the library, as its runners do."""
    return application.recorder.subscribe(after=None)


@pytest.mark.parametrize("subscribe", [by_ledger, by_application])
def test_what_comes_before_it_listens_is_seen(
    subscribe: Any, postgres_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A subscription that has read, and does not listen yet, misses nothing that comes meanwhile."""
    listens = threading.Event()
    listen = WatchfulSubscription._listen

    def late(subscription: WatchfulSubscription) -> None:
        assert listens.wait(PATIENCE)
        listen(subscription)

    monkeypatch.setattr(WatchfulSubscription, "_listen", late)
    with (
        rl.open(postgres_dsn) as ledger,
        LedgerApplication(env_of(postgres_dsn)) as application,
        ThreadPoolExecutor() as pool,
    ):
        ledger.record(rl.MemberJoined(member="ana"), by="c")
        with subscribe(ledger, application) as subscription:
            found = [next(subscription).position for _ in range(2)]
            following = pool.submit(next, subscription)
            ledger.record(rl.MemberJoined(member="ben"), by="c")
            listens.set()
            try:
                found.append(following.result(5).position)
            finally:
                ledger.record(rl.MemberJoined(member="cleo"), by="c")  # wakes one that missed the other
    assert found == [1, 2, 3]
