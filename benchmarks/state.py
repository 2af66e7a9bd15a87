"""Tables of state, and everybody without them: on a real history, on a long one, and how they grow.

Run by itself, ``python benchmarks/state.py 1000000 FOLDER`` measures a log of a million facts about a
hundred thousand members, which takes some minutes; ledgers that it made in that folder are used again.
Times are those of the processor, but for ``record``, whose time is the disk's.
"""

from __future__ import annotations

import gc
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import community
import numpy as np
from attrs import frozen
from importing import fresh
from ratios import seconds, side_by_side

import reps_ledger as rl
from reps_ledger.domain.time import microseconds
from reps_ledger.policies import Policy, months, on_leave, reports, tenure, weeks, when
from reps_ledger.policies.charter import Charter
from reps_ledger.replay import quarterly
from reps_ledger.state import FOREVER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reps_ledger.state import State

FACTS = 70_000
PEOPLE = (100, 500)
"""Members of communities that are made to be listed."""
MANY = 1_000
"""Members whose rows are refreshed at once."""
PAGE = 50
ONES = 30
"""Facts that are recorded one by one."""
RECORDS = 100
DATA = Path(__file__).resolve().parent.parent / "examples" / "data"
FILES = ("debian-membership", "debian-vouches", "debian-rosters")
NOW = {"debian": datetime(2026, 7, 1, tzinfo=UTC), "made": datetime(2025, 1, 1, tzinfo=UTC)}
PAST = datetime(2012, 7, 1, tzinfo=UTC)
"""An instant that rosters are asked about."""
QUARTERS = quarterly(1998, 2025)
POLICY = Policy(
    "yearly",
    cases=[
        when(on_leave()).then("active", "on leave"),
        when(tenure() < weeks(4)).then("active", "new"),
        when(reports(within=months(12)) >= 1).then("active"),
        when(reports(within=months(24)) >= 1).then("quiet", "a year of silence"),
    ],
    otherwise="inactive",
    scale=["active", "quiet", "inactive"],
)

Contenders = dict[str, "Callable[[], object]"]


@frozen
class Goal:
    """What one figure is to reach.

    Attributes:
        words: what is measured.
        unit: what the figure is: times a yardstick's, or milliseconds.
        goal: what it is to be; None where there is no goal.
        least: whether that is the least, or the most.
    """

    words: str
    unit: Literal["times", "ms"]
    goal: float | None = None
    least: bool = False

    def said(self, figure: float) -> str:
        """Return a figure beside its goal."""
        shown = f"{figure:.2f} times" if self.unit == "times" else f"{figure:,.3g} ms"
        if self.goal is None:
            return f"  {self.words}: {shown}"
        reached = figure >= self.goal if self.least else figure <= self.goal
        return f"  {self.words}: {shown} (goal {self.goal:g}: {'reached' if reached else 'MISSED'})"


GOALS = {
    "build": Goal("build from ready columns, over a raw insert of the same rows", "times", 2.5),
    "insert": Goal("  the raw insert", "ms"),
    "from nothing": Goal("build from nothing, over reading the log once", "times", 3),
    "reading": Goal("  reading the log once", "ms"),
    "charter": Goal("build from ready columns, where a charter's communities define their members", "times"),
    "nothing new": Goal("refresh, nothing new", "ms", 0.1),
    "one fact": Goal("refresh of one fact", "ms", 0.6),
    "one fact by policy": Goal("refresh of one fact, a policy's outcomes kept too", "ms", 1.3),
    "many": Goal(f"refresh of {MANY:,} members, each", "ms", 0.5),
    "many by policy": Goal("the same, a policy's outcomes kept too", "ms", 0.5),
    **{
        f"roster {people} {when_}": Goal(f"roster of {people}, {words}", "ms", 3)
        for people in PEOPLE
        for when_, words in {"now": "now", "past": "years ago"}.items()
    },
    "page": Goal(f"a page of {PAGE} of the largest community", "ms", 1),
    "page of all": Goal(f"a page of {PAGE} of everybody", "ms", 1),
    "page active": Goal(f"a page of {PAGE} of the active who hold a role", "ms", 1),
    "roster, raw": Goal(f"  roster of {PEOPLE[-1]} by one statement of raw SQL", "ms"),
    "view roster": Goal(f"roster of {PEOPLE[0]} from a view, no tables", "ms", 25),
    "census": Goal("census now, by role and standing", "ms", 300),
    "census, raw": Goal("  the same by raw SQL", "ms"),
    "quarters": Goal(f"census of {len(QUARTERS)} quarters, by role and standing", "ms", 1_500),
    "quarters, raw": Goal("  the same by raw SQL, one quarter after another", "ms"),
    "quarters, numpy": Goal("  the same by NumPy, over rows in arrays already", "ms"),
    "outcomes": Goal("everybody's outcomes, one by one over view.outcomes", "times", 20, least=True),
    "outcomes, first": Goal("  the same where nothing was asked of that position before", "times"),
    "one by one": Goal("  one by one", "ms"),
    "known first": Goal("first question at a past known_at: a census", "ms"),
    "known census": Goal("census at a past known_at, after the first", "ms", 1_000),
    "known role": Goal("roster of a role at a past known_at, after the first", "ms", 1_000),
    "known roster": Goal("roster of everybody at a past known_at, after the first", "ms", 1_000),
    "record kept": Goal("record with tables beside, over without", "times", 1.05),
    "record followed": Goal("record with tables that another process keeps up, over without", "times", 1.05),
    "record": Goal("  one record, without", "ms"),
}


def run(folder: Path, facts: int = FACTS) -> list[str]:
    """Measure; return what to print."""
    debian = measured(folder, _debian(folder), NOW["debian"])
    lines = [f"state of Debian's history, {debian['facts']:,.0f} facts, {debian['members']:,.0f} members:"]
    lines += _told(debian)
    several = [measured(folder, made(folder, size), NOW["made"]) for size in (facts // 4, facts // 2, facts)]
    last = several[-1]
    lines += [f"state of {last['facts']:,.0f} facts, {last['members']:,.0f} members:", *_told(last)]
    lines.append("  in logs of n, 2n and 4n facts, over those in n:")
    for name, goal in GOALS.items():
        if goal.unit == "ms" or name in {"build", "from nothing"}:
            grown = ", ".join(f"{each[name] / several[0][name]:.2f}" for each in several)
            lines.append(f"    {goal.words.strip()}: {grown}")
    return lines


def _told(figures: dict[str, float]) -> Iterator[str]:
    return (goal.said(figures[name]) for name, goal in GOALS.items())


def _debian(folder: Path) -> Path:
    target = folder / "debian.db"
    if not target.exists():
        with rl.open(target, clock=lambda: NOW["debian"]) as ledger:
            for name in FILES:
                ledger.import_history(DATA / f"{name}.jsonl.gz")
            _communities(ledger)
    return target


def made(folder: Path, facts: int) -> Path:
    """Return a ledger of so many facts, made where there was none."""
    target = folder / f"made-{facts}.db"
    if not target.exists():
        file = folder / f"{facts}.jsonl"
        community.write(file, facts)
        with rl.open(target, clock=lambda: NOW["made"]) as ledger:
            assert not ledger.import_history(file).refused
            _communities(ledger)
        file.unlink()
    return target


def _communities(ledger: rl.Ledger) -> None:
    """Make communities to be listed, of people all along the log who had joined long ago."""
    members = sorted(
        e.fact.member for e in ledger.entries() if e.name == "member.joined" and e.occurred_at < PAST
    )
    for people in PEOPLE:
        chosen = members[:: len(members) // people][:people]
        joined = [rl.CommunityJoined(member=each, community=f"of {people}") for each in chosen]
        ledger.record_all(joined, by="bench", occurred_at=PAST.date())


def measured(folder: Path, path: Path, now: datetime) -> dict[str, float]:
    """Measure all of one ledger; return the figures by name."""
    file = folder / "bench.state"
    with rl.open(path, clock=lambda: now) as ledger:
        bench = _Bench(ledger, path, file, now)
        figures = bench.building() | bench.listing() | bench.counting()
        with rl.open(path, clock=lambda: now) as another:  # of which nothing was asked yet
            figures |= _Bench(another, path, file, now).knowing()
        figures |= bench.refreshing() | bench.recording()
    other = folder / "charter.db"
    fresh(other)
    shutil.rmtree(_columns_of(other), ignore_errors=True)
    shutil.copy(path, other)
    shutil.copytree(_columns_of(path), _columns_of(other))
    with rl.open(other, clock=lambda: now) as ledger:
        figures |= _Bench(ledger, other, file, now).by_charter(figures)
    return figures


def _columns_of(path: Path) -> Path:
    return path.with_name(path.name + ".columns")


@frozen(eq=False)
class _Bench:
    """Measures one ledger."""

    ledger: rl.Ledger
    path: Path
    file: Path
    now: datetime

    def _tables(self, *policies: Policy) -> State:
        return self.ledger.state(path=self.file, policies=policies)

    def _anew(self, *policies: Policy) -> None:
        fresh(self.file)
        with self._tables(*policies) as state:
            assert state.opened.rebuilt

    # Building

    def building(self) -> dict[str, float]:
        """Build tables from columns and from nothing, beside a raw insert and reading."""
        ledger = self.ledger

        def from_nothing() -> None:
            shutil.rmtree(_columns_of(self.path), ignore_errors=True)
            self._anew()

        def read() -> None:
            assert sum(1 for _ in ledger.as_of().reading.standing())

        found = side_by_side({"from nothing": from_nothing, "reading": read}, 1, time.process_time)
        statements, rows = _rows_of(self.file)
        gc.collect()
        gc.freeze()  # the yardstick's rows are not the contender's to collect
        raw = self.file.with_name("raw.state")
        contenders: Contenders = {"build": self._anew, "insert": lambda: _insert(raw, statements, rows)}
        found |= side_by_side(contenders, 3, time.process_time)
        gc.unfreeze()
        size = {name: float(len(rows[name])) for name in ("member", "span", "standing")}
        return {
            "facts": float(ledger.as_of().known_at),
            "members": size["member"],
            "build": found["build"] / found["insert"],
            "insert": found["insert"] * 1e3,
            "from nothing": found["from nothing"] / found["reading"],
            "reading": found["reading"] * 1e3,
        }

    def by_charter(self, figures: dict[str, float]) -> dict[str, float]:
        """Build tables once more, where a charter has a policy, and each community a definition."""
        with self._tables() as state:
            names = state.sql("SELECT community FROM community ORDER BY community")[1]
        charter = Charter(
            name="bench",
            version="1",
            policies=(POLICY,),
            communities=tuple(
                (str(name), reports(community=str(name), within=months(12)) >= 1) for (name,) in names
            ),
        )
        self.ledger.adopt(charter, by="bench")
        self.ledger.columns()
        return {"charter": seconds(self._anew, time.process_time) * 1e3 / figures["insert"]}

    # Refreshing

    def refreshing(self) -> dict[str, float]:
        """Refresh with nothing new, one fact, and those of many members."""
        with self._tables() as state:
            nothing = [seconds(state.refresh, time.process_time) for _ in range(200)]
            one, many = self._refreshed(state)
        with self._tables(POLICY) as state:
            one_by_policy, many_by_policy = self._refreshed(state)
        return {
            "nothing new": statistics.median(nothing) * 1e3,
            "one fact": one,
            "one fact by policy": one_by_policy,
            "many": many,
            "many by policy": many_by_policy,
        }

    def _refreshed(self, state: State) -> tuple[float, float]:
        names = [row.member for row in state.roster(at=PAST, limit=MANY)]
        took = []
        for number in range(ONES):
            fact = rl.ReportFiled(member=names[number * len(names) // ONES], activity="one more")
            self.ledger.record(fact, by="bench")
            took.append(seconds(state.refresh, time.process_time))
        facts = [rl.ReportFiled(member=name, activity="and more") for name in names]
        self.ledger.record_all(facts, by="bench")
        many = seconds(state.refresh, time.process_time)
        return statistics.median(took) * 1e3, many / len(names) * 1e3

    # Listing

    def listing(self) -> dict[str, float]:
        """List communities and pages, from tables, from a view and by raw SQL."""
        with self._tables() as state:
            found = self._listed(state)
        return {name: took * 1e3 for name, took in found.items()}

    def _listed(self, state: State) -> dict[str, float]:
        largest = str(
            state.sql(
                "SELECT coalesce(k2, k1) FROM span WHERE kind IN ('role.assigned', 'community.joined') "
                "AND coalesce(k2, k1) NOT LIKE 'of %' AND (kind = 'community.joined' OR k2 IS NOT NULL) "
                "GROUP BY 1 ORDER BY count(*) DESC LIMIT 1"
            )[1][0][0]
        )
        role = str(state.sql("SELECT k1 FROM span WHERE kind = 'role.assigned' LIMIT 1")[1][0][0])
        raw = sqlite3.connect(self.file)
        asked = {"here": f"of {PEOPLE[-1]}", "now": microseconds(self.now)}

        def roster(**asked: Any) -> Callable[[], object]:
            return lambda: state.roster(**asked)

        def view() -> None:
            rows = self.ledger.as_of(self.now).roster(community=f"of {PEOPLE[0]}")
            assert len(rows) == PEOPLE[0]

        contenders = {
            f"roster {people} {name}": roster(community=f"of {people}", at=at)
            for people in PEOPLE
            for name, at in {"now": self.now, "past": PAST + timedelta(days=400)}.items()
        }
        contenders |= {
            "page": roster(community=largest, limit=PAGE),
            "page of all": roster(limit=PAGE),
            "page active": roster(role=role, active=True, limit=PAGE),
            "roster, raw": lambda: raw.execute(_ROSTER, asked).fetchall(),
            "view roster": view,
        }
        own = [(row.member, row.standing) for row in state.roster(community=f"of {PEOPLE[-1]}", at=self.now)]
        assert len(own) == PEOPLE[-1]
        assert own == [row[:2] for row in raw.execute(_ROSTER, asked)]
        found = side_by_side(contenders, 7, time.process_time)
        raw.close()
        return found

    # Counting

    def counting(self) -> dict[str, float]:
        """Count everybody, now and through time, from tables, by raw SQL and by NumPy."""
        by = ("role", "standing")
        raw = sqlite3.connect(self.file)
        with self._tables() as state:
            instants = [microseconds(row.at) for row in state.census(at=QUARTERS)]
            arrays = _Arrays.of(raw)
            contenders: Contenders = {
                "census": lambda: state.census(by=by, at=self.now),
                "census, raw": lambda: _counted_by_sql(raw, microseconds(self.now)),
                "quarters": lambda: state.census(by=by, at=QUARTERS),
                "quarters, numpy": lambda: [arrays.counted(at) for at in instants],
            }
            found = side_by_side(contenders, 3, time.process_time)
            by_sql: list[dict[tuple[str, str], int]] = []
            found["quarters, raw"] = seconds(
                lambda: by_sql.extend(_counted_by_sql(raw, at) for at in instants), time.process_time
            )
            told = state.census(by=by, at=QUARTERS)
        for at, counted in zip(instants, by_sql, strict=True):
            own = {row.group: row.members for row in told if microseconds(row.at) == at}
            assert own == counted == arrays.counted(at)
        raw.close()
        return {name: took * 1e3 for name, took in found.items()}

    # Knowing

    def knowing(self) -> dict[str, float]:
        """Ask of everybody without tables, as known now and as known before."""
        ledger, by = self.ledger, ("role", "standing")
        known = ledger.as_of().known_at * 6 // 7
        outcomes: dict[str, str] = {}

        def ask() -> None:
            outcomes.update(ledger.as_of(self.now).outcomes(POLICY))

        def one_by_one() -> None:
            view = ledger.as_of(self.now)
            assert {each.member: each.outcome for each in view.evaluate_all(POLICY)} == outcomes

        def timed(ask: Callable[[rl.View], object]) -> float:
            return seconds(lambda: ask(ledger.as_of(self.now, known_at=known)), time.process_time)

        first = seconds(ask, time.process_time)
        again = statistics.median(seconds(ask, time.process_time) for _ in range(3))
        each = seconds(one_by_one, time.process_time)
        return {
            "outcomes": each / again,
            "outcomes, first": each / first,
            "one by one": each * 1e3,
            "known first": timed(lambda view: view.census(by=by)) * 1e3,
            "known census": timed(lambda view: view.census(by=by, at=[PAST])) * 1e3,
            "known role": timed(lambda view: view.roster(role="rep")) * 1e3,
            "known roster": timed(lambda view: view.roster()) * 1e3,
        }

    # Recording

    def recording(self) -> dict[str, float]:
        """Record facts without tables, with tables beside, and with a process that keeps them up."""
        ledger = self.ledger
        member = next(iter(ledger.as_of(PAST).roster(community=f"of {PEOPLE[0]}"))).member

        def record() -> None:
            for _ in range(RECORDS):
                ledger.record(rl.ReportFiled(member=member, activity="recorded"), by="bench")

        record()
        found: dict[str, list[float]] = {"record": [], "kept": [], "followed": []}
        command = [sys.executable, "-c", _FOLLOWER, str(self.path), str(self.file)]
        for _ in range(7):
            found["record"].append(seconds(record))
            with self._tables():
                found["kept"].append(seconds(record))
            follower = subprocess.Popen(  # noqa: S603 — our own program
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            assert follower.stdout is not None
            follower.stdout.readline()
            found["followed"].append(seconds(record))
            follower.communicate(timeout=600)
        took = {name: min(each) for name, each in found.items()}  # others use the disk too
        return {
            "record": took["record"] / RECORDS * 1e3,
            "record kept": took["kept"] / took["record"],
            "record followed": took["followed"] / took["record"],
        }


_FOLLOWER = """
import sys
import reps_ledger as rl
with rl.open(sys.argv[1]) as ledger, ledger.state(path=sys.argv[2]) as state, state.follow():
    print("following", flush=True)
    sys.stdin.read()
"""


# Raw SQL, and NumPy

_ROSTER = """
SELECT m.member, t.outcome, t.active, m.last_activity,
  (SELECT group_concat(DISTINCT r.k1) FROM span r WHERE r.member = m.member AND r.kind = 'role.assigned'
    AND r.k2 = :here AND +r.start <= :now AND +r.until > :now),
  (SELECT min(r.start) FROM span r WHERE r.member = m.member AND r.kind = 'role.assigned'
    AND r.k2 = :here AND +r.start <= :now AND +r.until > :now),
  EXISTS (SELECT 1 FROM span l WHERE l.member = m.member AND l.kind = 'leave.started'
    AND +l.start <= :now AND +l.until > :now),
  (SELECT count(DISTINCT v.k1) FROM span v WHERE v.member = m.member AND v.kind = 'vouch.given'
    AND +v.start <= :now AND +v.until > :now),
  (SELECT group_concat(g.k1) FROM span g WHERE g.member = m.member AND g.kind = 'mentor.assigned'
    AND +g.start <= :now AND +g.until > :now),
  (SELECT group_concat(s.skill) FROM skill s WHERE s.member = m.member)
FROM span j JOIN member m ON m.member = j.member
LEFT JOIN standing t ON t.member = m.member AND t.policy = '' AND t.start <= :now AND +t.until > :now
WHERE j.kind = 'community.joined' AND j.k1 = :here AND +j.start <= :now AND +j.until > :now
ORDER BY m.member
"""
_CENSUS = """
SELECT coalesce(r.k1, '(none)'), coalesce(t.outcome, 'inactive'), count(DISTINCT m.member) FROM member m
LEFT JOIN span r ON r.member = m.member AND r.kind = 'role.assigned' AND +r.start <= :now AND +r.until > :now
LEFT JOIN standing t ON t.member = m.member AND t.policy = '' AND t.start <= :now AND +t.until > :now
WHERE m.joined <= :now GROUP BY 1, 2
"""


def _counted_by_sql(raw: sqlite3.Connection, now: int) -> dict[tuple[str, str], int]:
    return {(role, outcome): number for role, outcome, number in raw.execute(_CENSUS, {"now": now})}


def _rows_of(file: Path) -> tuple[list[str], dict[str, list[tuple[Any, ...]]]]:
    """Return the statements that make tables and indexes, tables first, and all rows by table."""
    with sqlite3.connect(file) as connection:
        made = connection.execute(
            "SELECT type, name, sql FROM sqlite_master WHERE type IN ('table', 'index') AND sql IS NOT NULL "
            "ORDER BY type DESC"
        ).fetchall()
        rows = {
            name: connection.execute(f'SELECT * FROM "{name}"').fetchall()  # noqa: S608 — of its own schema
            for kind, name, _ in made
            if kind == "table"
        }
    connection.close()
    return [sql for _, _, sql in made], rows


def _insert(file: Path, statements: list[str], rows: dict[str, list[tuple[Any, ...]]]) -> None:
    """Insert rows into new tables, and make their indexes, in one transaction."""
    fresh(file)
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("BEGIN IMMEDIATE")
    for statement in statements:
        if statement.startswith("CREATE TABLE"):
            connection.execute(statement)
    for name, some in rows.items():
        if some:
            marks = ", ".join("?" for _ in some[0])
            connection.executemany(f'INSERT INTO "{name}" VALUES ({marks})', some)  # noqa: S608 — see above
    for statement in statements:
        if statement.startswith("CREATE INDEX"):
            connection.execute(statement)
    connection.execute("COMMIT")
    connection.close()


@frozen(eq=False)
class _Arrays:
    """The rows of a census as arrays of numbers, as somebody would have them who counts with NumPy."""

    joined: Any
    roles: Any
    standing: Any
    names: tuple[list[str], list[str]]

    @classmethod
    def of(cls, raw: sqlite3.Connection) -> _Arrays:
        people = raw.execute("SELECT member, coalesce(joined, ?) FROM member", (FOREVER,)).fetchall()
        places = {member: place for place, (member, _) in enumerate(people)}

        def coded(rows: list[tuple[Any, ...]], default: str) -> tuple[Any, list[str]]:
            names = [default, *sorted({group for _, group, _, _ in rows} - {default})]
            numbers = {name: number for number, name in enumerate(names)}
            each = [(places[member], numbers[group], a, b) for member, group, a, b in rows]
            return np.array(each, np.int64).reshape(-1, 4).T, names

        role = raw.execute("SELECT member, k1, start, until FROM span WHERE kind = 'role.assigned'")
        stands = raw.execute("SELECT member, outcome, start, until FROM standing WHERE policy = ''")
        roles, role_names = coded(role.fetchall(), "(none)")
        standing, outcomes = coded(stands.fetchall(), "inactive")
        joined = np.array([at for _, at in people], np.int64)
        return cls(joined, roles, standing, (role_names, outcomes))

    def counted(self, now: int) -> dict[tuple[str, str], int]:
        """Return how many are in each group at an instant."""
        roles, outcomes = self.names
        there = self.joined <= now
        member, outcome, start, until = self.standing
        holds = (start <= now) & (now < until)
        stands = np.zeros(len(there), np.int64)
        stands[member[holds]] = outcome[holds]
        member, role, start, until = self.roles
        holds = (start <= now) & (now < until)
        pairs = np.unique(member[holds] * len(roles) + role[holds])
        member, role = pairs // len(roles), pairs % len(roles)
        member, role = member[there[member]], role[there[member]]
        without = there.copy()
        without[member] = False
        member = np.concatenate([member, np.flatnonzero(without)])
        role = np.concatenate([role, np.zeros(len(member) - len(role), np.int64)])
        counts = np.bincount(role * len(outcomes) + stands[member]).tolist()
        found: Counter[tuple[str, str]] = Counter()
        for code, number in enumerate(counts):
            if number:
                found[roles[code // len(outcomes)], outcomes[code % len(outcomes)]] = number
        return dict(found)


if __name__ == "__main__":
    if int(sys.argv[1]) < FACTS:
        sys.exit(f"name at least {FACTS:,} facts: a quarter of them must be about enough people to list")
    kept = Path(sys.argv[2])
    kept.mkdir(parents=True, exist_ok=True)
    print("\n".join(run(kept, int(sys.argv[1]))))
