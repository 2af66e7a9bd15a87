"""Views: what was true at an instant, as known at a position."""

from __future__ import annotations

from reps_ledger.views.docket import DocketItem, DocketView
from reps_ledger.views.explain import Admission, CharterInForce, Explanation, Link
from reps_ledger.views.member import MembershipView, MemberView, RolesView
from reps_ledger.views.view import History, View, as_instant, known_position

__all__ = [
    "Admission",
    "CharterInForce",
    "DocketItem",
    "DocketView",
    "Explanation",
    "History",
    "Link",
    "MemberView",
    "MembershipView",
    "RolesView",
    "View",
    "as_instant",
    "known_position",
]
