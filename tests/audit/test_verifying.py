"""Verifying a ledger finds what was changed, removed or inserted, and where."""

from __future__ import annotations

import random
import shutil
from contextlib import suppress
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder
from hypothesis import given
from hypothesis import strategies as st

import reps_ledger as rl
from intruders import unguarded
from reps_ledger.audit import CODES, make_key, read_checkpoint, sign_checkpoint
from reps_ledger.errors import Damaged, InvalidNote, LedgerError
from scale import examples
from scenarios import fixed_clock

if TYPE_CHECKING:
    from reps_ledger.audit import Verification

KEY: Final = make_key("example.org/reps")
COUNT: Final = 600


def members(ledger: rl.Ledger, count: int) -> None:
    """Have so many people join."""
    facts = [rl.MemberJoined(member=f"m{ledger.position + n}") for n in range(count)]
    ledger.record_all(facts, by="council", occurred_at=date(2018, 1, 1))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A ledger's file, its tree's cache, and a checkpoint of all but the last entries."""
    path = tmp_path_factory.mktemp("made") / "reps.db"
    with rl.open(path, clock=fixed_clock) as ledger:
        members(ledger, COUNT)
        kept = ledger.checkpoint(KEY)
        members(ledger, 10)
    return path, str(kept)


@pytest.fixture
def path(made: tuple[Path, str], tmp_path: Path) -> Path:
    """A copy of that ledger, to be tampered with."""
    for name in ("reps.db", "reps.db.tree"):
        shutil.copy(made[0].with_name(name), tmp_path / name)
    return tmp_path / "reps.db"


@pytest.fixture
def kept(made: tuple[Path, str]) -> str:
    """The checkpoint of that ledger."""
    return made[1]


def verified(path: Path, kept: str, **options: Any) -> Verification:
    """Verify the ledger of a file."""
    with rl.open(path, clock=fixed_clock) as ledger:
        return ledger.verify(kept, KEY.verifying, **options)


def tamper(path: Path, *statements: str) -> None:
    """Drop the triggers, do something, and put them back, as a careful intruder would."""
    with unguarded(path) as connection:
        for statement in statements:
            connection.execute(statement)


def test_an_untouched_ledger_is_verified(path: Path, kept: str) -> None:
    """Everything that was signed is unchanged; later entries make no difference."""
    found = verified(path, kept)
    assert (found.ok, found.codes, found.signed, found.database) == (True, (), True, True)
    assert (found.checkpoint.size, found.entries) == (COUNT + 1, COUNT + 11)
    assert found.root == read_checkpoint(kept).root
    assert found.words() == "The first 601 of 611 entries are what the checkpoint signed."


def test_what_was_not_checked_is_said(kept: str) -> None:
    """Without a key, or without a database check, the result says so."""
    with rl.open(InMemoryDCBRecorder(), clock=fixed_clock) as ledger:
        members(ledger, 3)
        found = ledger.verify(ledger.checkpoint(KEY))
        assert (found.ok, found.signed, found.database) == (True, None, None)
        assert "signature was not checked" in str(found)
        assert "no check of its own" in str(found)
        with pytest.raises(InvalidNote):
            ledger.verify("no checkpoint")
        with pytest.raises(InvalidNote):
            ledger.verify(kept, "no key")


EDITS: Final = {
    "data": "UPDATE events SET data = CAST(replace(data, 'council', 'nobody!') AS BLOB) WHERE position = 300",
    "name": "UPDATE events SET type = 'member.retired' WHERE position = 300",
    "tags": "UPDATE events SET tags = '[]' WHERE position = 300",
    "swapped": "UPDATE events SET data = (SELECT data FROM events WHERE position = 301) WHERE position = 300",
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_changed_entry_is_found_and_named(edit: str, path: Path, kept: str) -> None:
    """Whatever part of an entry was changed, it is found, though the triggers were put back."""
    tamper(path, EDITS[edit])
    found = verified(path, kept)
    assert found.codes[:2] == ("root_mismatch", "entry_differs")
    assert found.findings[1].position == 300
    assert not found.ok
    assert "position 300" in found.words()
    assert set(found.codes) <= CODES.keys()


def test_a_removed_entry_is_found(path: Path, kept: str) -> None:
    """A removed entry is found, by the change after it and by the gap."""
    tamper(path, "DELETE FROM tags WHERE position = 300", "DELETE FROM events WHERE position = 300")
    found = verified(path, kept)
    assert found.codes == ("root_mismatch", "entry_differs", "database")
    assert found.findings[1].position == 301


def test_a_removed_tail_is_found(path: Path, kept: str) -> None:
    """A truncated log is found to be shorter, whatever else was cut with it."""
    tamper(path, "DELETE FROM tags WHERE position > 590", "DELETE FROM events WHERE position > 590")
    found = verified(path, kept)
    assert found.codes == ("truncated", "entry_differs")
    assert [each.position for each in found.findings] == [591, 591]
    assert found.root is None


def test_a_hidden_entry_is_found(path: Path, kept: str) -> None:
    """Index rows that were removed, so that a member's entry would not be found, are reported."""
    tamper(path, "DELETE FROM tags WHERE position = 300")
    found = verified(path, kept)
    assert found.codes[0] == "database"
    assert "position 300: the tag" in found.words()
    assert found.database is False


def test_a_tampered_entry_after_the_checkpoint_is_beyond_it(path: Path, kept: str) -> None:
    """Changes to entries after the checkpoint are not noticed: it says nothing about them."""
    tamper(path, EDITS["data"].replace("300", "605"))
    assert verified(path, kept).ok


@pytest.mark.parametrize("spoilt", ["gone", "damaged", "elsewhere"])
def test_without_what_is_kept_it_is_found_all_the_same(
    spoilt: str, path: Path, kept: str, tmp_path: Path
) -> None:
    """The cache only helps to say where; the result does not depend on it."""
    state = None
    if spoilt == "gone":
        path.with_name("reps.db.tree").unlink()
    elif spoilt == "damaged":
        path.with_name("reps.db.tree").write_bytes(b"SQLite format 3\x00" + b"x" * 5000)
    else:
        state = tmp_path / "nothing.tree"
    assert verified(path, kept, state=state).ok
    tamper(path, EDITS["data"])
    assert verified(path, kept, state=state).codes == ("root_mismatch",)
    assert not (tmp_path / "nothing.tree").exists()


def test_whose_checkpoint_it_is(path: Path) -> None:
    """A wrong signature, another signer, and a checkpoint of another log are told apart."""
    with rl.open(path, clock=fixed_clock) as ledger:
        mine = ledger.checkpoint(KEY)
        theirs = ledger.checkpoint(make_key("example.org/other"))
        forged = ledger.checkpoint(make_key("example.org/reps"))
        assert ledger.verify(theirs, KEY.verifying).codes == ("other_origin",)
        found = ledger.verify(forged, str(KEY.verifying))
        assert (found.codes, found.signed) == (("signature_invalid",), False)
        assert ledger.verify(mine, str(KEY.verifying)).ok
        false = sign_checkpoint(mine.size, bytes(32), KEY)
        assert ledger.verify(false, KEY.verifying).codes == ("root_mismatch",)
        later = sign_checkpoint(mine.size + 1, mine.root, KEY)
        assert ledger.verify(later, KEY.verifying).codes == ("truncated",)


def test_an_empty_ledger_has_a_checkpoint() -> None:
    """An empty log can be signed and verified, and stays verified when it grows."""
    with rl.open(clock=fixed_clock) as ledger:
        kept = ledger.checkpoint(KEY)
        assert (kept.size, ledger.verify(kept, KEY.verifying).ok) == (0, True)
        members(ledger, 256)
        assert ledger.verify(kept, KEY.verifying).ok
        assert ledger.verify(ledger.checkpoint(KEY), KEY.verifying).ok


@examples(1.2)
@given(st.integers(0, 2**32))
def test_flipped_bits_are_found(seed: int) -> None:
    """A bit flipped anywhere in the file is found, or changed nothing that can be read."""
    chance = random.Random(seed)  # noqa: S311 — the same again for the same seed
    with TemporaryDirectory() as folder:
        path = Path(folder) / "reps.db"
        with rl.open(path, clock=fixed_clock) as ledger:
            members(ledger, 40)
            kept = ledger.checkpoint(KEY)
            before = [(e.position, e.id, e.fact, e.tags) for e in ledger.entries()]
        content = bytearray(path.read_bytes())
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.write_bytes(bytes(content))
        with suppress(LedgerError), rl.open(path, clock=fixed_clock) as ledger:
            if ledger.verify(kept, KEY.verifying).ok:
                assert [(e.position, e.id, e.fact, e.tags) for e in ledger.entries()] == before


def test_appends_go_on_meanwhile(path: Path, kept: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others may append and sign while a log is verified: no false alarm, nothing missed."""
    from reps_ledger.log import EventLog

    stored = EventLog.stored
    signed: list[str] = []
    with rl.open(path, clock=fixed_clock) as ledger, rl.open(path, clock=fixed_clock) as other:

        def slowly(self: EventLog, **options: Any) -> Any:
            for row in stored(self, **options):
                if row[0] == 100 and not signed:
                    signed.append("soon")
                    members(other, 5)
                    signed.append(other.checkpoint(KEY).note)
                yield row

        monkeypatch.setattr(EventLog, "stored", slowly)
        found = ledger.verify(kept, KEY.verifying)
        assert ledger.verify(signed[1], KEY.verifying).ok
    assert found.ok


def test_damage_that_sqlite_cannot_even_tell(path: Path) -> None:
    """A file is reported as damaged also where SQLite's message quotes bytes that are no text."""
    content = path.read_bytes()
    assert content.count(b"CREATE TABLE tags") == 1
    path.write_bytes(content.replace(b"CREATE TABLE tags", b"CREATE TABLE \xd5ags"))
    with pytest.raises(Damaged, match="restore it"):
        rl.open(path)
