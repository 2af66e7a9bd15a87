"""The language: frozen expression trees of measures and conditions."""

from __future__ import annotations

from reps_ledger.policies.language.anchored import following, preceding, since_last
from reps_ledger.policies.language.belonging import affiliated, has_account, in_community
from reps_ledger.policies.language.bodies import largest_share, members
from reps_ledger.policies.language.clocks import tenure, time_since
from reps_ledger.policies.language.conditions import Condition, at_least
from reps_ledger.policies.language.counts import (
    count,
    distinct,
    organisation_of,
    reports,
    total,
    vouches,
)
from reps_ledger.policies.language.learned import accepted, completed, exempt, on_or_after
from reps_ledger.policies.language.measures import Measure
from reps_ledger.policies.language.people import (
    held,
    holds,
    is_member,
    joined,
    on_leave,
    retired,
)
from reps_ledger.policies.language.reviewed import in_outcome, noticed, previously
from reps_ledger.policies.language.selections import Facts, facts
from reps_ledger.policies.language.shares import missed, share
from reps_ledger.policies.language.widths import Width, days, months, weeks, years
from reps_ledger.policies.language.windows import since, this

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
