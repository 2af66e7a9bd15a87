"""Whom a question is about: the people whose histories answer it, found by tags and kinds.

A roster of a community and a docket concern few of all whom a log knows. Who they may be follows from a
few kinds of fact, which the log finds without reading the others. It may be somebody too many: what these
facts leave out (retirements, say, or an act that answers a notice) only ends what they begin. It is never
somebody too few.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from reps_ledger.domain.open_reviews import REVIEWS
from reps_ledger.domain.spans import SPAN_KINDS, folded
from reps_ledger.log.history import Reading
from reps_ledger.projections import OpenReview, OutstandingNotice, docket, project
from reps_ledger.projections.projection import by_person

_ROLE: Final = "role.assigned"
_IN: Final = "community.joined"
_DOCKET: Final = REVIEWS | {"notice.sent", "notice.answered"}


def on_roster(reading: Reading, at: datetime, *, role: str | None, community: str | None) -> set[str] | None:
    """Return whom a roster may list; None where that may be anybody.

    Args:
        reading: what is known.
        at: the instant of the roster.
        role: only those who held this role; None for any.
        community: only those in this community; None for any.
    """
    if role is None and community is None:
        return None
    kinds = [_ROLE] if role is not None else [_ROLE, _IN]
    names = {name for kind in kinds for name in (kind, SPAN_KINDS[kind].ends) if name is not None}
    spans = folded(reading.of_kinds(names, community=community))
    return {
        span.entry.fact.member
        for kind in kinds
        for span in spans.of(kind)
        if span.holds(at) and (role is None or span.entry.fact.role == role)
    }


def on_docket(reading: Reading, at: datetime, policy: str | None) -> set[str]:
    """Return of whom a review may be open, or to whom a notice may be outstanding.

    Args:
        reading: what is known.
        at: the instant of the docket.
        policy: only under the policy of this name; None for any.
    """
    seen = (entry for entry in reading.of_kinds(_DOCKET) if entry.occurred_at <= at)
    found = set()
    for member, own in by_person(seen, reading.log.codec.registry).items():
        state = project(docket(), own)
        waiting: tuple[OpenReview | OutstandingNotice, ...] = (
            *state.reviews.values(),
            *state.notices.values(),
        )
        if any(policy in (None, each.policy) for each in waiting):
            found.add(member)
    return found
