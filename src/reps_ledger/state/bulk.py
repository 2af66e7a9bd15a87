"""The rows of many people at once, from columns.

The vectorised twin of `derive`, which says the same of one person after another. What columns do not hold, as
it is personal or read by few, comes from entries: accounts, and reviews.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import groupby, repeat
from typing import Any, Final

import numpy as np
from attrs import frozen

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.open_reviews import REVIEWS
from reps_ledger.domain.spans import ENDED, HOW_ENDED, REPLACED, SPAN_KINDS, folded
from reps_ledger.domain.time import microseconds
from reps_ledger.log import Reading
from reps_ledger.policies.charter.eras import Era
from reps_ledger.policies.policy import Policy
from reps_ledger.replay.columns.model import MISSING, Codes, Columns, Table, Truths
from reps_ledger.replay.everybody import Everybody, Said, Times
from reps_ledger.replay.kernel.arrays import FOREVER, Integers, Rows
from reps_ledger.replay.kernel.histories import Histories
from reps_ledger.replay.kernel.spans import Ends, following, next_alike
from reps_ledger.state.derive import DEFAULT, Deriver, review_rows, span_row
from reps_ledger.state.schema import Row

_LINKED: Final = "account.linked"
_JOINED: Final = "member.joined"
READ: Final = frozenset({_LINKED, "account.unlinked", *REVIEWS})
"""The stored names of the facts that are read as entries."""


def entries_read(reading: Reading, people: Iterable[str] | None = None) -> list[Entry]:
    """Return what is read as entries: all of the kinds in `READ`; or of some people, those that name them."""
    if people is None:
        return reading.of_kinds(READ)
    found = {e.id: e for each in reading.members(people, kinds=READ).values() for e in each}
    return [entry for entry in found.values() if entry.name in READ]


@frozen(eq=False)
class Bulk:
    """Derives the rows of many people, as known at one position.

    Attributes:
        everybody: what is so of everybody through time.
        entries: all that stand of the kinds in `READ`, in any order.
        now: the instant at which what is only of now is looked at, in microseconds since 1970.
        kept: the policies whose outcomes are kept, by name: each with when it counts.
        wanted: whose rows are asked for; None for everybody's.
    """

    everybody: Everybody
    entries: Sequence[Entry]
    now: int
    kept: Mapping[str, Sequence[tuple[Era, Policy]]]
    wanted: Truths | None = None

    @classmethod
    def of(
        cls,
        columns: Columns,
        entries: Sequence[Entry],
        deriver: Deriver,
        wanted: Collection[str] | None = None,
    ) -> Bulk:
        """Make it of columns.

        Args:
            columns: with all that stands of whose rows are asked for, and of those on whom these lean.
            entries: all of the kinds in `READ` that stand, of the same people.
            deriver: derives the same rows, of one person after another.
            wanted: whose rows are asked for; None for everybody's.
        """
        histories = Histories(columns, deriver.evaluator.zone)
        return cls(
            Everybody(histories, deriver.eras),
            entries,
            microseconds(deriver.now),
            deriver.kept,
            None if wanted is None else np.array([name in wanted for name in columns.people], bool),
        )

    @property
    def columns(self) -> Columns:
        """The columns that they are derived from."""
        return self.everybody.histories.columns

    @cached_property
    def _people(self) -> Any:
        """Everybody's identifiers, to be taken by their places."""
        return np.array(self.columns.people, object)

    def rows(self) -> Iterator[tuple[str, Iterable[Row]]]:
        """Yield rows by table; of one table several times."""
        yield "member", self._members()
        yield "skill", self._skills()
        for name in SPAN_KINDS:
            yield "span", self._accounts() if name == _LINKED else self._spans(name)
        yield "standing", self._said(DEFAULT, self.everybody.standing)
        for name, versions in self.kept.items():
            yield "standing", self._said(name, self.everybody.outcomes(versions))
        for community, times in self.everybody.counted():
            yield "counted", self._counted(community, times)
        yield "review", self._reviews()
        yield "notice", self._notices()
        yield "application", self._applications()

    def communities(self) -> list[Row] | None:
        """Return the rows of all communities; None where columns do not hold all of their names.

        A service's own facts may name them in personal text, or by the names of people.
        """
        named: set[object] = set()
        for table in self.columns.tables.values():
            described = self.columns.registry.named(table.name)
            if described is not None and "community" in described.names - {*table.fields}:
                return None
            if "community" in table.fields:
                coded = table.fields["community"]
                named.update(coded.values[code] for code in np.unique(coded.codes).tolist() if code >= 0)
        table = self.columns.table("community.founded")
        communities, parents = (table.fields[name] for name in ("community", "parent"))
        founded: dict[object, Row] = {}
        for row in np.lexsort((table.order, table.at)).tolist():
            name = communities.values[communities.codes[row]]
            parent = int(parents.codes[row])
            said = None if parent < 0 else parents.values[parent]
            founded.setdefault(name, (name, said, int(table.at[row]), int(table.order[row])))
        names = sorted(name for name in named if isinstance(name, str))
        return [founded.get(name) or (name, None, None, None) for name in names]

    # People

    def _wants(self, member: Codes | Integers) -> Truths:
        """Return of which members rows are asked for: of nobody, -1, none."""
        there = member >= 0
        return there if self.wanted is None else there & self.wanted[member]

    def _names(self, member: Codes | Integers) -> list[str]:
        found: list[str] = self._people[member].tolist()
        return found

    def _members(self) -> Iterable[Row]:
        everybody = self.everybody
        size = len(self.columns.people)
        joining = everybody.histories.joining
        table = self.columns.table(_JOINED)
        kinds = np.array([*table.fields["kind"].values, None], object)
        reports, filed = everybody.reports(self.now)
        own = np.bincount(reports.persons["member"][filed], minlength=size)
        chosen = np.arange(size) if self.wanted is None else np.flatnonzero(self.wanted)
        rows = joining[chosen]
        codes = np.append(table.fields["kind"].codes, -1)[rows]  # row -1 is nobody's: the last
        return zip(
            self._names(chosen),
            kinds[codes].tolist(),
            _or_none(everybody.joined[chosen], FOREVER),
            _or_none(everybody.histories.joined_with_account[chosen], FOREVER),
            everybody.first_seen[chosen].tolist(),
            _or_none(everybody.last_activity(self.now)[chosen], MISSING),
            own[chosen].tolist(),
            _or_none(everybody.first_after(self.now)[chosen], FOREVER),
            strict=True,
        )

    def _skills(self) -> Iterable[Row]:
        member, areas, number = self.everybody.areas(self.now, self.wanted)
        return zip(self._names(member), areas, number.tolist(), strict=True)

    # What lasts

    def _spans(self, name: str) -> Iterable[Row]:
        spans = self.everybody.histories.spans(name)
        table = spans.table
        kept = np.flatnonzero(self._wants(spans.member))
        row = spans.row[kept]
        keys = [self._values(table, field, row) for field in SPAN_KINDS[name].fields[:2]]
        keys += [[None] * len(row)] * (2 - len(keys))
        how = np.array([*HOW_ENDED, None], object)
        return zip(
            self._names(spans.member[kept]),
            repeat(name, len(row)),
            *keys,
            spans.start[kept].tolist(),
            spans.end[kept].tolist(),
            table.order[row].tolist(),
            _or_none(spans.ended_by[kept], -1),
            how[spans.how[kept]].tolist(),
            strict=True,
        )

    def _values(self, table: Table, name: str, row: Integers) -> list[object]:
        """Return a field's values in some rows."""
        if name in table.persons:
            return [*self._names(table.persons[name][row])]
        if name in table.instants:
            return _or_none(table.instants[name][row], MISSING)
        coded = table.coded(name)
        found: list[object] = _objects([*coded.values, None])[coded.codes[row]].tolist()
        return found

    def _accounts(self) -> Iterator[Row]:
        links = [e for e in self.entries if "account." in e.name and self._is_wanted(e.fact.member)]
        for span in folded(sorted(links, key=_order)).of(_LINKED):
            yield span_row(span)

    @cached_property
    def _wanted_names(self) -> frozenset[str] | None:
        return None if self.wanted is None else frozenset(self._people[self.wanted].tolist())

    def _is_wanted(self, name: str) -> bool:
        return self._wanted_names is None or name in self._wanted_names

    def _said(self, policy: str, said: Said) -> Iterable[Row]:
        times = self._of_wanted(said.times)
        outcomes = np.array([outcome for outcome, _ in said.values], object)
        active = np.array([None if each is None else int(each) for _, each in said.values], object)
        return zip(
            self._names(times.member),
            repeat(policy, len(times)),
            times.start.tolist(),
            times.until.tolist(),
            outcomes[times.what].tolist() if len(times) else [],
            active[times.what].tolist() if len(times) else [],
            strict=True,
        )

    def _counted(self, community: str, times: Times) -> Iterable[Row]:
        times = self._of_wanted(times)
        return zip(
            self._names(times.member),
            repeat(community, len(times)),
            times.start.tolist(),
            times.until.tolist(),
            strict=True,
        )

    def _of_wanted(self, times: Times) -> Times:
        return times if self.wanted is None else times.only(self.wanted[times.member])

    # What waits

    def _reviews(self) -> Iterator[Row]:
        entries = (e for e in self.entries if e.name in REVIEWS and self._is_wanted(e.fact.member))
        for member, own in groupby(sorted(entries, key=_by_member), lambda entry: str(entry.fact.member)):
            yield from review_rows(member, own)

    def _notices(self) -> Iterable[Row]:
        sent = self.columns.table("notice.sent")
        row = np.flatnonzero(self._wants(sent.persons["member"]))
        own = Rows.sorted(sent.persons["member"], sent.at, sent.order)
        acted = following(len(sent), own, self.everybody.histories.acts, ENDED)
        answered = acted.or_else(Ends.of(*next_alike([sent], ("member", "notice")), REPLACED))
        return zip(
            self._names(sent.persons["member"][row]),
            *(self._values(sent, name, row) for name in ("notice", "stage", "policy")),
            sent.at[row].tolist(),
            answered.at[row].tolist(),
            self._values(sent, "deadline", row),
            sent.order[row].tolist(),
            _or_none(answered.by[row], -1),
            strict=True,
        )

    def _applications(self) -> Iterable[Row]:
        filed, decided = (self.columns.table(f"application.{what}") for what in ("filed", "decided"))
        at, order = next_alike([filed, decided], ("member", "role", "community"))
        row = np.flatnonzero(self._wants(filed.persons["member"]))
        outcomes = dict(
            zip(
                decided.order.tolist(), self._values(decided, "outcome", np.arange(len(decided))), strict=True
            )
        )
        return zip(
            self._names(filed.persons["member"][row]),
            *(self._values(filed, name, row) for name in ("role", "community")),
            filed.at[row].tolist(),
            at[row].tolist(),
            filed.order[row].tolist(),
            _or_none(order[row], -1),
            [outcomes.get(each) for each in order[row].tolist()],
            strict=True,
        )


def _or_none(numbers: Integers, none: int) -> list[Any]:
    """Return numbers as Python's, with None for one of them."""
    found = numbers.astype(object)
    found[numbers == none] = None
    listed: list[Any] = found.tolist()
    return listed


def _objects(values: Sequence[object]) -> Any:
    """Return values as an array of objects, none of which is taken apart."""
    return np.fromiter(values, object, len(values))


def _order(entry: Entry) -> Any:
    return entry.order


def _by_member(entry: Entry) -> Any:
    return entry.fact.member, entry.order
