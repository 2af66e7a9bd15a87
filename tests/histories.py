"""Ledgers filled at random: facts of every kind are offered, and what the rules allow is kept."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import attrs
from attrs import frozen
from hypothesis import strategies as st

import reps_ledger as rl
from reps_ledger.domain.facts import BUILT_IN, EntryCorrected, EntryRetracted, Registry
from strategies import CUSTOM, PLAIN, MentoringHeld, facts, names

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ["PEOPLE", "REGISTRY", "Offer", "fill", "histories", "meant", "offers", "open_ledger", "steps"]

PEOPLE: Final = ("ana", "ben", "cleo")
REGISTRY: Final = Registry((*BUILT_IN, *CUSTOM))
_START: Final = datetime(2018, 1, 1, tzinfo=UTC)
_FEW: Final[dict[str, tuple[str, ...]]] = {
    "role": ("mentor", "council"),
    "community": ("asia", "indonesia"),
    "parent": ("asia",),
    "opportunity": ("vote-1",),
    "notice": ("n1",),
    "review": ("r1", "r2"),
    "course": ("basics",),
    "field": ("name", "link"),
    "organisation": ("acme", "umbrella"),
    "agreement": ("conduct",),
    "provider": ("git",),
    "account": ("octo", ""),
}


@frozen(kw_only=True)
class Offer:
    """What is offered to a ledger: a fact, or the correction of an earlier entry.

    Attributes:
        fact: the fact, or what is to stand in the target's place.
        at: when, or None.
        target: which earlier entry, counted around; None for a plain fact.
        retract: whether it is a retraction.
        envelope: by whom, and the like.
    """

    fact: rl.Fact
    at: date | None
    target: int | None = None
    retract: bool = False
    envelope: dict[str, Any]


def open_ledger(target: Any = None, **options: Any) -> rl.Ledger:
    """Open a ledger that knows the facts of tests too; its clock stands in 2041 by default."""
    upcasters = [rl.Upcaster("mentoring.held", version, lambda fields: fields) for version in (1, 2)]
    now = datetime(2041, 1, 1, tzinfo=UTC)
    clocked = {"clock": lambda: now, **options}
    return rl.open(target, facts=CUSTOM, upcasters=upcasters, **clocked)


@cache
def _narrowed(kind: type[rl.Fact]) -> SearchStrategy[rl.Fact]:
    """Make facts of a kind in a small world, where they meet one another."""
    persons = REGISTRY.named(kind.__fact__.name).persons  # type: ignore[union-attr, attr-defined]  # every kind is marked, and known
    few: dict[str, SearchStrategy[Any]] = {}
    for attribute in attrs.fields(kind):
        name = attribute.name
        optional = attribute.default is None
        if name in persons and name != "references":
            values = st.sampled_from(PEOPLE)
        elif name in _FEW:
            choices = [o for o in _FEW[name] if o or kind is rl.MemberJoined]
            values = st.sampled_from(choices)
        else:
            continue
        few[name] = st.none() | values if optional else values
    return st.builds(
        lambda fact, changes: attrs.evolve(fact, **changes), facts(kind), st.fixed_dictionaries(few)
    )


@cache
def steps() -> SearchStrategy[datetime | date]:
    """Make days and instants of one year, often the same."""
    days = st.integers(0, 360).map(lambda n: _START + timedelta(days=n))
    return days.map(datetime.date) | days | days.map(lambda day: day + timedelta(hours=12))


@cache
def _envelopes() -> SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"by": names()}, optional={"on_behalf_of": names(), "source": names()})


@cache
def _facts() -> SearchStrategy[rl.Fact]:
    often = (rl.MemberJoined, rl.RoleAssigned, rl.RoleEnded, rl.MembersMerged, rl.MemberRetired)
    kinds = [*PLAIN, *often, *often, MentoringHeld]
    return st.sampled_from(kinds).flatmap(_narrowed)


@cache
def offers() -> SearchStrategy[Offer]:
    """Make one offer: a plain fact mostly, else a correction or a retraction."""
    at = st.none() | steps()
    plain = st.builds(Offer, fact=_facts(), at=steps(), envelope=_envelopes())
    amending = st.builds(
        Offer, fact=_facts(), at=at, target=st.integers(0, 40), retract=st.booleans(), envelope=_envelopes()
    )
    return st.one_of(plain, plain, plain, amending)


@cache
def histories(max_size: int = 25) -> SearchStrategy[list[Offer]]:
    """Make offers for one ledger; two of its people join first, mostly."""
    first = [
        Offer(fact=rl.MemberJoined(member=name), at=_START.date(), envelope={"by": "council"})
        for name in PEOPLE
    ]
    begin = st.sampled_from([first, first[:2], []])
    return st.builds(lambda begun, rest: [*begun, *rest], begin, st.lists(offers(), max_size=max_size))


def meant(offer: Offer, number: int, ids: list[str]) -> Any:
    """Return the fact that an offer means after entries of these ids; None for none."""
    fact: Any = offer.fact
    if offer.target is not None:
        if not ids:
            return None
        target = ids[offer.target % len(ids)]
        if offer.retract:
            return EntryRetracted(target=target, reason="r")
        return EntryCorrected(target=target, replacement=fact, reason="c")
    if isinstance(fact, rl.ReportVerified) and ids:
        return attrs.evolve(fact, report=ids[number % len(ids)])
    return fact


def fill(ledger: rl.Ledger, told: list[Offer], *, commands: bool = False) -> list[rl.Receipt]:
    """Record what the rules allow of some offers.

    Args:
        ledger: where.
        told: the offers.
        commands: whether each is a command, so that its entry has the same id in any ledger.
    """
    receipts = []
    ids = [entry.id for entry in ledger.entries()]
    for number, offer in enumerate(told):
        fact = meant(offer, number, ids)
        if fact is None:
            continue
        more = {"command_id": f"c{number}"} if commands else {}
        try:
            receipt = ledger.record(fact, occurred_at=offer.at, **offer.envelope, **more)
        except rl.Refused:
            continue
        receipts.append(receipt)
        ids.append(receipt.id)
    return receipts
