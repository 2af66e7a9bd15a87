"""The script that converts Debian's history, on small sources and on the true ones."""

from __future__ import annotations

import gzip
import json
import runpy
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT: Final = Path(__file__).parents[2]
TARGETS: Final = ("debian-membership", "debian-vouches", "debian-rosters")
SOURCES: Final = ("debian-membership", "debian-vouches", "debian-snapshots")

Row = dict[str, Any]


@pytest.fixture(scope="module")
def convert() -> Callable[[Path, Path], None]:
    """Load the script's main function."""
    main: Callable[[Path, Path], None] = runpy.run_path(str(ROOT / "examples/data/convert.py"))["main"]
    return main


def event(kind: str, person: str, day: str, **rest: Any) -> Row:
    """Make a row of a source."""
    return {"kind": kind, "person": person, "community": "debian", "date": day, **rest}


def unpacked(path: Path) -> list[str]:
    """Read the lines of a compressed file."""
    return gzip.decompress(path.read_bytes()).decode().splitlines()


class Folders:
    """Sources to write and results to read."""

    def __init__(self, folder: Path, convert: Callable[[Path, Path], None]) -> None:
        self.source, self.target = folder / "source", folder / "target"
        self.source.mkdir()
        self.target.mkdir()
        self._convert = convert

    def converted(self, *sources: list[Row]) -> list[list[Row]]:
        """Convert sources, in the order membership, vouches, snapshots."""
        for name, found in zip(SOURCES, [*sources, [], []], strict=False):
            packed = gzip.compress("".join(f"{json.dumps(row)}\n" for row in found).encode())
            (self.source / f"{name}.ndjson.gz").write_bytes(packed)
        self._convert(self.source, self.target)
        return [[json.loads(line) for line in unpacked(self.target / f"{name}.jsonl.gz")] for name in TARGETS]


@pytest.fixture
def folders(tmp_path: Path, convert: Callable[[Path, Path], None]) -> Folders:
    """Make a folder for sources and one for results."""
    return Folders(tmp_path, convert)


@pytest.mark.parametrize(
    ("detail", "sequel", "how"),
    [
        ({"reason": "retired DM"}, "leave", "resigned"),
        ({"reason": "inactive (WAT)"}, "leave", "inactive"),
        ({"reason": "inactive (WAT)"}, "emeritus", "inactive"),
        ({"reason": "weak key (1024 bit)"}, "leave", "removed"),
        ({"reason": "unspecified"}, "leave", "removed"),
        ({}, "emeritus", "emeritus"),
        ({}, "role_assigned", "expired"),
    ],
)
def test_a_role_ends_for_the_stated_reason_first(
    folders: Folders, detail: Row, sequel: str, how: str
) -> None:
    """A reason decides how a role ended; without one, what else happened that day does."""
    after = event(sequel, "p", "2010-01-01", role="DD", detail={"reason": "removed"})
    ended = event("role_ended", "p", "2010-01-01", role="DM", detail=detail)
    rows, _, _ = folders.converted([ended, after])
    assert rows[0]["how"] == how


def test_an_ending_without_any_reason_stops_the_conversion(folders: Folders) -> None:
    """What the mapping does not foresee is an error, not a guess."""
    with pytest.raises(ValueError, match="no known reason"):
        folders.converted([event("role_ended", "p", "2010-01-01", role="DM")])


@pytest.mark.parametrize(
    ("kind", "detail", "how"),
    [
        ("emeritus", {"reason": "inactive (WAT)"}, "emeritus"),
        ("leave", {"reason": "retired DM"}, "resigned"),
        ("leave", {"reason": "inactive (WAT)"}, "removed"),
        ("leave", {"reason": "revoked"}, "removed"),
    ],
)
def test_a_departure_becomes_a_retirement(folders: Folders, kind: str, detail: Row, how: str) -> None:
    """Emeritus is emeritus, a retired maintainer resigned, all others were removed."""
    rows, _, _ = folders.converted([event(kind, "p", "2010-01-01", detail=detail)])
    assert rows[0]["how"] == how
    assert "reason" not in rows[0]


def test_one_departure_told_twice_is_told_once(folders: Folders) -> None:
    """A second leave of the same day is dropped; a later one is kept."""
    days = ("2010-01-01", "2010-01-01", "2011-01-01")
    rows, _, _ = folders.converted([event("leave", "p", day, detail={"reason": "removed"}) for day in days])
    assert [row["occurred_at"] for row in rows] == ["2010-01-01", "2011-01-01"]


def test_a_return_is_told_only_of_the_retired(folders: Folders) -> None:
    """A role marked as a return is preceded by one, if the person had retired."""
    back = {"returned": True}
    rows, _, _ = folders.converted(
        [
            event("role_assigned", "p", "2010-01-01", role="DD", detail=back),
            event("emeritus", "p", "2011-01-01"),
            event("role_assigned", "p", "2012-01-01", role="DD", detail=back),
        ]
    )
    assert [row["fact"] for row in rows] == [
        "role.assigned",
        "member.retired",
        "member.returned",
        "role.assigned",
    ]


def test_a_key_update_says_what_and_how_much(folders: Folders) -> None:
    """What a key update brought becomes areas, and their sum the amount."""
    update = event("activity_report", "p", "2010-01-01", detail={"sig": 3, "sub": 2})
    rows, _, _ = folders.converted([update])
    assert rows == [
        {
            "fact": "report.filed",
            "occurred_at": "2010-01-01",
            "by": "debian-keyring",
            "member": "p",
            "activity": "key-update",
            "community": "debian",
            "areas": ["signatures", "subkeys"],
            "amount": 5,
            "source": "debian-keyring",
        }
    ]


def test_a_vouch_stands_once_both_have_joined(folders: Folders) -> None:
    """An early certification is dated on the later joining, a renewal dropped, order kept."""
    joined = [event("joined", "a", "2001-01-01"), event("joined", "b", "2005-05-05")]
    signed = [
        event("vouch", "a", "1999-01-01", other="b"),
        event("vouch", "b", "2000-01-01", other="stranger"),
        event("vouch", "a", "2006-01-01", other="b"),
        event("vouch", "b", "2006-01-01", other="a"),
    ]
    _, rows, _ = folders.converted(joined, signed)
    assert [(row["occurred_at"], row["member"], row["voucher"]) for row in rows] == [
        ("2005-05-05", "a", "b"),
        ("2005-05-05", "b", "stranger"),
        ("2006-01-01", "b", "a"),
    ]


def test_a_keeper_is_named_where_known(folders: Folders) -> None:
    """Who kept the keyring then is who recorded; else the keyring is."""
    rows, _, _ = folders.converted(
        [
            event("joined", "p", "2010-01-01", detail={"by": "keeper", "inferred": "seen"}),
            event("joined", "q", "2010-01-01"),
        ]
    )
    assert [row["by"] for row in rows] == ["keeper", "debian-keyring"]
    assert [row.get("inferred") for row in rows] == [True, None]


def test_an_unknown_kind_stops_the_conversion(folders: Folders) -> None:
    """A kind that the mapping does not know is an error, not skipped."""
    with pytest.raises(ValueError, match="no mapping for 'surprise'"):
        folders.converted([event("surprise", "p", "2010-01-01")])


def test_results_hold_no_trace_of_when_they_were_made(folders: Folders) -> None:
    """The compressed files carry neither a time nor a file name."""
    folders.converted([])
    for name in TARGETS:
        header = (folders.target / f"{name}.jsonl.gz").read_bytes()[:10]
        assert header[:8] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00"


def test_bundled_files_are_what_the_sources_give(
    tmp_path: Path, convert: Callable[[Path, Path], None]
) -> None:
    """Converting the true sources again gives the bundled lines."""
    sources = ROOT.parent / "shared" / "data"
    if not (sources / "debian-membership.ndjson.gz").exists():
        pytest.skip("the original Debian files are not beside this project")
    convert(sources, tmp_path)
    for name in TARGETS:
        bundled = ROOT / "examples" / "data" / f"{name}.jsonl.gz"
        assert unpacked(tmp_path / f"{name}.jsonl.gz") == unpacked(bundled)
