"""Rules about leave, notices, applications, reviews, exemptions, charters and policies."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from reps_ledger.domain.facts import NoticeSent, ReviewDecided, ReviewOpened
from reps_ledger.domain.rules.machines import APPLICATIONS, LIFE, NOTICE, POLICY, REVIEW, Life
from reps_ledger.domain.rules.parts import Known, Parts, Rule
from reps_ledger.domain.rules.people import life_of, member_only
from reps_ledger.domain.rules.words import day_of, must_be_member, place, refuse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reps_ledger.domain.entries import Entry
    from reps_ledger.domain.refusals import Refusal

__all__ = ["REVIEWS"]

_THAT_DAY: Final = timedelta(days=1)
"""The day of its adoption will do as a charter's effective date; it governs from its adoption."""


def _going(entry: Entry, life: Life) -> Iterator[Refusal]:
    fact: Any = entry.fact
    yield from must_be_member(life, fact.member, entry)
    if fact.expected_return is not None and fact.expected_return <= entry.occurred_at:
        yield refuse(
            "return_before_start", f"a leave from {day_of(entry)} cannot end before it starts"
        )
    since = life.on_leave(entry.occurred_at)
    if since is not None:
        yield refuse("on_leave", f"{fact.member} is on leave since {day_of(since)}", since)


def _coming_back(entry: Entry, life: Life) -> Iterator[Refusal]:
    # A leave that lapsed may still be closed: that is how reconciliation is satisfied.
    fact: Any = entry.fact
    if life.leave is None:
        yield refuse("not_on_leave", f"{fact.member} was not on leave on {day_of(entry)}")


def _notice_parts(fact: Any, _known: Known) -> Parts:
    return (NOTICE.part(fact.notice),)


def _answering(entry: Entry, sent: Entry | None) -> Iterator[Refusal]:
    fact: Any = entry.fact
    notice = None if sent is None else sent.fact
    if not isinstance(notice, NoticeSent) or notice.member != fact.member:
        yield refuse("no_notice", f"notice {fact.notice} was not sent to {fact.member}", sent)


def _application_parts(fact: Any, _known: Known) -> Parts:
    return (APPLICATIONS.part(fact.member),)


def _deciding_application(
    entry: Entry, applications: Mapping[tuple[str, str | None], Entry]
) -> Iterator[Refusal]:
    fact: Any = entry.fact
    if (fact.role, fact.community) not in applications:
        yield refuse(
            "no_application",
            f"{fact.member} has no open application for {place(fact.role, fact.community)}",
        )


def _review_parts(fact: Any, _known: Known) -> Parts:
    return (LIFE.part(fact.member), REVIEW.part(fact.review))


def _opening(entry: Entry, life: Life, review: tuple[Entry, ...]) -> Iterator[Refusal]:
    fact: Any = entry.fact
    yield from must_be_member(life, fact.member, entry)
    if review:
        yield refuse(
            "review_exists", f"review {fact.review} was opened on {day_of(review[0])}", *review
        )


def _deciding(entry: Entry, _life: Life, review: tuple[Entry, ...]) -> Iterator[Refusal]:
    fact: Any = entry.fact
    opened = [e for e in review if isinstance(e.fact, ReviewOpened)]
    if not any(e.fact.member == fact.member for e in opened if isinstance(e.fact, ReviewOpened)):
        yield refuse("no_review", f"no review {fact.review} of {fact.member} is open", *opened)
    decided = [e for e in review if isinstance(e.fact, ReviewDecided)]
    if decided:
        yield refuse(
            "already_decided",
            f"review {fact.review} was decided on {day_of(decided[0])}",
            *decided,
        )


def _adopting(entry: Entry) -> Iterator[Refusal]:
    fact: Any = entry.fact
    since = fact.effective_from
    if since is not None and since < entry.occurred_at - _THAT_DAY:
        yield refuse(
            "retroactive",
            f"a charter adopted on {day_of(entry)} cannot govern from {since.date()}: "
            "it never judges the past",
        )


def _policy_parts(fact: Any, _known: Known) -> Parts:
    return (POLICY.part(fact.digest),)


def _stating(_entry: Entry, stated: Entry | None) -> Iterator[Refusal]:
    if stated is not None:
        before: Any = stated.fact
        yield refuse(
            "already_stated",
            f"{before.policy} {before.version} was stated on {day_of(stated)} "
            f"under the digest {before.digest}",
            stated,
        )


REVIEWS = (
    Rule(name="leave.started", parts=life_of, judge=_going),
    Rule(name="leave.ended", parts=life_of, judge=_coming_back),
    Rule(name="notice.sent", parts=_notice_parts),
    Rule(name="notice.answered", parts=_notice_parts, judge=_answering),
    Rule(name="application.filed", parts=_application_parts),
    Rule(name="application.decided", parts=_application_parts, judge=_deciding_application),
    Rule(name="review.opened", parts=_review_parts, judge=_opening),
    Rule(name="review.decided", parts=_review_parts, judge=_deciding),
    Rule(name="exemption.granted", parts=life_of, judge=member_only),
    Rule(name="charter.adopted", judge=_adopting),
    Rule(name="policy.stated", parts=_policy_parts, judge=_stating),
)
"""The rules of ``domain/facts/reviews.py`` and ``domain/facts/governance.py``."""
