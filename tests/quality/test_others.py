"""The kit finds bugs planted in projections, in kinds of fact, in charters and in recorders."""

from __future__ import annotations

import re
import unittest
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder
from hypothesis import HealthCheck, Phase, settings

import reps_ledger as rl
from faulty import Faulty
from reps_ledger.log import SQLiteRecorder
from reps_ledger.policies.charter import Charter, RoleClause
from reps_ledger.testing import check_charter, check_codec, check_projection, ledger_machine
from reps_ledger.testing.laws import components
from scale import DEEP

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT: Final = settings(
    max_examples=100, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
STEPS: Final = settings(DEFAULT, stateful_step_count=12, phases=[Phase.generate])


def counting(evolve: Callable[[Any, rl.Entry], Any], initial: Any) -> rl.Projection[Any]:
    """A projection of a service's own."""
    return rl.Projection(name="own", version=1, initial=initial, evolve=evolve)


def test_a_sound_projection_passes() -> None:
    """Counting what happened is total, pure, and the same however it is cut."""
    check_projection(counting(lambda state, _: state + 1, 0), settings=DEFAULT)


def lines(error: BaseException) -> list[str]:
    """The entries of the history that a failure draws."""
    return [line for line in str(error).splitlines() if "  #" in line]


def _mutable() -> rl.Projection[Any]:
    def evolve(state: list[str], entry: rl.Entry) -> list[str]:
        state.append(entry.name)
        return state

    return counting(evolve, [])


def _partial() -> rl.Projection[Any]:
    def evolve(state: frozenset[str], entry: rl.Entry) -> frozenset[str]:
        if entry.name == "leave.ended":
            return state - {next(name for name in state if name == entry.fact.member)}
        return state | {entry.fact.member} if entry.name == "leave.started" else state

    return counting(evolve, frozenset())


def _impure() -> rl.Projection[Any]:
    seen: set[str] = set()

    def evolve(state: int, entry: rl.Entry) -> int:
        new = entry.id not in seen
        seen.add(entry.id)
        return state + new

    return counting(evolve, 0)


@pytest.mark.parametrize(
    ("plant", "words", "size"),
    [
        (_mutable, "changed a state of before", 1),
        (_partial, "leave.ended raises StopIteration", 2),
        (_impure, "folded again, the same history gives another state", 1),
    ],
)
def test_a_bug_in_a_projection_is_found(
    plant: Callable[[], rl.Projection[Any]], words: str, size: int
) -> None:
    """A state that changes, an event that is not expected, a memory of its own."""
    with pytest.raises(AssertionError, match=words) as caught:
        check_projection(plant(), settings=settings(DEFAULT, max_examples=1_000))
    assert len(lines(caught.value)) == size


def test_a_checkpoint_that_forgets_is_found() -> None:
    """A state that loses something while it is kept goes on otherwise than the whole."""
    with pytest.raises(AssertionError, match="cut after 1 of them") as caught:
        check_projection(counting(lambda state, _: state + 1, 0), settings=DEFAULT, resumes=lambda _: 0)
    assert len(lines(caught.value)) == 1


def _louder(text: str) -> str:
    return text.removesuffix("!") + "!!"


@rl.fact("shift.worked")
@attrs.frozen(kw_only=True)
class ShiftWorked:
    """A fact whose note grows each time that it is read."""

    member: str
    note: str = attrs.field(default="", converter=_louder)


@rl.fact("shift.planned")
@attrs.frozen(kw_only=True)
class ShiftPlanned:
    """A sound fact of a service."""

    member: str
    hours: float
    note: str = ""


def test_a_fact_that_reads_back_otherwise_is_found() -> None:
    """A converter that changes what was stored is found; a sound fact passes."""
    check_codec(ShiftPlanned, settings=DEFAULT)
    with pytest.raises(AssertionError, match=r"shift\.worked: wrote"):
        check_codec(ShiftWorked, settings=DEFAULT)


def test_a_charter_that_reads_back_otherwise_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sound charter passes; one that loses a clause on the way is found."""
    charter = Charter(name="reps", version="1", roles=[RoleClause(role="rep", seats=1)])
    check_charter(charter, settings=settings(DEFAULT, max_examples=10))
    true = vars(components)["read_charter"]
    monkeypatch.setattr(components, "read_charter", lambda text: attrs.evolve(true(text), roles=()))
    with pytest.raises(AssertionError, match="reads back otherwise"):
        check_charter(charter, settings=DEFAULT)


class Careless(Faulty):
    """A recorder that appends whatever came since."""

    def append(self, events: Any, condition: Any = None) -> int:
        """Append without a condition."""
        del condition
        return super().append(events, None)


class Reusing(Faulty):
    """A recorder that says of a third batch that it stands where the second does."""

    appended = 0

    def append(self, events: Any, condition: Any = None) -> int:
        """Append, and say the wrong place once."""
        position = super().append(events, condition)
        self.appended += 1
        return position - 1 if self.appended == 3 else position


class Forgetting(Faulty):
    """A recorder that loses the last event of a batch."""

    def append(self, events: Any, condition: Any = None) -> int:
        """Append all but the last of several."""
        kept = events[:-1] if len(events) > 1 else events
        return super().append(kept, condition) + len(events) - len(kept)


def run(make: Callable[[], Callable[[], rl.Ledger]], chosen: settings = STEPS, **options: Any) -> str:
    """Run the machine; return what it says is wrong, or nothing."""
    machine = ledger_machine(make, **options)
    case = machine.TestCase
    case.settings = chosen
    result = unittest.TestResult()
    case("runTest").run(result)
    assert result.testsRun == 1
    return "".join(text for _, text in [*result.errors, *result.failures])


@pytest.mark.parametrize("recorder", [SQLiteRecorder, InMemoryDCBRecorder], ids=["ours", "theirs"])
def test_sound_recorders_pass(recorder: Any) -> None:
    """The machine finds nothing in our recorder, nor in the library's."""

    def make() -> Callable[[], rl.Ledger]:
        store = recorder(":memory:") if recorder is SQLiteRecorder else recorder()
        return lambda: rl.open(store)

    assert run(make, settings(STEPS, max_examples=20)) == ""


@pytest.mark.parametrize(
    ("faulty", "words"),
    [(Careless, "the rules refuse it"), (Reusing, "the receipt says"), (Forgetting, "the receipt says")],
)
def test_a_bug_in_a_recorder_is_found(faulty: type[Faulty], words: str) -> None:
    """A lost append condition, a reused position, a lost event: the machine finds each."""

    def make() -> Callable[[], rl.Ledger]:
        store = faulty(SQLiteRecorder(":memory:"))
        return lambda: rl.open(store)

    found = run(make, settings(STEPS, max_examples=1_000), races=False)
    assert words in found, found[-3_000:]


@pytest.mark.skipif(not DEEP, reason="making these small takes minutes: make test-deep does it")
@pytest.mark.parametrize(("faulty", "turns"), [(Careless, 1), (Reusing, 3), (Forgetting, 1)])
def test_a_bug_in_a_recorder_is_made_small(faulty: type[Faulty], turns: int) -> None:
    """What is left of each is a turn or three: as many as it takes for the bug to show."""

    def make() -> Callable[[], rl.Ledger]:
        store = faulty(SQLiteRecorder(":memory:"))
        return lambda: rl.open(store)

    shrinking = settings(STEPS, phases=[Phase.generate, Phase.shrink], database=None)
    found = run(make, shrinking, races=False)
    assert found
    left = re.findall(r"^state\.(?!begin|reads_back|teardown)\w+", found, re.MULTILINE)
    assert 1 <= len(left) <= turns, found[-3_000:]
