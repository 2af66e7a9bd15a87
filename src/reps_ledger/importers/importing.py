"""Importing: rows through all the rules, in batches, safe to run again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Self

from reps_ledger.errors import InvalidInput
from reps_ledger.importers.files import csv_rows, json_rows, open_file, value_rows
from reps_ledger.importers.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import tzinfo

    from reps_ledger.domain.facts import Registry
    from reps_ledger.importers.report import ImportReport
    from reps_ledger.log.recording import Recording

__all__ = ["import_history"]

BATCH: Final = 1_000
"""Rows recorded in one append."""


def import_history(
    recording: Recording,
    zone: tzinfo,
    source: str | PathLike[str] | Iterable[Any],
    *,
    by: str,
    on_refused: str,
    on_unknown_member: str,
    on_progress: Callable[[int, int], None] | None,
) -> ImportReport:
    """Import rows; see ``Ledger.import_history``."""
    _one_of("on_refused", on_refused, ("quarantine", "stop"))
    _one_of("on_unknown_member", on_unknown_member, ("refuse", "join"))
    with (
        _Rows(source, recording.log.codec.registry) as rows,
        ThreadPoolExecutor(1, "reps-ledger-import") as writer,
    ):
        session = Session(
            recording=recording,
            zone=zone,
            by=by,
            stop=on_refused == "stop",
            infer=on_unknown_member == "join",
            writer=writer,
        )
        while batch := list(islice(rows.lines, BATCH)):
            session.take(batch)
            if on_progress is not None:
                on_progress(session.rows, rows.read())
        return session.finish()


def _one_of(what: str, value: str, options: tuple[str, ...]) -> None:
    if value not in options:
        raise InvalidInput(f"{what} must be one of {', '.join(options)}", field=what)


class _Rows:
    """Where rows come from: a file, which is closed in the end, or values."""

    def __init__(self, source: str | PathLike[str] | Iterable[Any], registry: Registry) -> None:
        self._raw: IO[bytes] | None = None
        if isinstance(source, bytes):
            raise InvalidInput("give a path, or rows as dicts", field="source")
        if not isinstance(source, str | PathLike):
            self.lines = value_rows(source)
            return
        path = Path(source)
        file, self._raw = open_file(path)
        is_csv = path.name.lower().removesuffix(".gz").endswith(".csv")
        self.lines = csv_rows(file, registry) if is_csv else json_rows(file)

    def read(self) -> int:
        """Return how many bytes of the file were read."""
        return self._raw.tell() if self._raw is not None else 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._raw is not None:
            self._raw.close()
