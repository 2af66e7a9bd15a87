"""The language: frozen expression trees of measures and conditions."""

from __future__ import annotations

from reps_ledger.policies.language.conditions import Condition, at_least
from reps_ledger.policies.language.counts import count, distinct, organisation_of, reports, total, vouches
from reps_ledger.policies.language.facts import Facts, facts
from reps_ledger.policies.language.measures import Measure, tenure, time_since
from reps_ledger.policies.language.people import (
    accepted,
    affiliated,
    completed,
    exempt,
    has_account,
    held,
    holds,
    in_community,
    is_member,
    joined,
    on_leave,
    on_or_after,
    retired,
)
from reps_ledger.policies.language.reviews import in_outcome, noticed, previously
from reps_ledger.policies.language.shares import largest_share, members, missed, share
from reps_ledger.policies.language.widths import Width, days, hours, months, quarters, weeks, years
from reps_ledger.policies.language.windows import following, preceding, since, since_last, this

__all__ = [
    "Condition",
    "Facts",
    "Measure",
    "Width",
    "accepted",
    "affiliated",
    "at_least",
    "completed",
    "count",
    "days",
    "distinct",
    "exempt",
    "facts",
    "following",
    "has_account",
    "held",
    "holds",
    "hours",
    "in_community",
    "in_outcome",
    "is_member",
    "joined",
    "largest_share",
    "members",
    "missed",
    "months",
    "noticed",
    "on_leave",
    "on_or_after",
    "organisation_of",
    "preceding",
    "previously",
    "quarters",
    "reports",
    "retired",
    "share",
    "since",
    "since_last",
    "tenure",
    "this",
    "time_since",
    "total",
    "vouches",
    "weeks",
    "years",
]
