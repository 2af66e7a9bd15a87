"""Vouches: who vouched for whom and why; standing and withdrawn; the level and the graph."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from reps_ledger.domain.facts import Vouched, VouchWithdrawn
from reps_ledger.projections.projection import Projection

if TYPE_CHECKING:
    from reps_ledger.domain.entries import Entry

__all__ = ["Vouch", "Vouches", "vouches"]


@frozen(kw_only=True)
class Vouch:
    """One vouch.

    Attributes:
        member: for whom.
        voucher: by whom.
        at: when.
        reason: why.
        given_in: id of the entry.
        withdrawn: when it was taken back, if it was.
        withdrawn_in: id of the entry that took it back.
    """

    member: str
    voucher: str
    at: datetime
    reason: str
    given_in: str
    withdrawn: datetime | None = None
    withdrawn_in: str | None = None

    @property
    def stands(self) -> bool:
        """Whether it was not taken back."""
        return self.withdrawn is None


@frozen(kw_only=True)
class Vouches:
    """The vouches that concern one member.

    Attributes:
        member: whom.
        all: every vouch for them or by them, by when it was given.
    """

    member: str
    all: tuple[Vouch, ...] = ()

    @property
    def received(self) -> tuple[Vouch, ...]:
        """The standing vouches for them, by others."""
        return tuple(
            v for v in self.all if v.stands and v.member == self.member and v.voucher != v.member
        )

    @property
    def given(self) -> tuple[Vouch, ...]:
        """The standing vouches by them, for others."""
        return tuple(
            v for v in self.all if v.stands and v.voucher == self.member and v.voucher != v.member
        )

    @property
    def withdrawn(self) -> tuple[Vouch, ...]:
        """Those taken back."""
        return tuple(v for v in self.all if not v.stands)

    @property
    def level(self) -> int:
        """How many people stand for them now."""
        return len({vouch.voucher for vouch in self.received})


def vouches(member: str) -> Projection[Vouches]:
    """Make the projection of one member's vouches, received and given."""
    return Projection(name="vouches", version=1, initial=Vouches(member=member), evolve=_evolve)


def _evolve(state: Vouches, entry: Entry) -> Vouches:
    match entry.fact:
        case Vouched(member=member, voucher=voucher, reason=reason) if state.member in (
            member,
            voucher,
        ):
            vouch = Vouch(
                member=member,
                voucher=voucher,
                at=entry.occurred_at,
                reason=reason,
                given_in=entry.id,
            )
            return evolve(state, all=(*state.all, vouch))
        case VouchWithdrawn(member=member, voucher=voucher) if state.member in (member, voucher):
            withdrawn = tuple(
                evolve(v, withdrawn=entry.occurred_at, withdrawn_in=entry.id)
                if v.stands and (v.member, v.voucher) == (member, voucher)
                else v
                for v in state.all
            )
            return evolve(state, all=withdrawn)
    return state
