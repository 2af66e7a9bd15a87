"""Policies: one language for who may, who is, and what a review decides.

::

    from reps_ledger.policies import *

    policy = Policy(
        "reps-activity",
        cases=[
            when(on_leave()).then("active", "on declared leave"),
            when(reports(within=weeks(4)) >= 1).then("active"),
        ],
        otherwise="inactive",
    )
    verdict = view.evaluate(policy, "ana")
"""

from __future__ import annotations

from reps_ledger.policies.documents import digest, dumps, load, loads, save
from reps_ledger.policies.language import *
from reps_ledger.policies.lint import Warned, warnings
from reps_ledger.policies.policy import Case, Notice, Policy, notice, when
from reps_ledger.policies.shortfalls import Shortfall, Way
from reps_ledger.policies.subject import Dossier, Previous, Subject, SubjectContext
from reps_ledger.policies.verdicts import Finding, Verdict, decide, evaluate

__all__ = [
    "Case",
    "Condition",
    "Dossier",
    "Facts",
    "Finding",
    "Measure",
    "Notice",
    "Policy",
    "Previous",
    "Shortfall",
    "Subject",
    "SubjectContext",
    "Verdict",
    "Warned",
    "Way",
    "Width",
    "accepted",
    "affiliated",
    "at_least",
    "completed",
    "count",
    "days",
    "decide",
    "digest",
    "distinct",
    "dumps",
    "evaluate",
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
    "load",
    "loads",
    "members",
    "missed",
    "months",
    "notice",
    "noticed",
    "on_leave",
    "on_or_after",
    "organisation_of",
    "preceding",
    "previously",
    "quarters",
    "reports",
    "retired",
    "save",
    "share",
    "since",
    "since_last",
    "tenure",
    "this",
    "time_since",
    "total",
    "vouches",
    "warnings",
    "weeks",
    "when",
    "years",
]
