"""Columns of plain entries, made without a log."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from reps_ledger.domain.amendments import Amendments
from reps_ledger.domain.facts import BUILT_IN, Registry
from reps_ledger.replay.columns.building import Builder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reps_ledger.domain.entries import Entry
    from reps_ledger.replay.columns import Columns

__all__ = ["columns_of"]

_REGISTRY: Final = Registry(BUILT_IN)


def columns_of(entries: Iterable[Entry]) -> Columns:
    """Return the columns of entries that nothing amends."""
    known = sorted(entries, key=lambda entry: entry.position)
    log = SimpleNamespace(codec=SimpleNamespace(registry=_REGISTRY), entries_of=lambda _ids: {})
    reading: Any = SimpleNamespace(log=log, known_at=len(known))
    builder = Builder(reading, Amendments())
    builder.take(known)
    return builder.columns()
