"""The docket of a view: open reviews with their recommendations, and outstanding notices."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from attrs import frozen

from reps_ledger.policies.shortfalls import Way
from reps_ledger.policies.verdicts import Verdict
from reps_ledger.projections import OpenReview, OutstandingNotice, docket, project
from reps_ledger.views.concerned import on_docket
from reps_ledger.views.evaluator import PolicyEvaluator


@frozen(kw_only=True)
class DocketItem:
    """One open review, with what its policy recommends of the instant that the review is about.

    Attributes:
        review: its identifier.
        member: of whom.
        opened: the review as it was opened.
        overdue: whether a decision should have been made.
        verdict: of the review's policy, by all that the docket knows; None where the policy's
            document is not recorded here.
        notices: the outstanding notices that they were sent under this policy.
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
        """Ways to the next better outcome of the policy's scale; empty at the best one."""
        if self.verdict is None:
            return ()
        scale = self.verdict.policy.scale
        if not scale or self.verdict.outcome == scale[0]:
            return ()
        return self.verdict.shortfalls(scale[scale.index(self.verdict.outcome) - 1])

    def words(self) -> str:
        """Return in words: who, what is recommended and why, and what would change it."""
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
    """Everything that is waiting at an as-of.

    Attributes:
        reviews: the open reviews, by due date and then by member.
        notices: the outstanding notices, the earliest deadline first.
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
    """Return what is waiting at an instant, under one policy or any; see `DocketView`.

    Args:
        evaluator: evaluates the policies.
        at: when.
        policy: the name of a policy; None for any.
        evaluated_at: the instant at which policies are evaluated for reviews that do not record
            the one that they are about.
    """
    items: list[DocketItem] = []
    outstanding: list[OutstandingNotice] = []
    for dossier in evaluator.several(on_docket(evaluator.reading, at, policy)):
        subject = evaluator.subject(dossier, at)
        state = project(docket(), subject.seen(dossier.entries))
        notices = [n for n in state.notices.values() if policy in (None, n.policy)]
        outstanding += notices
        for opened in state.reviews.values():
            if policy in (None, opened.policy):
                then = evaluated_at if opened.as_of is None else opened.as_of
                words = evaluator.words_of(opened, then)
                items.append(
                    DocketItem(
                        review=opened.review,
                        member=opened.member,
                        opened=opened,
                        overdue=opened.is_overdue(at),
                        verdict=None if words is None else evaluator.verdict(words, subject.moved(then)),
                        notices=tuple(n for n in notices if n.policy == opened.policy),
                    )
                )
    return DocketView(
        reviews=tuple(sorted(items, key=_by_due)), notices=tuple(sorted(outstanding, key=_by_deadline)), at=at
    )


def _by_due(item: DocketItem) -> tuple[bool, datetime, str, str]:
    due = item.opened.due
    return due is None, (due or item.opened.opened_at), item.member, item.review


def _by_deadline(sent: OutstandingNotice) -> tuple[bool, datetime, str, str]:
    return sent.deadline is None, (sent.deadline or sent.sent_at), sent.member, sent.notice
