"""The overview of one member: all that rosters and counts need, folded together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from reps_ledger.projections.belonging import Belonging, belonging
from reps_ledger.projections.membership import Membership, membership
from reps_ledger.projections.projection import Projection
from reps_ledger.projections.roles import Roles, roles
from reps_ledger.projections.vouches import Vouches, vouches

if TYPE_CHECKING:
    from datetime import datetime, tzinfo

    from reps_ledger.domain.entries import Entry

__all__ = ["Overview", "Standings", "overview"]

Standings = dict[str, tuple[str, bool]]
"""How members stand, by name: in a word, and whether that counts as active."""


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """One member, as folded so far.

    Attributes:
        membership: joined, standing, spells.
        roles: held now and ever.
        vouches: received and given.
        belonging: accounts, affiliations, communities, mentors, areas.
    """

    membership: Membership
    roles: Roles
    vouches: Vouches
    belonging: Belonging

    @property
    def member(self) -> str:
        """Who it is about."""
        return self.membership.member

    def stands(self, at: datetime, standing: Standings | None = None) -> tuple[str, bool]:
        """Return how they stand then, and whether that counts as active.

        Args:
            at: when; not before the last entry folded.
            standing: how members stand by a charter; None for the default rule.
        """
        if standing is not None and self.member in standing:
            return standing[self.member]
        active = self.membership.is_active(at)
        return "active" if active else "inactive", active

    def communities(self, at: datetime) -> set[str]:
        """Return the communities that they joined, or hold a role in."""
        held = {h.community for h in self.roles.at(at) if h.community is not None}
        return held | self.belonging.communities


def overview(member: str, zone: tzinfo) -> Projection[Overview]:
    """Make the projection of one member's overview."""
    parts = (membership(member, zone), roles(member), vouches(member), belonging(member))
    person, held, stood, belongs = parts

    def evolve(state: Overview, entry: Entry) -> Overview:
        return Overview(
            membership=person.evolve(state.membership, entry),
            roles=held.evolve(state.roles, entry),
            vouches=stood.evolve(state.vouches, entry),
            belonging=belongs.evolve(state.belonging, entry),
        )

    return Projection(
        name="overview",
        version=1,
        initial=Overview(
            membership=person.initial,
            roles=held.initial,
            vouches=stood.initial,
            belonging=belongs.initial,
        ),
        evolve=evolve,
    )
