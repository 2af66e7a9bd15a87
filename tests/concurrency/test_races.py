"""Many who record at once, in threads that share a ledger and in processes with their own."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import pytest

import reps_ledger as rl
from racers import LEAD, Crew, attempt, follow, in_threads, sit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MEMBERS: Final = [f"m{number}" for number in range(8)]
THREADS: Final = 8
PROCESSES: Final = 4


@pytest.fixture
def ledger(shared_target: str) -> Iterator[rl.Ledger]:
    """A ledger in which eight people have joined."""
    with rl.open(shared_target, rules=[LEAD]) as ledger:
        ledger.record_all([rl.MemberJoined(member=member) for member in MEMBERS], by="council")
        yield ledger


@pytest.fixture(params=["threads", "processes"])
def runners(request: pytest.FixtureRequest) -> str:
    """Who races."""
    kind: str = request.param
    return kind


@pytest.fixture
def race(
    runners: str, ledger: rl.Ledger, shared_target: str, crew: Crew
) -> Iterator[Callable[[str, list[dict[str, Any]]], list[Any]]]:
    """Give every runner its arguments for a task at once; return all that they answer."""
    if runners == "threads":
        tasks: dict[str, Callable[..., Any]] = {"attempt": attempt, "sit": sit}

        def threads(task: str, arguments: list[dict[str, Any]]) -> list[Any]:
            return in_threads(len(arguments), lambda number: tasks[task](ledger, **arguments[number]))

        yield threads
        return
    with crew.on(shared_target, PROCESSES) as running:

        def processes(task: str, arguments: list[dict[str, Any]]) -> list[Any]:
            used = running[: len(arguments)]
            for racer, given in zip(used, arguments, strict=False):
                racer.tell(task, **given)
            return [racer.heard() for racer in used]

        yield processes


def of(kind: str, **fields: Any) -> dict[str, Any]:
    """A fact for a racer to record."""
    return {"fact": kind, "fields": fields}


def same(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same list of facts for every racer, each recording in a name of its own."""
    return [{"tasks": tasks, "by": f"racer {number}"} for number in range(THREADS)]


def in_log(ledger: rl.Ledger, kind: type[rl.Fact]) -> list[rl.Entry]:
    """The recorded entries of one kind."""
    return [entry for entry in ledger.entries() if isinstance(entry.fact, kind)]


def assert_dense(ledger: rl.Ledger, shared_target: str) -> None:
    """Positions grow; on SQLite there is none left out."""
    found = [entry.position for entry in ledger.entries()]
    assert found == sorted(set(found))
    if "://" not in shared_target:
        assert found == list(range(1, len(found) + 1))


def test_one_vouch_for_each_pair(race: Any, ledger: rl.Ledger, shared_target: str) -> None:
    """Of all who record the same vouch at once one does, and the others are told it is there."""
    pairs = [(a, b) for a in MEMBERS[:3] for b in MEMBERS if a != b]
    answers = race("attempt", same([of("Vouched", member=a, voucher=b, reason="r") for a, b in pairs]))
    for outcomes in zip(*answers, strict=True):
        refused = [outcome["refused"] for outcome in outcomes if "refused" in outcome]
        assert refused == [["already_vouched"]] * (len(answers) - 1)
    vouches = in_log(ledger, rl.Vouched)
    assert [(entry.fact.member, entry.fact.voucher) for entry in vouches] == pairs
    assert_dense(ledger, shared_target)


def test_one_role_for_each_member(race: Any, ledger: rl.Ledger) -> None:
    """A role is given to a member once, however many give it at the same time."""
    answers = race("attempt", same([of("RoleAssigned", member=m, role="mentor") for m in MEMBERS]))
    for outcomes in zip(*answers, strict=True):
        told = Counter(str(outcome.get("refused", "recorded")) for outcome in outcomes)
        assert told == {"recorded": 1, "['role_held']": len(answers) - 1}
    holders = [entry.fact.member for entry in in_log(ledger, rl.RoleAssigned)]
    assert holders == MEMBERS


def test_never_two_on_one_seat(race: Any, ledger: rl.Ledger) -> None:
    """A seat that many race for, and leave, has one holder at most at every position."""
    answers = race("sit", [{"member": member, "times": 3} for member in MEMBERS])
    assert [said.count("sat") for said in answers] == [3] * len(answers)
    assert {code for said in answers for code in said} <= {"sat", "no_seat", "conflict"}
    assert {code for said in answers for code in said} != {"sat"}  # they did meet
    for entries in (ledger.entries(), ledger.history()):  # as it was known, and as it happened
        holder, sat = None, 0
        for entry in entries:
            if isinstance(entry.fact, rl.RoleAssigned):
                assert holder is None
                holder, sat = entry.fact.member, sat + 1
            elif isinstance(entry.fact, rl.MemberRetired):
                assert holder == entry.fact.member
                holder = None
        assert sat == 3 * len(answers)


def test_nothing_is_lost(race: Any, ledger: rl.Ledger, shared_target: str) -> None:
    """Different facts recorded at once are all there, each where its receipt says."""
    answers = race(
        "attempt",
        [
            {"tasks": [of("ReportFiled", member=member, activity=f"a{n}") for n in range(12)], "by": member}
            for member in MEMBERS
        ],
    )
    told = {outcome["position"]: outcome["recorded"] for found in answers for outcome in found}
    assert len(told) == 12 * len(answers)
    reports = in_log(ledger, rl.ReportFiled)
    assert {entry.position: entry.id for entry in reports} == told
    for number, member in enumerate(MEMBERS[: len(answers)]):
        own = [entry for entry in reports if entry.by == member]
        assert [entry.fact.activity for entry in own] == [f"a{n}" for n in range(12)]
        assert [entry.id for entry in own] == [outcome["recorded"] for outcome in answers[number]]
    assert_dense(ledger, shared_target)


def test_one_command_is_recorded_once(race: Any, ledger: rl.Ledger) -> None:
    """All who record the same commands get the same receipts, and one of them recorded each."""
    tasks = [
        of("ReportFiled", member="m0", activity=f"a{number}") | {"command_id": f"c{number}"}
        for number in range(10)
    ]
    answers = race("attempt", same(tasks))
    for outcomes in zip(*answers, strict=True):
        assert sorted(outcome.pop("repeated") for outcome in outcomes) == (
            [False] + [True] * (len(answers) - 1)
        )
        assert all(outcome == outcomes[0] for outcome in outcomes)
    assert [entry.command_id for entry in in_log(ledger, rl.ReportFiled)] == [
        f"c{number}" for number in range(10)
    ]


def test_a_reader_misses_nothing(
    race: Any, runners: str, ledger: rl.Ledger, shared_target: str, crew: Crew
) -> None:
    """Who follows, here or in another process, sees every entry once and in order."""
    count = 12
    start = ledger.position

    def record() -> int:
        answers = race(
            "attempt",
            [
                {
                    "tasks": [
                        of("ReportFiled", member=member, activity=f"a{number}") for number in range(count)
                    ],
                    "by": member,
                }
                for member in MEMBERS
            ],
        )
        return count * len(answers)

    with ThreadPoolExecutor(1) as pool, crew.on(shared_target, 1) as (reader,):
        expected = count * (PROCESSES if runners == "processes" else THREADS)
        reader.tell("follow", after=start, count=expected)
        here = pool.submit(follow, ledger, start, expected)
        assert record() == expected
        recorded = [[entry.position, entry.id] for entry in ledger.entries(after=start)]
        assert here.result(30) == recorded
        assert reader.heard() == recorded
    assert len(recorded) == expected


def test_one_command_in_threads_gives_equal_receipts(ledger: rl.Ledger) -> None:
    """The entries of a repeated command's receipt equal the first one's in everything."""
    facts = [rl.ReportFiled(member=member, activity="a", areas=("x",)) for member in MEMBERS]
    receipts = in_threads(THREADS, lambda _: ledger.record_all(facts, by="council", command_id="once"))
    assert {receipt.entries for receipt in receipts} == {tuple(in_log(ledger, rl.ReportFiled))}
    assert [receipt.repeated for receipt in receipts].count(False) == 1
