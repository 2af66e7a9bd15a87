"""Which reviews are open: until one is decided, of this person, under whatever name it was opened.

Two reviews by one policy of two people who turned out to be one are one matter: deciding either, once
that was known, closes both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import ReviewDecided, ReviewOpened

OpenReviews = Mapping[str, Entry[ReviewOpened]]
"""The entries that opened reviews that nobody decided yet, by review."""

REVIEWS: Final = frozenset({"review.opened", "review.decided"})
"""The stored names of the facts of which `still_open` knows."""


def still_open(reviews: OpenReviews, entry: Entry) -> OpenReviews:
    """Return the reviews that are open after one more entry, in effective order."""
    fact = entry.fact
    if isinstance(fact, ReviewOpened):
        return {**reviews, fact.review: entry}
    if not isinstance(fact, ReviewDecided) or fact.review not in reviews:
        return reviews
    closed = _matter_of(reviews, fact.review, entry)
    return {name: opened for name, opened in reviews.items() if name not in closed}


def _matter_of(reviews: OpenReviews, review: str, entry: Entry[ReviewDecided]) -> set[str]:
    """Return the reviews that a decision closes: of all identities that it reaches, the same matter."""
    if entry.told is None:
        return {review}
    reached = entry.told.reach.get(entry.identity, ())
    near = {n: opened for n, opened in reviews.items() if n == review or opened.identity in reached}
    matters = ({first.fact.review, *others} for first, others in as_one(near))
    return next(matter for matter in matters if review in matter)


def as_one(reviews: OpenReviews) -> Iterator[tuple[Entry[ReviewOpened], tuple[str, ...]]]:
    """Yield every matter that is open: its first review, and the other identities' that are the same."""
    found: dict[tuple[str, str, int], list[Entry[ReviewOpened]]] = {}
    told: dict[tuple[str, str, str], int] = {}
    for opened in sorted(reviews.values(), key=lambda entry: entry.order):
        member, policy, identity = opened.fact.member, opened.fact.policy, opened.identity
        number = told[member, policy, identity] = told.get((member, policy, identity), -1) + 1
        found.setdefault((member, policy, number), []).append(opened)
    for first, *others in found.values():
        yield first, tuple([other.fact.review for other in others])
