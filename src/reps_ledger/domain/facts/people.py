"""Facts about who belongs, under which names, and from where."""

from __future__ import annotations

from attrs import field, frozen

from reps_ledger.domain.facts.registry import fact
from reps_ledger.domain.validation import (
    ACCOUNT,
    PERSON,
    PERSONAL,
    is_flag,
    is_name,
    is_name_or_none,
    is_text,
    is_text_or_none,
    one_of,
)

__all__ = [
    "AccountLinked",
    "AccountUnlinked",
    "AffiliationEnded",
    "AffiliationStarted",
    "MemberJoined",
    "MemberRetired",
    "MemberReturned",
    "MembersMerged",
    "MembersUnmerged",
]

RETIREMENTS = ("resigned", "emeritus", "removed", "died")
"""How a member may have retired."""


@fact("member.joined", act="member")
@frozen(kw_only=True)
class MemberJoined:
    """Somebody became a member, and stays one for ever.

    Attributes:
        member: the member's identifier in this ledger.
        kind: volunteer, staff, or a word of the programme's own.
        account: their account on the programme's own site; a person without one is a member too.
        inferred: nobody recorded the joining; it was inferred from the first mention.
    """

    member: str = field(validator=is_name, metadata=PERSON)
    kind: str = field(default="volunteer", validator=is_name)
    account: str | None = field(default=None, validator=is_text_or_none, metadata=ACCOUNT)
    inferred: bool = field(default=False, validator=is_flag)


@fact("member.retired")
@frozen(kw_only=True)
class MemberRetired:
    """A member retired: every role that they hold ends. They are still a member.

    Attributes:
        member: who.
        how: one of `RETIREMENTS`.
        reason: why, in words.
    """

    member: str = field(validator=is_name, metadata=PERSON)
    how: str = field(validator=one_of(*RETIREMENTS))
    reason: str = field(default="", validator=is_text, metadata=PERSONAL)


@fact("member.returned", act="member", follows="member.retired", shared=("member",))
@frozen(kw_only=True)
class MemberReturned:
    """A retired member came back."""

    member: str = field(validator=is_name, metadata=PERSON)
    reason: str = field(default="", validator=is_text, metadata=PERSONAL)


@fact("account.linked")
@frozen(kw_only=True)
class AccountLinked:
    """An account elsewhere was found to be this member's.

    Attributes:
        member: who.
        provider: the system that the account is on.
        account: its name there.
    """

    member: str = field(validator=is_name, metadata=PERSON)
    provider: str = field(validator=is_name)
    account: str = field(validator=is_name, metadata=ACCOUNT)


@fact("account.unlinked", follows="account.linked", shared=("member", "provider", "account"))
@frozen(kw_only=True)
class AccountUnlinked:
    """An account elsewhere is no longer this member's."""

    member: str = field(validator=is_name, metadata=PERSON)
    provider: str = field(validator=is_name)
    account: str = field(validator=is_name, metadata=ACCOUNT)


@fact("members.merged")
@frozen(kw_only=True)
class MembersMerged:
    """Two identifiers turned out to be one person: all of ``duplicate``'s history is theirs.

    Attributes:
        member: the identifier to keep.
        duplicate: the identifier that means the same person.
        reason: how that was found.
    """

    member: str = field(validator=is_name, metadata=PERSON)
    duplicate: str = field(validator=is_name, metadata=PERSON)
    reason: str = field(default="", validator=is_text, metadata=PERSONAL)


@fact("members.unmerged", follows="members.merged", shared=("member", "duplicate"))
@frozen(kw_only=True)
class MembersUnmerged:
    """A merge was a mistake: the two are different people again, each with their own history."""

    member: str = field(validator=is_name, metadata=PERSON)
    duplicate: str = field(validator=is_name, metadata=PERSON)
    reason: str = field(default="", validator=is_text, metadata=PERSONAL)


@fact("affiliation.started")
@frozen(kw_only=True)
class AffiliationStarted:
    """A member began to work or study for an organisation.

    Attributes:
        member: who.
        organisation: for whom.
        kind: employee, student, contractor … where known.
    """

    member: str = field(validator=is_name, metadata=PERSON)
    organisation: str = field(validator=is_name)
    kind: str | None = field(default=None, validator=is_name_or_none)


@fact("affiliation.ended", follows="affiliation.started", shared=("member", "organisation", "kind"))
@frozen(kw_only=True)
class AffiliationEnded:
    """A member's affiliation with an organisation ended."""

    member: str = field(validator=is_name, metadata=PERSON)
    organisation: str = field(validator=is_name)
    kind: str | None = field(default=None, validator=is_name_or_none)
