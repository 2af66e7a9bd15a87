"""Views: what was true at an instant, as known at a position."""

from __future__ import annotations

from reps_ledger.views.history import History, as_instant, known_position
from reps_ledger.views.member import MembershipView, MemberView, RolesView
from reps_ledger.views.view import View
from reps_ledger.views.waiting import DocketItem, DocketView

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
