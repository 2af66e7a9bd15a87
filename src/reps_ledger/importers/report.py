"""What an import did: how much was recorded, and every row that was not."""

from __future__ import annotations

import tempfile
import weakref
from typing import IO, TYPE_CHECKING, Any

import msgspec
from attrs import field, frozen

from reps_ledger.importers.files import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ImportReport", "Quarantine", "RefusedRow"]

_IN_MEMORY = 1 << 20
_SHOWN = 2_000


@frozen(kw_only=True)
class RefusedRow:
    """A row that was not recorded.

    Attributes:
        line: its line in the file, or its number among the rows, from 1.
        codes: why, for programs: a refusal's code, or ``invalid``.
        reasons: why, in words.
        row: the row as it was read; text, cut short, where it could not be read as a row.
    """

    line: int
    codes: tuple[str, ...]
    reasons: tuple[str, ...]
    row: Any


class Quarantine:
    """The refused rows of one import, however many: kept in a temporary file past a megabyte."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115
        self._count = 0
        # Closed with the report, not by chance: Python warns of files that nobody closes.
        weakref.finalize(self, self._file.close)

    def __len__(self) -> int:
        return self._count

    def __repr__(self) -> str:
        return f"<Quarantine of {self._count} rows; iterate over it>"

    def __iter__(self) -> Iterator[RefusedRow]:
        place = 0
        while True:
            self._file.seek(place)
            line = self._file.readline()
            if not line:
                return
            place = self._file.tell()
            kept = msgspec.json.decode(line)
            yield RefusedRow(
                line=kept["line"],
                codes=tuple(kept["codes"]),
                reasons=tuple(kept["reasons"]),
                row=kept["row"],
            )

    def add(self, refused: RefusedRow) -> None:
        """Keep one more row."""
        row = refused.row
        if isinstance(row, str):
            row = row[:_SHOWN].encode("utf-8", "backslashreplace").decode()
        kept = {
            "line": refused.line,
            "codes": refused.codes,
            "reasons": [r.encode("utf-8", "backslashreplace").decode() for r in refused.reasons],
            "row": row,
        }
        try:
            line = msgspec.json.encode(kept)
        except (TypeError, ValueError, RecursionError):  # a value that no file could hold
            line = msgspec.json.encode({**kept, "row": shown(refused.row)[:_SHOWN]})
        self._file.seek(0, 2)
        self._file.write(line + b"\n")
        self._count += 1

    def write(self, file: IO[bytes]) -> None:
        """Write every refused row, with its line and reasons, as a JSON object a line."""
        self._file.seek(0)
        while chunk := self._file.read(1 << 16):
            file.write(chunk)


@frozen(kw_only=True)
class ImportReport:
    """What an import did.

    Attributes:
        rows: rows read.
        recorded: facts recorded by it, without the inferred joinings.
        known: rows that had been recorded before, or that repeat another row to the letter.
        joined: people who were inferred to have joined.
        refused: the rows that were not recorded, each with its line and reasons.
        position: the log's last position afterwards.
    """

    rows: int
    recorded: int
    known: int
    joined: int
    refused: Quarantine = field(repr=lambda rows: f"{len(rows)} rows")
    position: int
