"""Facts about who stands for whom."""

from __future__ import annotations

from attrs import field, frozen

from reps_ledger.domain.facts.kinds import fact
from reps_ledger.domain.fields import PERSON, PERSONAL, is_name, is_text

__all__ = ["VouchWithdrawn", "Vouched"]


@fact("vouch.given", act="voucher")
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


@fact("vouch.withdrawn")
@frozen(kw_only=True)
class VouchWithdrawn:
    """A voucher took a vouch back."""

    member: str = field(validator=is_name, metadata=PERSON)
    voucher: str = field(validator=is_name, metadata=PERSON)
    reason: str = field(default="", validator=is_text, metadata=PERSONAL)
