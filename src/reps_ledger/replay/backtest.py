"""Backtests: the outcomes that a policy would have given everyone, at every review date.

A run may be compared with another policy, or with what people decided in reviews under the
policy's name. Its results are Arrow, and are written as Parquet, Arrow, or CSV whose cells no
spreadsheet takes for a formula.
"""

from __future__ import annotations

import os
from calendar import monthrange
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import MAXYEAR, MINYEAR, date, datetime, timedelta, tzinfo
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Final, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import pyarrow.parquet as pq
from attrs import field, frozen

from reps_ledger.domain.shown import shown
from reps_ledger.domain.time import day_of, instant_of, last_of_day, local_day, microseconds
from reps_ledger.errors import InvalidInput, TooLarge
from reps_ledger.files import output_file
from reps_ledger.policies.policy import Policy
from reps_ledger.policies.verdicts import Verdict
from reps_ledger.replay.columns.model import Codes, Columns
from reps_ledger.replay.kernel.run import CHUNK, MAX_DATES, OutcomeCodes, outcome_type, run


def quarterly(first: int, last: int) -> list[date]:
    """Return the last day of each quarter of the years from ``first`` to ``last``."""
    return _ends(first, last, (3, 6, 9, 12))


def monthly(first: int, last: int) -> list[date]:
    """Return the last day of each month of the years from ``first`` to ``last``."""
    return _ends(first, last, range(1, 13))


def yearly(first: int, last: int) -> list[date]:
    """Return the last day of each year from ``first`` to ``last``."""
    return _ends(first, last, (12,))


def daily(first: date, last: date) -> list[date]:
    """Return every day from ``first`` to ``last``."""
    if last < first:
        raise InvalidInput(f"{last} comes before {first}", field="last")
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def _ends(first: int, last: int, months: Iterable[int]) -> list[date]:
    for year, name in ((first, "first"), (last, "last")):
        if not isinstance(year, int) or not MINYEAR <= year <= MAXYEAR:
            raise InvalidInput(f"{shown(year, 60)} is no year; write 2018", field=name)
    if last < first:
        raise InvalidInput(f"{last} comes before {first}", field="last")
    return [
        date(year, month, monthrange(year, month)[1]) for year in range(first, last + 1) for month in months
    ]


def resolved(dates: Iterable[date], zone: tzinfo) -> list[datetime]:
    """Return review dates as instants, sorted, each once: a date is the end of its day.

    Raises:
        InvalidInput: this is no list or an empty one, or one of them is neither a date nor an
            aware datetime.
        TooLarge: there are more than ``MAX_DATES``.
    """
    if not isinstance(dates, Iterable):
        raise InvalidInput(f"review dates are a list: [{shown(dates, 60)}]", field="at")
    found = set()
    for value in dates:
        if isinstance(value, datetime):
            found.add(instant_of(value, "at"))
        elif isinstance(value, date):
            found.add(last_of_day(value, zone))
        else:
            raise InvalidInput(f"a review date is a date or a datetime, not {shown(value, 60)}", field="at")
        if len(found) > MAX_DATES:
            raise TooLarge(f"more than {MAX_DATES:,} dates", field="at")
    if not found:
        raise InvalidInput("name at least one review date", field="at")
    return sorted(found)


@frozen(kw_only=True)
class Compared:
    """A decision of a review, beside the outcome that a policy gives the same member then.

    Attributes:
        review: which review was decided.
        member: of whom.
        at: as of when.
        decided: the outcome that people decided.
        outcome: the outcome that the policy gives.
    """

    review: str
    member: str
    at: datetime
    decided: str
    outcome: str


@frozen(kw_only=True)
class Agreement:
    """How well a policy agrees with what people decided.

    Attributes:
        compared: every decision, in the order in which they were made.
    """

    compared: tuple[Compared, ...]

    @property
    def agreed(self) -> int:
        """How many decisions have the outcome that the policy gives."""
        return sum(each.decided == each.outcome for each in self.compared)

    @property
    def disagreements(self) -> tuple[Compared, ...]:
        """The decisions that have another outcome than the policy gives."""
        return tuple(each for each in self.compared if each.decided != each.outcome)

    def precision(self, outcome: str) -> float | None:
        """Precision: the share of members given `outcome` by the policy whom reviewers gave it too.

        None where the policy gives it to nobody.
        """
        said = [each for each in self.compared if each.outcome == outcome]
        return sum(each.decided == outcome for each in said) / len(said) if said else None

    def recall(self, outcome: str) -> float | None:
        """Recall: the share of members given `outcome` by reviewers whom the policy gives it too.

        None where reviewers gave it to nobody.
        """
        decided = [each for each in self.compared if each.decided == outcome]
        return sum(each.outcome == outcome for each in decided) / len(decided) if decided else None

    def counts(self) -> Counter[tuple[str, str]]:
        """Return how often each pair of decided outcome and policy's outcome occurs."""
        return Counter((each.decided, each.outcome) for each in self.compared)


def decided_by(columns: Columns, policy: str, dates: Sequence[datetime]) -> tuple[tuple[str, ...], Codes]:
    """Return what reviews had decided last of each person, by each date.

    Args:
        columns: what is known.
        policy: the name under which the reviews were opened.
        dates: sorted.

    Returns:
        The outcomes that were ever decided, and the place of the last one among these, with a
        row for each person and a column for each date; -1 where nothing had been decided yet.
    """
    opened, decided = columns.table("review.opened"), columns.table("review.decided")
    under = opened.fields["policy"].matching(lambda value: value == policy)
    reviews = opened.fields["review"]
    mine = {reviews.values[code] for code in np.unique(reviews.codes[under]).tolist()}
    coded = decided.fields["outcome"]
    at = np.array([microseconds(date) for date in dates], np.int64)
    found = np.full((len(columns.people), len(dates)), -1, np.int32)
    asked = decided.fields["review"]
    for row in range(len(decided)):  # in order of member and time: the last one stays
        member = int(decided.persons["member"][row])
        if member >= 0 and asked.values[asked.codes[row]] in mine:
            first = int(np.searchsorted(at, decided.at[row], "left"))
            found[member, first:] = coded.codes[row]
    return tuple(map(str, coded.values)), found


@frozen(kw_only=True)
class Transition:
    """How often members went from one outcome to another between one date and the next.

    Attributes:
        before: the outcome at one date; None for those who had not joined.
        after: the outcome at the next.
        members: how often, over all dates.
    """

    before: str | None
    after: str
    members: int


@frozen(kw_only=True)
class Flip:
    """A member to whom two policies give different outcomes at a date.

    Attributes:
        member: who.
        at: the review date.
        was: the outcome that the other policy gives, or that people had decided.
        now: the outcome that this policy gives.
    """

    member: str
    at: datetime
    was: str
    now: str


@frozen(kw_only=True)
class Survival:
    """How many of a cohort never lost the outcome that they once had.

    Attributes:
        cohort: the year in which its members first had the outcome.
        since: how many review dates after that.
        members: how many members have that many dates after it.
        surviving: how many of these had the outcome at every date until then.
    """

    cohort: int
    since: int
    members: int
    surviving: int


@frozen(kw_only=True, eq=False)
class Backtest:
    """The outcomes of everyone who ever joined, at review dates.

    Attributes:
        policy: which policy.
        against: what it is compared with: another policy, or "decisions"; None for nothing.
        dates: the review dates, sorted.
        zone: in which dates were read.
        position: what was known.
        people: all members, in order of identifier.
        codes: the place of each outcome among the policy's, with a row for each member and a
            column for each date; -1 before they joined.
        others: the same of what it is compared with, -1 where nothing had been decided yet; None
            where it is compared with nothing.
        their_outcomes: the outcomes that ``others`` are places among.
        agreement: each decision beside the policy's outcome, where it is compared with decisions.
    """

    policy: Policy = field(repr=lambda policy: repr(policy.name))
    against: Policy | str | None = field(repr=lambda other: repr(getattr(other, "name", other)))
    dates: tuple[datetime, ...] = field(repr=lambda dates: f"<{len(dates)} dates>")
    zone: tzinfo = field(repr=str)
    position: int
    people: tuple[str, ...] = field(repr=lambda people: f"<{len(people)} people>")
    codes: OutcomeCodes = field(repr=False)
    others: OutcomeCodes | Codes | None = field(default=None, repr=False)
    their_outcomes: tuple[str, ...] = field(default=(), repr=False)
    agreement: Agreement | None = field(default=None, repr=False)
    _explain: Callable[[Policy, str, datetime], Verdict] | None = field(default=None, repr=False)

    @property
    def days(self) -> tuple[date, ...]:
        """The local days of the review dates."""
        return tuple(local_day(at, self.zone) for at in self.dates)

    def day(self, instant: datetime) -> date:
        """Return the local day of an instant, such as that of a flip.

        Raises:
            InvalidTime: it is no aware datetime.
        """
        return day_of(instant, self.zone)

    @cached_property
    def table(self) -> pa.Table:
        """A row for each member and date, as Arrow: member, date, outcome, changed.

        ``changed`` says whether the outcome is another than at the date before. A run that is
        compared with something has its outcome too, as ``against``; null where nothing had been
        decided.
        """
        return pa.Table.from_batches(self.batches(), schema=self._schema)

    @property
    def _schema(self) -> pa.Schema:
        coded = pa.dictionary(pa.int32(), pa.string())
        fields = [
            pa.field("member", coded),
            pa.field("date", pa.timestamp("us", tz="UTC")),
            pa.field("outcome", coded),
            pa.field("changed", pa.bool_()),
        ]
        if self.others is not None:
            fields.append(pa.field("against", coded))
        return pa.schema(fields)

    def batches(self, members: int = 50_000) -> Iterator[pa.RecordBatch]:
        """Yield the table in batches of so many members, in bounded memory."""
        instants = pa.array(list(self.dates), pa.timestamp("us", tz="UTC"))
        outcomes = pa.array(self.policy.outcomes, pa.string())
        everyone = pa.array(self.people, pa.string())
        for low in range(0, len(self.people), members):
            codes = self.codes[low : low + members]
            row, column = np.nonzero(codes >= 0)
            none = np.full((len(codes), 1), -1, codes.dtype)
            before = np.concatenate([none, codes[:, :-1]], axis=1)
            found = [
                _coded(row + low, everyone),
                instants.take(pa.array(column)),
                _coded(codes[row, column], outcomes),
                pa.array((codes != before)[row, column]),
            ]
            if self.others is not None:
                others = pa.array(self.their_outcomes, pa.string())
                found.append(_coded(self.others[low : low + members][row, column], others))
            yield pa.RecordBatch.from_arrays(found, schema=self._schema)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Stream the table as Arrow."""
        return self.table.__arrow_c_stream__(requested_schema)

    def write(self, path: str | os.PathLike[str], *, replace: bool = False) -> None:
        """Write the table: ``.parquet`` for Parquet, ``.csv`` for CSV with safe cells, else Arrow.

        Args:
            path: a new file, which is there once all of it is written.
            replace: whether a plain file that is there is to be replaced.

        Raises:
            PathTaken: something is there that would be lost.
            StorageError: the file cannot be written.
        """
        write_table(self.batches(), self._schema, path, replace=replace)

    def counts(self) -> tuple[dict[str, int], ...]:
        """Return, for each date, how many members have each outcome."""
        found = [np.count_nonzero(self.codes == code, axis=0) for code in range(self._outcomes)]
        return tuple(
            {name: int(found[code][i]) for code, name in enumerate(self.policy.outcomes)}
            for i in range(len(self.dates))
        )

    @property
    def _outcomes(self) -> int:
        return len(self.policy.outcomes)

    def transitions(self) -> tuple[Transition, ...]:
        """Return how often each outcome followed each other one, the most frequent first."""
        counts: Counter[tuple[int, int]] = Counter()
        for index in range(1, len(self.dates)):
            before, after = self.codes[:, index - 1], self.codes[:, index]
            both = (before.astype(np.int64) + 1) * (self._outcomes + 1) + after + 1
            numbers = np.bincount(both, minlength=(self._outcomes + 1) ** 2)
            for key in np.flatnonzero(numbers).tolist():
                counts[divmod(key, self._outcomes + 1)] += int(numbers[key])
        names = (None, *self.policy.outcomes)
        found = [
            Transition(before=names[a], after=str(names[b]), members=number)
            for (a, b), number in counts.items()
            if b > 0
        ]
        return tuple(sorted(found, key=lambda t: (-t.members, str(t.before), t.after)))

    def survival(self, outcomes: Collection[str]) -> tuple[Survival, ...]:
        """Return, by cohort, how many always had one of some outcomes since they first had one.

        A cohort is everyone who first had one of the outcomes in the same calendar year.
        Whoever has too few dates after that counts in neither number.

        Raises:
            InvalidInput: the policy has no such outcome.
        """
        if unknown := sorted(set(outcomes) - set(self.policy.outcomes)):
            raise InvalidInput(f"{self.policy.name} has no outcome {unknown[0]!r}")
        wanted = [self.policy.outcomes.index(outcome) for outcome in outcomes]
        good = np.isin(self.codes, wanted)
        ever = good.any(axis=1)
        first = np.argmax(good, axis=1)
        years = np.array([day.year for day in self.days], np.int64)
        found = []
        for cohort in np.unique(years[first[ever]]).tolist():
            members = np.flatnonzero(ever & (years[first] == cohort))
            kept = np.ones(len(members), bool)
            for since in range(len(self.dates)):
                there = first[members] + since < len(self.dates)
                if not there.any():
                    break
                place = np.minimum(first[members] + since, len(self.dates) - 1)
                kept &= good[members, place] | ~there
                found.append(
                    Survival(
                        cohort=cohort,
                        since=since,
                        members=int(there.sum()),
                        surviving=int((kept & there).sum()),
                    )
                )
        return tuple(found)

    def flips(self, limit: int | None = None) -> tuple[Flip, ...]:
        """Return where the policy and what it is compared with differ, by date, then by member.

        `explain` says why. At most ``limit`` of them, if given.
        """
        if self.others is None:
            return ()
        names = np.array(self.policy.outcomes, object)
        others = np.array([*self.their_outcomes, None], object)
        there = (self.codes >= 0) & (self.others >= 0)
        differs = there & (names[self.codes] != others[self.others])
        columns, rows = np.nonzero(differs.T)
        return tuple(
            Flip(
                member=self.people[row],
                at=self.dates[column],
                was=str(others[self.others[row, column]]),
                now=str(names[self.codes[row, column]]),
            )
            for column, row in zip(columns[:limit].tolist(), rows[:limit].tolist(), strict=True)
        )

    def explain(self, flip: Flip) -> tuple[Verdict, ...]:
        """Return the reference evaluator's verdicts behind a flip.

        One of this policy, and one of the policy that it is compared with, if it is one. Each has
        that policy's outcome at the review date before as its previous outcome, as in the run.

        Raises:
            InvalidInput: this run was not made by a ledger, or has no such date.
        """
        if self._explain is None or flip.at not in self.dates:
            raise InvalidInput("a flip is explained by the run, made by a ledger, that has it")
        asked = [each for each in (self.policy, self.against) if isinstance(each, Policy)]
        return tuple(self._explain(each, flip.member, flip.at) for each in asked)


def _coded(codes: npt.NDArray[np.integer[Any]], values: pa.Array) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32(), mask=codes < 0), values)


def backtest(  # noqa: PLR0917 — what is tried, on what, when
    policy: Policy,
    columns: Columns,
    dates: Sequence[datetime],
    zone: tzinfo,
    against: Policy | Literal["decisions"] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    *,
    chunk: int = CHUNK,
) -> Backtest:
    """Run a policy over review dates, and what it is compared with, if anything.

    Args:
        policy: which policy.
        columns: what is known.
        dates: the review dates, sorted, each once.
        zone: in which dates, days, months and years are read.
        against: another policy, or "decisions" for what people had decided last by each date.
        on_progress: called now and then with how many members are done, and how many there are.
        chunk: members that are evaluated at once.
    """
    policies = [policy, against] if isinstance(against, Policy) else [policy]
    total = len(columns.people) * len(policies)
    found: list[OutcomeCodes] = []
    for number, each in enumerate(policies):
        chunks = [np.zeros((0, len(dates)), outcome_type(len(each.outcomes)))]
        for part in run(each, columns, dates, zone, chunk=chunk):
            chunks.append(part.codes())
            if on_progress is not None:
                on_progress(number * len(columns.people) + part.high, total)
        found.append(np.concatenate(chunks))
    codes = found[0]
    others: OutcomeCodes | Codes | None = None
    theirs: tuple[str, ...] = ()
    if isinstance(against, Policy):
        others, theirs = found[1], against.outcomes
    elif against is not None:
        theirs, others = decided_by(columns, policy.name, dates)
    joined = (codes >= 0).any(axis=1)
    return Backtest(
        policy=policy,
        against=against,
        dates=tuple(dates),
        zone=zone,
        position=columns.position,
        people=tuple(np.array(columns.people, object)[joined].tolist()),
        codes=codes[joined],
        others=None if others is None else others[joined],
        their_outcomes=theirs,
    )


_FORMULA: Final = r"^[=+\-@\t\r]"


def write_table(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, path: str | os.PathLike[str], *, replace: bool
) -> None:
    """Write batches to a file, which is there once all of it is written.

    Args:
        batches: what to write.
        schema: of each of them.
        path: ``.parquet`` for Parquet, ``.csv`` for CSV with safe cells, else an Arrow file.
        replace: whether a plain file that is there is to be replaced.

    Raises:
        PathTaken: something is there that would be lost.
        StorageError: the file cannot be written.
    """
    write = _WRITERS.get(Path(path).suffix.lower(), _write_arrow)
    with output_file(path, replace=replace) as file:
        write(batches, schema, file)


def _write_parquet(batches: Iterable[pa.RecordBatch], schema: pa.Schema, file: IO[bytes]) -> None:
    with pq.ParquetWriter(file, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


def _write_arrow(batches: Iterable[pa.RecordBatch], schema: pa.Schema, file: IO[bytes]) -> None:
    with pa.ipc.new_file(file, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


def _write_csv(batches: Iterable[pa.RecordBatch], schema: pa.Schema, file: IO[bytes]) -> None:
    plain = pa.schema([pa.field(each.name, _plain(each.type)) for each in schema])
    with pcsv.CSVWriter(file, plain) as writer:
        for batch in batches:
            columns = [_safe(column, plain.field(i).type) for i, column in enumerate(batch)]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=plain))


_WRITERS: Final = {".csv": _write_csv, ".parquet": _write_parquet}


def _plain(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return kind.value_type
    return pa.string() if pa.types.is_timestamp(kind) else kind


def _safe(column: pa.Array, kind: pa.DataType) -> pa.Array:
    """Return a column as CSV takes it: text that looks like a formula begins with a quote."""
    if pa.types.is_timestamp(column.type):
        return pc.strftime(column, format="%Y-%m-%dT%H:%M:%SZ")
    found = column.cast(kind)
    if not pa.types.is_string(kind):
        return found
    guarded = pc.binary_join_element_wise(pa.scalar("'"), found, "")
    return pc.if_else(pc.match_substring_regex(found, _FORMULA), guarded, found)
