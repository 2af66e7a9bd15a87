"""Facts about who holds which role, and who guides whom."""

from __future__ import annotations

from datetime import datetime

from attrs import field, frozen

from reps_ledger.domain.facts.registry import fact
from reps_ledger.domain.validation import (
    DAY_START,
    PERSON,
    PERSONAL,
    is_flag,
    is_moment,
    is_name,
    is_name_or_none,
    is_text,
    moment,
    one_of,
)

__all__ = ["MentorAssigned", "MentorReleased", "RoleAsserted", "RoleAssigned", "RoleEnded"]

ENDINGS = ("resigned", "expired", "inactive", "removed", "emeritus")
"""How a role may have ended."""


@fact("role.assigned")
@frozen(kw_only=True)
class RoleAssigned:
    """A member was given a role.

    Attributes:
        member: who.
        role: which.
        community: where, or None for the whole programme.
        until: when the term ends by itself; the role is held before it and not at it.
        reason: why.
    """

    member: str = field(validator=is_name, metadata=PERSON)
    role: str = field(validator=is_name)
    community: str | None = field(default=None, validator=is_name_or_none)
    until: datetime | None = field(default=None, converter=moment, validator=is_moment, metadata=DAY_START)
    reason: str = field(default="", validator=is_text, metadata=PERSONAL)


@fact("role.ended", follows="role.assigned", shared=("member", "role", "community"))
@frozen(kw_only=True)
class RoleEnded:
    """A member no longer holds a role.

    Attributes:
        member: who.
        role: which.
        community: where, as it was assigned.
        how: one of `ENDINGS`.
        reason: why.
    """

    member: str = field(validator=is_name, metadata=PERSON)
    role: str = field(validator=is_name)
    community: str | None = field(default=None, validator=is_name_or_none)
    how: str = field(validator=one_of(*ENDINGS))
    reason: str = field(default="", validator=is_text, metadata=PERSONAL)


@fact("role.asserted")
@frozen(kw_only=True)
class RoleAsserted:
    """A roster claims that a member held a role, or did not; reconciliation compares.

    Attributes:
        member: who.
        role: which.
        community: where.
        held: whether the roster says that they held it.
    """

    member: str = field(validator=is_name, metadata=PERSON)
    role: str = field(validator=is_name)
    community: str | None = field(default=None, validator=is_name_or_none)
    held: bool = field(default=True, validator=is_flag)


@fact("mentor.assigned", apart=("member", "mentor"))
@frozen(kw_only=True)
class MentorAssigned:
    """A member was given a mentor."""

    member: str = field(validator=is_name, metadata=PERSON)
    mentor: str = field(validator=is_name, metadata=PERSON)


@fact("mentor.released", follows="mentor.assigned", shared=("member", "mentor"), apart=("member", "mentor"))
@frozen(kw_only=True)
class MentorReleased:
    """A mentor no longer guides a member."""

    member: str = field(validator=is_name, metadata=PERSON)
    mentor: str = field(validator=is_name, metadata=PERSON)
