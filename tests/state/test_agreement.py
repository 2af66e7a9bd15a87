"""Tables say what views say: of everybody, at any instant, however they came to be up to date."""

from __future__ import annotations

from contextlib import closing, contextmanager
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

import identities
import reps_ledger as rl
from reps_ledger.domain.time import microseconds
from reps_ledger.ledger.states import _Log, open_state
from reps_ledger.policies import Policy, count, facts, holds, reports, retired, tenure, weeks, when
from reps_ledger.projections import DIMENSIONS
from reps_ledger.state import census, tables
from reps_ledger.testing.history import History
from reps_ledger.testing.strategies import charters, histories, policies
from reps_ledger.views import as_instant
from scale import examples

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date, datetime

    from reps_ledger.state import State

pytestmark = pytest.mark.no_cover  # many examples run the same lines: see CONTRIBUTING.md

LEANING: Final = Policy(
    "leaning",
    cases=[
        when(count(facts("vouch.given", lasting=True, voucher=holds("lead"))) >= 1).then("vouched for"),
        when(count(facts("mentor.assigned", lasting=True, mentor=retired())) >= 1).then("led by the retired"),
        when(tenure() < weeks(1)).then("new"),
        when(reports(within=weeks(4)) >= 1).then("active"),
    ],
    otherwise="quiet",
)
"""A policy that asks about other people too."""

BUSY: Final = Policy("busy", cases=[when(reports(within=weeks(4)) >= 1).then("active")], otherwise="quiet")
"""One that does not."""


def grown(history: History, cuts: list[int]) -> Iterator[rl.Ledger]:
    """Yield a ledger again and again as a history comes to be recorded in it."""
    entries = history._tagged()
    ledger = evolve(history, entries=()).ledger()
    log = ledger._core.log
    before = 0
    for cut in sorted({*(min(cut, len(entries)) for cut in cuts), len(entries)}):
        if cut > before:
            log.append(entries[before:cut], (), before)
        before = cut
        yield ledger


def instants_of(history: History) -> list[datetime]:
    """Return instants around which something changes, and some that are years ahead."""
    found = sorted({entry.occurred_at for entry in history.entries})
    some = found[:: max(1, len(found) // 4)]
    last = found[-1] if found else identities.START
    return [*some, *(last + timedelta(days=days) for days in (0, 3, 40, 366, 800))]


def same_as_views(ledger: rl.Ledger, state: State, at: date) -> None:
    """Compare tables with views at an instant."""
    view = ledger.as_of(at)
    for role, community in (
        (None, None),
        ("lead", None),
        (None, "docs"),
        ("scribe", "docs"),
        (None, "paris"),
    ):
        rows = view.roster(role=role, community=community)
        listed = state.roster(role=role, community=community, at=at)
        for name in ("member", "roles", "since", "active", "on_leave", "vouch_level", "mentors"):
            assert [getattr(row, name) for row in listed] == [getattr(row, name) for row in rows], name
    for by in (*DIMENSIONS, ("community", "standing"), ()):
        assert state.census(by=by, at=at) == view.census(by=by)
    docket = view.docket()
    named = [(item.review, *item.opened.also) for item in docket]
    assert sorted(name for names in named for name in names) == open_at(state, "review", at)
    assert sorted(sent.notice for sent in docket.notices) == open_at(state, "notice", at)
    for by in ("community", ()):
        assert state.census(by=by, at=at, definition="charter") == view.census(by=by, definition="charter")


def same_through_time(state: State, instants: Sequence[date]) -> None:
    """Compare a census at many instants, counted in NumPy, with one after another, counted without."""
    for by in (*((name,) for name in DIMENSIONS), ("community", "standing"), ("role", "vouch_level"), ()):
        for definition in (None, "charter"):
            through = state.census(by=by, at=instants, definition=definition)
            with patch.object(census, "find_spec", return_value=None):
                alone = [state.census(by=by, at=at, definition=definition) for at in sorted({*instants})]
            assert through == tuple(row for rows in alone for row in rows)


def open_at(state: State, table: str, at: date) -> list[object]:
    """Return the identifiers of the reviews or notices that are open."""
    now = microseconds(as_instant(at, UTC))
    query = f"SELECT {table} FROM {table} WHERE start <= ? AND until > ? ORDER BY {table}"  # noqa: S608 — our own names
    return [name for (name,) in state.sql(query, now, now)[1]]


def same_standing(ledger: rl.Ledger, state: State, at: datetime) -> None:
    """Compare how everybody stands, by each policy that is kept."""
    names = [str(name) for (name,) in state.sql("SELECT member FROM member")[1]]
    for name in names:
        view = ledger.as_of(at)
        person = state.member(name)
        assert person is not None
        found = {
            policy: outcome
            for policy, rows in person.standing.items()
            for outcome, start, end in rows
            if start <= at and (end is None or at < end)
        }
        membership = view.member(name).membership
        if membership.is_member:
            assert found[""] == membership.standing
            for policy in state.tables.policies:
                assert found[policy.name] == view.evaluate(policy, name).outcome


def followed(history: History, cuts: list[int], policy: Policy, *, views: bool = True) -> None:
    """Bring tables up to date as a history comes in portions, and compare them with views."""
    ledgers = grown(history, cuts)
    with closing(next(ledgers)) as ledger, open_state(ledger._core, [policy], None) as state:
        for _ in ledgers:
            state.refresh()
        assert state.check() == ()
        if views:
            same_through_time(state, instants_of(history))
            for at in instants_of(history):
                same_as_views(ledger, state, at)
                same_standing(ledger, state, at)


@pytest.mark.parametrize("merges", [False, True])
@given(data=st.data())
@examples(0.3)
def test_tables_brought_up_to_date_are_those_made_anew(merges: bool, data: Any) -> None:
    """After any entries, in any portions: rows are what everybody's histories give, and views say."""
    history = data.draw(identities.histories(merges=merges))
    cuts = data.draw(st.lists(st.integers(0, len(history)), max_size=3))
    with at_once_from(data.draw(AT_ONCE)):
        followed(history, cuts, LEANING)


@contextmanager
def at_once_from(many: int | None) -> Iterator[None]:
    """Derive the rows of so many people, or more, at once; None for never, as without the extra for it."""
    with pytest.MonkeyPatch.context() as patch:
        if many is None:
            patch.setattr(_Log, "columns", lambda *_: None)
        else:
            patch.setattr(tables, "MANY", many)
        yield


AT_ONCE: Final = st.sampled_from([1, tables.MANY, None])
"""From how many people on rows are derived at once."""

OF_OTHERS: Final = frozenset(
    {"member.joined", "member.retired", "role.assigned", "role.ended", "vouch.given", "mentor.assigned"}
)
"""Facts by which the rows of one person come to depend on another's."""


@given(data=st.data())
def test_entry_after_entry_tables_keep_up(data: Any) -> None:
    """Brought up to date after each entry, also where it is another person's or a merge."""
    history = data.draw(identities.histories(kinds=data.draw(st.sampled_from([None, OF_OTHERS]))))
    policy = data.draw(st.sampled_from([LEANING, BUSY]))
    with at_once_from(data.draw(AT_ONCE)):
        followed(history, [*range(len(history))], policy, views=False)


@given(data=st.data())
@examples(0.3)
def test_facts_of_every_kind_are_taken_up(data: Any) -> None:
    """Reports, notices, reviews, applications and the rest, under a charter that says who is active."""
    charter = data.draw(charters())
    history = data.draw(histories(max_size=20, charter=charter, zone=UTC))
    policy = evolve(data.draw(policies()), name="drawn")
    cuts = data.draw(st.lists(st.integers(0, len(history)), max_size=2))
    with at_once_from(data.draw(AT_ONCE)):
        followed(history, cuts, policy)


def test_a_vouch_for_oneself_counts_for_nothing() -> None:
    """No rule allows it, but a log may hold one: views leave it out, and so do tables."""
    facts = (*identities.joins("ana", "ben"), (rl.Vouched(member="ana", voucher="ana", reason="r"), 2))
    followed(identities.told(*facts), [2], BUSY)
