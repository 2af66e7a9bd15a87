"""Facts about how members, communities and organisations are described: name, link, languages and so on.

Which fields there are is the programme's own choice. Each fact is about one field. The latest one says what
it is, in effective order; one without a value removes the field.
"""

from __future__ import annotations

import attrs

from reps_ledger.domain.facts.registry import fact
from reps_ledger.domain.validation import PERSON, PERSONAL, is_name, is_text_or_none

__all__ = ["CommunityDescribed", "MemberProfiled", "OrganisationDescribed"]


def _without_blank(value: str | None) -> str | None:
    # An empty cell of a form or sheet says the same as no value. The validator refuses what is no text.
    return None if isinstance(value, str) and not value.strip() else value


@fact("member.profiled")
@attrs.frozen(kw_only=True)
class MemberProfiled:
    """A field of a member's profile was recorded, or removed.

    Attributes:
        member: whose.
        field: which: name, pronouns, email, country … A name is what people call them by.
        value: what it is from now on; None, or blank text, removes the field.
    """

    member: str = attrs.field(validator=is_name, metadata=PERSON)
    field: str = attrs.field(validator=is_name)
    value: str | None = attrs.field(
        default=None, converter=_without_blank, validator=is_text_or_none, metadata=PERSONAL
    )


@fact("community.described")
@attrs.frozen(kw_only=True)
class CommunityDescribed:
    """A field of a community's description was recorded, or removed.

    Attributes:
        community: which community.
        field: which field: name, languages, kind, link, channel …
        value: what it is from now on; None, or blank text, removes the field. It is not personal.
    """

    community: str = attrs.field(validator=is_name)
    field: str = attrs.field(validator=is_name)
    value: str | None = attrs.field(default=None, converter=_without_blank, validator=is_text_or_none)


@fact("organisation.described")
@attrs.frozen(kw_only=True)
class OrganisationDescribed:
    """A field of an organisation's description was recorded, or removed.

    Attributes:
        organisation: which organisation, as affiliations name it.
        field: which field: name, kind, link …
        value: what it is from now on; None, or blank text, removes the field. It is not personal.
    """

    organisation: str = attrs.field(validator=is_name)
    field: str = attrs.field(validator=is_name)
    value: str | None = attrs.field(default=None, converter=_without_blank, validator=is_text_or_none)
