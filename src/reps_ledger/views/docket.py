"""What waits for a decision: open reviews with their recommendations, and notices outstanding."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from attrs import frozen

from reps_ledger.policies.shortfalls import Way
from reps_ledger.policies.verdicts import Verdict
from reps_ledger.projections import OpenReview, OutstandingNotice, docket, project
from reps_ledger.views.evaluator import PolicyEvaluator


@frozen(kw_only=True)
class DocketItem:
    """One open review, with what its policy recommends now.

    Attributes:
        review: its identifier.
        member: of whom.
        opened: what was recorded when it was opened.
        overdue: whether a decision should have been made.
        verdict: what the policy comes to; None where the policy's words are not known here.
        notices: what they were sent under this policy and was not heard after.
    """

    review: str
    member: str
    opened: OpenReview
    overdue: bool
    verdict: Verdict | None
    notices: tuple[OutstandingNotice, ...] = ()

    @property
    def recommended(self) -> str | None:
        """The outcome that the policy recommends."""
        return None if self.verdict is None else self.verdict.outcome

    @property
    def ways(self) -> tuple[Way, ...]:
        """What would change it to the next better outcome; empty where nothing is better."""
        if self.verdict is None:
            return ()
        scale = self.verdict.policy.scale
        if not scale or self.verdict.outcome == scale[0]:
            return ()
        return self.verdict.shortfalls(scale[scale.index(self.verdict.outcome) - 1])

    def words(self) -> str:
        """Say it: who, what is recommended and why, and what would change it."""
        if self.verdict is None:
            return f"{self.member}: the policy {self.opened.policy} is not known here"
        lines = [self.verdict.words()]
        lines += [f"  would be better with: {way}" for way in self.ways]
        lines += [f"  was sent {sent.stage} {sent.notice}" for sent in self.notices]
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.words()


@frozen(kw_only=True)
class DocketView:
    """Everything that waits, at an as-of.

    Attributes:
        reviews: the open reviews, by due date and then by member.
        notices: the notices after which nothing was heard, the first deadline first.
        at: when.
    """

    reviews: tuple[DocketItem, ...]
    notices: tuple[OutstandingNotice, ...]
    at: datetime

    def __iter__(self) -> Iterator[DocketItem]:
        return iter(self.reviews)

    def __len__(self) -> int:
        return len(self.reviews)


def make_docket(
    evaluator: PolicyEvaluator, at: datetime, policy: str | None, *, evaluated_at: datetime
) -> DocketView:
    """Gather what waits at an instant, of one policy or of all; see `DocketView`."""
    items: list[DocketItem] = []
    outstanding: list[OutstandingNotice] = []
    for dossier in evaluator.everyone():
        subject = evaluator.subject(dossier, at)
        then = subject.moved(evaluated_at)
        state = project(docket(), subject.seen(dossier.entries))
        notices = [n for n in state.notices.values() if policy in (None, n.policy)]
        outstanding += notices
        for opened in state.reviews.values():
            if policy in (None, opened.policy):
                words = evaluator.words_of(opened, at)
                items.append(
                    DocketItem(
                        review=opened.review,
                        member=opened.member,
                        opened=opened,
                        overdue=opened.is_overdue(at),
                        verdict=None if words is None else evaluator.verdict(words, then),
                        notices=tuple(n for n in notices if n.policy == opened.policy),
                    )
                )
    return DocketView(
        reviews=tuple(sorted(items, key=_by_due)),
        notices=tuple(sorted(outstanding, key=_by_deadline)),
        at=at,
    )


def _by_due(item: DocketItem) -> tuple[bool, datetime, str, str]:
    due = item.opened.due
    return due is None, (due or item.opened.opened_at), item.member, item.review


def _by_deadline(sent: OutstandingNotice) -> tuple[bool, datetime, str, str]:
    return sent.deadline is None, (sent.deadline or sent.sent_at), sent.member, sent.notice
