"""Histories of a few people who may turn out to be one: dense, illegal, full of ties, and short."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve
from hypothesis import strategies as st
from msgspec.structs import replace

import reps_ledger as rl
from reps_ledger.domain.facts import MembersMerged, MembersUnmerged, kind_of
from reps_ledger.testing.history import History, Told, entry_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis.strategies import SearchStrategy

    from reps_ledger.domain.facts import Fact

__all__ = ["PEOPLE", "START", "day", "histories", "joins", "merge", "told", "unmerge"]

START: Final = datetime(2018, 1, 1, tzinfo=UTC)
PEOPLE: Final = ("ana", "ben", "cleo")
_DAYS: Final = 9
_AMENDING: Final = (rl.EntryRetracted, rl.EntryCorrected, MembersMerged, MembersUnmerged)


def day(number: int) -> datetime:
    """Return the start of a day."""
    return START + number * timedelta(days=1)


def told(*facts: tuple[Fact, int]) -> History:
    """Return a history of facts, each with its day, recorded in this order."""
    entries = [entry_of(Told(fact, day(at)), position) for position, (fact, at) in enumerate(facts, 1)]
    return History(tuple(entries))


def merge(member: str, duplicate: str) -> tuple[Fact, int]:
    """Say that two identifiers are one person's."""
    fact: Fact = MembersMerged(member=member, duplicate=duplicate)
    return fact, 0


def unmerge(member: str, duplicate: str) -> tuple[Fact, int]:
    """Say that they are not."""
    return MembersUnmerged(member=member, duplicate=duplicate), 0


def joins(*people: str) -> list[tuple[Fact, int]]:
    """Let people join on the first day."""
    return [(rl.MemberJoined(member=person), 0) for person in people]


def _kinds(people: tuple[str, ...]) -> dict[str, SearchStrategy[Fact]]:
    person, one = st.sampled_from(people), st.just

    def until() -> SearchStrategy[datetime | None]:
        return st.none() | st.integers(1, _DAYS + 2).map(day)

    def made(cls: Callable[..., Fact], **fields: Any) -> SearchStrategy[Fact]:
        return st.builds(cls, member=person, **fields)

    def shared(cls: Callable[..., Fact], other: str) -> SearchStrategy[Fact]:
        two = st.permutations(people if len(people) > 1 else (*people, "dan"))
        return two.map(lambda names: cls(**{"member": names[0], other: names[1]}))

    role = {"role": st.sampled_from(["lead", "scribe"]), "community": st.sampled_from([None, "docs"])}
    firm = {"organisation": one("acme"), "kind": st.sampled_from([None, "student", "staff"])}
    agreed = {"agreement": one("conduct"), "version": st.sampled_from([None, "2"])}
    account = {"provider": one("git"), "account": st.sampled_from(["octo", "cat"])}
    return {
        "member.joined": made(rl.MemberJoined),
        "member.retired": made(rl.MemberRetired, how=st.sampled_from(["resigned", "died"])),
        "member.returned": made(rl.MemberReturned),
        "role.assigned": made(rl.RoleAssigned, **role, until=until()),
        "role.ended": made(rl.RoleEnded, **role, how=one("resigned")),
        "leave.started": made(rl.LeaveStarted, expected_return=until()),
        "leave.ended": made(rl.LeaveEnded),
        "community.joined": made(rl.CommunityJoined, community=one("docs")),
        "community.left": made(rl.CommunityLeft, community=one("docs")),
        "affiliation.started": made(rl.AffiliationStarted, **firm),
        "affiliation.ended": made(rl.AffiliationEnded, **firm),
        "agreement.accepted": made(rl.AgreementAccepted, **agreed),
        "agreement.revoked": made(rl.AgreementRevoked, **agreed),
        "account.linked": made(rl.AccountLinked, **account),
        "account.unlinked": made(rl.AccountUnlinked, **account),
        "exemption.granted": made(rl.ExemptionGranted, policy=one("p"), reason=one("ill"), expires=until()),
        "vouch.given": shared(rl.Vouched, "voucher"),
        "vouch.withdrawn": shared(rl.VouchWithdrawn, "voucher"),
        "mentor.assigned": shared(rl.MentorAssigned, "mentor"),
        "mentor.released": shared(rl.MentorReleased, "mentor"),
        "member.profiled": made(
            rl.MemberProfiled,
            field=st.sampled_from(["name", "link"]),
            value=st.sampled_from([None, "one", "two"]),
        ),
    }


@st.composite
def histories(
    draw: st.DrawFn,
    *,
    kinds: frozenset[str] | None = None,
    merges: bool = True,
    amended: bool = True,
    people: tuple[str, ...] = PEOPLE,
    max_size: int = 16,
    untied: bool = False,
) -> History:
    """Make a history: nearly everybody joins, then anything happens on one of a few days.

    Args:
        draw: Hypothesis's.
        kinds: of what; None for anything that lasts or ends it.
        merges: whether there are merges and unmerges.
        amended: whether there are corrections and retractions.
        people: who there is.
        max_size: the most facts, beside joinings.
        untied: whether no two facts, and no end that was given, are of one instant.
    """
    made = _kinds(people)
    possible = sorted(kinds or made.keys() - _PASSING)
    chosen = draw(st.lists(st.sampled_from(possible), min_size=1, max_size=3, unique=True))
    pairs = [f"{kind.split('.')[0]}.{end}" for kind in chosen for end in _ENDINGS]
    names = [name for name in (*chosen, *pairs) if name in made and (kinds is None or name in kinds)]
    plain = st.sampled_from(names).flatmap(made.__getitem__)
    entries: list[rl.Entry] = []
    for person in people:
        if draw(st.integers(0, 9)):
            entries.append(
                entry_of(Told(rl.MemberJoined(member=person), day(draw(_few()))), len(entries) + 1)
            )
    for _ in range(draw(st.integers(0, max_size))):
        position = len(entries) + 1
        at = day(draw(st.integers(0, _DAYS)))
        fact: Any = draw(plain)
        what = draw(st.integers(0, 9))
        if merges and what == 0 and len(people) > 1:
            one, other = draw(st.permutations(people))[:2]
            fact = draw(st.sampled_from([MembersMerged, MembersMerged, MembersUnmerged]))(
                member=one, duplicate=other
            )
        elif amended and what == 1 and entries:
            target = draw(st.sampled_from(entries))
            fact = rl.EntryRetracted(target=target.id, reason="wrong")
        elif amended and what == 2 and (plain_ones := [e for e in entries if type(e.fact) not in _AMENDING]):
            target = draw(st.sampled_from(plain_ones))
            if draw(st.booleans()):  # the date or the person alone
                # Two people who must differ do: no rule lets somebody vouch for themselves.
                others = {
                    getattr(target.fact, name) for name in kind_of(target.fact).apart if name != "member"
                }
                whom = [each for each in (target.fact.member, *people) if each not in others]
                fact = evolve(target.fact, member=draw(st.sampled_from(whom)))
            fact = rl.EntryCorrected(target=target.id, replacement=fact, reason="wrong")
        entries.append(entry_of(Told(fact, at), position))
    if untied:
        entries = [_moved(entry, place) for place, entry in enumerate(entries)]
    return History(tuple(entries))


_PASSING: Final = {"member.profiled"}
"""Kinds of which nothing lasts: only whoever asks for them gets them."""

_ENDINGS: Final = (
    *("assigned", "started", "joined", "accepted", "linked", "given", "retired"),
    *("ended", "left", "revoked", "unlinked", "withdrawn", "released", "returned"),
)


def _few() -> SearchStrategy[int]:
    return st.integers(0, 3)


def _moved(entry: rl.Entry, place: int) -> rl.Entry:
    """Move a fact, and the end that it gives, to an instant that no other has."""
    apart = timedelta(minutes=place)
    changes = {
        name: moment + apart
        for name in ("until", "expected_return", "expires")
        if (moment := getattr(entry.fact, name, None)) is not None
    }
    fact = evolve(entry.fact, **{name: moment + timedelta(seconds=1) for name, moment in changes.items()})
    return replace(entry, fact=fact, occurred_at=entry.occurred_at + apart)
