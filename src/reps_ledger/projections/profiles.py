"""Profiles: what each field of a member, a community or an organisation says.

The latest fact about a field says what it is, in effective order, under whichever of a person's identifiers
it was told; one without a value removes the field. Values are never compared: where a ledger seals, those
that were not opened all read alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property, partial
from typing import Final

from attrs import evolve, frozen

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import CommunityDescribed, MemberProfiled, OrganisationDescribed
from reps_ledger.projections.projection import Projection, projection_of

NAME: Final = "name"
"""The field of a profile with what people call somebody by."""


@frozen(kw_only=True)
class ProfileField:
    """What one field says.

    Attributes:
        field: which field.
        value: what it says.
        since: since when it has been recorded so: when the latest entry about it happened.
        recorded_in: id of that entry.
    """

    field: str
    value: str
    since: datetime
    recorded_in: str


@frozen(kw_only=True)
class Profile(Mapping[str, str]):
    """What is recorded of a member, a community or an organisation: fields to values.

    Attributes:
        of: whose profile it is.
        fields: those that have a value, by name.
    """

    of: str
    fields: tuple[ProfileField, ...] = ()

    def __getitem__(self, field: str) -> str:
        return self._by_name[field].value

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self.fields)

    @cached_property
    def _by_name(self) -> Mapping[str, ProfileField]:
        return {each.field: each for each in self.fields}

    def field(self, field: str) -> ProfileField | None:
        """Return what a field says, since when and by which entry; None where it has no value."""
        return self._by_name.get(field)

    @property
    def name(self) -> str | None:
        """What people call them by: the field ``name``; None where it has no value."""
        return self.get(NAME)


def profile(member: str) -> Projection[Profile]:
    """Make the projection of one member's profile."""
    return projection_of("profile", 1, Profile(of=member), partial(_evolve, kind=MemberProfiled))


def community_description(community: str) -> Projection[Profile]:
    """Make the projection of how a community is described."""
    return projection_of(
        "community description", 1, Profile(of=community), partial(_evolve, kind=CommunityDescribed)
    )


def organisation_description(organisation: str) -> Projection[Profile]:
    """Make the projection of how an organisation is described."""
    return projection_of(
        "organisation description", 1, Profile(of=organisation), partial(_evolve, kind=OrganisationDescribed)
    )


_SUBJECT: Final[Mapping[type, str]] = {
    MemberProfiled: "member",
    CommunityDescribed: "community",
    OrganisationDescribed: "organisation",
}
"""The field that says whose profile it is, by kind of fact."""


def _evolve(
    state: Profile,
    entries: Sequence[Entry],
    *,
    kind: type[MemberProfiled | CommunityDescribed | OrganisationDescribed],
) -> Profile:
    """Return a profile after more entries."""
    subject = _SUBJECT[kind]
    found = {each.field: each for each in state.fields}
    changed = False
    for entry in entries:
        fact = entry.fact
        if not isinstance(fact, kind) or getattr(fact, subject) != state.of:
            continue
        changed = True
        if fact.value is None:
            found.pop(fact.field, None)
        else:
            found[fact.field] = ProfileField(
                field=fact.field, value=fact.value, since=entry.occurred_at, recorded_in=entry.id
            )
    if not changed:
        return state
    return evolve(state, fields=tuple(found[name] for name in sorted(found)))
