"""Memory: grown entry by entry, it holds what a reading of the whole log gives."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reps_ledger as rl
from histories import PEOPLE, REGISTRY, Offer, fill, histories, open_ledger
from reps_ledger.domain.amendments import Amendments, resolve
from reps_ledger.domain.facts import EntryRetracted
from reps_ledger.domain.rules.folds import (
    ACCOUNT,
    APPLICATIONS,
    COMMUNITY,
    MEMBER,
    MENTORING,
    NOTICE,
    OPPORTUNITY,
    REPORT,
    REVIEW,
    TARGET,
    VOUCH,
)
from reps_ledger.domain.rules.memory import Memory, folded
from scenarios import APR, JAN, JUN, MAR

if TYPE_CHECKING:
    from reps_ledger.domain.entries import Entry
    from reps_ledger.domain.rules.parts import Part, Source

LIVES: Final = tuple(MEMBER.part(person) for person in PEOPLE)
PARTS: Final[tuple[Part[Any], ...]] = (
    *(APPLICATIONS.part(person) for person in PEOPLE),
    *(VOUCH.part(*pair) for pair in permutations(PEOPLE, 2)),
    *(MENTORING.part(*pair) for pair in permutations(PEOPLE, 2)),
    *(ACCOUNT.part("git", account) for account in ("octo", "")),
    ACCOUNT.part("", "octo"),
    *(COMMUNITY.part(community) for community in ("asia", "indonesia")),
    *(REVIEW.part(review) for review in ("r1", "r2")),
    NOTICE.part("n1"),
    OPPORTUNITY.part("vote-1"),
)


def log_of(ledger: Any) -> list[Entry]:
    """Return all that a ledger holds, as recorded."""
    return list(ledger._core.recording.log.read())


def recorded(told: list[Offer]) -> list[Entry]:
    """Return what the rules allow of some offers, as recorded."""
    ledger: Any = open_ledger()
    fill(ledger, told)
    return log_of(ledger)


def known(memory: Memory, parts: tuple[Part[Any], ...], log: list[Entry]) -> None:
    """Let it read what it asks for, until nothing is missing."""
    while sources := memory.missing((*LIVES, *parts)):
        read: dict[Source, list[Entry]] = {
            source: [entry for entry in log if source.holds(entry)] for source in sources
        }
        memory.load(read)
        for part in (*LIVES, *parts):
            memory.held(part)
    assert all(memory.held(part) is not None for part in (*LIVES, *parts))


def expected(part: Part[Any], log: list[Entry]) -> tuple[list[Entry], str]:
    """Return what stands of all that a fold takes, in effective order, and the key."""
    amendments = Amendments.among(log)
    standing = resolve(log, REGISTRY)
    if part.fold.retractions:
        standing += [
            entry
            for entry in log
            if isinstance(entry.fact, EntryRetracted) and entry.id not in amendments.retracted
        ]
        standing += amendments.void(log, REGISTRY)
    key = amendments.readings.get(part.key, part.key) if part.fold.follows else part.key
    taken = (entry for entry in standing if part.fold.takes(entry.name))
    return sorted(taken, key=lambda entry: entry.order), key


@given(told=histories(), data=st.data())
def test_what_grows_is_what_is_read_anew(told: list[Offer], data: st.DataObject) -> None:
    """Whenever parts were first asked for, and whatever was amended since."""
    log = recorded(told)
    memory = Memory(REGISTRY)
    asked: tuple[Part[Any], ...] = ()
    stops = data.draw(st.sets(st.integers(0, len(log)), max_size=4)) | {len(log)}
    for count in range(len(log) + 1):
        if count in stops:
            ids = [entry.id for entry in log[:count][-5:]]
            more = [fold.part(each) for each in ids for fold in (TARGET, REPORT)]
            asked += tuple(data.draw(st.lists(st.sampled_from([*PARTS, *more]), max_size=9)))
            known(memory, asked, log[:count])
            for part in (*LIVES, *asked):
                check(memory, part, log[:count])
        if count < len(log):
            memory.add(log[count])


def check(memory: Memory, part: Part[Any], log: list[Entry]) -> None:
    """Compare a part with what the whole log says of it, at its end and before each entry."""
    held = memory.held(part)
    assert held is not None
    standing, key = expected(part, log)
    assert held.state == folded(part, key, standing) == memory.state(part)
    for at in standing:
        before = [entry for entry in standing if entry.order <= at.order]
        assert held.state_at(at.order) == folded(part, key, before)
        if held.ends_by(at.order):
            assert held.state == folded(part, key, before)
    if held.entries:
        assert held.ends_by(max(entry.order for entry in held.entries))


def test_a_restored_entry_is_there_from_its_own_time_on() -> None:
    """A retraction of its retraction that is dated before it does not bring it forward."""
    ledger: Any = open_ledger()
    ledger.record(rl.MemberJoined(member="ana"), by="council", occurred_at=JAN)
    filed = ledger.record(rl.ReportFiled(member="ana", activity="talk"), by="ana", occurred_at=JUN)
    (target,) = filed.entries
    for at in (APR, MAR):
        (target_of,) = filed.entries
        undone = rl.EntryRetracted(target=target_of.id, reason="a mistake")
        filed = ledger.record(undone, by="council", occurred_at=at)
    log = log_of(ledger)
    part = TARGET.part(target.id)
    memory = Memory(REGISTRY)
    known(memory, (part,), log)
    check(memory, part, log)
    held = memory.held(part)
    assert held is not None
    assert held.state == log[1]
    assert not held.ends_by(log[3].order)


def test_what_an_entrys_id_means_is_the_correction_in_its_place() -> None:
    """A report that was corrected, by the id that it had at first."""
    ledger: Any = open_ledger()
    ledger.record(rl.MemberJoined(member="ana"), by="council", occurred_at=JAN)
    filed = ledger.record(rl.ReportFiled(member="ana", activity="talk"), by="ana", occurred_at=JUN)
    right = rl.ReportFiled(member="ana", activity="walk")
    correction = rl.EntryCorrected(target=filed.entries[0].id, replacement=right, reason="no talk")
    ledger.record(correction, by="council")
    log = log_of(ledger)
    part = REPORT.part(filed.entries[0].id)
    memory = Memory(REGISTRY)
    known(memory, (part,), log)
    check(memory, part, log)
    found = memory.state(part)
    assert found is not None
    assert found.fact == right


@pytest.mark.parametrize("amended", [False, True], ids=["nothing amended", "another's amended"])
def test_what_is_known_is_kept(*, amended: bool) -> None:
    """Asked for again, and grown by newer entries, a part is not folded anew."""
    ledger: Any = open_ledger()
    for person in PEOPLE:
        ledger.record(rl.MemberJoined(member=person), by="council", occurred_at=JAN)
    filed = ledger.record(rl.ReportFiled(member=PEOPLE[1], activity="talk"), by="x", occurred_at=MAR)
    if amended:
        wrong = rl.EntryRetracted(target=filed.entries[0].id, reason="a mistake")
        ledger.record(wrong, by="council")
    before = log_of(ledger)
    role = rl.RoleAssigned(member=PEOPLE[0], role="rep")
    ledger.record(role, by="council", occurred_at=JUN)
    ledger.record(rl.LeaveStarted(member=PEOPLE[0]), by="x", occurred_at=APR)
    log = log_of(ledger)
    newer, backdated = log[len(before) :]

    part = MEMBER.part(PEOPLE[0])
    memory = Memory(REGISTRY)
    known(memory, (), before)
    held = memory.held(part)
    assert held is not None
    known(memory, (TARGET.part(filed.entries[0].id),), before)  # where the same is amended
    assert memory.held(part) is held
    memory.add(newer)
    assert memory.held(part) is held
    assert held.entries[-1] is newer
    check(memory, part, [*before, newer])
    memory.add(backdated)
    assert memory.held(part) is held
    check(memory, part, log)


def test_a_merge_leads_to_what_is_of_people_alone() -> None:
    """Not to a community that has the name of somebody who was merged."""
    ledger: Any = open_ledger()
    kept, duplicate = PEOPLE[:2]
    for person in (kept, duplicate):
        ledger.record(rl.MemberJoined(member=person), by="council", occurred_at=JAN)
    ledger.record(rl.MembersMerged(member=kept, duplicate=duplicate, reason="one"), by="council")
    memory = Memory(REGISTRY)
    known(memory, (), log_of(ledger))
    both = [MEMBER.part(kept).source, MEMBER.part(duplicate).source]
    assert memory.sources(MEMBER.part(kept)) == both
    assert memory.sources(COMMUNITY.part(kept)) == [COMMUNITY.part(kept).source]
