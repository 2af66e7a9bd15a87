"""Facts about what members learned and agreed to."""

from __future__ import annotations

from attrs import field, frozen

from reps_ledger.domain.facts.kinds import fact
from reps_ledger.domain.fields import PERSON, PERSONAL, is_name, is_name_or_none, is_text_or_none

__all__ = ["AgreementAccepted", "AgreementRevoked", "CourseCompleted"]


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


@fact("agreement.revoked")
@frozen(kw_only=True)
class AgreementRevoked:
    """An acceptance was taken back, or declared void."""

    member: str = field(validator=is_name, metadata=PERSON)
    agreement: str = field(validator=is_name)
    version: str | None = field(default=None, validator=is_name_or_none)
