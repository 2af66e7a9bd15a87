"""Strategies for facts, histories, conditions, policies and charters.

They shrink to what a person would draw on a whiteboard: ana, a role, two dates. Instants fall on
edges (ends of windows and months, leap days, ties) often enough to matter. No settings are imposed.
"""

from __future__ import annotations

from reps_ledger.testing.strategies.amending import AsOf, as_ofs, corrections
from reps_ledger.testing.strategies.charters import charters
from reps_ledger.testing.strategies.conditions import conditions, policies, single_conditions
from reps_ledger.testing.strategies.edges import instants, reviews, widths, zones
from reps_ledger.testing.strategies.facts import facts, replacing, retracting
from reps_ledger.testing.strategies.histories import histories, raw_histories
from reps_ledger.testing.strategies.measures import measures, selections, windows
from reps_ledger.testing.strategies.rows import raw_rows
from reps_ledger.testing.strategies.values import (
    PEOPLE,
    amounts,
    days,
    moments,
    names,
    reasons,
    texts,
)

__all__ = [
    "PEOPLE",
    "AsOf",
    "amounts",
    "as_ofs",
    "charters",
    "conditions",
    "corrections",
    "days",
    "facts",
    "histories",
    "instants",
    "measures",
    "moments",
    "names",
    "policies",
    "raw_histories",
    "raw_rows",
    "reasons",
    "replacing",
    "retracting",
    "reviews",
    "selections",
    "single_conditions",
    "texts",
    "widths",
    "windows",
    "zones",
]
