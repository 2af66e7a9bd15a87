"""Opening whatever is there: a ledger, or an error of ours, and nothing is harmed."""

from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reps_ledger as rl
from reps_ledger.errors import LedgerError, NotALedger, StorageError
from scale import examples

SQLITE: Final = b"SQLite format 3\x00"


@given(
    st.binary(min_size=1, max_size=300)
    | st.binary(max_size=300).map(lambda rest: SQLITE + rest)
    | st.binary(min_size=84, max_size=84).map(lambda head: (SQLITE + head).ljust(4096, b"\0"))
)
@examples(3)
def test_other_files_are_left_alone(data: bytes) -> None:
    """A file that is no ledger is refused as such, and not a byte of it is changed."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "some.file"
        path.write_bytes(data)
        with pytest.raises(StorageError):
            rl.open(path)
        assert path.read_bytes() == data


@pytest.mark.parametrize("text", ["member,role\nana,mentor\n", "{}\n", "-- SQL\n", "\0" * 4096])
def test_it_says_what_the_file_is_not(text: str, tmp_path: Path) -> None:
    """Plain files are told to be no ledger."""
    path = tmp_path / "some.file"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(NotALedger):
        rl.open(path)


def test_damaged_ledgers(tmp_path: Path) -> None:
    """Of a ledger with bytes overwritten or cut off, reading gives entries or an error of ours."""
    whole = tmp_path / "whole.db"
    with rl.open(whole) as ledger:
        ledger.record_all([rl.MemberJoined(member=f"m{n}") for n in range(200)], by="x")
        entries = list(ledger.entries())
    data = whole.read_bytes()
    chance = random.Random(11)  # noqa: S311 — the same again when it fails
    outcomes: set[bool | str] = set()
    for number in range(60):
        harmed = bytearray(data)
        if number % 4 == 0:
            del harmed[chance.randrange(len(harmed)) :]
        else:
            place = chance.randrange(len(harmed))
            harmed[place : place + 64] = chance.randbytes(len(harmed[place : place + 64]))
        path = tmp_path / f"harmed{number}.db"
        path.write_bytes(harmed)
        try:
            with rl.open(path) as ledger:
                outcomes.add(list(ledger.entries()) == entries)
        except LedgerError as error:
            outcomes.add(type(error).__name__)
        with suppress(FileNotFoundError):
            path.unlink()
    assert len(outcomes - {True}) > 1  # harm was met, and told
