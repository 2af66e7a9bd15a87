"""The replay kernel on a history without a log. Needs the extra ``replay``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from reps_ledger.domain.amendments import Amendments
from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import BUILT_IN, Registry
from reps_ledger.policies import Policy
from reps_ledger.testing.history import History

if TYPE_CHECKING:
    from reps_ledger.replay.columns import Columns  # needs its extra


def columns_of(
    entries: Iterable[Entry], registry: Registry | None = None, amendments: Amendments | None = None
) -> Columns:
    """Return the columns of entries that stand.

    Args:
        entries: what stands, in any order.
        registry: the kinds of fact; the built-in ones by default.
        amendments: how entries refer to one another; nothing is amended by default.
    """
    from reps_ledger.replay.columns.builder import Builder

    known = sorted(entries, key=lambda entry: entry.position)
    kinds = Registry(BUILT_IN) if registry is None else registry
    log = SimpleNamespace(codec=SimpleNamespace(registry=kinds), entries_of=lambda _ids: {})
    last = max((entry.position for entry in known), default=0)
    reading: Any = SimpleNamespace(log=log, known_at=last)  # as much of a view as it asks for
    builder = Builder(reading, Amendments() if amendments is None else amendments)
    builder.take(known)
    return builder.columns()


def outcomes_by_kernel(
    policy: Policy, history: History, dates: Sequence[datetime], *, chunk: int = 1_000
) -> Mapping[str, list[str | None]]:
    """Return by member the outcomes at some dates, as the kernel finds them; None before joining.

    Args:
        policy: which.
        history: in which.
        dates: sorted, each once.
        chunk: how many members are evaluated at once.

    Raises:
        InvalidPolicy: it asks for what columns do not hold.
    """
    from reps_ledger.replay.kernel.run import run

    columns = columns_of(history.standing, history.registry, history.amendments)
    return {
        columns.people[part.low + number]: [None if code < 0 else policy.outcomes[code] for code in codes]
        for part in run(policy, columns, dates, history.zone, chunk=chunk)
        for number, codes in enumerate(part.codes().tolist())
    }
