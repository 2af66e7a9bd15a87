"""Tables of state of a ledger: where they are kept, and what they are read from."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime, tzinfo
from pathlib import Path

from attrs import frozen

from reps_ledger.ledger.core import Core
from reps_ledger.log import Reading
from reps_ledger.policies.policy import Policy
from reps_ledger.state import SqliteStore, State, Tables

SUFFIX = ".state"
"""What the name of a ledger's file ends in when it is that of its tables."""


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


def open_state(core: Core, policies: Iterable[Policy | str], path: str | os.PathLike[str] | None) -> State:
    """Open the tables of a ledger, and bring them up to date.

    Args:
        core: the ledger.
        policies: whose outcomes are kept; those named are the ones of the charter in force, which are kept
            anyway.
        path: where they are kept; None for beside the ledger's file, or in memory where it is no file.
    """
    view = core.as_of()
    asked = [*policies]
    kept = [
        policy
        for policy, each in zip(map(view.policy, asked), asked, strict=True)
        if not isinstance(each, str)
    ]
    beside = core.log.path
    if path is not None:
        place: Path | None = Path(path)
    else:
        place = None if beside is None else beside.with_name(beside.name + SUFFIX)
    state = State(Tables(_Log(core), SqliteStore(place), tuple(kept)))
    try:
        state.refresh()
    except BaseException:
        state.close()
        raise
    return state
