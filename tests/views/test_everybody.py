"""Views of everybody answer the same from columns as from the log."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, date
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

import identities
import reps_ledger as rl
from reps_ledger.ledger import everybody
from reps_ledger.projections import DIMENSIONS
from reps_ledger.testing.strategies import charters, histories, policies
from reps_ledger.views import View
from scale import examples
from state.test_agreement import LEANING, instants_of

if TYPE_CHECKING:
    from datetime import datetime

    from reps_ledger.policies import Policy
    from reps_ledger.replay.columns import Columns
    from reps_ledger.testing.history import History


pytestmark = pytest.mark.no_cover  # many examples run the same lines: see CONTRIBUTING.md


def answers(view: View, policy: Policy, instants: list[datetime]) -> dict[str, Any]:
    """Return what a view says of everybody."""

    def told(ask: Any) -> Any:
        try:
            return ask()
        except rl.LedgerError as error:
            return type(error), str(error)

    found: dict[str, Any] = {
        f"roster of {role}": told(lambda role=role: view.roster(role=role)) for role in (None, "lead")
    }
    for by in (*DIMENSIONS, ("community", "standing"), ()):
        for definition in (None, "charter"):
            asked = {"by": by, "definition": definition}
            found[f"census by {by}, {definition}"] = told(lambda asked=asked: view.census(**asked))
    found["through time"] = told(lambda: view.census(by="standing", at=instants))
    found["outcomes"] = told(lambda: view.outcomes(policy))
    found["verdicts"] = told(lambda: {v.member: v.outcome for v in view.evaluate_all(policy)})
    some = policy.outcomes[:1]
    found["some verdicts"] = told(lambda: [*view.evaluate_all(policy, outcomes=some)])
    found["chosen"] = told(lambda: [v for v in view.evaluate_all(policy) if v.outcome in some])
    return found


def same_answers(history: History, policy: Policy, data: Any) -> None:
    """Ask views of any instant, as known at any position, with columns and without."""
    with closing(history.ledger()) as ledger, pytest.MonkeyPatch.context() as patch:
        at = data.draw(st.sampled_from(instants_of(history)))
        known = data.draw(st.integers(0, ledger.position))
        instants = [each for each in instants_of(history) if each <= at]
        assert ledger._core._answers.of(ledger.as_of(at, known).reading, history.zone) is None
        alone = answers(ledger.as_of(at, known), policy, instants)
        patch.setattr(everybody, "FROM", 0)
        with_columns = answers(ledger.as_of(at, known), policy, instants)
    assert with_columns == alone
    assert with_columns["outcomes"] == with_columns["verdicts"]
    assert with_columns["some verdicts"] == with_columns["chosen"]


@pytest.mark.parametrize("merges", [False, True])
@given(data=st.data())
@examples(0.3)
def test_columns_answer_as_the_log_does(merges: bool, data: Any) -> None:
    """With merges, corrections and ties."""
    same_answers(data.draw(identities.histories(merges=merges)), LEANING, data)


@given(data=st.data())
@examples(0.3)
def test_columns_answer_under_charters(data: Any) -> None:
    """Where charters say who is active and who counts, and a policy may ask for what columns do not hold."""
    charter = data.draw(charters())
    history = data.draw(histories(max_size=20, charter=charter, zone=UTC))
    same_answers(history, evolve(data.draw(policies()), name="drawn"), data)


def test_what_was_asked_once_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two views of one position share what answers; a third position takes the place of the first."""
    monkeypatch.setattr(everybody, "FROM", 0)
    with rl.open() as ledger:
        for name in ("ana", "ben", "cleo"):
            ledger.record(rl.MemberJoined(member=name), by="c")
        made: list[int] = []
        columns = ledger._core.columns

        def counted(position: int) -> Columns:
            made.append(position)
            return columns(position)

        monkeypatch.setattr(ledger._core._answers, "_columns", counted)
        for known in (1, 1, 2, 1, 3, 2):
            for day in (date(2030, 1, 1), date(2031, 1, 1)):
                assert len(ledger.as_of(day, known).roster()) == known
        assert made == [1, 2, 3, 2]
