"""Facts about leave, notices, applications and reviews."""

from __future__ import annotations

from datetime import datetime

from attrs import field, frozen

from reps_ledger.domain.facts.registry import fact
from reps_ledger.domain.validation import (
    DAY_END,
    DAY_LAST,
    DAY_START,
    ENTRY,
    PERSON,
    PERSONAL,
    is_count,
    is_moment,
    is_name,
    is_name_or_none,
    is_names,
    is_reason,
    is_text,
    listed,
    moment,
)

__all__ = [
    "ApplicationDecided",
    "ApplicationFiled",
    "ExemptionGranted",
    "LeaveEnded",
    "LeaveStarted",
    "NoticeAnswered",
    "NoticeSent",
    "ReviewDecided",
    "ReviewOpened",
]


@fact("leave.started")
@frozen(kw_only=True)
class LeaveStarted:
    """A member went on declared leave.

    Attributes:
        member: who.
        expected_return: when the leave lapses by itself; on leave before it and not at it.
        covered_by: who stands in.
    """

    member: str = field(validator=is_name, metadata=PERSON)
    expected_return: datetime | None = field(
        default=None, converter=moment, validator=is_moment, metadata=DAY_START
    )
    covered_by: str | None = field(default=None, validator=is_name_or_none, metadata=PERSON)


@fact("leave.ended", follows="leave.started", shared=("member",))
@frozen(kw_only=True)
class LeaveEnded:
    """A member came back from leave."""

    member: str = field(validator=is_name, metadata=PERSON)


@fact("notice.sent")
@frozen(kw_only=True)
class NoticeSent:
    """A member was told something that they may answer.

    Attributes:
        member: to whom.
        notice: its identifier.
        stage: appreciation, nudge, warning …
        policy: under which policy.
        channel: mail, chat, letter …
        deadline: until when an answer counts.
    """

    member: str = field(validator=is_name, metadata=PERSON)
    notice: str = field(validator=is_name)
    stage: str = field(validator=is_name)
    policy: str | None = field(default=None, validator=is_name_or_none)
    channel: str | None = field(default=None, validator=is_name_or_none)
    deadline: datetime | None = field(default=None, converter=moment, validator=is_moment, metadata=DAY_END)


@fact("notice.answered", act="member", follows="notice.sent", shared=("member", "notice"))
@frozen(kw_only=True)
class NoticeAnswered:
    """A member answered a notice."""

    member: str = field(validator=is_name, metadata=PERSON)
    notice: str = field(validator=is_name)
    answer: str = field(default="", validator=is_text, metadata=PERSONAL)


@fact("application.filed", act="member")
@frozen(kw_only=True)
class ApplicationFiled:
    """Somebody, a member or not yet, applied for a role.

    Attributes:
        member: who.
        role: for which role.
        community: where.
        references: members who may be asked about them.
    """

    member: str = field(validator=is_name, metadata=PERSON)
    role: str = field(validator=is_name)
    community: str | None = field(default=None, validator=is_name_or_none)
    references: tuple[str, ...] = field(default=(), converter=listed, validator=is_names, metadata=PERSON)


@fact("application.decided", follows="application.filed", shared=("member", "role", "community"))
@frozen(kw_only=True)
class ApplicationDecided:
    """An application was decided."""

    member: str = field(validator=is_name, metadata=PERSON)
    role: str = field(validator=is_name)
    community: str | None = field(default=None, validator=is_name_or_none)
    outcome: str = field(validator=is_name)
    reason: str = field(default="", validator=is_text, metadata=PERSONAL)


@fact("review.opened")
@frozen(kw_only=True)
class ReviewOpened:
    """A review of one member was opened.

    Attributes:
        member: of whom.
        review: its identifier.
        policy: by which policy.
        due: when a decision is due.
        digest: the SHA-256 of that policy, in hexadecimal.
        as_of: the instant that it is about, at which the policy is evaluated: a date means its
            last one. None where it was not recorded.
    """

    member: str = field(validator=is_name, metadata=PERSON)
    review: str = field(validator=is_name)
    policy: str = field(validator=is_name)
    due: datetime | None = field(default=None, converter=moment, validator=is_moment, metadata=DAY_END)
    digest: str | None = field(default=None, validator=is_name_or_none)
    as_of: datetime | None = field(default=None, converter=moment, validator=is_moment, metadata=DAY_LAST)


@fact("review.decided", follows="review.opened", shared=("member", "review"))
@frozen(kw_only=True)
class ReviewDecided:
    """People decided a review.

    Attributes:
        member: of whom.
        review: which.
        outcome: what they decided.
        reason: why.
        basis: the position up to which they knew.
        policy_version: the version of the policy that they went by.
        digest: the SHA-256 of that policy, in hexadecimal.
        recommended: what the policy recommended.
        evidence: ids of the entries that it went by.
        as_of: the instant at which the policy was evaluated: a date means its last one.
        zone: the time zone in which its dates were read.
    """

    member: str = field(validator=is_name, metadata=PERSON)
    review: str = field(validator=is_name)
    outcome: str = field(validator=is_name)
    reason: str = field(default="", validator=is_text, metadata=PERSONAL)
    basis: int | None = field(default=None, validator=is_count)
    policy_version: str | None = field(default=None, validator=is_name_or_none)
    digest: str | None = field(default=None, validator=is_name_or_none)
    recommended: str | None = field(default=None, validator=is_name_or_none)
    evidence: tuple[str, ...] = field(default=(), converter=listed, validator=is_names, metadata=ENTRY)
    as_of: datetime | None = field(default=None, converter=moment, validator=is_moment, metadata=DAY_LAST)
    zone: str | None = field(default=None, validator=is_name_or_none)


@fact("exemption.granted")
@frozen(kw_only=True)
class ExemptionGranted:
    """A member is exempt from a policy for a while, or for good.

    Attributes:
        member: who.
        policy: from which policy.
        reason: why; it must be given.
        expires: when the exemption ends.
    """

    member: str = field(validator=is_name, metadata=PERSON)
    policy: str = field(validator=is_name)
    reason: str = field(validator=is_reason, metadata=PERSONAL)
    expires: datetime | None = field(default=None, converter=moment, validator=is_moment, metadata=DAY_END)
