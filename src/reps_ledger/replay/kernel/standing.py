"""Who is active by the default rule, through all time, of many members at once.

The vectorised twin of ``projections.membership``: an act keeps somebody active for twelve months, leave for
as long as it lasts, and retiring ends what acts had given until then.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.spans import READS, RETIREMENT, SPAN_KINDS, SpanFold
from reps_ledger.policies.language.widths import months
from reps_ledger.projections.membership import ACTIVE_MONTHS
from reps_ledger.replay.columns.model import Columns
from reps_ledger.replay.kernel.arrays import (
    END,
    FOREVER,
    Intervals,
    Rows,
    group_starts,
    next_after,
    until_next,
)
from reps_ledger.replay.kernel.histories import Histories
from reps_ledger.replay.kernel.spans import entries_of_rows, rows_of_people, with_identities
from reps_ledger.replay.kernel.timelines import Timelines

ACTIVE: Final = "active"
INACTIVE: Final = "inactive"


def standing_by_default(histories: Histories) -> Timelines:
    """Return how everybody stands by the default rule: from joining on, or from when they were active before.

    Whoever neither joined nor was ever active has no timeline.
    """
    acts = histories.acts
    ends = histories.calendar.after(acts.at, months(ACTIVE_MONTHS))
    ends = np.where(ends >= END, FOREVER, ends)
    leave = histories.intervals("leave.started")
    active = Intervals.of(
        np.concatenate([acts.member.astype(np.int64), leave.rows.member.astype(np.int64)]),
        np.concatenate([acts.at, leave.rows.at]),
        np.concatenate([np.minimum(ends, next_after(acts, _retirements(histories.columns))), leave.end]),
    ).disjoint()
    member, start, until = active.rows.member, active.rows.at, active.end
    # The rest is absence: between two times of activity, after the last, and from joining to the first.
    joined = histories.joined
    first = group_starts(member)
    late = first[joined[member[first]] < start[first]]
    never = np.setdiff1d(np.flatnonzero(joined < FOREVER), member)
    over = until < FOREVER
    absent = np.concatenate([member[late], member[over], never])
    since = np.concatenate([joined[member[late]], until[over], joined[never]])
    whose = np.concatenate([member, absent])
    at = np.concatenate([start, since])
    outcome = np.repeat(np.array([0, 1], np.int64), [len(member), len(absent)])
    place = np.lexsort((at, whose))
    whose, at, outcome = whose[place], at[place], outcome[place]
    return Timelines(whose, at, until_next(whose, at, FOREVER), outcome, (ACTIVE, INACTIVE))


def _retirements(columns: Columns) -> Rows:
    """Return the retirements after which a person was retired, under every identity that they had by then."""
    table = columns.table(RETIREMENT)
    several = with_identities(columns)
    kind = SPAN_KINDS[RETIREMENT]
    kept = ~rows_of_people(table, several, kind)
    if not kept.all():
        chosen = {
            name: rows_of_people(columns.table(name), several, kind)
            for name in READS[RETIREMENT] & {*columns.tables}
        }
        entries = sorted(entries_of_rows(columns, chosen), key=lambda entry: entry.order)
        kept[[*_retiring(entries)]] = True
    return Rows.sorted(np.where(kept, table.persons["member"], -1), table.at, table.order)


def _retiring(entries: list[Entry]) -> Iterator[int]:
    """Yield the rows of retirements after which their person was retired."""
    folds: dict[str, SpanFold] = {}
    for entry in entries:
        fold = folds.setdefault(entry.fact.member, SpanFold())
        fold.take(entry)
        if entry.name == RETIREMENT and fold.retirement is not None:
            yield int(entry.id)
