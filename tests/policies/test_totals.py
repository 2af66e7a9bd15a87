"""Totals: which of their own facts are part of what all did."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

import reps_ledger as rl
from policies.making import DAY, about, entries_of, moment
from reps_ledger.policies import Facts, count, facts, share, weeks
from reps_ledger.policies.language.windows import Window, as_window
from reps_ledger.testing.history import Everybody

if TYPE_CHECKING:
    from reps_ledger.policies import Subject

AT: Final = moment("2018-10-01")

FIELDS: Final[dict[str, tuple[Any, ...]]] = {
    "activity": ("talk", "event", "walk"),
    "community": (None, "paris", "rome"),
    "passive": (False, True),
    "announced": (False, True),
}
SOURCES: Final = (None, "forum", "list")
RECORDERS: Final = ("council", "ana", "ben")


def selections() -> st.SearchStrategy[Facts]:
    """Make selections of reports and courses by all that a selection may ask."""
    made: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
        {},
        optional={
            "activity": st.sampled_from(["talk", ("talk", "event")]),
            "community": st.just("paris"),
            "passive": st.sampled_from([True, False, (True, False)]),
            "announced": st.sampled_from([True, False, (True, False)]),
            "source": st.sampled_from(["forum", ("forum", "list")]),
            "recorded_by": st.sampled_from(["council", ("council", "ana")]),
            "verified": st.booleans(),
        },
    )
    return made.map(lambda options: facts("report.filed", **options))


def every_report() -> list[rl.Entry]:
    """Tell of one report of each sort by ana, past and coming, verified or not."""
    told: list[rl.Entry] = []
    for _, at, source, by in product(range(2), (AT - DAY, AT + DAY), SOURCES, RECORDERS):
        some = [
            (rl.ReportFiled(member="ana", **dict(zip(FIELDS, values, strict=True))), at)
            for values in product(*FIELDS.values())
        ]
        told += entries_of(some, by=by, source=source)
    return verified(told, len(told) // 2)


def verified(filed: list[rl.Entry], number: int) -> list[rl.Entry]:
    """Tell of reports, and that somebody verified the first so many of them."""
    numbered = _numbered(filed)
    checks = [
        (rl.ReportVerified(member=entry.fact.member, report=entry.id, verifier="cem"), AT - DAY)
        for entry in numbered[:number]
    ]
    return _numbered([*numbered, *entries_of(checks)])


def _numbered(entries: list[rl.Entry]) -> list[rl.Entry]:
    return [
        replace(entry, id=f"e{number}", position=number, origin=number)
        for number, entry in enumerate(entries, start=1)
    ]


REPORTS: Final = Everybody(every_report()).subject("ana", AT)
"""Each sort twice, the first of them verified."""


WINDOWS: Final = (as_window(None), as_window(weeks(1)), as_window(weeks(1), ahead=weeks(1)))


def asks(own: Facts, of: Facts, community: str | None, window: Window) -> None:
    """Ask whether what is missing counts what a report of theirs adds to the total."""
    bounds = window.bounds(REPORTS)
    mine = {entry.id for entry in own.seen(REPORTS, bounds)}
    total = {
        entry.id
        for entry in of.seen(REPORTS, bounds)
        if community is None or entry.fact.community == community
    }
    compared = share(count(own, within=window), of, community=community)
    missing = compared.missing("at_least", 0.5, _among(10, of))
    assert missing == (10 if mine <= total else 5)


@given(selections(), selections(), st.sampled_from([None, "paris"]), st.sampled_from(WINDOWS))
def test_their_own_is_part_of_the_total_where_all_of_it_is(
    own: Facts, of: Facts, community: str | None, window: Window
) -> None:
    """So that what is missing counts what a report of theirs adds to the total."""
    asks(own, of, community, window)


@pytest.mark.parametrize("name", ["passive", "announced"])
@pytest.mark.parametrize("window", WINDOWS, ids=["ever", "past", "ahead"])
def test_what_counts_only_where_asked_for(name: str, window: Window) -> None:
    """However either side asks for it."""
    some: list[dict[str, Any]] = [{}, {name: True}, {name: False}, {name: (True, False)}]
    for own, of in product(some, some):
        asks(facts("report.filed", **own), facts("report.filed", **of), None, window)


def test_a_total_of_one_community_that_asks_for_one() -> None:
    """Theirs of that community are part of it, whichever way it says so."""
    paris = facts("report.filed", community="paris")
    both = facts("report.filed", community=("paris", "rome"))
    anywhere = facts("report.filed")
    rome = facts("report.filed", community="rome")
    for own, of in product((paris, rome, both, anywhere), (paris, both, anywhere)):
        asks(own, of, "paris", as_window(None))


def test_of_facts_that_we_do_not_know() -> None:
    """A total that asks for a field which some may not have need not hold all of their own."""
    asked = facts("talk.given", passive=False)
    subject = about(at=AT)
    for own, of in ((facts("talk.given"), asked), (asked, asked)):
        compared = share(count(own), of, at_most=100)
        # Nothing was done yet; all of a total that grows with it is out of reach but for the cap.
        assert compared.missing("at_least", 1, subject) == (100 if own == of else 0)


def _among(others: int, of: Facts) -> Subject:
    """Tell of someone who did nothing, where others did so many things that are in any total."""
    fields: dict[str, Any] = {"activity": "talk", "community": "paris"}
    asked = {item.name: item.values for item in of.where}
    for name in ("passive", "announced"):
        fields[name] = asked.get(name, (False,))[0]
    report = rl.ReportFiled(member="ben", **fields)
    source = of.sources[0] if of.sources else None
    by = of.recorded_by[0] if of.recorded_by else "council"
    told = entries_of([(report, AT - DAY)] * others, by=by, source=source)
    world = Everybody(verified(told, others if of.verified else 0))
    return world.subject("ana", AT, policy="p")
