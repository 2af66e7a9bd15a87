"""Strategies for facts, histories, conditions, policies and charters.

They shrink to what a person would draw on a whiteboard: ana, a role, two dates. Instants fall on
edges (ends of windows and months, leap days, ties) often enough to matter. No settings are imposed.
"""

from __future__ import annotations

from reps_ledger.testing.strategies.edges import instants, reviews, widths, zones
from reps_ledger.testing.strategies.facts import (
    PEOPLE,
    amounts,
    days,
    facts,
    moments,
    names,
    reasons,
    replacing,
    retracting,
    texts,
)
from reps_ledger.testing.strategies.histories import (
    AsOf,
    as_ofs,
    corrections,
    histories,
    raw_histories,
    raw_rows,
)
from reps_ledger.testing.strategies.policies import (
    charters,
    conditions,
    measures,
    policies,
    selections,
    single_conditions,
    windows,
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
