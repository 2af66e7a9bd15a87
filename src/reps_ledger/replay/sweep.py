"""Sweeps: a policy under every combination of some parameters, and what outcomes each gives."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, tzinfo
from inspect import signature
from itertools import product
from math import prod
from typing import Final

import numpy as np
import pyarrow as pa
from attrs import field, frozen

from reps_ledger.domain.shown import shown
from reps_ledger.errors import InvalidInput, TooLarge
from reps_ledger.policies.policy import Policy
from reps_ledger.replay.backtest import write_table
from reps_ledger.replay.columns import Columns
from reps_ledger.replay.kernel.histories import Histories
from reps_ledger.replay.kernel.run import run

MAX_POLICIES: Final = 10_000


@frozen(kw_only=True)
class SweepRow:
    """How many members have an outcome at a date, under one combination of parameters.

    Attributes:
        parameters: their values, in the order of `Sweep.names`.
        at: the review date.
        outcome: which outcome.
        members: how many.
    """

    parameters: tuple[object, ...]
    at: datetime
    outcome: str
    members: int


@frozen(kw_only=True)
class Sweep:
    """The outcomes of a policy under every combination of some parameters.

    Attributes:
        names: of the parameters.
        rows: a row for each combination, date and outcome.
    """

    names: tuple[str, ...]
    rows: tuple[SweepRow, ...] = field(repr=lambda rows: f"<{len(rows)} rows>")

    def curve(self, outcome: str) -> tuple[tuple[tuple[object, ...], int], ...]:
        """Return, for each combination, how many members had an outcome at the last date."""
        last = max((row.at for row in self.rows), default=None)
        return tuple(
            (row.parameters, row.members) for row in self.rows if row.at == last and row.outcome == outcome
        )

    @property
    def table(self) -> pa.Table:
        """The rows as Arrow: a column for each parameter, then date, outcome and members."""
        columns: dict[str, pa.Array | list[object] | list[str]] = {
            name: _plain([row.parameters[i] for row in self.rows]) for i, name in enumerate(self.names)
        }
        columns["date"] = pa.array([row.at for row in self.rows], pa.timestamp("us", tz="UTC"))
        columns["outcome"] = [row.outcome for row in self.rows]
        columns["members"] = pa.array([row.members for row in self.rows], pa.int64())
        return pa.table(columns)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Stream the rows as Arrow."""
        return self.table.__arrow_c_stream__(requested_schema)

    def write(self, path: str | os.PathLike[str], *, replace: bool = False) -> None:
        """Write the rows: ``.parquet`` for Parquet, ``.csv`` for CSV with safe cells, else Arrow.

        Args:
            path: a new file, which is there once all of it is written.
            replace: whether a plain file that is there is to be replaced.

        Raises:
            PathTaken: something is there that would be lost.
            StorageError: the file cannot be written.
        """
        write_table(self.table.to_batches(), self.table.schema, path, replace=replace)


def _plain(values: list[object]) -> list[object]:
    """Return values as a column of Arrow takes them: of one plain type, or all as text."""
    kinds = {type(value) for value in values}
    return values if len(kinds) == 1 and kinds <= {bool, int, float, str} else list(map(str, values))


def sweep(  # noqa: PLR0917 — what is tried, on what, when
    make: Callable[..., Policy],
    parameters: Mapping[str, Iterable[object]],
    columns: Columns,
    dates: Sequence[datetime],
    zone: tzinfo,
    on_progress: Callable[[int, int], None] | None = None,
    *,
    check: Callable[[Policy], object] | None = None,
) -> Sweep:
    """Run the policy that ``make`` makes of each combination of parameters.

    Whatever does not depend on the policy is worked out once for all of them.

    Args:
        make: makes a policy of parameters, given by name.
        parameters: the values to try of each.
        columns: what is known.
        dates: the review dates, sorted, each once.
        zone: in which dates, days, months and years are read.
        on_progress: called after each policy with how many are done, and how many there are.
        check: refuses a policy by raising.

    Raises:
        InvalidInput: there is no parameter, or ``make`` takes others, or makes no policy.
        TooLarge: there are more than `MAX_POLICIES` combinations.
    """
    names = tuple(parameters)
    combinations = _combinations(make, parameters)
    histories = Histories(columns, zone)
    rows: list[SweepRow] = []
    for number, values in enumerate(combinations, 1):
        policy = make(**dict(zip(names, values, strict=True)))
        if not isinstance(policy, Policy):
            raise InvalidInput(f"a sweep needs what makes a policy, not {shown(policy, 60)}")
        if check is not None:
            check(policy)
        total = np.zeros((len(policy.outcomes), len(dates)), np.int64)
        for part in run(policy, columns, dates, zone, histories=histories):
            total += part.counts()
        rows += [
            SweepRow(parameters=values, at=date, outcome=outcome, members=int(total[i, j]))
            for j, date in enumerate(dates)
            for i, outcome in enumerate(policy.outcomes)
        ]
        if on_progress is not None:
            on_progress(number, len(combinations))
    return Sweep(names=names, rows=tuple(rows))


def _combinations(
    make: Callable[..., Policy], parameters: Mapping[str, Iterable[object]]
) -> list[tuple[object, ...]]:
    """Return every combination of values, once it is sure that ``make`` takes such parameters."""
    if not callable(make):
        raise InvalidInput(
            "a sweep needs what makes a policy of the parameters: a function, or a template of "
            f"load_template; not {shown(make, 60)}",
            field="make",
        )
    for name, values in parameters.items():
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise InvalidInput(f"the values of {name} are a list, not {shown(values, 60)}", field=name)
    lists = [tuple(values) for values in parameters.values()]
    if not lists or not all(lists):
        raise InvalidInput("name a parameter, with the values to try", field="parameters")
    if (number := prod(map(len, lists))) > MAX_POLICIES:
        raise TooLarge(f"{number:,} policies; at most {MAX_POLICIES:,}")
    try:
        signature(make).bind(**dict.fromkeys(parameters))
    except TypeError as error:
        raise InvalidInput(f"the policy's parameters: {error}", field="parameters") from error
    except ValueError:
        pass  # some callables that are not written in Python have no signature to look at
    return list(product(*lists))
