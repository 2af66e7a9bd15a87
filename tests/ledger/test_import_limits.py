"""Limits on what an import reads and keeps: whatever is in a file, it takes little memory, and says so."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import pytest

import reps_ledger as rl
from histories import open_ledger
from reps_ledger.domain.shown import shown, shown_names
from reps_ledger.domain.validation import MAX_ROW_BYTES, MAX_ROW_NAMES
from reps_ledger.importers import files, importing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GOOD: Final = {"fact": "report.filed", "occurred_at": "2018-02-01", "member": "ana", "activity": "talk"}
HEADER: Final = b"fact,occurred_at,member,activity,link\n"
FIRST: Final = b"report.filed,2018-02-01,ana,first,\n"
LAST: Final = b"report.filed,2018-02-01,ana,last,\n"


@pytest.fixture
def ledger() -> Iterator[rl.Ledger]:
    """A ledger in which ana has joined."""
    with open_ledger() as opened:
        opened.record(rl.MemberJoined(member="ana"), by="council", occurred_at=date(2018, 1, 1))
        yield opened


def activities(ledger: rl.Ledger) -> list[str]:
    """Return what the reports say."""
    return [entry.fact.activity for entry in ledger.entries() if isinstance(entry.fact, rl.ReportFiled)]


def row_of(names: int) -> dict[str, Any]:
    """Return a row with so many names."""
    return GOOD | {f"n{number}": 1 for number in range(names - len(GOOD))}


@pytest.mark.parametrize("as_text", [True, False])
def test_a_row_with_too_many_names(ledger: rl.Ledger, as_text: bool) -> None:
    """It is refused before any of its names is looked at; one name fewer, and they are."""
    rows = [row_of(MAX_ROW_NAMES), row_of(MAX_ROW_NAMES + 1)]
    report = ledger.import_history([json.dumps(row) if as_text else row for row in rows])
    unknown, many = report.refused
    assert "no field n0, n1, n10, n100, n101, and 991 more" in unknown.reasons[0]
    assert many.reasons == (f"the row has {MAX_ROW_NAMES + 1:,} names; at most {MAX_ROW_NAMES:,}",)
    correction = {"fact": "entry.corrected", "occurred_at": "2018-02-01", "reason": "typo"}
    inner = correction | {"target": next(ledger.entries()).id, "replacement": rows[1]}
    (refused,) = ledger.import_history([inner]).refused
    assert "replacement has 1,001 names" in refused.reasons[0]


def test_a_file_with_too_many_columns(ledger: rl.Ledger, tmp_path: Path) -> None:
    """It is refused as a whole, and a message about columns lists a few of them only."""
    path = tmp_path / "wide.csv"
    path.write_bytes(b"fact" + b"".join(b",c%d" % number for number in range(MAX_ROW_NAMES)))
    with pytest.raises(rl.TooLarge, match="names 1,001 columns; at most 1,000"):
        ledger.import_history(path)
    path.write_bytes(b"fact" + b"".join(b",c%d,c%d" % (number, number) for number in range(400)))
    with pytest.raises(rl.InvalidInput, match="twice: c0, c1, c10, c100, c101, and 395 more"):
        ledger.import_history(path)


@pytest.mark.parametrize("closed", [True, False], ids=["closed", "open"])
@pytest.mark.parametrize(
    "filler",
    [b'\nab","', b'\n"",', b"\n\n", b'","', b"\n\xff"],
    ids=["quotes", "escaped", "blank", "cells", "bytes"],
)
def test_a_record_of_csv_that_does_not_end(
    ledger: rl.Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, filler: bytes, closed: bool
) -> None:
    """It is refused at its first line, in little memory; the rows after it are read once it ends."""
    monkeypatch.setattr(files, "MAX_ROW_BYTES", 1 << 13)
    body = filler * (2 * ((1 << 16) // len(filler)))  # an even number of quotes
    path = tmp_path / "long.csv"
    record = b'report.filed,2018-02-01,ana,long,"' + body + (b'"\n' if closed else b"\n")
    path.write_bytes(HEADER + FIRST + record + LAST)
    tracemalloc.start()
    try:
        report = ledger.import_history(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1 << 21
    assert activities(ledger) == (["first", "last"] if closed else ["first"])
    words = {reason for refused in report.refused for reason in refused.reasons}
    assert any("longer than" in reason for reason in words)
    assert {refused.line for refused in report.refused if "longer" in refused.reasons[0]} == {3}


def test_a_record_as_long_as_it_may_be(ledger: rl.Ledger, tmp_path: Path) -> None:
    """Over however many lines; with a byte more it is refused, and the next row is read."""
    path = tmp_path / "a.csv"
    head, tail = b'report.filed,2018-02-01,ana,x,"', b'"\n'
    lines = b"a\n" * ((MAX_ROW_BYTES - len(head) - len(tail)) // 2)
    lines += b"a" * (MAX_ROW_BYTES - len(head) - len(tail) - len(lines))
    path.write_bytes(HEADER + head + lines + tail + FIRST)
    (refused,) = ledger.import_history(path).refused
    assert "at most 10000" in refused.reasons[0]  # characters of a link: the record itself was read
    path.write_bytes(HEADER + head + lines + b"a" + tail + FIRST)
    (refused,) = ledger.import_history(path).refused
    assert refused.reasons == (f"the row is longer than {MAX_ROW_BYTES:,} bytes",)
    assert refused.line == 2
    assert activities(ledger) == ["first"]


def test_a_row_with_a_damaged_line_is_not_recorded(ledger: rl.Ledger, tmp_path: Path) -> None:
    """A cell that has lost a line is not what the row said."""
    path = tmp_path / "a.csv"
    path.write_bytes(HEADER + b'report.filed,2018-02-01,ana,x,"one\ncaf\xe9\nthree"\n' + LAST)
    (refused,) = ledger.import_history(path).refused
    assert "not UTF-8" in refused.reasons[0]
    assert refused.line == 3
    assert activities(ledger) == ["last"]


BOMB: Final = json.dumps(GOOD).encode() + b"\n" * (1 << 19)


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.csv.gz"])
def test_a_file_that_unpacks_to_far_more_than_it_is(
    ledger: rl.Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Its rows are read up to the limit, and a line of the report says that no more was."""
    content = HEADER + FIRST + b"\n" * (1 << 19) if name == "a.csv.gz" else BOMB
    path = tmp_path / name
    path.write_bytes(gzip.compress(content))
    assert ledger.import_history(path).rows == 1  # half a megabyte hurts nobody
    monkeypatch.setattr(files, "UNPACKED_ANYHOW", 1 << 17)
    report = ledger.import_history(path)
    assert (report.rows, report.known) == (2, 1)
    (refused,) = report.refused
    assert refused.reasons == (
        "nothing was read from here on: it unpacks to more than 200 times its size; unpack it first",
    )
    monkeypatch.setattr(files, "MAX_UNPACKED_BYTES", 1 << 18)
    monkeypatch.setattr(files, "MAX_UNPACKED_TIMES", 10_000)
    (refused,) = ledger.import_history(path).refused
    assert "more than 262,144 bytes; split it" in refused.reasons[0]
    with pytest.raises(rl.ImportStopped, match="split it"):
        ledger.import_history(path, on_refused="stop")


def test_as_recorded_has_the_same_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of such a file is taken."""
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"export":"as-recorded","format":1}\n' + b"\n" * (1 << 22)))
    monkeypatch.setattr(files, "UNPACKED_ANYHOW", 1 << 10)
    with rl.open() as new, pytest.raises(rl.ImportStopped):
        new.import_as_recorded(path)


def test_more_refusals_than_are_kept(ledger: rl.Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are counted; the first ones are kept, by number and by bytes."""
    bad = [{**GOOD, "member": "", "link": "x" * 100, "activity": str(number)} for number in range(50)]
    monkeypatch.setattr(importing, "MAX_REFUSED_ROWS", 20)
    report = ledger.import_history(bad)
    assert (len(report.refused), report.refused.kept) == (50, 20)
    assert [refused.line for refused in report.refused] == list(range(1, 21))
    assert repr(report.refused) == "<Quarantine of 50 rows, 30 of them only counted; iterate over it>"
    monkeypatch.setattr(importing, "MAX_REFUSED_BYTES", 1_000)
    report = ledger.import_history(bad)
    assert len(report.refused) == 50
    assert 1 < report.refused.kept < 10
    assert len(list(report.refused)) == report.refused.kept


@pytest.mark.parametrize(
    "name",
    ["amount", "areas", "by", "command_id", "id", "link", "member", "occurred_at", "row_key", "schema", "x"],
)
@pytest.mark.parametrize(
    "value",
    [10**5_000, "\ud800", float("nan"), b"x", [10**5_000], ["\ud800"]],
    ids=lambda value: type(value).__name__,
)
def test_what_no_file_could_hold_is_a_refused_row(ledger: rl.Ledger, name: str, value: object) -> None:
    """Wherever it stands in a row; the import goes on, and what is refused can be written."""
    report = ledger.import_history([{**GOOD, name: value}, {**GOOD, "activity": "last"}])
    assert [refused.line for refused in report.refused] == [1]
    assert activities(ledger) == ["last"]
    report.refused.write(io.BytesIO())


@pytest.mark.parametrize("name", ["amount", "schema", "x"])
def test_a_number_of_five_thousand_digits(ledger: rl.Ledger, tmp_path: Path, name: str) -> None:
    """In a file of either kind, it is a refused row."""
    digits = "9" * 5_000
    (refused,) = ledger.import_history([f'{json.dumps(GOOD)[:-1]}, "{name}": {digits}}}']).refused
    assert refused.codes == ("invalid",)
    path = tmp_path / "a.csv"
    path.write_text(f"fact,occurred_at,member,activity,{name}\nreport.filed,2018-02-01,ana,x,{digits}\n")
    (refused,) = ledger.import_history(path).refused
    assert refused.line == 2
    assert activities(ledger) == []


class Strange:
    """A value that has no words for itself."""

    def __repr__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("a", "'a'"),
        ("\ud800", r"'\ud800'"),
        (10**5_000, "<a whole number of 16,610 bits>"),
        (-(10**5_000), "<a whole number of 16,610 bits>"),
        ("x" * 5_000, "'" + "x" * 79),
    ],
    ids=["text", "surrogate", "huge", "hugely negative", "long"],
)
def test_any_value_has_words(value: object, words: str) -> None:
    """Also what Python itself writes not at all; so no message fails on the value that it is about."""
    assert shown(value) == words


def test_values_with_a_strange_repr_have_words() -> None:
    """Whatever their own code does; and a long list of names is cut."""
    assert "Strange" in shown(Strange())
    assert "Strange" in shown([Strange()])
    assert shown_names(["a", "b"]) == "a, b"
    assert shown_names([*"abcdefg"]) == "a, b, c, d, e, and 2 more"
