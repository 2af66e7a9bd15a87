"""How work grows with a history: at n, 2n and 4n entries of one shape, for everything that people do with it.

``python benchmarks/growth.py`` prints exponents, each beside its goal; names choose shapes, ``--operation``
operations, ``--n`` the smallest size. Exponents are fitted to the processor's time, the best of some repeats.
``--full`` measures only an import of members in random order, into a log of four million facts.
"""

from __future__ import annotations

import argparse
import gc
import math
import random
import tempfile
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import workload
from importing import fresh
from ratios import seconds

import reps_ledger as rl
from reps_ledger.domain.entries import derived_id
from reps_ledger.policies import Policy, holds, reports, retired, vouches, weeks, when
from reps_ledger.policies.charter import Charter, RoleClause, dump_charter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from reps_ledger.domain.facts import Fact

TIMES: Final = (1, 2, 4)
SMALLEST: Final = 400
LINEAR: Final = 1.2
FLAT: Final = 0.2
LONGEST: Final = 60.0
"""Seconds: what took longer is not tried at a larger size."""
BRIEF: Final = 0.2
"""Seconds: what takes less is measured several times, and the best counts."""

START: Final = datetime(2018, 1, 1, tzinfo=UTC)
POLICY: Final = Policy(
    "activity",
    cases=[
        when(retired()).then("gone"),
        when(reports(within=weeks(26)) >= 1).then("active"),
        when(holds("mentor") | (vouches() >= 2)).then("active"),
    ],
    otherwise="inactive",
    scale=["active", "inactive", "gone"],
)
"""Asked of everybody."""


class Told(NamedTuple):
    """A fact, and when it happened."""

    fact: Fact
    at: datetime


Story = tuple[list[Told], list[Told]]
"""What is there already, and then what is measured."""


def joined(*members: str) -> list[Told]:
    """Return joinings on the first day."""
    return [Told(rl.MemberJoined(member=member), START) for member in members]


def hour(number: int) -> datetime:
    """Return an instant: one hour after another, from the second day."""
    return START + timedelta(days=1, hours=number)


def names(number: int) -> list[str]:
    """Return so many members' names."""
    return [f"m{each}" for each in range(number)]


def entry_id(number: int) -> str:
    """Return the id of the entry of a number, counted over both parts of a story."""
    return derived_id(f"command {number}", 0)


def _report(member: str, number: int) -> rl.ReportFiled:
    return rl.ReportFiled(member=member, activity=f"talk {number}")


def _correction(target: int, replacement: Fact) -> rl.EntryCorrected:
    return rl.EntryCorrected(target=entry_id(target), replacement=replacement, reason="typo")


def _corrections(n: int) -> Story:
    """Each of n members' reports is corrected once."""
    people = names(n)
    before = joined("z", *people) + [Told(_report(name, 0), hour(0)) for name in people]
    return before, [
        Told(_correction(1 + n + number, _report(name, 1)), hour(0)) for number, name in enumerate(people)
    ]


def _corrections_of_one(n: int) -> Story:
    """Each of n reports of one member is corrected once."""
    before = joined("z") + [Told(_report("z", number), hour(number)) for number in range(n)]
    return before, [
        Told(_correction(1 + number, _report("z", n + number)), hour(number)) for number in range(n)
    ]


def _correction_chain(n: int) -> Story:
    """One report is corrected, and each time the correction is."""
    before = [*joined("z"), Told(_report("z", 0), hour(0))]
    return before, [Told(_correction(1 + number, _report("z", 1 + number)), hour(0)) for number in range(n)]


def _retraction_chain(n: int) -> Story:
    """One report is retracted, then the retraction, and so on."""
    before = [*joined("z"), Told(_report("z", 0), hour(0))]
    return before, [
        Told(rl.EntryRetracted(target=entry_id(1 + number), reason="no"), hour(0)) for number in range(n)
    ]


def _merge_chain(n: int) -> Story:
    """Each of n records is merged into the next, and that into the next."""
    people = [*names(n), "z"]
    before = joined(*people) + [Told(_report(name, 0), hour(0)) for name in people]
    return before, [
        Told(rl.MembersMerged(member=people[number + 1], duplicate=people[number]), hour(number))
        for number in range(n)
    ]


def _merge_star(n: int) -> Story:
    """Each of n records is merged into the same one."""
    people = names(n)
    before = joined("z", *people) + [Told(_report(name, 0), hour(0)) for name in people]
    return before, [
        Told(rl.MembersMerged(member="z", duplicate=name), hour(number)) for number, name in enumerate(people)
    ]


def _merge_toggles(n: int) -> Story:
    """Two records are merged and unmerged again and again, and report meanwhile."""
    told: list[Told] = []
    for number in range(n // 3):
        told.append(Told(rl.MembersMerged(member="z", duplicate="y"), hour(3 * number)))
        told.append(Told(_report("z", number), hour(3 * number + 1)))
        told.append(Told(rl.MembersUnmerged(member="z", duplicate="y"), hour(3 * number + 2)))
    return joined("y", "z"), told


def _merges_of_pairs(n: int) -> Story:
    """Of n people each has two records, which are merged."""
    people = names(n)
    before = joined("z", *people, *[f"{name}-again" for name in people])
    return before, [
        Told(rl.MembersMerged(member=name, duplicate=f"{name}-again"), hour(number))
        for number, name in enumerate(people)
    ]


def _community_chain(n: int) -> Story:
    """Each of n communities is founded under the one before; somebody is in the last."""
    founded = [Told(rl.CommunityFounded(community="c0"), START)]
    founded += [
        Told(rl.CommunityFounded(community=f"c{number}", parent=f"c{number - 1}"), hour(number))
        for number in range(1, n)
    ]
    last = Told(rl.RoleAssigned(member="z", role="mentor", community=f"c{n - 1}"), hour(n))
    return joined("z"), [*founded, last]


def _communities(n: int) -> Story:
    """A tree of communities, ten under each; one member of each reports there."""
    told = [Told(rl.CommunityFounded(community="c0"), START)]
    for number in range(1, n // 3):
        parent, own = f"c{(number - 1) // 10}", f"c{number}"
        told.append(Told(rl.CommunityFounded(community=own, parent=parent), hour(number)))
        told.append(Told(rl.CommunityJoined(member=f"m{number}", community=own), hour(number)))
        told.append(
            Told(rl.ReportFiled(member=f"m{number}", activity="talk", community=own), hour(number + 1))
        )
    return joined("z", *names(n // 3)), told


def _toggled(begin: Callable[[int], Fact], end: Callable[[int], Fact]) -> Callable[[int], Story]:
    def story(n: int) -> Story:
        told = [Told((end if each % 2 else begin)(each // 2), hour(each)) for each in range(n)]
        return joined("y", "z"), told

    return story


def _many(fact: Callable[[int], Fact]) -> Callable[[int], Story]:
    def story(n: int) -> Story:
        return joined("z", *names(n)), [Told(fact(number), hour(number)) for number in range(n)]

    return story


def _charters(n: int) -> Story:
    """A charter is adopted again and again, and somebody gets a role and reports under each."""
    told: list[Told] = []
    for number in range(n // 4):
        clauses = [RoleClause(role="mentor", admission=reports() >= 1)]
        charter = Charter(name="reps", version=str(number), roles=clauses)
        told.append(
            Told(rl.CharterAdopted(document=dump_charter(charter), version=str(number)), hour(4 * number))
        )
        told.append(Told(_report("z", number), hour(4 * number + 1)))
        told.append(Told(rl.RoleAssigned(member="z", role="mentor"), hour(4 * number + 2)))
        told.append(Told(rl.RoleEnded(member="z", role="mentor", how="resigned"), hour(4 * number + 3)))
    return joined("z"), told


SHAPES: Final[dict[str, Callable[[int], Story]]] = {
    "corrections": _corrections,
    "corrections of one member": _corrections_of_one,
    "correction chain": _correction_chain,
    "retraction chain": _retraction_chain,
    "merge chain": _merge_chain,
    "merges into one": _merge_star,
    "merged and unmerged": _merge_toggles,
    "merges of pairs": _merges_of_pairs,
    "community chain": _community_chain,
    "communities": _communities,
    "role toggled": _toggled(
        lambda _: rl.RoleAssigned(member="z", role="mentor"),
        lambda _: rl.RoleEnded(member="z", role="mentor", how="resigned"),
    ),
    "leave toggled": _toggled(lambda _: rl.LeaveStarted(member="z"), lambda _: rl.LeaveEnded(member="z")),
    "vouch toggled": _toggled(
        lambda each: rl.Vouched(member="z", voucher="y", reason=str(each)),
        lambda _: rl.VouchWithdrawn(member="z", voucher="y", reason="no"),
    ),
    "account toggled": _toggled(
        lambda _: rl.AccountLinked(member="z", provider="github", account="zed"),
        lambda _: rl.AccountUnlinked(member="z", provider="github", account="zed"),
    ),
    "retired and returned": _toggled(
        lambda _: rl.MemberRetired(member="z", how="resigned", reason="time"),
        lambda _: rl.MemberReturned(member="z", reason="back"),
    ),
    "roles of one": _many(lambda each: rl.RoleAssigned(member="z", role="mentor", community=f"c{each}")),
    "holders of one role": _many(
        lambda each: rl.RoleAssigned(member=f"m{each}", role="mentor", community="c")
    ),
    "vouches for one": _many(lambda each: rl.Vouched(member="z", voucher=f"m{each}", reason="met")),
    "vouches by one": _many(lambda each: rl.Vouched(member=f"m{each}", voucher="z", reason="met")),
    "courses of one": _many(lambda each: rl.CourseCompleted(member="z", course=f"course {each}")),
    "agreements of one": _many(lambda each: rl.AgreementAccepted(member="z", agreement=f"a{each}")),
    "exemptions of one": _many(lambda each: rl.ExemptionGranted(member="z", policy="p", reason=str(each))),
    "reports of one": _many(lambda each: _report("z", each)),
    "charters": _charters,
}
"""Histories of about n entries, by what is long in them; all have the member z."""


def _state(ledger: rl.Ledger) -> object:
    with ledger.state() as state:
        return state.position


OPERATIONS: Final[dict[str, Callable[[rl.Ledger], object]]] = {
    "member": lambda ledger: (member := ledger.as_of().member("z")).membership and member.roles,
    "known before": lambda ledger: ledger.as_of(known_at=ledger.position - 1).member("z").roles,
    "history": lambda ledger: ledger.as_of().history("z").entries,
    "timeline": lambda ledger: ledger.as_of().member("z").timeline,
    "explain": lambda ledger: ledger.as_of().explain("z"),
    "evaluate": lambda ledger: ledger.as_of().evaluate(POLICY, "z"),
    "roster": lambda ledger: ledger.as_of().roster(role="mentor"),
    "everybody": lambda ledger: ledger.as_of().roster(),
    "evaluate_all": lambda ledger: sum(1 for _ in ledger.as_of().evaluate_all(POLICY)),
    "reconcile": lambda ledger: ledger.reconcile(),
    "check": lambda ledger: ledger.check(),
    "columns": lambda ledger: ledger.columns(),
    "backtest": lambda ledger: ledger.backtest(POLICY, at=[hour(1), hour(100), hour(10_000)]).counts(),
    "state": _state,
}
"""What people do with a ledger, beside recording, exporting and importing."""

OF_MEMBER: Final = frozenset({"member", "known before", "history", "timeline", "explain", "evaluate"})
"""What is asked of the member z alone."""

QUIET: Final = frozenset({"corrections", "merges of pairs", "communities", "holders of one role"})
"""Shapes in which little is told of z: what is asked of z alone takes as long in each size."""

ONCE: Final = frozenset({"columns", "state"})
"""What is quicker the second time: it is kept."""


def exponent(took: Iterable[tuple[int, float]]) -> float:
    """Return the exponent with which seconds grow with a size: the slope between their logarithms."""
    points = [(math.log(n), math.log(max(each, 1e-9))) for n, each in took]
    middle = [sum(axis) / len(points) for axis in zip(*points, strict=True)]
    steps = sum((x - middle[0]) ** 2 for x, _ in points)
    slope: float = sum((x - middle[0]) * (y - middle[1]) for x, y in points) / steps
    return slope


def _best(work: Callable[[], object], *, once: bool = False) -> float:
    gc.collect()
    first = seconds(work, time.process_time)
    if once or first > BRIEF:
        return first
    return min(first, *(seconds(work, time.process_time) for _ in range(4)))


def _recorded(ledger: rl.Ledger, told: list[Told], first: int) -> None:
    for number, (fact, at) in enumerate(told, first):
        ledger.record(fact, by="council", occurred_at=at, command_id=f"command {number}")


def measured(story: Story, folder: Path, operations: Iterable[str]) -> Iterator[tuple[str, float]]:
    """Yield what each operation takes on one history, in seconds of the processor."""
    before, told = story
    target, file, other = folder / "growth.db", folder / "growth.jsonl", folder / "growth-again.db"
    for path in (target, other):
        for beside in folder.glob(f"{path.name}*"):
            if beside.is_file():
                beside.unlink()
            else:
                _clear(beside)
    file.unlink(missing_ok=True)
    wanted = [*operations]
    with rl.open(target) as ledger:
        ledger.record_all([fact for fact, _ in joined("x")], by="council")
        _recorded(ledger, before, 0)
        yield "record", _best(lambda: _recorded(ledger, told, len(before)), once=True)
        for name in wanted:
            yield name, _best(partial(OPERATIONS[name], ledger), once=name in ONCE)
        if "state" in wanted:
            ledger.record(_report("z", 0), by="z", occurred_at=hour(0))
            yield "refresh", _best(lambda: _state(ledger), once=True)
        yield "export", _best(lambda: ledger.export(file), once=True)
    with rl.open(other) as again:
        yield "import", _best(lambda: _imported(again, file), once=True)


def _imported(ledger: rl.Ledger, file: Path) -> None:
    report = ledger.import_history(file)
    assert not report.refused, [*report.refused][:1]


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()


def run(folder: Path) -> list[str]:
    """Measure every shape; return what to print."""
    return [*lines(folder, SHAPES, [*OPERATIONS], SMALLEST), *in_random_order(folder, 40_000)]


def in_random_order(folder: Path, facts: int) -> Iterator[str]:
    """Yield how long an import of reports takes in a long log, of members in any order and of few of them."""
    target, chance, people = folder / "growth-long.db", random.Random(5), facts // 20
    fresh(target)
    number = min(20_000, facts // 10)
    anybody = [chance.randrange(people) for _ in range(number)]
    few = [people - 1 - place % 200 for place in range(number)]
    with rl.open(target) as ledger:
        ledger.import_history(workload.rows(facts))
        took = {}
        for what, members in (("few", few), ("anybody", anybody)):
            rows = [
                {
                    "fact": "report.filed",
                    "member": f"m{member:07d}",
                    "activity": f"{what} {place}",
                    "occurred_at": "2026-01-01",
                    "by": "bench",
                }
                for place, member in enumerate(members)
            ]
            took[what] = seconds(partial(_all_imported, ledger, rows))
    ratio = took["anybody"] / took["few"]
    each = took["anybody"] / number * 1e6
    yield (
        f"import of {number:,} reports into a log of {facts:,} facts, of members in random order: "
        f"{each:.0f} µs a fact, {ratio:.1f} times as long as of few members"
    )


def _all_imported(ledger: rl.Ledger, rows: list[dict[str, str]]) -> None:
    assert ledger.import_history(rows).recorded == len(rows)


def lines(folder: Path, shapes: Iterable[str], operations: list[str], smallest: int) -> Iterator[str]:
    """Yield a table of exponents: a paragraph for each shape."""
    for _ in measured(_corrections(1), folder, OPERATIONS):
        pass  # what is loaded the first time is not measured
    for shape in shapes:
        found: dict[str, list[tuple[int, float]]] = {}
        slow: set[str] = set()
        for size in (smallest * times for times in TIMES):
            for name, took in measured(SHAPES[shape](size), folder, [o for o in operations if o not in slow]):
                found.setdefault(name, []).append((size, took))
                if took > LONGEST:
                    slow.add(name)
            if "record" in slow:
                break
        yield f"{shape}, {smallest} to {size} entries"
        for name, every in found.items():
            grown = exponent(every) if len(every) > 1 else math.inf
            goal = FLAT if shape in QUIET and name in OF_MEMBER else LINEAR
            times = ", ".join(f"{each * 1e3:.1f}" for _, each in every)
            yield f"  {name}: {grown:.2f} (goal {goal}{', MISSED' if grown > goal else ''}; {times} ms)"


def main() -> None:
    """Measure what the arguments choose."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shape", nargs="*", help=f"which: {', '.join(SHAPES)}; all of them by default")
    parser.add_argument("--operation", action="append", choices=[*OPERATIONS], help="which; all by default")
    parser.add_argument("--n", type=int, default=SMALLEST, help="the smallest size")
    parser.add_argument(
        "--full", action="store_true", help="only the import into a log of four million facts"
    )
    chosen = parser.parse_args()
    cache = Path(__file__).resolve().parent.parent / ".cache"
    cache.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        operations = chosen.operation or [*OPERATIONS]
        told = lines(Path(folder), chosen.shape or SHAPES, operations, chosen.n)
        for line in in_random_order(Path(folder), 4_000_000) if chosen.full else told:
            print(line, flush=True)


if __name__ == "__main__":
    main()
