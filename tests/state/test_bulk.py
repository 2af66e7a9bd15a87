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
from reps_ledger.state.bulk import Bulk, entries_read
from reps_ledger.state.derive import Deriver
from reps_ledger.state.schema import OF_MEMBERS
from reps_ledger.state.touched import leaning_of
from reps_ledger.testing.history import History
from reps_ledger.testing.strategies import charters, histories, policies
from reps_ledger.views.evaluator import PolicyEvaluator
from scale import examples
from state.test_agreement import BUSY, LEANING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reps_ledger.policies.charter import Charter

pytestmark = pytest.mark.no_cover  # many examples run the same lines: see CONTRIBUTING.md

ZONES: Final = [ZoneInfo("UTC"), ZoneInfo("Europe/Paris")]


def same_rows(history: History, policies_: Sequence[Policy], wanted: set[str], later: int) -> None:
    """Compare all rows of some people with those that the reference derives, one person after another."""
    last = max((entry.occurred_at for entry in history.entries), default=identities.START)
    with closing(history.ledger()) as ledger:
        reading = ledger._core.reading()
        deriver = Deriver(
            PolicyEvaluator(reading, history.zone), last + timedelta(days=later), tuple(policies_)
        )
        for some, alone in ((None, False), (wanted, False), (wanted, True)):
            columns = _Log(ledger._core).columns(reading, wanted if alone else None)
            assert columns is not None
            if alone and not leaning_of(policies_, charters_of(deriver)).alone:
                continue
            entries = entries_read(reading, wanted if alone else None)
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


def charters_of(deriver: Deriver) -> list[Charter]:
    """Return the charters that were ever in force."""
    return [era.charter for era in deriver.eras if era.charter is not None]


@pytest.mark.parametrize("merges", [False, True])
@given(data=st.data())
@examples(0.5)
def test_rows_in_bulk_are_those_of_one_after_another(merges: bool, data: Any) -> None:
    """With merges, unmerges, retractions, retirements told late, ties, and conditions on others."""
    history = data.draw(identities.histories(merges=merges))
    wanted = data.draw(st.sets(st.sampled_from(["ana", "ben", "cleo"])))
    policy = data.draw(st.sampled_from([LEANING, BUSY]))
    same_rows(history, [policy], wanted, data.draw(st.sampled_from([-3, 0, 400])))


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
