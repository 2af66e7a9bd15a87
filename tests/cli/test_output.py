"""What reaches a terminal: what would be obeyed there is shown, and JSON stays JSON."""

from __future__ import annotations

import json
import sys
import unicodedata
from datetime import date
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import reps_ledger as rl
from reps_ledger.cli.app import app
from reps_ledger.domain.shown import printable
from reps_ledger.interchange import cell_text, safe_cell
from scale import examples

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

FORGED: Final = "kind\n2018-01-09 00:00  ana: removed\u2028for \x1b[31mcause\x9b1m \u202eesrever"
OBEYED: Final = "\n\u2028\x1b\x9b\u202e"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A ledger in which somebody gave a reason that would like to be more."""
    found = tmp_path / "reps.db"
    with rl.open(found) as ledger:
        for name in ("ana", "ben"):
            ledger.record(rl.MemberJoined(member=name), by="council", occurred_at=date(2018, 1, 1))
        ledger.record(
            rl.Vouched(member="ana", voucher="ben", reason=FORGED.replace("\x1b", "").replace("\x9b", "")),
            by="ben",
            occurred_at=date(2018, 1, 2),
        )
    return found


def ran(*arguments: str) -> Result:
    """Run a command."""
    return CliRunner().invoke(app, [*arguments])


@pytest.mark.parametrize(
    "command", [["history", "ana"], ["explain", "ana", "--vouches"], ["show", "ana"]], ids=str
)
def test_a_reason_forges_no_line(path: Path, command: list[str]) -> None:
    """A line end in it is shown, as is whatever turns the direction of writing."""
    said = ran(*command, "-l", str(path)).stdout
    assert not any(line.startswith("2018-01-09") for line in said.splitlines())
    assert "\u202e" not in said
    assert "\u2028" not in said
    if command[0] != "show":
        assert r"kind\n2018-01-09 00:00  ana: removed\u2028for" in said


def test_words_forge_no_line(path: Path) -> None:
    """Nor do the words of the library, which others print."""
    with rl.open(path) as ledger:
        words = ledger.as_of().explain("ana", "vouches").words()
    assert r"kind\n2018" in words
    assert "\u202e" not in words


def test_json_is_shown_too_and_stays_json(path: Path) -> None:
    """What a terminal would obey is escaped, and reads back as it was."""
    said = ran("history", "ana", "-l", str(path), "--json").stdout
    assert not set(said) & (set(OBEYED) - {"\n"})
    reasons = [json.loads(line)["fields"].get("reason") for line in said.splitlines()]
    assert FORGED.replace("\x1b", "").replace("\x9b", "") in reasons


@pytest.mark.parametrize("command", ["show", "explain"])
def test_json_also_where_nobody_is_found(path: Path, command: str) -> None:
    """A program that reads it finds that there is nothing."""
    found = ran(command, "zoe", "-l", str(path), "--json")
    assert found.exit_code == 1
    assert json.loads(found.stdout) is None
    assert "nothing is known" in found.stderr


def test_errors_are_filtered(path: Path) -> None:
    """Also those that repeat what was typed."""
    found = ran("show", "ana", "-l", str(path), "--at", "20\x1b[31m\n18")
    assert found.exit_code == 2
    assert r"\x1b[31m\n18" in found.stderr
    assert "\x1b" not in found.stderr


def test_all_that_terminals_obey() -> None:
    """By its category in Unicode: controls, formats but for joiners, separators of lines, halves of pairs."""
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        if character in "\u200c\u200d":
            continue
        if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}:
            assert printable(character) != character, hex(code)
        elif character.isprintable():
            assert printable(character) == character, hex(code)


@examples(1)
@given(st.text(alphabet=st.characters() | st.sampled_from("=+-@'\t\r\n\uff1d\uff0b\uff0d\uff20"), max_size=6))
def test_a_cell_is_no_formula_and_comes_back(text: str) -> None:
    """Full-width signs, which spreadsheets in some languages take for the others, included."""
    cell = safe_cell(text)
    assert cell_text(cell) == text
    assert cell[:1] not in set("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
    assert cell
