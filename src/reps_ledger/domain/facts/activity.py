"""Facts about what members do, learn and agree to, and for whom they vouch."""

from __future__ import annotations

from attrs import field, frozen

from reps_ledger.domain.facts.registry import Fact, fact, kind_of
from reps_ledger.domain.validation import (
    ENTRY,
    PERSON,
    PERSONAL,
    is_amount,
    is_flag,
    is_name,
    is_name_or_none,
    is_names,
    is_text,
    is_text_or_none,
    listed,
)

__all__ = [
    "AgreementAccepted",
    "AgreementRevoked",
    "CommunityFounded",
    "CommunityJoined",
    "CommunityLeft",
    "CourseCompleted",
    "OpportunityHeld",
    "OpportunityTaken",
    "ReportFiled",
    "ReportVerified",
    "VouchWithdrawn",
    "Vouched",
]


def _number(value: float | None) -> float | None:
    # Whole numbers become floats; the validator refuses what is no number.
    whole: object = value
    return float(whole) if type(whole) is int and abs(whole) <= 2**53 else value


@fact("community.founded")
@frozen(kw_only=True)
class CommunityFounded:
    """A community began, perhaps inside another."""

    community: str = field(validator=is_name)
    parent: str | None = field(default=None, validator=is_name_or_none)


@fact("community.joined", act="member")
@frozen(kw_only=True)
class CommunityJoined:
    """A member became part of a community."""

    member: str = field(validator=is_name, metadata=PERSON)
    community: str = field(validator=is_name)


@fact("community.left", follows="community.joined", shared=("member", "community"))
@frozen(kw_only=True)
class CommunityLeft:
    """A member is no longer part of a community."""

    member: str = field(validator=is_name, metadata=PERSON)
    community: str = field(validator=is_name)


@fact("report.filed", act="member")
@frozen(kw_only=True)
class ReportFiled:
    """A member reported something that they did.

    Attributes:
        member: whose activity.
        activity: what it was: an event, a change, a talk …
        community: where.
        areas: what it was about.
        amount: how much of it, in the unit of the activity (hours, people, changes).
        passive: made by a system from a sign-up, not by the member: it does not count as
            an act of theirs.
        link: where to read more.
        announced: announced rather than done; it may lie in the future.
    """

    member: str = field(validator=is_name, metadata=PERSON)
    activity: str = field(validator=is_name)
    community: str | None = field(default=None, validator=is_name_or_none)
    areas: tuple[str, ...] = field(default=(), converter=listed, validator=is_names)
    amount: float | None = field(default=None, converter=_number, validator=is_amount)
    passive: bool = field(default=False, validator=is_flag)
    link: str | None = field(default=None, validator=is_text_or_none, metadata=PERSONAL)
    announced: bool = field(default=False, validator=is_flag)


@fact(
    "report.verified",
    act="verifier",
    follows="report.filed",
    shared=("member",),
    apart=("member", "verifier"),
)
@frozen(kw_only=True)
class ReportVerified:
    """Somebody else confirmed a report.

    Attributes:
        member: whose report.
        report: the report's entry id.
        verifier: who confirmed it.
    """

    member: str = field(validator=is_name, metadata=PERSON)
    report: str = field(validator=is_name, metadata=ENTRY)
    verifier: str = field(validator=is_name, metadata=PERSON)


@fact("opportunity.held")
@frozen(kw_only=True)
class OpportunityHeld:
    """Something took place that members could take part in, so that misses can be counted.

    Attributes:
        opportunity: its identifier.
        kind: a vote, a meeting, an election …
        community: whose, or None for the whole programme.
    """

    opportunity: str = field(validator=is_name)
    kind: str = field(validator=is_name)
    community: str | None = field(default=None, validator=is_name_or_none)


@fact("opportunity.taken", act="member", follows="opportunity.held", shared=("opportunity", "kind"))
@frozen(kw_only=True)
class OpportunityTaken:
    """A member took part.

    Attributes:
        member: who.
        opportunity: in what.
        kind: of which kind it was, where a vote and a meeting, say, have the same identifier; None
            for whatever has it.
    """

    member: str = field(validator=is_name, metadata=PERSON)
    opportunity: str = field(validator=is_name)
    kind: str | None = field(default=None, validator=is_name_or_none)


@fact("course.completed", act="member")
@frozen(kw_only=True)
class CourseCompleted:
    """A member completed a course.

    Attributes:
        member: who.
        course: which.
        version: which edition of it, where it has editions.
        evidence: a link or a note that shows it.
    """

    member: str = field(validator=is_name, metadata=PERSON)
    course: str = field(validator=is_name)
    version: str | None = field(default=None, validator=is_name_or_none)
    evidence: str | None = field(default=None, validator=is_text_or_none, metadata=PERSONAL)


@fact("agreement.accepted", act="member")
@frozen(kw_only=True)
class AgreementAccepted:
    """A member accepted an agreement: a code of conduct, a confidentiality clause and so on."""

    member: str = field(validator=is_name, metadata=PERSON)
    agreement: str = field(validator=is_name)
    version: str | None = field(default=None, validator=is_name_or_none)


@fact("agreement.revoked", follows="agreement.accepted", shared=("member", "agreement", "version"))
@frozen(kw_only=True)
class AgreementRevoked:
    """An acceptance was taken back, or declared void."""

    member: str = field(validator=is_name, metadata=PERSON)
    agreement: str = field(validator=is_name)
    version: str | None = field(default=None, validator=is_name_or_none)


@fact("vouch.given", act="voucher", apart=("member", "voucher"))
@frozen(kw_only=True)
class Vouched:
    """One member vouched for another.

    Attributes:
        member: who was vouched for.
        voucher: who vouched.
        reason: why.
    """

    member: str = field(validator=is_name, metadata=PERSON)
    voucher: str = field(validator=is_name, metadata=PERSON)
    reason: str = field(default="", validator=is_text, metadata=PERSONAL)


@fact("vouch.withdrawn", follows="vouch.given", shared=("member", "voucher"), apart=("member", "voucher"))
@frozen(kw_only=True)
class VouchWithdrawn:
    """A voucher took a vouch back."""

    member: str = field(validator=is_name, metadata=PERSON)
    voucher: str = field(validator=is_name, metadata=PERSON)
    reason: str = field(default="", validator=is_text, metadata=PERSONAL)


def acting(fact: Fact) -> str | None:
    """Return the member whose act a fact is, or None.

    Passive reports and announcements are nobody's act.
    """
    if isinstance(fact, ReportFiled) and (fact.passive or fact.announced):
        return None
    name = kind_of(fact).act
    actor = None if name is None else getattr(fact, name)
    return actor if isinstance(actor, str) else None
