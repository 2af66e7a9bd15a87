"""Views: what was true at an instant, as known at a position."""

from __future__ import annotations

from reps_ledger.views.docket import DocketItem, DocketView
from reps_ledger.views.member import MembershipView, MemberView, RolesView
from reps_ledger.views.view import History, View, as_instant, known_position

__all__ = [
    "DocketItem",
    "DocketView",
    "History",
    "MemberView",
    "MembershipView",
    "RolesView",
    "View",
    "as_instant",
    "known_position",
]
