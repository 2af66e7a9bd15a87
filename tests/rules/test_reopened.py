"""Recording says the same of whatever is recorded, whether the ledger was just opened or is in use.

A ledger in use knows more of the log than it asked for: who was merged, among other things. None of that
may decide anything.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Final

from attrs import evolve
from hypothesis import assume, given
from hypothesis import strategies as st

import reps_ledger as rl
from identities import histories
from reps_ledger.domain.entries import derived_id
from reps_ledger.domain.facts import EntryCorrected, EntryRetracted
from reps_ledger.log import SQLiteRecorder
from scale import examples
from scenarios import APR, FEB, JAN, JUN, MAR, MAY, fixed_clock

if TYPE_CHECKING:
    from reps_ledger.testing.history import History

JOINED: Final[list[tuple[rl.Fact, date]]] = [
    (rl.MemberJoined(member=name), JAN) for name in ("ana", "ben", "cleo")
]

Judged = list[list[str]]
"""Of each fact that was offered, the codes of its refusals: none where it was recorded."""


KINDS: Final = (
    frozenset({"account.linked", "account.unlinked"}),
    frozenset({"vouch.given", "vouch.withdrawn"}),
    None,
)
"""Of what histories are: what concerns others than those whom a fact names, or anything."""


def one_by_one(history: History) -> Judged:
    """Offer each fact to a ledger that was opened for it alone."""
    recorder = SQLiteRecorder(":memory:")
    ids: dict[str, str] = {}
    found: Judged = []
    for entry in history:
        fact = with_target(entry.fact, ids)
        try:
            receipt = rl.open(recorder, clock=fixed_clock).record(
                fact, by="council", occurred_at=entry.occurred_at
            )
        except rl.Refused as refused:
            found.append(sorted(each.code for each in refused.refusals))
        else:
            ids[entry.id] = receipt.id
            found.append([])
    recorder.close()
    return found


def at_once(history: History) -> Judged:
    """Offer all facts in one batch, each of which is judged by what is known after those before it."""
    ids = {entry.id: derived_id("all", number) for number, entry in enumerate(history)}
    facts = [(with_target(entry.fact, ids), entry.occurred_at) for entry in history]
    found: Judged = [[] for _ in facts]
    with rl.open(clock=fixed_clock) as ledger:
        try:
            ledger.record_all(facts, by="council", command_id="all")
        except rl.Refused as refused:
            for each in refused.refusals:
                found[each.index or 0].append(each.code)
    return [sorted(codes) for codes in found]


def with_target(fact: rl.Fact, ids: dict[str, str]) -> rl.Fact:
    """Return a fact that amends what was recorded under another id."""
    if isinstance(fact, EntryCorrected | EntryRetracted):
        return evolve(fact, target=ids.get(fact.target, "nothing"))
    return fact


@examples(2)
@given(st.sampled_from(KINDS).flatmap(lambda kinds: histories(kinds=kinds, max_size=24)))
def test_a_ledger_that_was_just_opened_judges_alike(history: History) -> None:
    """Of people who turn out to be one, with corrections, retractions and merges undone."""
    assume(len(history))
    assert at_once(history) == one_by_one(history)


def told(*facts: tuple[rl.Fact, date]) -> SQLiteRecorder:
    """Return a log in which these were recorded, by a ledger that is gone."""
    recorder = SQLiteRecorder(":memory:")
    ledger = rl.open(recorder, clock=fixed_clock)
    for fact, at in facts:
        ledger.record(fact, by="council", occurred_at=at)
    return recorder


def linked(member: str) -> rl.AccountLinked:
    """Link the account that all of them want."""
    return rl.AccountLinked(member=member, provider="git", account="octo")


def refusals(recorder: SQLiteRecorder, fact: rl.Fact, at: date) -> list[tuple[str, str]]:
    """Return why a ledger that opens that log refuses a fact."""
    try:
        rl.open(recorder, clock=fixed_clock).record(fact, by="council", occurred_at=at)
    except rl.Refused as refused:
        return [(each.code, each.words) for each in refused.refusals]
    return []


def test_an_account_is_free_once_it_was_unlinked_under_the_other_name() -> None:
    """Ben's account, unlinked in the name that was kept, may be Cleo's; until then it is that person's."""
    facts = [*JOINED, (linked("ben"), FEB), (rl.MembersMerged(member="ana", duplicate="ben"), MAR)]
    recorder = told(*facts)
    assert refusals(recorder, linked("cleo"), APR) == [
        ("account_taken", "that account at git is the account of ana")
    ]
    unlinked = rl.AccountUnlinked(member="ana", provider="git", account="octo")
    recorder = told(*facts, (unlinked, MAY))
    assert refusals(recorder, linked("cleo"), JUN) == []


def test_a_refusal_names_whom_several_merges_keep() -> None:
    """Not one on the way there, who would be refused next."""
    merges = [
        rl.MembersMerged(member="ben", duplicate="cleo"),
        rl.MembersMerged(member="ana", duplicate="ben"),
    ]
    recorder = told(*JOINED, *((merge, MAR) for merge in merges))
    words = "cleo was found to be ana; record it of ana"
    assert refusals(recorder, rl.RoleAssigned(member="cleo", role="lead"), APR) == [("merged_away", words)]
