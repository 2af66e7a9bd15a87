"""`State`: what is so of everybody, read from tables that are kept beside the log."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import date, datetime, timedelta, tzinfo
from typing import Self

from attrs import evolve, frozen

from reps_ledger.domain.arguments import checked_methods
from reps_ledger.domain.time import LAST, day_start, instant_of, microseconds
from reps_ledger.errors import Busy, InvalidInput, LedgerError, StorageError
from reps_ledger.policies.language.widths import Width
from reps_ledger.projections.census import CensusRow, check_dimensions
from reps_ledger.state.census import Definers, count, definers_of
from reps_ledger.state.derive import DEFAULT
from reps_ledger.state.rosters import Asked, ListedMember, listed, skills_of, spans_of
from reps_ledger.state.schema import Row, as_moment, beginning
from reps_ledger.state.store import Reader
from reps_ledger.state.tables import Refreshed, Tables
from reps_ledger.views.evaluator import PolicyEvaluator
from reps_ledger.views.view import as_instant


@frozen(kw_only=True)
class Lapse:
    """A change of somebody's standing that time alone will bring.

    Attributes:
        member: whose.
        at: when.
        before: the outcome until then.
        after: the outcome from then on.
    """

    member: str
    at: datetime
    before: str
    after: str


@frozen(kw_only=True)
class Holds:
    """A time during which something held, as the tables have it.

    Attributes:
        kind: the stored name of the facts that begin it.
        key: what tells it from the member's others: of a role, its name and its community.
        start: its first instant.
        end: the first instant after it; None where no end is known.
        began_in: the position of the entry by which it began.
        ended_in: that of the entry that ended it.
        how: "ended", "retired", "replaced" or "lapsed"; None where it lasts.
    """

    kind: str
    key: tuple[str | None, ...]
    start: datetime
    end: datetime | None
    began_in: int
    ended_in: int | None
    how: str | None


@frozen(kw_only=True)
class Person:
    """All that the tables have of one person.

    Attributes:
        member: who.
        kind: as what they joined.
        joined: when; None for who never did.
        last_activity: when they last acted.
        reports: how many reports they filed.
        skills: what their reports are about, the most frequent first.
        standing: how they stand through time: outcome, start and end, by policy; "" for who is active.
        spans: all that ever held.
    """

    member: str
    kind: str | None
    joined: datetime | None
    last_activity: datetime | None
    reports: int
    skills: tuple[str, ...]
    standing: dict[str, tuple[tuple[str, datetime, datetime | None], ...]]
    spans: tuple[Holds, ...]


class Following:
    """Tables that a thread keeps up to date; see `State.follow`.

    Args:
        thread: which.

    Attributes:
        error: why it ended; None while it goes on.
    """

    def __init__(self, thread: threading.Thread) -> None:
        self.error: LedgerError | None = None
        self._thread = thread

    def must_go_on(self) -> None:
        """Raise an error if the tables are kept up to date no longer.

        Raises:
            LedgerError: why.
        """
        if self.error is not None:
            raise self.error
        if not self._thread.is_alive():
            raise StorageError("nothing keeps the tables up to date any longer; follow again")


@checked_methods
class State:
    """What is so of everybody: read from tables, which `refresh` brings up to date.

    Whatever is asked about an instant answers by all that is known at `position`. Use it as a context
    manager, or `close` it; a ledger closes those that it gave.

    Args:
        tables: the tables, which are brought up to date.

    Attributes:
        opened: what bringing them up to date did.
    """

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self.opened = tables.refresh()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the tables."""
        self.tables.store.close()

    # Keeping

    @property
    def position(self) -> int:
        """The position in the log that the tables are of."""
        with self.tables.store.reading() as reader:
            return int(reader.meta()["position"])

    @property
    def zone(self) -> tzinfo:
        """The zone in which days are read."""
        return self.tables.log.zone

    def refresh(self) -> Refreshed:
        """Bring the tables up to the log's head."""
        return self.tables.refresh()

    def rebuild(self) -> Refreshed:
        """Make the tables anew from the log."""
        return self.tables.rebuild()

    def check(self) -> tuple[str, ...]:
        """Compare the tables with what follows from the log; return the differences, in words."""
        return self.tables.check()

    def follow(self, *, wait: float = 0.05) -> AbstractContextManager[Following]:
        """Keep the tables up to date while a block runs, in a thread of its own.

        Where others write them for long, it tries again. Where it cannot go on it ends, which
        `Following.must_go_on` tells whoever asks.

        Args:
            wait: seconds for which more entries are waited for, so that many are taken at once.
        """
        return _following(self, wait)

    # Reading

    def roster(
        self,
        *,
        community: str | None = None,
        role: str | None = None,
        active: bool | None = None,
        standing: str | None = None,
        skill: str | None = None,
        vouches: int | None = None,
        at: date | None = None,
        limit: int | None = None,
        after: str | None = None,
    ) -> tuple[ListedMember, ...]:
        """List who holds a role, or is in a community, by identifier; a page at a time where asked.

        ::

            page = state.roster(community="indonesia", active=True, limit=50)
            following = state.roster(community="indonesia", active=True, limit=50, after=page[-1].member)

        Args:
            community: only who joined it, or holds a role in it.
            role: only who holds this role, there or anywhere.
            active: only who is active, or who is not.
            standing: only who stands so.
            skill: only whose reports are about this area, by the last refresh.
            vouches: only for whom at least so many people have a standing vouch.
            at: at which instant; a date means its end, None now.
            limit: at most so many; None for all.
            after: only identifiers after this one: that of the page before's last row. A page that
                begins so stays whole whatever is recorded meanwhile.
        """
        when = self._instant(at)
        if limit is not None and limit < 1:
            raise InvalidInput("a page has at least one row", field="limit")
        asked = Asked(
            at=when,
            role=role,
            community=community,
            active=active,
            standing=standing,
            skill=skill,
            vouches=vouches,
        )
        with self.tables.store.reading() as reader:
            return tuple(listed(reader, asked, after, limit))

    def census(
        self,
        *,
        by: str | Iterable[str] = (),
        at: date | Iterable[date] | None = None,
        definition: str | None = None,
    ) -> tuple[CensusRow, ...]:
        """Count members by dimensions, at an instant or through time, as `View.census` does.

        Args:
            by: one dimension or several, of ``reps_ledger.projections.DIMENSIONS``.
            at: an instant or several; a date means its end, None now.
            definition: "charter" for who counts by the charter in force, and its communities' own
                definitions; None for everyone who joined.

        Raises:
            InvalidInput: there is no such dimension or definition.
        """
        names = (by,) if isinstance(by, str) else tuple(by)
        check_dimensions(names)
        if definition not in {None, "charter"}:
            raise InvalidInput(
                "tables count members by the charter's definitions or by who joined; "
                "a view counts by any condition",
                field="definition",
            )
        instants = [at] if at is None or isinstance(at, date) else [*at]
        with self.tables.store.reading() as reader:
            definers = (lambda _: ()) if definition is None else self._definers(reader)
            return tuple(count(reader, map(self._instant, instants), names, definers))

    def lapsing(
        self, *, within: Width | timedelta, policy: str = DEFAULT, at: date | None = None
    ) -> tuple[Lapse, ...]:
        """Return whose standing changes, and when, if nothing more happens; the earliest first.

        Args:
            within: only changes so soon.
            policy: by which policy; "" for who is active.
            at: from which instant on; a date means its end, None now.
        """
        start = self._instant(at)
        if isinstance(within, timedelta):
            end = start + min(within, LAST - start)
        else:
            end = within.after(start, self.zone)
        low, high = microseconds(start), microseconds(end)
        with self.tables.store.reading() as reader:
            rows = reader.rows(
                "SELECT t.member, t.until, t.outcome, n.outcome FROM standing t JOIN standing n "
                "ON n.member = t.member AND n.policy = t.policy AND n.start = t.until "
                "WHERE t.policy = ? AND t.until > ? AND t.until <= ? AND t.start <= ? "
                "AND t.outcome <> n.outcome ORDER BY t.until, t.member",
                policy,
                low,
                high,
                low,
            )
        return tuple(
            Lapse(member=str(member), at=beginning(at), before=str(before), after=str(after))
            for member, at, before, after in rows
        )

    def joined_between(self, start: date, end: date) -> tuple[str, ...]:
        """Return who joined from one day or instant to another, both included, the earliest first."""
        first = instant_of(start, "start") if isinstance(start, datetime) else day_start(start, self.zone)
        last = as_instant(end, self.zone, "end")
        with self.tables.store.reading() as reader:
            rows = reader.rows(
                "SELECT member FROM member WHERE joined >= ? AND joined <= ? ORDER BY joined, member",
                microseconds(first),
                microseconds(last),
            )
        return tuple(str(member) for (member,) in rows)

    def find(self, text: str, *, limit: int = 20) -> tuple[str, ...]:
        """Return members whose identifier has some text in it, in any case; in order, at most so many."""
        if not text.isascii():  # databases know no other letters' cases
            folded = text.casefold()
            with self.tables.store.reading() as reader:
                rows = reader.rows("SELECT member FROM member ORDER BY member")
            names = (str(member) for (member,) in rows)
            return tuple([name for name in names if folded in name.casefold()][:limit])
        pattern = f"%{text.lower().replace('!', '!!').replace('%', '!%').replace('_', '!_')}%"
        with self.tables.store.reading() as reader:
            rows = reader.rows(
                "SELECT member FROM member WHERE lower(member) LIKE ? ESCAPE '!' ORDER BY member LIMIT ?",
                pattern,
                limit,
            )
        return tuple(str(member) for (member,) in rows)

    def member(self, member: str) -> Person | None:
        """Return all that the tables have of a person; None where no entry names them.

        Somebody who was merged into another is found by either identifier.
        """
        with self.tables.store.reading() as reader:
            position = int(reader.meta()["position"])
            reading = self.tables.log.reading()
            name = evolve(reading, known_at=position).amendments().aliases.get(member, member)
            found = reader.rows(
                "SELECT member, kind, joined, last_activity, reports FROM member WHERE member = ?", name
            )
            if not found:
                return None
            ((_, kind, joined, last, reports),) = found
            standing: dict[str, list[tuple[str, datetime, datetime | None]]] = {}
            for policy, outcome, start, until in reader.rows(
                "SELECT policy, outcome, start, until FROM standing WHERE member = ? ORDER BY policy, start",
                name,
            ):
                standing.setdefault(str(policy), []).append(
                    (str(outcome), beginning(start), as_moment(until))
                )
            return Person(
                member=name,
                kind=None if kind is None else str(kind),
                joined=as_moment(joined),
                last_activity=as_moment(last),
                reports=int(str(reports)),
                skills=skills_of(reader, [name]).get(name, ()),
                standing={policy: tuple(rows) for policy, rows in standing.items()},
                spans=tuple(_holds(row) for row in spans_of(reader, [name])),
            )

    def sql(self, statement: str, *values: object) -> tuple[tuple[str, ...], list[Row]]:
        """Return the names of the columns and the rows of any query on the tables; see ``docs/state.md``.

        Args:
            statement: a query; it cannot change anything.
            values: those of its question marks.
        """
        with self.tables.store.reading() as reader:
            return reader.table(statement, *values)

    def _instant(self, at: date | None) -> datetime:
        return self.tables.log.now() if at is None else as_instant(at, self.zone, "at")

    def _definers(self, reader: Reader) -> Definers:
        reading = evolve(self.tables.log.reading(), known_at=int(reader.meta()["position"]))
        return definers_of(PolicyEvaluator(reading, self.zone))


def _holds(row: Row) -> Holds:
    kind, _, k1, k2, start, until, began_in, ended_in, how = row
    return Holds(
        kind=str(kind),
        key=tuple(None if key is None else str(key) for key in (k1, k2)),
        start=beginning(start),
        end=as_moment(until),
        began_in=int(str(began_in)),
        ended_in=None if ended_in is None else int(str(ended_in)),
        how=None if how is None else str(how),
    )


@contextmanager
def _following(state: State, wait: float) -> Iterator[Following]:
    """Refresh whenever entries come, until the block ends."""
    log = state.tables.log.reading().log
    state.refresh()
    subscription = log.follow(after=state.position)
    stop = threading.Event()

    def refresh() -> None:
        while not stop.wait(wait):
            with suppress(Busy):
                state.refresh()
                return

    def keep() -> None:
        try:
            for _ in subscription:
                refresh()
        except LedgerError as error:
            following.error = error

    thread = threading.Thread(target=keep, name="reps-ledger state", daemon=True)
    following = Following(thread)
    with subscription:
        thread.start()
        try:
            yield following
        finally:
            stop.set()
            subscription.stop()
            thread.join()
    state.refresh()
