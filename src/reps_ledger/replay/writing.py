"""Writing results: Parquet, Arrow, and CSV whose cells no spreadsheet takes for a formula."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

from reps_ledger.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["write_table"]

_FORMULA: Final = r"^[=+\-@\t\r]"


def write_table(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, path: str | os.PathLike[str]
) -> None:
    """Write batches to a file, which is replaced only once all of it is written.

    Raises:
        StorageError: the file cannot be written.
    """
    target = Path(path)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        _write(batches, schema, partial, target.suffix.lower())
        partial.replace(target)
    except OSError as error:
        raise StorageError(f"{target} cannot be written: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)


def _write(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, partial: Path, suffix: str
) -> None:
    if suffix == ".csv":
        plain = pa.schema([pa.field(each.name, _plain(each.type)) for each in schema])
        with pcsv.CSVWriter(partial, plain) as writer:
            for batch in batches:
                columns = [_safe(column, plain.field(i).type) for i, column in enumerate(batch)]
                writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=plain))
        return
    opened: Any = pq.ParquetWriter if suffix == ".parquet" else pa.ipc.new_file
    with opened(str(partial), schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


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
