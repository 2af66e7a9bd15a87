"""What a recording depends on is asked for once, however often it is needed."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date
from typing import TYPE_CHECKING, Any

import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder

import reps_ledger as rl
from reps_ledger.domain.facts import BUILT_IN, Registry
from reps_ledger.domain.rules import Governance, Rulebook
from reps_ledger.domain.rules.folds import MEMBER
from reps_ledger.log import Codec, EventLog, Recording
from scenarios import fixed_clock

if TYPE_CHECKING:
    from reps_ledger.domain.rules import Part

DAY = date(2018, 5, 1)


def report() -> rl.ReportFiled:
    """Return a new fact: the same value twice would be known already."""
    return rl.ReportFiled(member="ana", activity="talk")


class Asked:
    """Rules and a governance that count how often they are asked for their parts."""

    def __init__(self, *, dynamic: bool = False) -> None:
        self.count: Counter[str] = Counter()
        registry = Registry(BUILT_IN)
        rule = rl.Rule(name="report.filed", parts=self._rule, dynamic=dynamic)
        governance = Governance(parts=self._governance, judge=lambda *_: ())
        recording = Recording(
            log=EventLog(InMemoryDCBRecorder(), Codec(registry)),
            rules=Rulebook(registry, [rule], governance),
            clock=fixed_clock,
        )
        self.ledger = rl.Ledger(recording, UTC, lambda: None)

    def _rule(self, fact: Any, _known: Any) -> tuple[Part[Any], ...]:
        self.count["rule"] += 1
        return (MEMBER.part(fact.member),)

    def _governance(self, act: Any, _known: Any) -> tuple[Part[Any], ...]:
        self.count["governance"] += 1
        return (MEMBER.part(act.fact.member),)


@pytest.mark.parametrize("dynamic", [False, True])
def test_what_is_known_already_is_asked_for_once(dynamic: bool) -> None:
    """A ledger that knows all of ana asks its rules once a recording, and its charter once."""
    asked = Asked(dynamic=dynamic)
    asked.ledger.record(rl.MemberJoined(member="ana"), by="council", occurred_at=DAY)
    asked.ledger.record(report(), by="ana", occurred_at=DAY)
    asked.count.clear()
    asked.ledger.record(report(), by="ana", occurred_at=DAY)
    assert asked.count == {"rule": 1, "governance": 1}


def test_what_depends_on_what_is_read_is_asked_for_again_after_reading() -> None:
    """The first time, what was read may lead to more; rules that do not look at it do not care."""
    asked = Asked()
    asked.ledger.record(rl.MemberJoined(member="ana"), by="council", occurred_at=DAY)
    asked.ledger._core.recording.kept.take()  # as in a process that just began
    asked.count.clear()
    asked.ledger.record(report(), by="ana", occurred_at=DAY)
    assert asked.count["rule"] == 1
    assert asked.count["governance"] == 2


def test_a_batch_asks_once_for_each_fact() -> None:
    """Each fact of a batch is judged after those before it, which its charter may look at."""
    asked = Asked()
    asked.ledger.record(rl.MemberJoined(member="ana"), by="council", occurred_at=DAY)
    asked.ledger.record(report(), by="ana", occurred_at=DAY)
    asked.count.clear()
    facts = [rl.ReportFiled(member="ana", activity=f"talk {number}") for number in range(5)]
    asked.ledger.record_all(facts, by="ana", occurred_at=DAY)
    assert asked.count["rule"] == 5
    assert asked.count["governance"] <= 2 * 5
