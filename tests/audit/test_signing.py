"""What is signed is what the log says, whatever was done to the files beside it."""

from __future__ import annotations

import shutil
import sqlite3
import struct
import zlib
from contextlib import closing
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reps_ledger as rl
from audit.test_trees import asked, filled, grow, reads_counted
from reps_ledger.audit import Tree, TreeCache, make_key, sign_checkpoint
from reps_ledger.audit.tree_cache import BLOCK
from reps_ledger.domain.facts import BUILT_IN, Registry
from reps_ledger.errors import Inconsistent, InvalidNote, InvalidSignature
from reps_ledger.log import Codec, EventLog, SQLiteRecorder
from scale import examples

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reps_ledger.audit import SignedCheckpoint, SigningKey

KEY: Final = make_key("example.org/reps")
OTHER: Final = make_key("example.org/reps")


def signed(
    log: EventLog, cache: TreeCache, key: SigningKey = KEY, since: SignedCheckpoint | None = None
) -> SignedCheckpoint:
    """Sign a log's tree."""
    return Tree(log, cache).ask(lambda leaves: leaves.sign(key, since))


def true_root(log: EventLog) -> bytes:
    """The root of a log's tree, made of the log alone."""
    return asked(log, TreeCache(None))[1]


def forge(path: Path, level: int, number: int, found: bytes) -> None:
    """Change an inner hash in a cache, as somebody would who knows its form."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        (last,) = connection.execute(
            "SELECT last FROM nodes WHERE level = ? AND number = ?", (level, number)
        ).fetchone()
        checksum = zlib.crc32(struct.pack(">QQQ32s", level, number, last, found))
        connection.execute(
            "UPDATE nodes SET hash = ?, checksum = ? WHERE level = ? AND number = ?",
            (found, checksum, level, number),
        )


def nodes(path: Path) -> list[tuple[int, int]]:
    """The level and number of each inner hash in a cache."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT level, number FROM nodes ORDER BY level, number").fetchall()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A ledger's file with four full blocks and a rest."""
    path = tmp_path / "ledger.db"
    with SQLiteRecorder(path) as recorder:
        filled(4 * BLOCK + 10, recorder)
    return path


@pytest.fixture
def log(file: Path) -> Iterator[EventLog]:
    """Its log."""
    with SQLiteRecorder(file) as recorder:
        yield EventLog(recorder, Codec(Registry(BUILT_IN)))


@pytest.mark.parametrize("before", [True, False], ids=["signed before", "not signed before"])
@pytest.mark.parametrize("node", [(0, 0), (0, 2), (0, 3), (1, 0), (1, 1), (2, 0)])
def test_a_forged_hash_is_never_signed(
    file: Path, log: EventLog, before: bool, node: tuple[int, int]
) -> None:
    """An inner hash that somebody changed is found: it is made again, or nothing is signed."""
    path = file.with_suffix(".tree")
    if before:
        signed(log, TreeCache(path))
    else:
        asked(log, TreeCache(path))
    grow(log, BLOCK)
    forge(path, *node, b"f" * 32)
    try:
        found = signed(log, TreeCache(path))
    except Inconsistent:
        assert node[0] == 0  # it may be the log that was changed: whoever is in doubt does not sign
    else:
        assert found.root == true_root(log)


@examples(0.5)
@given(data=st.data())
def test_whatever_is_forged_what_is_signed_is_the_log(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """However a log grows, is signed, and its cache forged: a checkpoint has the root of the log."""
    log, path = filled(0), tmp_path_factory.mktemp("forged") / "x.tree"
    kept: list[SignedCheckpoint] = []
    for _ in range(data.draw(st.integers(1, 4))):
        grow(log, data.draw(st.integers(0, 3 * BLOCK)))
        if data.draw(st.booleans()):
            asked(log, TreeCache(path))
        known = nodes(path) if path.exists() else []
        for level, number in data.draw(
            st.lists(st.sampled_from(known), max_size=2) if known else st.just([])
        ):
            forge(path, level, number, bytes([level]) * 32)
        since = data.draw(st.none() | st.sampled_from(kept)) if kept else None
        try:
            found = signed(log, TreeCache(path), since=since)
        except Inconsistent:
            assert known
            return
        assert found.root == true_root(log)
        found.verify(KEY.verifying)
        kept.append(found)


def test_the_cache_of_a_forged_ledger_is_never_signed(tmp_path: Path) -> None:
    """Whoever puts the whole cache of a forged history beside a ledger has nothing signed by it."""
    path, other = tmp_path / "ledger.db", tmp_path / "forged.db"
    with SQLiteRecorder(path) as recorder:
        true = filled(2 * BLOCK, recorder)
        signed(true, TreeCache(tmp_path / "ledger.tree"))
        with SQLiteRecorder(other) as forged:
            false = filled(1, forged, salt="forged")
            grow(false, 2 * BLOCK - 1)
            signed(false, TreeCache(tmp_path / "forged.tree"), OTHER)
        shutil.copy(tmp_path / "forged.tree", tmp_path / "ledger.tree")
        with pytest.raises(Inconsistent):
            signed(true, TreeCache(tmp_path / "ledger.tree"))


def test_a_log_that_was_changed_is_not_signed_again(tmp_path: Path) -> None:
    """A key that signed a history signs no other one, though the cache is damaged and made again."""
    for since in (False, True):
        path = tmp_path / f"{since}.tree"
        kept = signed(filled(BLOCK + 5), TreeCache(path))
        changed = filled(1, salt="changed")
        grow(changed, 2 * BLOCK)
        if since:
            path.unlink()
        else:
            with closing(sqlite3.connect(path, isolation_level=None)) as connection:
                connection.execute("DELETE FROM nodes")
                connection.execute("DELETE FROM prints")
        with pytest.raises(Inconsistent, match="261 entries, and this is not that log grown"):
            signed(changed, TreeCache(path), since=kept if since else None)
        assert signed(changed, TreeCache(path), OTHER).root == true_root(changed)


def test_a_log_that_lost_entries_is_not_signed_again() -> None:
    """A restored older copy is shorter than what was signed."""
    kept = signed(filled(20), TreeCache(None))
    with pytest.raises(Inconsistent, match="the log has 19"):
        signed(filled(19), TreeCache(None), since=kept)


def test_only_what_came_after_the_last_signature_is_read(
    file: Path, log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Signing often costs what is new: earlier blocks are taken from what the key signed."""
    path = file.with_suffix(".tree")
    signed(log, TreeCache(path))
    read = reads_counted(monkeypatch)
    grow(log, 5)
    signed(log, TreeCache(path))
    assert min(read) == 3 * BLOCK + 1
    assert len(read) <= BLOCK + 15
    read.clear()
    signed(log, TreeCache(path), OTHER)  # which signed nothing of it yet
    assert set(read) == set(range(1, log.head() + 1))


def test_what_another_key_signed_counts_for_nothing(log: EventLog) -> None:
    """A checkpoint of another key of the same name, or one that nobody signed, is refused or ignored."""
    cache = TreeCache(None)
    asked(log, cache)
    stranger = sign_checkpoint(3, b"x" * 32, OTHER)
    with pytest.raises(InvalidSignature):
        signed(log, cache, since=stranger)
    for note in (str(stranger), "nothing", str(sign_checkpoint(3, b"x" * 32, KEY)).replace("3", "4", 1)):
        with cache.transaction() as transaction:
            transaction.set_note(str(KEY.verifying), note)
        assert signed(log, cache).root == true_root(log)


def test_a_ledger_signs_since_a_checkpoint(sqlite_path: Path) -> None:
    """The text of a checkpoint that was kept elsewhere is enough."""
    with rl.open(sqlite_path) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council")
        kept = str(ledger.checkpoint(KEY))
        ledger.record(rl.ReportFiled(member="ana", activity="talk"), by="ana")
        assert ledger.checkpoint(KEY.text, since=kept).size == 3
        with pytest.raises(InvalidNote):
            ledger.checkpoint(KEY, since="not a note")
    with rl.open() as other:
        for member in ("ana", "ben", "cleo"):
            other.record(rl.MemberJoined(member=member), by="council")
        with pytest.raises(Inconsistent, match="Nothing was signed"):
            other.checkpoint(KEY, since=kept)
