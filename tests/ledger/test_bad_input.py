"""Bad input of every kind: a typed error for who records, a line of the report for who imports."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest

import reps_ledger as rl
from histories import open_ledger
from reps_ledger.domain.validation import (
    MAX_BATCH,
    MAX_DEPTH,
    MAX_DOCUMENT,
    MAX_ITEMS,
    MAX_NAME,
    MAX_ROW_BYTES,
    MAX_TEXT,
)
from strategies import BadgeAwarded, MentoringHeld

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ANA: Final = rl.MemberJoined(member="ana")
REPORT: Final = rl.ReportFiled(member="ana", activity="talk")
AT: Final = date(2018, 2, 1)
SURROGATE: Final = "\ud800"
LONG: Final = "x" * (MAX_ROW_BYTES + 1)
TOO_DEEP: Final = f"nested more than {MAX_DEPTH} deep"


@pytest.fixture
def ledger() -> Iterator[rl.Ledger]:
    """A ledger in which ana has joined."""
    with open_ledger() as opened:
        opened.record(ANA, by="council", occurred_at=date(2018, 1, 1))
        yield opened


def made(cls: Any, **fields: Any) -> Callable[[], Any]:
    """Make a fact when asked: its class may refuse to."""
    return lambda: cls(**fields)


def deep(levels: int) -> Any:
    """Make a list in a list, and so on."""
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


ENDLESS: Final[list[Any]] = []
ENDLESS.append(ENDLESS)


@attrs.frozen
class Link:
    """An object of a service's own, which could be written as JSON."""

    next: Link | None


def linked(count: int) -> Link | None:
    """Chain so many objects."""
    first = None
    for _ in range(count):
        first = Link(first)
    return first


BAD_FACTS: Final[dict[str, tuple[Callable[[], Any], type[Exception], str]]] = {
    "empty name": (made(rl.MemberJoined, member=""), rl.InvalidFact, "empty"),
    "number for a name": (made(rl.MemberJoined, member=7), rl.InvalidFact, "text"),
    "none for a name": (made(rl.MemberJoined, member=None), rl.InvalidFact, "text"),
    "bytes for a name": (made(rl.MemberJoined, member=b"ana"), rl.InvalidFact, "text"),
    "long name": (made(rl.MemberJoined, member="n" * (MAX_NAME + 1)), rl.TooLarge, "201"),
    "control in a name": (made(rl.MemberJoined, member="a\x00b"), rl.InvalidFact, "control"),
    "unit separator": (made(rl.MemberJoined, member="a\x1fb"), rl.InvalidFact, "control"),
    "line in a name": (made(rl.MemberJoined, member="a\nb"), rl.InvalidFact, "control"),
    "bidi in a name": (made(rl.MemberJoined, member="a\u202eb"), rl.InvalidFact, "invisible"),
    "surrogate in a name": (made(rl.MemberJoined, member=SURROGATE), rl.InvalidFact, "control"),
    "decomposed name": (made(rl.MemberJoined, member="e\u0301"), rl.InvalidFact, "NFC"),
    "spaces around": (made(rl.MemberJoined, member=" ana"), rl.InvalidFact, "space"),
    "surrogate in text": (
        made(rl.Vouched, member="a", voucher="b", reason=SURROGATE),
        rl.InvalidFact,
        "D800",
    ),
    "NUL in text": (made(rl.Vouched, member="a", voucher="b", reason="a\0"), rl.InvalidFact, "0000"),
    "long text": (
        made(rl.Vouched, member="a", voucher="b", reason="x" * (MAX_TEXT + 1)),
        rl.TooLarge,
        "10001",
    ),
    "long document": (
        made(rl.CharterAdopted, document="#" * (MAX_DOCUMENT + 1), version="1"),
        rl.TooLarge,
        "100001",
    ),
    "many areas": (
        made(rl.ReportFiled, member="a", activity="t", areas=("x",) * (MAX_ITEMS + 1)),
        rl.TooLarge,
        "1001",
    ),
    "text for a list": (made(rl.ReportFiled, member="a", activity="t", areas="abc"), rl.InvalidFact, "list"),
    "nested list": (made(rl.ReportFiled, member="a", activity="t", areas=deep(5)), rl.InvalidFact, "text"),
    "NaN": (made(rl.ReportFiled, member="a", activity="t", amount=float("nan")), rl.InvalidFact, "finite"),
    "infinity": (
        made(rl.ReportFiled, member="a", activity="t", amount=float("-inf")),
        rl.InvalidFact,
        "finite",
    ),
    "huge number": (made(rl.ReportFiled, member="a", activity="t", amount=10**400), rl.InvalidFact, "finite"),
    "text for a number": (
        made(rl.ReportFiled, member="a", activity="t", amount="1"),
        rl.InvalidFact,
        "finite",
    ),
    "number for a flag": (
        made(rl.ReportFiled, member="a", activity="t", passive=1),
        rl.InvalidFact,
        "true or false",
    ),
    "negative position": (
        made(rl.ReviewDecided, member="a", review="r", outcome="o", basis=-1),
        rl.InvalidFact,
        "whole number",
    ),
    "unknown word": (made(rl.MemberRetired, member="a", how="tired"), rl.InvalidFact, "died"),
    "no reason": (made(rl.ExemptionGranted, member="a", policy="p", reason=" \n"), rl.InvalidFact, "say why"),
    "naive until": (
        made(rl.RoleAssigned, member="a", role="m", until=datetime(2018, 1, 1)),  # noqa: DTZ001 — a naive one is refused
        rl.InvalidTime,
        "naive",
    ),
    "text for until": (
        made(rl.RoleAssigned, member="a", role="m", until="2018-01-01"),
        rl.InvalidTime,
        "datetime",
    ),
    "until out of range": (
        made(
            rl.RoleAssigned,
            member="ana",
            role="m",
            until=datetime.max.replace(tzinfo=timezone(-timedelta(hours=5))),
        ),
        rl.InvalidTime,
        "out of range",
    ),
    "correction of a correction": (
        made(
            rl.EntryCorrected, target="t", reason="r", replacement=rl.EntryRetracted(target="t", reason="r")
        ),
        rl.InvalidFact,
        "correction",
    ),
    "replacement is a dict": (
        made(rl.EntryCorrected, target="t", reason="r", replacement={"fact": "x"}),
        rl.InvalidFact,
        "fact",
    ),
    "replacement is a class": (
        made(rl.EntryCorrected, target="t", reason="r", replacement=rl.MemberJoined),
        rl.InvalidFact,
        "fact",
    ),
    "custom fact of a wrong type": (
        made(BadgeAwarded, member="ana", badge=7),
        rl.InvalidFact,
        "cannot be stored",
    ),
    "custom fact with a surrogate": (
        made(BadgeAwarded, member="ana", badge=SURROGATE),
        rl.InvalidFact,
        "cannot be stored",
    ),
    "custom fact that is not a number": (
        made(MentoringHeld, member="ana", mentor="b", minutes=1, score=float("nan")),
        rl.InvalidFact,
        "mentoring.held",
    ),
    "custom fact of the wrong words": (
        made(MentoringHeld, member="ana", mentor="b", minutes=1, mood="angry"),
        rl.InvalidFact,
        "cannot be stored",
    ),
    "not a fact": (lambda: {"fact": "member.joined"}, rl.InvalidFactType, "dict"),
    "a class": (lambda: rl.MemberJoined, rl.LedgerError, "fact"),
    "nothing": (lambda: None, rl.InvalidFactType, "NoneType"),
}


@pytest.mark.parametrize("case", BAD_FACTS)
def test_a_bad_fact_is_a_typed_error(ledger: rl.Ledger, case: str) -> None:
    """A fact with a bad value is an error of ours, made or recorded; what was there stays."""
    make, error, words = BAD_FACTS[case]
    with pytest.raises(error, match=words) as raised:
        ledger.record(make(), by="council", occurred_at=AT)
    assert isinstance(raised.value, rl.LedgerError)
    assert len(str(raised.value)) < 2_000
    assert [entry.fact for entry in ledger.entries()] == [ANA]


BAD_ENVELOPES: Final[dict[str, tuple[dict[str, Any], type[Exception]]]] = {
    "nobody": ({"by": ""}, rl.InvalidFact),
    "by a number": ({"by": 5}, rl.InvalidFact),
    "by none": ({"by": None}, rl.InvalidFact),
    "by a surrogate": ({"by": SURROGATE}, rl.InvalidFact),
    "by a novel": ({"by": LONG}, rl.TooLarge),
    "empty command": ({"command_id": ""}, rl.InvalidFact),
    "command with a line": ({"command_id": "a\nb"}, rl.InvalidFact),
    "long command": ({"command_id": "x" * (MAX_NAME + 1)}, rl.TooLarge),
    "empty source": ({"source": ""}, rl.InvalidFact),
    "on behalf of nobody": ({"on_behalf_of": ""}, rl.InvalidFact),
    "naive": ({"occurred_at": datetime(2018, 1, 1)}, rl.InvalidTime),  # noqa: DTZ001 — a naive one is refused
    "date as text": ({"occurred_at": "2018-01-01"}, rl.InvalidTime),
    "timestamp": ({"occurred_at": 1_514_764_800}, rl.InvalidTime),
    "out of range": (
        {"occurred_at": datetime.min.replace(tzinfo=timezone(timedelta(hours=5)))},
        rl.InvalidTime,
    ),
}


@pytest.mark.parametrize("case", BAD_ENVELOPES)
def test_a_bad_envelope_is_a_typed_error(ledger: rl.Ledger, case: str) -> None:
    """Who records, when and under which command are checked as facts are."""
    options, error = BAD_ENVELOPES[case]
    with pytest.raises(error):
        ledger.record(REPORT, **{"by": "council", "occurred_at": AT, **options})
    assert [entry.fact for entry in ledger.entries()] == [ANA]


def test_a_batch_is_neither_empty_nor_endless(ledger: rl.Ledger) -> None:
    """A batch has from one fact to the documented limit; one bad fact keeps all out."""
    with pytest.raises(rl.InvalidInput, match="no fact"):
        ledger.record_all([], by="council")
    with pytest.raises(rl.TooLarge, match="10001"):
        ledger.record_all([REPORT] * (MAX_BATCH + 1), by="council")
    with pytest.raises(rl.InvalidTime):
        ledger.record_all([REPORT, (REPORT, datetime(2018, 1, 1))], by="council")  # noqa: DTZ001 — a naive one is refused
    assert ledger.position == 1


def test_a_clock_without_a_zone_is_a_typed_error() -> None:
    """A clock that says a naive time is told so."""
    with (
        rl.open(None, clock=lambda: datetime(2018, 1, 1)) as ledger,  # noqa: DTZ001 — a naive one is refused
        pytest.raises(rl.InvalidTime, match="clock is naive"),
    ):
        ledger.record(ANA, by="council")


def row(**fields: Any) -> dict[str, Any]:
    """Make a row that is good but for what is changed."""
    good = {"fact": "report.filed", "occurred_at": "2018-02-01", "member": "ana", "activity": "t"}
    return {**good, **fields}


def nested(levels: int) -> dict[str, Any]:
    """Make a correction whose replacement is a correction, and so on."""
    value: dict[str, Any] = {"fact": "report.filed", "member": "ana", "activity": "t"}
    for _ in range(levels):
        value = {"fact": "entry.corrected", "target": "t", "reason": "r", "replacement": value}
    return value


BAD_ROWS: Final[dict[str, tuple[Any, str]]] = {
    "no fact": (row(fact=None), "does not name a fact"),
    "fact is a number": (row(fact=5), "does not name a fact"),
    "unknown fact": (row(fact="member.exploded"), "member.exploded"),
    "hostile fact": (row(fact="os:system"), "os:system"),
    "unknown field": (row(colour="red"), "no field colour"),
    "missing field": (row(activity=None), "needs activity"),
    "unknown version": (row(schema=2), "version 2"),
    "version 0": (row(schema=0), "version 0"),
    "version as text": (row(schema="1"), "whole number"),
    "no date": (row(occurred_at=None), "occurred_at is missing"),
    "empty date": (row(occurred_at=""), "no date or instant"),
    "impossible date": (row(occurred_at="2018-02-30"), "2018-02-30"),
    "impossible time": (row(occurred_at="2018-02-03T25:00:00Z"), "no date or instant"),
    "year 0": (row(occurred_at="0000-01-01"), "no date or instant"),
    "year 10000": (row(occurred_at="10000-01-01"), "no date or instant"),
    "end of time": (row(occurred_at="9999-12-31T23:59:59-05:00"), "out of range"),
    "naive instant": (row(occurred_at="2018-02-03T12:00:00"), "no time zone"),
    "naive datetime": (row(occurred_at=datetime(2018, 2, 3)), "naive"),  # noqa: DTZ001 — a naive one is refused
    "date as a number": (row(occurred_at=20180203), "must be text"),
    "american date": (row(occurred_at="02/03/2018"), "no date or instant"),
    "padded date": (row(occurred_at=" 2018-02-3"), "no date or instant"),
    "by a number": (row(by=5), "by must be text"),
    "by nobody": (row(by=""), "by is empty"),
    "source is a list": (row(source=["a"]), "source must be text"),
    "id is no UUID": (row(id="7"), "UUID"),
    "id is a number": (row(id=7), "id must be text"),
    "control character": (row(activity="a\x07b"), "control"),
    "surrogate": (row(activity=SURROGATE), ""),
    "surrogate in text": (row(link=SURROGATE), ""),
    "NUL": (row(link="a\0b"), "U+0000"),
    "long name": (row(activity="x" * 201), "201"),
    "number for a name": (row(member=7), "text"),
    "list for a name": (row(member=["ana"]), "text"),
    "dict for a name": (row(member={"name": "ana"}), "text"),
    "text for a flag": (row(passive="true"), "true or false"),
    "text for a number": (row(amount="5"), "finite"),
    "NaN": (row(amount=float("nan")), "finite"),
    "infinity": (row(amount=float("inf")), "finite"),
    "huge number": (row(amount=10**400), ""),
    "text for a list": (row(areas="a, b"), "list"),
    "a list as deep as may be": (row(areas=deep(MAX_DEPTH - 2)), "areas"),
    "a list that is too deep": (row(areas=deep(MAX_DEPTH - 1)), TOO_DEEP),
    "deep list": (row(areas=deep(200)), TOO_DEEP),
    "very deep list": (row(areas=deep(50_000)), TOO_DEEP),
    "deep unknown field": (row(colour=deep(50_000)), TOO_DEEP),
    "a list within itself": (row(areas=ENDLESS), TOO_DEEP),
    "objects that no parser could follow": (row(link=linked(50_000)), ""),
    "a value that no file holds": (row(link=object()), ""),
    "an object for a key": ({**row(), 5: "five"}, "must be a dict"),
    "no row": (None, "must be a dict"),
    "a number": (5, "must be a dict"),
    "a list": ([row()], "must be a dict"),
    "a very deep list for a row": (deep(50_000), "must be a dict"),
    "text that is not JSON": ("{", "not JSON"),
    "text with NaN": ('{"fact": NaN}', "not JSON"),
    "a surrogate": (SURROGATE, "not JSON"),
    "bytes that are not UTF-8": (b'{"fact": "\xff"}', "not JSON"),
    "deep JSON": ("[" * 100_000, TOO_DEEP),
    "JSON as deep as may be": (json.dumps(row(areas=deep(MAX_DEPTH - 2))), "areas"),
    "JSON that is too deep": (json.dumps(row(areas=deep(MAX_DEPTH - 1))), TOO_DEEP),
    "brackets in text": (json.dumps(row(link='"' + "[{" * 999, colour="red")), "no field colour"),
    "a long row": (json.dumps(row(link=LONG)), f"{MAX_ROW_BYTES:,}"),
    "a key twice": ('{"fact": "member.joined", "fact": "member.joined"}', "named twice: fact"),
    "a key twice, deep down": ('{"fact": "x.y", "replacement": {"a": 1, "a":1}}', "named twice: a"),
    "replacement is text": (nested(1) | {"occurred_at": "2018-01-01", "replacement": "x"}, "fact"),
    "replacement without a fact": (
        nested(1) | {"occurred_at": "2018-01-01", "replacement": {"member": "ana"}},
        "name a fact",
    ),
    "replacement with an envelope": (
        nested(1) | {"occurred_at": "2018-01-01", "replacement": row()},
        "occurred_at",
    ),
    "replacement with a wrong field": (
        nested(1) | {"occurred_at": "2018-01-01", "replacement": {"fact": "report.filed", "x": 1}},
        "no field x",
    ),
    "correction of a correction": (nested(2) | {"occurred_at": "2018-01-01"}, "correction"),
    "as many corrections as may be": (nested(MAX_DEPTH - 1) | {"occurred_at": "2018-01-01"}, "correction"),
    "one correction too many": (nested(MAX_DEPTH) | {"occurred_at": "2018-01-01"}, TOO_DEEP),
    "corrections without end": (nested(900) | {"occurred_at": "2018-01-01"}, TOO_DEEP),
    "corrections as text without end": (json.dumps(nested(300) | {"occurred_at": "2018-01-01"}), TOO_DEEP),
}


@pytest.mark.parametrize("case", BAD_ROWS)
def test_a_bad_row_is_quarantined(ledger: rl.Ledger, case: str) -> None:
    """A bad row is listed with its line and why; the rows around it land."""
    bad, words = BAD_ROWS[case]
    report = ledger.import_history([row(), bad, row(activity="booth")])
    (refused,) = report.refused
    assert (refused.line, refused.codes) == (2, ("invalid",))
    assert words in refused.reasons[0]
    assert len(refused.reasons[0]) < 2_000
    assert (report.rows, report.recorded) == (3, 2)
    assert [entry.name for entry in ledger.entries()] == ["member.joined", *["report.filed"] * 2]
    before = ledger.position
    with pytest.raises(rl.ImportStopped, match="line 2: "):
        ledger.import_history([row(activity="new"), bad], on_refused="stop")
    assert ledger.position == before


GOOD: Final = json.dumps(row())
OTHER: Final = json.dumps(row(activity="booth"))
HEADER: Final = "fact,occurred_at,member,activity,amount,passive,areas\n"
CELLS: Final = "report.filed,2018-02-01,ana,t,,,\n"
MORE: Final = 'report.filed,2018-02-01,ana,booth,1.5,true,"[""a""]"\n'

FILES: Final[dict[str, tuple[str, bytes, int, list[int]]]] = {
    "as it should be": ("a.jsonl", f"{GOOD}\n{OTHER}\n".encode(), 2, []),
    "no line at the end": ("a.jsonl", f"{GOOD}\n{OTHER}".encode(), 2, []),
    "empty": ("a.jsonl", b"", 0, []),
    "only blank lines": ("a.jsonl", b"\n \n\r\n", 0, []),
    "blank lines": ("a.jsonl", f"\n{GOOD}\n\n  \n{OTHER}\n\nx\n".encode(), 2, [7]),
    "CRLF": ("a.jsonl", f"{GOOD}\r\nx\r\n{OTHER}\r\n".encode(), 2, [2]),
    "BOM": ("a.jsonl", b"\xef\xbb\xbf" + f"{GOOD}\n{OTHER}\n".encode(), 2, []),
    "UTF-16": ("a.jsonl", f"{GOOD}\n".encode("utf-16"), 0, [1, 2]),
    "NUL bytes": ("a.jsonl", f"{GOOD}\n\0\0\n{OTHER}\n".encode(), 2, [2]),
    "not UTF-8": ("a.jsonl", f"{GOOD}\n".encode() + b'{"fact": "\xff"}\n', 1, [2]),
    "a long line": ("a.jsonl", f"{GOOD}\n{LONG}\n{OTHER}\n".encode(), 2, [2]),
    "one long line": ("a.jsonl", LONG.encode(), 0, [1]),
    "a line as long as it may be": (
        "a.jsonl",
        b" " * (MAX_ROW_BYTES - len(GOOD)) + f"{GOOD}\n{OTHER}\n".encode(),
        1,
        [1],
    ),
    "the same row twice": ("a.jsonl", f"{GOOD}\n{GOOD}\n".encode(), 1, []),
    "a duplicate key": ("a.jsonl", f'{GOOD[:-1]}, "member": "ben"}}\n{OTHER}'.encode(), 1, [1]),
    "not an object": ("a.jsonl", f'"x"\n[]\n1\nnull\n{GOOD}\n'.encode(), 1, [1, 2, 3, 4]),
    "an array around it": ("a.json", f"[\n{GOOD},\n{OTHER}\n]".encode(), 1, [1, 2, 4]),
    "gzip": ("a.jsonl.gz", gzip.compress(f"{GOOD}\n{OTHER}\n".encode()), 2, []),
    "gzip without saying so": ("a.jsonl", gzip.compress(f"{GOOD}\n".encode()), 1, []),
    "not gzip though it says so": ("a.jsonl.gz", f"{GOOD}\n".encode(), 1, []),
    "gzip cut short": ("a.jsonl.gz", gzip.compress(f"{GOOD}\n{OTHER}\n".encode())[:-9], 2, [3]),
    "gzip of nothing but its mark": ("a.jsonl.gz", b"\x1f\x8b", 0, [1]),
    "gzip with a wrong sum": ("a.jsonl.gz", gzip.compress(f"{GOOD}\n".encode())[:-8] + b"\0" * 8, 1, [2]),
    "gzip with rubbish after it": ("a.jsonl.gz", gzip.compress(f"{GOOD}\n".encode()) + b"rubbish", 1, [2]),
    "CSV": ("a.csv", f"{HEADER}{CELLS}{MORE}".encode(), 2, []),
    "CSV, empty": ("a.csv", b"", 0, []),
    "CSV, header only": ("a.csv", HEADER.encode(), 0, []),
    "CSV, blank lines and CRLF": (
        "a.csv",
        f"\n{HEADER}\n{CELLS},,,\n{MORE}".replace("\n", "\r\n").encode(),
        2,
        [],
    ),
    "CSV, BOM": ("a.csv", b"\xef\xbb\xbf" + f"{HEADER}{CELLS}".encode(), 1, []),
    "CSV, short row": ("a.csv", f"{HEADER}report.filed,2018-02-01\n{CELLS}".encode(), 1, [2]),
    "CSV, too many cells": ("a.csv", f"{HEADER}{CELLS[:-1]},x\n{MORE}".encode(), 1, [2]),
    "CSV, bad flag": ("a.csv", f"{HEADER}{MORE.replace('true', 'yes')}{CELLS}".encode(), 1, [2]),
    "CSV, bad number": ("a.csv", f"{HEADER}{MORE.replace('1.5', '1,5x')}{CELLS}".encode(), 1, [2]),
    "CSV, not a number": ("a.csv", f"{HEADER}{MORE.replace('1.5', 'nan')}{CELLS}".encode(), 1, [2]),
    "CSV, bad list": ("a.csv", f"{HEADER}{MORE.replace('[', '(')}{CELLS}".encode(), 1, [2]),
    "CSV, a list that is too deep": (
        "a.csv",
        (HEADER + MORE.replace('[""a""]', "[" * 500 + "]" * 500) + CELLS).encode(),
        1,
        [2],
    ),
    "CSV, bad date": ("a.csv", f"{HEADER}{CELLS.replace('02-01', '02-30')}{MORE}".encode(), 1, [2]),
    "CSV, unknown fact": ("a.csv", f"{HEADER}{CELLS.replace('filed', 'x')}{MORE}".encode(), 1, [2]),
    "CSV, unknown column": ("a.csv", f"fact,x\nreport.filed,y\n".encode(), 0, [2]),  # noqa: F541 — alike in the table
    "CSV, quote in a cell": (
        "a.csv",
        f'{HEADER}report.filed,2018-02-01,ana,"t"x,,,\n{MORE}'.encode(),
        1,
        [2],
    ),
    "CSV, open quote": ("a.csv", f'{HEADER}{MORE}report.filed,2018-02-01,ana,"t,,,\n'.encode(), 1, [3]),
    "CSV, not UTF-8": (
        "a.csv",
        HEADER.encode() + b"report.filed,2018-02-01,ana,caf\xe9,,,\n" + MORE.encode(),
        1,
        [2],
    ),
    "CSV, a long cell": ("a.csv", f"{HEADER}report.filed,2018-02-01,ana,{LONG},,,\n{MORE}".encode(), 1, [2]),
    "CSV, cut short": ("a.csv.gz", gzip.compress(f"{HEADER}{CELLS}{MORE}".encode())[:-9], 2, [4]),
}


@pytest.mark.parametrize("case", FILES)
def test_files_of_every_sort(ledger: rl.Ledger, tmp_path: Path, case: str) -> None:
    """Every row of a file lands or is listed with its line, whatever the file is like."""
    name, content, recorded, lines = FILES[case]
    path = tmp_path / name
    path.write_bytes(content)
    report = ledger.import_history(path)
    assert [refused.line for refused in report.refused] == lines
    assert report.recorded == recorded
    assert ledger.position == 1 + recorded
    assert report.rows == report.recorded + report.known + len(report.refused)
    for refused in report.refused:
        assert refused.codes == ("invalid",)
        assert 0 < len(refused.reasons[0]) < 2_000
        assert len(str(refused.row)) < 3_000
    again = ledger.import_history(path)
    assert (again.recorded, len(again.refused)) == (0, len(lines))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"member,activity\nana,t\n", "'fact'"),
        (b"fact,member,fact\nx,y,z\n", "twice: fact"),
        (f"{CELLS}{CELLS}".encode(), "'fact'|twice"),
        (f"{GOOD}\n".encode(), "'fact'"),
    ],
)
def test_a_csv_file_without_a_header_is_an_error(
    ledger: rl.Ledger, tmp_path: Path, content: bytes, words: str
) -> None:
    """A CSV file whose first row does not name columns is refused as a whole."""
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(rl.InvalidInput, match=words):
        ledger.import_history(path)
    assert ledger.position == 1


@pytest.mark.parametrize("name", ["missing.jsonl", ".", "missing.jsonl/x", "a\0b", "n" * 300])
def test_a_file_that_cannot_be_opened_is_an_error(ledger: rl.Ledger, tmp_path: Path, name: str) -> None:
    """A file that is not there, a folder or an impossible path is a typed error."""
    with pytest.raises(rl.StorageError, match="cannot be read"):
        ledger.import_history(tmp_path / name)
    with pytest.raises(rl.StorageError, match="cannot be read"):
        ledger.import_history(str(tmp_path / name), on_refused="stop")
    assert ledger.position == 1


def test_many_bad_rows_are_all_listed(ledger: rl.Ledger) -> None:
    """Past a batch too, every bad row is listed, in order, and every good one lands."""
    rows = [row(activity=f"a{n}") if n % 3 else row(activity="") for n in range(3_500)]
    report = ledger.import_history(rows)
    bad = [n + 1 for n in range(3_500) if n % 3 == 0]
    assert [refused.line for refused in report.refused] == bad
    assert report.recorded == 3_500 - len(bad)


def test_a_row_of_a_service_is_checked_by_type(ledger: rl.Ledger) -> None:
    """A service's own fact is checked by its types and validators, though it has few."""
    good = {"fact": "badge.awarded", "occurred_at": "2018-02-01", "member": "ana", "badge": "b"}
    held = {**good, "fact": "mentoring.held", "mentor": "ana", "minutes": 5, "badge": None}
    rows = [
        {**good, "badge": 7},
        {**good, "badge": None},
        {**good, "schema": 2},
        held,
        {**held, "minutes": "5"},
        {**held, "minutes": 1.5},
        {**held, "minutes": True},
        {**held, "day": "2018-02-30"},
        {**held, "began": "2018-02-01T00:00:00"},
        {**held, "topics": ["a", 5]},
        {**held, "mood": "angry"},
        {**held, "mentor": ""},
        {**held, "schema": 4},
        {**held, "topics": ["a"], "day": "2018-02-28", "began": "2018-02-01T00:00:00+02:00"},
        {**held, "schema": 1, "notes": "of old"},
    ]
    report = ledger.import_history(rows)
    assert [refused.line for refused in report.refused] == [1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13]
    facts = [entry.fact for entry in ledger.entries(after=1)]
    assert [attrs.asdict(fact)["notes"] for fact in facts] == ["", "", "of old"]
    assert facts[1].began == datetime(2018, 1, 31, 22, tzinfo=UTC)
