"""The docket: reviews that are open, and notices that nobody answered, with their deadlines."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from attrs import evolve, field, frozen

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import NoticeSent, ReviewOpened, acting
from reps_ledger.domain.open_reviews import OpenReviews, as_one, still_open
from reps_ledger.projections.projection import Projection


@frozen(kw_only=True)
class OpenReview:
    """A review that nobody decided yet.

    Attributes:
        review: its identifier.
        member: of whom.
        policy: by which policy.
        digest: the SHA-256 of that policy, where it was recorded.
        opened_at: since when.
        due: when a decision is due.
        opened_in: id of the entry that opened it.
        as_of: the instant that it is about; None where it was not recorded.
        also: reviews by the same policy of other identifiers of the same person: they are one matter,
            and decided with this one.
    """

    review: str
    member: str
    policy: str
    digest: str | None
    opened_at: datetime
    due: datetime | None
    opened_in: str
    as_of: datetime | None = None
    also: tuple[str, ...] = ()

    def is_overdue(self, at: datetime) -> bool:
        """Whether a decision should have been made by then."""
        return self.due is not None and self.due <= at


@frozen(kw_only=True)
class OutstandingNotice:
    """A notice since which the member neither answered nor acted.

    Attributes:
        notice: its identifier.
        member: to whom.
        stage: appreciation, nudge, warning …
        policy: under which policy.
        sent_at: when it was sent.
        deadline: until when an answer counts.
        sent_in: id of the entry that records it.
    """

    notice: str
    member: str
    stage: str
    policy: str | None
    sent_at: datetime
    deadline: datetime | None
    sent_in: str

    def is_overdue(self, at: datetime) -> bool:
        """Whether its deadline had passed by then."""
        return self.deadline is not None and self.deadline <= at


@frozen(kw_only=True)
class Docket:
    """What is waiting for a decision or an answer.

    Attributes:
        reviews: those that are open, by identifier; of what is one matter, the first.
        notices: those that are outstanding, by member and identifier.
    """

    reviews: Mapping[str, OpenReview] = MappingProxyType({})
    notices: Mapping[tuple[str, str], OutstandingNotice] = MappingProxyType({})
    _open: OpenReviews = field(default=MappingProxyType({}), repr=False)


def docket() -> Projection[Docket]:
    """Make the projection of what is waiting, of one member or of everyone."""
    return Projection(name="docket", version=2, initial=Docket(), evolve=_evolve)


def _evolve(state: Docket, entry: Entry) -> Docket:
    actor = acting(entry.fact)
    if actor is not None and any(member == actor for member, _ in state.notices):
        left = {key: sent for key, sent in state.notices.items() if key[0] != actor}
        state = evolve(state, notices=left)
    still = still_open(state._open, entry)  # noqa: SLF001 — its own
    if still is not state._open:  # noqa: SLF001 — as above
        reviews = {opened.fact.review: _review(opened, also) for opened, also in as_one(still)}
        return evolve(state, reviews=reviews, open=still)
    match entry.fact:
        case NoticeSent(notice=notice) as fact:
            sent = OutstandingNotice(
                notice=notice,
                member=fact.member,
                stage=fact.stage,
                policy=fact.policy,
                sent_at=entry.occurred_at,
                deadline=fact.deadline,
                sent_in=entry.id,
            )
            return evolve(state, notices={**state.notices, (fact.member, notice): sent})
    return state


def _review(entry: Entry[ReviewOpened], also: tuple[str, ...]) -> OpenReview:
    fact = entry.fact
    return OpenReview(
        review=fact.review,
        member=fact.member,
        policy=fact.policy,
        digest=fact.digest,
        opened_at=entry.occurred_at,
        due=fact.due,
        opened_in=entry.id,
        as_of=fact.as_of,
        also=also,
    )
