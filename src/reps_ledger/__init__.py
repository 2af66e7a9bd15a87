"""reps-ledger: an embeddable, event-sourced membership ledger for community programmes.

::

    import reps_ledger as rl

    with rl.open("reps.db") as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council")
"""

from __future__ import annotations

from reps_ledger import errors
from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import (
    Fact,
    activity,
    corrections,
    fact,
    governance,
    people,
    profiles,
    reviews,
    roles,
)
from reps_ledger.domain.facts.activity import *
from reps_ledger.domain.facts.corrections import *
from reps_ledger.domain.facts.governance import *
from reps_ledger.domain.facts.people import *
from reps_ledger.domain.facts.profiles import *
from reps_ledger.domain.facts.reviews import *
from reps_ledger.domain.facts.roles import *
from reps_ledger.domain.names import canonical_name
from reps_ledger.domain.rules import Rule, seats
from reps_ledger.errors import *
from reps_ledger.importers import ImportReport
from reps_ledger.ledger import Ledger, Subscription, open  # noqa: A004 — reps_ledger.open
from reps_ledger.log import Receipt, SQLiteRecorder, Upcaster, repair, restore
from reps_ledger.projections import Checkpoint, Projection, project, resume
from reps_ledger.views import History, MemberView, View

__all__ = [
    "Checkpoint",
    "Entry",
    "Fact",
    "History",
    "ImportReport",
    "Ledger",
    "MemberView",
    "Projection",
    "Receipt",
    "Rule",
    "SQLiteRecorder",
    "Subscription",
    "Upcaster",
    "View",
    "canonical_name",
    "fact",
    "open",
    "project",
    "repair",
    "restore",
    "resume",
    "seats",
]
__all__ += errors.__all__
__all__ += people.__all__
__all__ += profiles.__all__
__all__ += roles.__all__
__all__ += activity.__all__
__all__ += reviews.__all__
__all__ += governance.__all__
__all__ += corrections.__all__
