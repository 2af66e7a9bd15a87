"""Rows of many people at once, from columns: of everybody, and of some, those of one after another."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

import identities
from reps_ledger.ledger.states import _Log
from reps_ledger.policies import Policy
from reps_ledger.state.bulk import READ, Bulk
from reps_ledger.state.derive import Deriver
from reps_ledger.state.schema import OF_MEMBERS
from reps_ledger.testing.history import History
from reps_ledger.testing.strategies import charters, histories, policies
from reps_ledger.views.evaluator import PolicyEvaluator
from scale import examples
from state.test_agreement import LEANING

if TYPE_CHECKING:
    from collections.abc import Iterable

ZONES: Final = [ZoneInfo("UTC"), ZoneInfo("Europe/Paris")]


def same_rows(history: History, policies_: Iterable[Policy], wanted: set[str], later: int) -> None:
    """Compare all rows of some people with those that the reference derives, one person after another."""
    last = max((entry.occurred_at for entry in history.entries), default=identities.START)
    with closing(history.ledger()) as ledger:
        reading = ledger._core.reading()
        deriver = Deriver(
            PolicyEvaluator(reading, history.zone), last + timedelta(days=later), tuple(policies_)
        )
        columns = _Log(ledger._core).columns(reading)
        assert columns is not None
        entries = [entry for entry in reading.standing() if entry.name in READ]
        for some in (None, wanted):
            bulk = Bulk.of(columns, entries, deriver, some)
            found: dict[str, list[Any]] = {}
            for name, rows in bulk.rows():
                found.setdefault(name, []).extend(rows)
            right: dict[str, list[Any]] = {table.name: [] for table in OF_MEMBERS}
            for dossier in deriver.evaluator.everyone():
                if some is None or dossier.name in some:
                    for name, rows in deriver.person(dossier).items():
                        right[name] += rows
            for name, rows in right.items():
                assert sorted(found.get(name, ()), key=repr) == sorted(rows, key=repr), name


@pytest.mark.parametrize("merges", [False, True])
@given(data=st.data())
@examples(0.5)
def test_rows_in_bulk_are_those_of_one_after_another(merges: bool, data: Any) -> None:
    """With merges, unmerges, retractions, retirements told late, ties, and conditions on others."""
    history = data.draw(identities.histories(merges=merges))
    wanted = data.draw(st.sets(st.sampled_from(["ana", "ben", "cleo"])))
    same_rows(history, [LEANING], wanted, data.draw(st.sampled_from([-3, 0, 400])))


@given(data=st.data())
@examples(0.5)
def test_rows_of_every_kind_of_fact_and_policy(data: Any) -> None:
    """Reports, notices, reviews, applications and the rest, under a charter that says who is active."""
    charter = data.draw(charters())
    zone = data.draw(st.sampled_from(ZONES))
    history = data.draw(histories(max_size=25, charter=charter, zone=zone))
    policy = evolve(data.draw(policies()), name="drawn")
    people = sorted({str(getattr(entry.fact, "member", "")) for entry in history.entries})
    wanted = data.draw(st.sets(st.sampled_from(people or ["ana"])))
    same_rows(history, [policy], wanted, data.draw(st.sampled_from([-30, 0, 400])))
