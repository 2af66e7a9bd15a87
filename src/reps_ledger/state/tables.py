"""`Tables`: keeping the tables of one log up to date, by everybody's histories or by those touched."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Protocol

from attrs import field, frozen

from reps_ledger.domain.time import instant_at, microseconds, zone_name
from reps_ledger.errors import InvalidInput
from reps_ledger.log import Reading
from reps_ledger.policies.documents import digest, dumps, loads
from reps_ledger.policies.policy import Policy
from reps_ledger.state.derive import DEFAULT, Deriver, community_row
from reps_ledger.state.schema import BY_NAME, FORMAT, OF_MEMBERS, TABLES, Row, Rows
from reps_ledger.state.store import Reader, Store, Writer
from reps_ledger.state.touched import Touched, leaning_of, touched_by
from reps_ledger.views.evaluator import PolicyEvaluator

if TYPE_CHECKING:
    from reps_ledger.replay.columns import Columns

_BATCH: Final = 2_000
"""People whose rows are written at once."""

_SKEW: Final = timedelta(minutes=1)
"""By how much clocks of those who keep the same tables may differ; more says that one was set back."""

MANY: Final = 64
"""From so many people on, their rows are derived at once, where the extra for that is installed."""

_POSITION: Final = "position"
_LAST: Final = "last"
_KEY: Final = "key"
_ABOUT: Final = "key_says"
_READ_AT: Final = "read_at"
_POLICIES: Final = "policies"


class Log(Protocol):
    """A log to be read as it is now: a ledger's core is one."""

    def reading(self) -> Reading:
        """Return all that is known."""

    @property
    def zone(self) -> tzinfo:
        """The zone in which days are read."""

    def now(self) -> datetime:
        """Return the current time."""

    def columns(self, reading: Reading, people: Collection[str] | None = None) -> Columns | None:
        """Return all that a reading knows as columns, or all that names some people.

        None where the extra for columns is not installed.
        """


@frozen(kw_only=True)
class _Key:
    """All that rows depend on, but for the entries themselves.

    Attributes:
        about: what it is, as JSON.
        sha256: its digest.
        policies: the documents of the policies that are kept, as JSON.
    """

    about: str
    sha256: str
    policies: str


@lru_cache(maxsize=64)
def _key_of(facts: str, zone: str, policies: tuple[Policy, ...]) -> _Key:
    """Return the key of tables of these kinds of fact and upcasters, in this zone, of these policies."""
    about = json.dumps(
        {
            "format": FORMAT,
            "kinds of fact or upcasters": facts,
            "zone": zone,
            "policies": sorted((policy.name, digest(policy)) for policy in policies),
        },
        sort_keys=True,
    )
    return _Key(
        about=about,
        sha256=hashlib.sha256(about.encode()).hexdigest(),
        policies=json.dumps([dumps(policy, "json") for policy in policies]),
    )


@frozen(kw_only=True)
class Refreshed:
    """What bringing tables up to date did.

    Attributes:
        position: the position that they are of now.
        entries: how many entries were new.
        people: of how many people rows were derived.
        rebuilt: whether everybody's were, from nothing.
        because: why, where that is so.
    """

    position: int
    entries: int
    people: int
    rebuilt: bool = False
    because: str = ""

    def __str__(self) -> str:
        what = f"at position {self.position}: {self.entries} new entries, {self.people} people derived"
        return f"{what}; made anew, as {self.because}" if self.rebuilt else what


@frozen(eq=False)
class Tables:
    """The tables of one log in one store.

    Attributes:
        log: the log.
        store: where they are kept.
        policies: whose outcomes are kept beside those of charters.
    """

    log: Log
    store: Store
    policies: tuple[Policy, ...] = field(default=())

    @policies.validator
    def _can_be_kept(self, _: object, policies: Iterable[Policy]) -> None:
        names = [policy.name for policy in policies]
        for policy in policies:
            if policy.of != "member":
                raise InvalidInput(f"{policy.name} is about communities, not members", field="policies")
            if policy.name == DEFAULT or names.count(policy.name) > 1:
                raise InvalidInput(f"two policies are called {policy.name!r}", field="policies")

    def refresh(self) -> Refreshed:
        """Bring the tables up to the log's head.

        Two who do so at once do the work once: who comes second waits, and finds it done.
        """
        reading, now = self.log.reading(), self.log.now()
        with self.store.reading() as reader:
            if self._is_current(reader, reading, now):
                return Refreshed(position=reading.known_at, entries=0, people=0)
        with self.store.writing() as writer:
            # Others may have recorded, and brought the tables up to date, while this waited for them.
            reading, now = self.log.reading(), self.log.now()
            meta = writer.meta()
            because = self._unfit(meta, reading) or _set_back(meta, now)
            if because:
                return self._build(writer, reading, now, because)
            # By a clock that is a little behind, what counted already goes on counting.
            now = max(now, _moment(meta))
            return self._catch_up(writer, reading, now, int(meta[_POSITION]))

    def rebuild(self) -> Refreshed:
        """Make the tables anew."""
        with self.store.writing() as writer:
            return self._build(writer, self.log.reading(), self.log.now(), "that was asked for")

    def check(self) -> tuple[str, ...]:
        """Compare the tables with rows derived anew from the log, as of their position.

        Returns:
            The differences, in words; none where they are as they should be.
        """
        with self.store.writing() as writer:  # so that nobody moves them on meanwhile
            meta = writer.meta()
            reading = self.log.reading()
            because = self._unfit(meta, reading)
            if because:
                return (f"the tables cannot be used: {because}",)
            reading = _as_known(reading, int(meta[_POSITION]))
            deriver = self._deriver(reading, _moment(meta))
            return tuple(_differences(writer, self._everybody(deriver, reading), self.communities(reading)))

    # What they are of

    def _key(self, reading: Reading) -> _Key:
        """Return all that rows depend on, but for the entries themselves."""
        zone = self.log.zone
        return _key_of(reading.log.codec.digest, zone_name(zone) or str(zone), self.policies)

    def _meta(self, reading: Reading, now: datetime) -> dict[str, str]:
        key = self._key(reading)
        return {
            _POSITION: str(reading.known_at),
            _LAST: reading.log.mark_at(reading.known_at) or "",
            _KEY: key.sha256,
            _ABOUT: key.about,
            _READ_AT: str(microseconds(now)),
            _POLICIES: key.policies,
        }

    def _unfit(self, meta: Mapping[str, str], reading: Reading) -> str:
        """Return why tables cannot be brought up to date from where they are; empty where they can."""
        if not meta:
            return "there were none"
        key = self._key(reading)
        if meta[_KEY] != key.sha256:
            before, own = json.loads(meta[_ABOUT]), json.loads(key.about)
            changed = [name for name in own if before.get(name) != own[name]]
            return f"the {' and the '.join(changed)} changed"
        position = int(meta[_POSITION])
        if position > reading.known_at or (reading.log.mark_at(position) or "") != meta[_LAST]:
            return "they are of another log, of one that was restored, or of before something was voided"
        return ""

    def _is_current(self, reader: Reader, reading: Reading, now: datetime) -> bool:
        """Whether nothing is to be done."""
        meta = reader.meta()
        if not meta or int(meta[_POSITION]) != reading.known_at or self._unfit(meta, reading):
            return False
        if _set_back(meta, now):
            return False
        return not reader.rows("SELECT 1 FROM member WHERE changes <= ? LIMIT 1", microseconds(now))

    # Building

    def _deriver(self, reading: Reading, now: datetime) -> Deriver:
        return Deriver(PolicyEvaluator(reading, self.log.zone), now, self.policies)

    def _build(self, writer: Writer, reading: Reading, now: datetime, because: str) -> Refreshed:
        deriver = self._deriver(reading, now)
        writer.create()
        columns = self.log.columns(reading)
        try:
            if columns is None:
                self._one_by_one(writer, deriver, reading)
            else:
                _in_bulk(writer, columns, reading, deriver)
        except InvalidInput:  # one asks for what columns do not hold, or for a kind of fact unknown here
            writer.create()
            self._one_by_one(writer, deriver, reading)
        writer.index()
        ((people,),) = writer.rows("SELECT count(*) FROM member")
        writer.tell(self._meta(reading, now))
        return Refreshed(
            position=reading.known_at,
            entries=reading.known_at,
            people=int(str(people)),
            rebuilt=True,
            because=because,
        )

    def _one_by_one(self, writer: Writer, deriver: Deriver, reading: Reading) -> None:
        """Write the rows of one person after another."""
        batch: Rows = {table.name: [] for table in OF_MEMBERS}
        for people, rows in enumerate(self._everybody(deriver, reading), 1):
            for name, found in rows.items():
                batch[name] += found
            if people % _BATCH == 0:
                _flush(writer, batch)
        _flush(writer, batch)
        writer.insert(BY_NAME["community"], self.communities(reading))

    @staticmethod
    def _everybody(deriver: Deriver, _: Reading) -> Iterator[Rows]:
        return (deriver.person(dossier) for dossier in deriver.evaluator.everyone())

    @staticmethod
    def communities(reading: Reading) -> list[Row]:
        """Return the rows of all communities, in one pass over everything."""
        founded: dict[str, Row] = {}
        named: set[str] = set()
        for entry in reading.everyone():
            name = getattr(entry.fact, "community", None)
            if isinstance(name, str):
                named.add(name)
                if entry.name == _FOUNDED and name not in founded:
                    row = community_row(name, [entry])
                    assert row is not None, "there is an entry"  # noqa: S101 — for the type checker
                    founded[name] = row
        return [founded.get(name) or (name, None, None, None) for name in sorted(named)]

    # Catching up

    def _catch_up(self, writer: Writer, reading: Reading, now: datetime, position: int) -> Refreshed:
        new = [*reading.log.read(after=position, upto=reading.known_at)]
        deriver = self._deriver(reading, now)
        charters = [era.charter for era in deriver.eras if era.charter is not None]
        leaning = leaning_of(self.policies, charters)
        touched = touched_by(new, reading, leaning)
        if touched.everybody:
            return self._build(writer, reading, now, "new entries concern everybody")
        due = writer.rows("SELECT member FROM member WHERE changes <= ?", microseconds(now))
        people = touched.people | {str(member) for (member,) in due}
        derived = self._derive(writer, deriver, reading, people, alone=leaning.alone)
        self._derive_communities(writer, reading, touched)
        writer.tell(self._meta(reading, now))
        return Refreshed(position=reading.known_at, entries=len(new), people=derived)

    def _derive(
        self, writer: Writer, deriver: Deriver, reading: Reading, people: Iterable[str], *, alone: bool
    ) -> int:
        """Derive the rows of some people anew; return of how many.

        Args:
            writer: writes them.
            deriver: derives them one by one.
            reading: what is known.
            people: of whom.
            alone: whether nobody's rows depend on other people.
        """
        aliases = reading.amendments().aliases
        wanted = sorted({aliases.get(name, name) for name in people})
        writer.remove(sorted({*people, *wanted}))
        columns = None
        if len(wanted) >= MANY:
            columns = self.log.columns(reading, wanted if alone else None)
        try:
            if columns is not None:
                _in_bulk(writer, columns, reading, deriver, wanted, alone=alone)
                return len(wanted)
        except InvalidInput:  # one asks for what columns do not hold, or for a kind of fact unknown here
            writer.remove(wanted)
        batch: Rows = {table.name: [] for table in OF_MEMBERS}
        for member in wanted:
            dossier = deriver.evaluator.member(member, deriver.now).dossier
            if dossier.entries:
                for name, found in deriver.person(dossier).items():
                    batch[name] += found
        _flush(writer, batch)
        return len(wanted)

    @staticmethod
    def _derive_communities(writer: Writer, reading: Reading, touched: Touched) -> None:
        names = sorted(touched.communities)
        if not names:
            return
        writer.remove_communities(names)
        found = (community_row(name, reading.community(name)) for name in names)
        writer.insert(BY_NAME["community"], [row for row in found if row is not None])


def kept_policies(store: Store) -> tuple[Policy, ...]:
    """Return the policies whose outcomes tables keep, beside those of charters.

    Raises:
        InvalidPolicy: one cannot be read here.
    """
    with store.reading() as reader:
        meta = reader.meta()
    return tuple(loads(document) for document in json.loads(meta.get(_POLICIES, "[]")))


_FOUNDED: Final = "community.founded"


def _in_bulk(
    writer: Writer,
    columns: Columns,
    reading: Reading,
    deriver: Deriver,
    wanted: Collection[str] | None = None,
    *,
    alone: bool = False,
) -> None:
    """Write the rows of many people at once; of everybody and all communities, where nobody is named.

    Raises:
        InvalidInput: a policy asks for what columns do not hold, or for a kind of fact unknown here.
    """
    from reps_ledger.state.bulk import Bulk, entries_read

    entries = entries_read(reading, wanted if alone else None)
    bulk = Bulk.of(columns, entries, deriver, wanted)
    for name, rows in bulk.rows():
        writer.insert(BY_NAME[name], rows)
    if wanted is None:
        writer.insert(BY_NAME["community"], bulk.communities() or Tables.communities(reading))


def _flush(writer: Writer, batch: Rows) -> None:
    """Write rows, and empty the batch."""
    for name, rows in batch.items():
        if rows:
            writer.insert(BY_NAME[name], rows)
            rows.clear()


def _as_known(reading: Reading, position: int) -> Reading:
    return Reading(log=reading.log, known_at=position)


def _set_back(meta: Mapping[str, str], now: datetime) -> str:
    """Return why what counted by the last refresh may count no more; empty where it does."""
    return "the clock was set back" if _moment(meta) - now > _SKEW else ""


def _moment(meta: Mapping[str, str]) -> datetime:
    return instant_at(int(meta[_READ_AT]))


def _differences(writer: Writer, everybody: Iterable[Rows], communities: Sequence[Row]) -> Iterator[str]:
    """Yield where tables hold other rows than they should."""
    right: dict[str, Counter[Row]] = {table.name: Counter() for table in TABLES}
    right["community"].update(communities)
    for rows in everybody:
        for name, found in rows.items():
            right[name].update(found)
    for table in TABLES:
        query = f'SELECT {", ".join(table.names)} FROM "{table.name}"'
        there: Counter[Row] = Counter(tuple(row) for row in writer.rows(query))
        for row in sorted(right[table.name] - there, key=repr):
            yield f"{table.name} lacks {_said(table.names, row)}"
        for row in sorted(there - right[table.name], key=repr):
            yield f"{table.name} has {_said(table.names, row)}, which does not follow from the log"


def _said(names: Sequence[str], row: Row) -> str:
    return ", ".join(f"{name} {value!r}" for name, value in zip(names, row, strict=True) if value is not None)
