"""Tables of state of a ledger: where they are kept, and what they are read from."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from contextlib import suppress
from datetime import datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen
from platformdirs import user_cache_path

from reps_ledger.errors import MissingExtra, StorageError
from reps_ledger.files import STATE_SUFFIX
from reps_ledger.ledger.core import Core
from reps_ledger.log import Reading, is_kept, postgres_of
from reps_ledger.policies.policy import Policy
from reps_ledger.state import SqliteStore, State, Store, Tables, kept_policies
from reps_ledger.views.evaluator import PolicyEvaluator

if TYPE_CHECKING:
    from reps_ledger.replay.columns import Columns

_CACHES = "reps-ledger"


@frozen
class _Log:
    """A ledger's log, as tables ask for it."""

    core: Core

    @property
    def zone(self) -> tzinfo:
        zone, _ = self.core.refreshed()
        return zone

    def reading(self) -> Reading:
        return self.core.reading()

    def now(self) -> datetime:
        return self.core.now()

    def columns(self, reading: Reading, people: Collection[str] | None = None) -> Columns | None:
        with suppress(MissingExtra):
            return self.core.columns(reading.known_at, people=people)
        return None


def open_state(
    core: Core, policies: Iterable[Policy | str] | None, path: str | os.PathLike[str] | None
) -> State:
    """Open the tables of a ledger, and bring them up to date.

    Args:
        core: the ledger.
        policies: whose outcomes are kept; those named are the ones of the charter in force, which are kept
            anyway. None for those that the tables keep already, but for one whose name a charter's policy has
            by now: that is kept in its place.
        path: where they are kept; None for beside the ledger's file, in a schema of its PostgreSQL, in
            the user's folder for caches where it lies on another server, or in memory with the ledger, or
            where that is only read.
    """
    view = core.as_of()
    store = _store(core, path)
    try:
        asked: list[Policy | str]
        if policies is None:
            taken = _names_of_charters(core)
            asked = [policy for policy in kept_policies(store) if policy.name not in taken]
        else:
            asked = [*policies]
        found = [view.policy(policy) for policy in asked]
        kept = (policy for policy, each in zip(found, asked, strict=True) if not isinstance(each, str))
        return State(Tables(_Log(core), store, tuple(kept)))
    except BaseException:
        store.close()
        raise


def _names_of_charters(core: Core) -> frozenset[str]:
    """Return the names of all policies of the charters that were ever adopted and can be read here."""
    charters = PolicyEvaluator(core.reading(), core.zone).readable
    return frozenset(policy.name for charter in charters for policy in charter.policies)


def _store(core: Core, path: str | os.PathLike[str] | None) -> Store:
    if path is not None:
        return SqliteStore(Path(path))
    if core.read_only:
        return SqliteStore(None)
    beside = core.log.path
    if beside is not None:
        return SqliteStore(beside.with_name(beside.name + STATE_SUFFIX))
    connect = postgres_of(core.log.recorder)
    if connect is None:
        return SqliteStore(_of_user(core))
    from reps_ledger.state.postgres import PostgresStore  # noqa: PLC0415 — an extra

    return PostgresStore(connect)


def kept_tables(core: Core) -> Tables | None:
    """Return the tables that lie where they do by default, as they were left; None where there are none.

    Close their store.
    """
    beside = core.log.path
    path = _of_user(core) if beside is None else beside.with_name(beside.name + STATE_SUFFIX)
    if path is not None and not path.exists():
        return None
    if path is None and postgres_of(core.log.recorder) is None:
        return None
    store = _store(core, None)
    try:
        with store.reading() as reader:
            if not reader.meta():
                store.close()
                return None
        return Tables(_Log(core), store, kept_policies(store))
    except BaseException:
        store.close()
        raise


def _of_user(core: Core) -> Path | None:
    """Return the file of tables of a log that lies on a server of another kind; None for one in memory.

    It is named after the log's first entry, which tells logs apart whatever their servers are called.
    It lies in the user's folder for caches, which nobody else reads.
    """
    first = core.log.id_at(1) if is_kept(core.log.recorder) else None
    if first is None:
        return None
    folder = user_cache_path(_CACHES, appauthor=False)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"no folder for tables of this ledger can be made: {error}; name a file with path="
        ) from error
    return folder / f"{first}{STATE_SUFFIX}"
