"""Projections: pure folds of a history, such as roles, membership, timeline and census."""

from __future__ import annotations

from reps_ledger.projections.census import (
    DIMENSIONS,
    CensusRow,
    Defined,
    Overview,
    RosterRow,
    Standings,
    census,
    overview,
    overviews,
    roster,
)
from reps_ledger.projections.docket import Docket, OpenReview, OutstandingNotice, docket
from reps_ledger.projections.membership import ACTIVE_MONTHS, Membership, Spell, membership
from reps_ledger.projections.profiles import (
    Profile,
    ProfileField,
    community_description,
    organisation_description,
    profile,
)
from reps_ledger.projections.projection import Checkpoint, Projection, project, project_people, resume
from reps_ledger.projections.reconciliation import DISCREPANCIES, Discrepancy, reconcile
from reps_ledger.projections.roles import Belonging, Holding, Roles, Vouch, Vouches, belonging, roles, vouches
from reps_ledger.projections.timeline import Line, timeline, words_for

__all__ = [
    "ACTIVE_MONTHS",
    "DIMENSIONS",
    "DISCREPANCIES",
    "Belonging",
    "CensusRow",
    "Checkpoint",
    "Defined",
    "Discrepancy",
    "Docket",
    "Holding",
    "Line",
    "Membership",
    "OpenReview",
    "OutstandingNotice",
    "Overview",
    "Profile",
    "ProfileField",
    "Projection",
    "Roles",
    "RosterRow",
    "Spell",
    "Standings",
    "Vouch",
    "Vouches",
    "belonging",
    "census",
    "community_description",
    "docket",
    "membership",
    "organisation_description",
    "overview",
    "overviews",
    "profile",
    "project",
    "project_people",
    "reconcile",
    "resume",
    "roles",
    "roster",
    "timeline",
    "vouches",
    "words_for",
]
