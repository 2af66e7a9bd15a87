"""Facts about the rules and policies themselves, and about erasure."""

from __future__ import annotations

from datetime import datetime

from attrs import field, frozen

from reps_ledger.domain.facts.registry import fact
from reps_ledger.domain.validation import (
    DAY_START,
    ENTRY,
    PERSON,
    is_document,
    is_flag,
    is_moment,
    is_name,
    is_name_or_none,
    is_names,
    is_zone,
    listed,
    moment,
    one_of,
)

__all__ = ["AccessGiven", "CharterAdopted", "LedgerDeclared", "MemberErased", "PolicyStated", "TextRedacted"]


@fact("ledger.declared")
@frozen(kw_only=True)
class LedgerDeclared:
    """What a ledger is: a new one says so before its first entry, and a later one supersedes it.

    Attributes:
        ledger: the ledger's own identifier; the same in every declaration of one ledger.
        zone: the IANA name of the time zone in which its days, months and years are read.
        seals: whether personal texts are sealed from here on; once they are, they are for ever.
    """

    ledger: str = field(validator=is_name)
    zone: str = field(validator=is_zone)
    seals: bool = field(default=False, validator=is_flag)


@fact("charter.adopted")
@frozen(kw_only=True)
class CharterAdopted:
    """The programme adopted its rules.

    Attributes:
        document: the charter, as TOML or JSON text.
        version: its version.
        effective_from: from when it governs; never before.
    """

    document: str = field(validator=is_document)
    version: str = field(validator=is_name)
    effective_from: datetime | None = field(
        default=None, converter=moment, validator=is_moment, metadata=DAY_START
    )


@fact("policy.stated")
@frozen(kw_only=True)
class PolicyStated:
    """The words of a policy by which reviews are made, so that every decision can be replayed.

    Attributes:
        policy: its name.
        version: its version.
        document: its words, as TOML or JSON text.
        digest: what a decision names it by: the SHA-256 of the policy, in hexadecimal.
    """

    policy: str = field(validator=is_name)
    version: str = field(validator=is_name)
    document: str = field(validator=is_document)
    digest: str = field(validator=is_name)


ACCESSES = ("export", "portable")
"""How personal texts may be given out."""


@fact("access.given")
@frozen(kw_only=True)
class AccessGiven:
    """Personal texts were given out in the clear, by who recorded this.

    Attributes:
        form: one of `ACCESSES`.
        person: whose they are; None for everybody's.
    """

    form: str = field(validator=one_of(*ACCESSES))
    person: str | None = field(default=None, validator=is_name_or_none, metadata=PERSON)


ERASURES = ("request", "consent-withdrawn", "objection", "no-longer-needed", "unlawful", "legal-obligation")
"""Why a member's personal texts may be erased: the grounds of the GDPR, article 17 (1), in a word."""


@fact("member.erased", version=2)
@frozen(kw_only=True)
class MemberErased:
    """A member's personal texts are erased. That they are a member stays.

    The fact is the order, and is never taken back; ``ledger.erase`` records it and carries it out.

    Attributes:
        member: who.
        reason: one of `ERASURES`: never words, as they would stay for ever.
    """

    member: str = field(validator=is_name, metadata=PERSON)
    reason: str = field(validator=one_of(*ERASURES, quotes=False))


@fact("text.redacted")
@frozen(kw_only=True)
class TextRedacted:
    """Ciphertexts of sealed texts are destroyed, by who recorded this. What commits to them stays.

    The fact is the order, and is never taken back; ``ledger.redact`` records it and carries it out.

    Attributes:
        entries: ids of the entries beside which they are sealed.
        person: whose texts alone; None for everybody's.
    """

    entries: tuple[str, ...] = field(converter=listed, validator=is_names, metadata=ENTRY)
    person: str | None = field(default=None, validator=is_name_or_none, metadata=PERSON)
