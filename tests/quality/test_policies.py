"""The kit finds bugs planted in policies, within its default number of examples, and small."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import pytest
from attrs import evolve
from hypothesis import HealthCheck, settings

from quality.planted import PLANTED, REPORTS, SOUND, Planted, leave_forgotten, off_by_one
from reps_ledger.policies import outcomes, shortfalls
from reps_ledger.testing import Disagreed, LawBroken, assert_agree, check_policy, find_disagreement
from reps_ledger.testing.laws import laws

pytestmark = pytest.mark.no_cover  # many examples run the same lines: see CONTRIBUTING.md

DEFAULT: Final = settings(
    max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
"""As many examples as Hypothesis looks at by default; the same ones in every run."""

MORE: Final = settings(DEFAULT, max_examples=2_000)
"""As many as a difference is looked for in by default."""


@pytest.mark.parametrize("planted", PLANTED, ids=str)
def test_a_planted_bug_is_found(planted: Planted) -> None:
    """The law that should catch a bug does, on a history of the size that one would draw."""
    with pytest.raises(LawBroken) as caught:
        check_policy(planted.judge, about=planted.about, promises=planted.promises, settings=DEFAULT)
    broken = caught.value
    assert broken.law.name == planted.law
    assert broken.looked_at <= DEFAULT.max_examples
    if planted.size is None:
        assert broken.situation is None
        return
    assert broken.situation is not None
    found = len(broken.situation.history)
    assert found == planted.size or (not planted.sure and found < planted.size), str(broken)
    assert f"def test_{planted.law}_of_" in str(broken)


def test_what_is_sound_passes() -> None:
    """The policy that the planted ones should have been obeys every law."""
    assert check_policy(SOUND, settings=DEFAULT).situations >= DEFAULT.max_examples


def test_an_off_by_one_window_is_found() -> None:
    """Of a rule and its rewrite, the smallest difference is one report on the very edge."""
    found = find_disagreement(SOUND, off_by_one, settings=MORE)
    assert found is not None
    joined, report = found.situation.history
    assert (joined.name, report.name) == ("member.joined", "report.filed")
    assert report.occurred_at == found.situation.at - (timedelta(weeks=4))
    assert found.outcomes == ("nudge", "active")


def test_forgotten_leave_is_found() -> None:
    """Of a policy and its amendment, the smallest difference is somebody on leave."""
    found = find_disagreement(SOUND, leave_forgotten, settings=DEFAULT)
    assert found is not None
    assert [entry.name for entry in found.situation.history] == ["member.joined", "leave.started"]
    assert found.outcomes == ("active", "inactive")
    with pytest.raises(Disagreed, match="activity 1 and activity 2 differ"):
        assert_agree(SOUND, leave_forgotten, settings=DEFAULT)


def test_equal_policies_agree() -> None:
    """Nothing is found where nothing differs."""
    assert find_disagreement(SOUND, SOUND, settings=DEFAULT) is None
    assert_agree(SOUND, SOUND, about=REPORTS, settings=DEFAULT)


def _edges_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    true = outcomes.edges_after
    monkeypatch.setattr(outcomes, "edges_after", lambda *each: true(*each)[1:])


def _need_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    true = vars(shortfalls)["minimal_changes"]

    def planted(*each: Any) -> Any:
        return tuple(frozenset(list(way)[:-1]) for way in true(*each))

    monkeypatch.setattr(shortfalls, "minimal_changes", planted)


def _finding_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    true = vars(laws)["evaluate"]

    def planted(*each: Any) -> Any:
        found = true(*each)
        return evolve(found, findings=found.findings[1:])

    monkeypatch.setattr(laws, "evaluate", planted)


def _words_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    true = vars(laws)["dumps"]
    monkeypatch.setattr(laws, "dumps", lambda policy, form: true(evolve(policy, version="1.0"), form))


def _window_edge(monkeypatch: pytest.MonkeyPatch) -> None:
    from reps_ledger.replay.kernel import masks

    true = masks.Masks._window

    def planted(self: Any, leaf: Any) -> Any:
        found = true(self, leaf)
        return None if found is None else (found[0], found[1], found[2] - 1)

    monkeypatch.setattr(masks.Masks, "_window", planted)


@pytest.mark.parametrize(
    ("plant", "law", "size"),
    [
        (_edges_lost, "lapses_come_true", 2),
        (_need_lost, "shortfalls_suffice", 0),
        (_finding_lost, "explanation_soundness", 0),
        (_words_lost, "document_round_trip", 0),
        (_window_edge, "kernel_agreement", 2),
    ],
)
def test_a_bug_in_the_language_is_found(
    plant: Any, law: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lost edge or need, a lost finding, words lost, a window off by one: a law breaks."""
    plant(monkeypatch)
    with pytest.raises(LawBroken) as caught:
        check_policy(SOUND, settings=DEFAULT)
    assert caught.value.law.name == law
    assert caught.value.situation is not None
    assert len(caught.value.situation.history) == size, str(caught.value)
