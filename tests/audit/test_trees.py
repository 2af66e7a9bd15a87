"""The tree of a ledger: as RFC 9162 defines it, however it grew, whatever happened to its cache."""

from __future__ import annotations

import sqlite3
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reference_trees as trees
import reps_ledger as rl
from recorders import event
from reps_ledger.audit import Tree, TreeCache, entry_hash, entry_leaf, make_key
from reps_ledger.audit.merkle import leaf_hash
from reps_ledger.audit.tree_cache import BLOCK
from reps_ledger.domain.facts import BUILT_IN, Registry
from reps_ledger.errors import Damaged, Inconsistent, InvalidInput, InvalidProof, NotFound
from reps_ledger.log import Codec, EventLog, SQLiteRecorder
from reps_ledger.salted import salt
from scale import examples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reps_ledger.audit.tree import TreeSnapshot

KEY: Final = make_key("example.org/reps")


def filled(count: int, recorder: SQLiteRecorder | None = None, *, salt: str = "") -> EventLog:
    """A log of so many meaningless entries."""
    recorder = SQLiteRecorder(":memory:") if recorder is None else recorder
    log = EventLog(recorder, Codec(Registry(BUILT_IN)))
    grow(log, count, salt=salt)
    return log


def grow(log: EventLog, count: int, *, salt: str = "") -> None:
    """Append so many meaningless entries."""
    head = log.head()
    made = [
        event("happened", f"member:{number % 7}", data=f"{salt}{number}".encode())
        for number in range(head, head + count)
    ]
    if made:
        log.recorder.append(made)


def leaves_of(log: EventLog) -> list[bytes]:
    """The leaves of a log, as a verifier makes them."""
    return [entry_leaf(*row) for row in log.stored()]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A ledger's file with two full blocks and a rest."""
    path = tmp_path / "ledger.db"
    with SQLiteRecorder(path) as recorder:
        filled(2 * BLOCK + 10, recorder)
    return path


def asked(log: EventLog, cache: TreeCache) -> tuple[int, bytes]:
    """The size and the root of a log's tree."""
    return Tree(log, cache).ask(lambda leaves: (leaves.size, leaves.root()))


def test_a_leaf_says_all_that_is_stored() -> None:
    """Position, name, bytes and tags are all in the leaf, and nothing can move between them."""
    assert entry_leaf(1, "a", b"b", "[]") == (
        b"reps-ledger entry v1\n\0\0\0\x08\0\0\0\0\0\0\0\x01\0\0\0\x01a\0\0\0\x01b\0\0\0\x02[]"
    )
    assert entry_hash(1, "a", b"b", "[]") == leaf_hash(entry_leaf(1, "a", b"b", "[]"))


def test_a_leaf_of_the_second_format_ends_before_what_is_sealed() -> None:
    """Salted bytes have a leaf of their own kind, which stays when what is sealed is destroyed."""
    data = salt(b'{"by":"ana"}')
    leaf = entry_leaf(1, "a", data, "[]")
    assert leaf.startswith(b"reps-ledger entry v2\n")
    assert data in leaf
    for behind in (b"\x1e", b'\x1e{"reason":"x"}', b"\x1e\x1e"):
        assert entry_leaf(1, "a", data + behind, "[]") == leaf
        assert entry_hash(1, "a", data + behind, "[]") == entry_hash(1, "a", data, "[]") == leaf_hash(leaf)
        assert entry_leaf(1, "a", data[:40] + behind + data[40:], "[]") != leaf
    plain = b'{"by":"ana"}'
    assert entry_leaf(1, "a", plain + b"\x1e", "[]") != entry_leaf(1, "a", plain, "[]")


entries = st.tuples(
    st.integers(0, 2**63 - 1), st.text(max_size=5), st.binary(max_size=5), st.text(max_size=5)
)


@given(entries, entries)
def test_different_entries_have_different_leaves(one: Any, other: Any) -> None:
    """Two entries have the same leaf only if they are the same."""
    assert (entry_leaf(*one) == entry_leaf(*other)) == (one == other)


@examples(0.5)
@given(st.lists(st.integers(0, 600), min_size=1, max_size=4), st.data())
def test_grown_in_any_steps_it_is_as_defined(steps: list[int], data: st.DataObject) -> None:
    """However often the tree is asked while it grows, its roots and proofs are those of the RFC."""
    log, cache = filled(0), TreeCache(None)
    for step in steps:
        grow(log, step)
        size, root = asked(log, cache)
        assert (size, root) == (log.head(), trees.root(leaves_of(log)))
    whole = leaves_of(log)
    if not whole:
        return
    size = data.draw(st.integers(1, len(whole)))
    index = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(0, size))

    def proofs(leaves: TreeSnapshot) -> tuple[Any, Any]:
        return leaves.inclusion(index + 1, size), leaves.consistency(old, size)

    inclusion, consistency = Tree(log, cache).ask(proofs)
    assert inclusion.index == index
    assert list(inclusion.path) == trees.path(index, whole[:size])
    assert inclusion.root == consistency.new_root == trees.root(whole[:size])
    assert consistency.old_root == trees.root(whole[:old])
    if old > 0:
        assert list(consistency.path) == trees.proof(old, whole[:size])
    inclusion.verify()
    consistency.verify()


def test_every_entry_is_found_by_its_position(file: Path) -> None:
    """Each position has its leaf; a position without an entry has none."""
    with SQLiteRecorder(file) as recorder:
        log = EventLog(recorder, Codec(Registry(BUILT_IN)))

        def indexes(leaves: TreeSnapshot) -> list[int]:
            return [leaves.index_of(position) for position in range(1, log.head() + 1)]

        assert Tree(log, TreeCache(None)).ask(indexes) == list(range(log.head()))
        for position in (0, log.head() + 1, -1):
            with pytest.raises(NotFound):
                Tree(log, TreeCache(None)).ask(index_at(position))


def index_at(position: int) -> Callable[[TreeSnapshot], int]:
    """A question to the tree: the index of a position."""
    return lambda leaves: leaves.index_of(position)


def test_sizes_beyond_the_log_are_refused() -> None:
    """A tree that is larger than the log, or older than the newer one, cannot be proved."""
    log = filled(5)
    tree = Tree(log, TreeCache(None))
    with pytest.raises(InvalidInput, match="5 entries, not 6"):
        tree.ask(lambda leaves: leaves.root(6))
    with pytest.raises(InvalidInput, match="older tree has 4"):
        tree.ask(lambda leaves: leaves.consistency(4, 3))
    with pytest.raises(NotFound, match="the first 3"):
        tree.ask(lambda leaves: leaves.inclusion(4, 3))


def reads_counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list to which the position of every stored row that is read is added."""
    read: list[int] = []
    stored = EventLog.stored

    def counted(self: EventLog, **options: Any) -> Iterator[Any]:
        for row in stored(self, **options):
            read.append(row[0])
            yield row

    monkeypatch.setattr(EventLog, "stored", counted)
    return read


def test_only_what_is_new_is_read(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked again, the tree reads the last full block and what came after it, and no more."""
    with SQLiteRecorder(file) as recorder:
        log = EventLog(recorder, Codec(Registry(BUILT_IN)))
        cache = TreeCache(file.with_suffix(".tree"))
        first = asked(log, cache)
        read = reads_counted(monkeypatch)
        assert asked(log, TreeCache(file.with_suffix(".tree"))) == first
        assert len(read) <= BLOCK + 10
        assert min(read) == BLOCK + 1


def test_a_question_without_an_answer_costs_nothing_twice(file: Path) -> None:
    """What was hashed to answer a question stays cached, though the question was refused."""
    with SQLiteRecorder(file) as recorder:
        log = EventLog(recorder, Codec(Registry(BUILT_IN)))
        cache = TreeCache(file.with_suffix(".tree"))
        with pytest.raises(NotFound):
            Tree(log, cache).ask(index_at(9_999))
        with cache.transaction() as transaction:
            assert transaction.blocks == 2
            assert transaction.fingerprints(2) is not None


def spoil(path: Path, statement: str) -> None:
    """Change the cache."""
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE nodes SET hash = zeroblob(32) WHERE level = 1",
        "UPDATE nodes SET hash = zeroblob(31)",
        "UPDATE nodes SET last = last + 1",
        "UPDATE nodes SET last = 'x'",
        "UPDATE nodes SET hash = 'text'",
        "DELETE FROM nodes WHERE level = 1",
        "DELETE FROM nodes WHERE level = 0 AND number = 0",
        "DROP TABLE nodes",
        "PRAGMA user_version = 99",
    ],
)
def test_what_is_damaged_is_made_again(file: Path, statement: str) -> None:
    """Damage to the cache is noticed, and it is made again from the log."""
    with SQLiteRecorder(file) as recorder:
        log = EventLog(recorder, Codec(Registry(BUILT_IN)))
        kept = file.with_suffix(".tree")
        true = asked(log, TreeCache(kept))
        spoil(kept, statement)
        assert asked(log, TreeCache(kept)) == true
        assert asked(log, TreeCache(kept)) == true


@examples(0.8)
@given(st.data())
def test_flipped_bits_in_what_is_kept_change_no_answer(data: st.DataObject) -> None:
    """Whatever bit of the cache is flipped, or wherever it is cut, the root is right."""
    log = filled(3 * BLOCK)
    with TemporaryDirectory() as folder:
        kept = Path(folder) / "x.tree"
        true = asked(log, TreeCache(kept))
        content = bytearray(kept.read_bytes())
        if data.draw(st.booleans()):
            content = content[: data.draw(st.integers(1, len(content) - 1))]
        else:
            content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        kept.write_bytes(bytes(content))
        with suppress(InvalidInput):  # where it was the mark that says whose file it is
            assert asked(log, TreeCache(kept)) == true


def test_another_programs_file_is_left_alone(tmp_path: Path) -> None:
    """The database of another program is not used as a cache."""
    other = tmp_path / "other.db"
    spoil(other, "CREATE TABLE mine (x)")
    before = other.read_bytes()
    with pytest.raises(InvalidInput, match="another program"):
        asked(filled(3), TreeCache(other))
    assert other.read_bytes() == before


def test_where_nothing_can_be_kept_memory_serves(tmp_path: Path) -> None:
    """Where the cache's folder is missing, the answer is the same and nothing is made."""
    log = filled(BLOCK + 1)
    cache = TreeCache(tmp_path / "missing" / "x.tree")
    assert asked(log, cache) == (BLOCK + 1, trees.root(leaves_of(log)))
    assert not (tmp_path / "missing").exists()


def test_no_tree_contradicts_an_earlier_one(tmp_path: Path) -> None:
    """A log that was changed or set back is not signed again, unless its cache is removed."""
    kept = tmp_path / "x.tree"
    asked(filled(3 * BLOCK), TreeCache(kept))
    for other in (filled(3 * BLOCK, salt="other"), filled(2 * BLOCK)):
        with pytest.raises(Inconsistent, match="between position 513 and 768"):
            asked(other, TreeCache(kept))
    assert kept.exists()
    kept.unlink()
    assert asked(filled(2 * BLOCK), TreeCache(kept))[0] == 2 * BLOCK


def test_the_newest_entries_are_looked_after_too(tmp_path: Path) -> None:
    """A change past the last full block, or in a log without one, is noticed too."""
    path = tmp_path / "ledger.db"
    with SQLiteRecorder(path) as recorder:
        log = filled(BLOCK + 5, recorder)
        cache = TreeCache(tmp_path / "x.tree")
        asked(log, cache)
        grow(log, 2)
        asked(log, cache)
        connection = sqlite3.connect(path)
        connection.execute("DROP TRIGGER events_keep")
        with connection:
            connection.execute("UPDATE events SET data = x'00' WHERE position = ?", (BLOCK + 3,))
        connection.close()
        for _ in range(2):
            with pytest.raises(Inconsistent, match=f"at position {BLOCK + 3},"):
                asked(log, cache)
    kept = tmp_path / "y.tree"
    asked(filled(10), TreeCache(kept))
    for other, position in ((filled(9), 10), (filled(12, salt="x"), 1), (filled(0), 1)):
        with pytest.raises(Inconsistent, match=f"at position {position},"):
            asked(other, TreeCache(kept))
    assert asked(filled(12), TreeCache(kept))[0] == 12


def test_many_ask_at_once(tmp_path: Path) -> None:
    """Threads that ask for the tree while others append get trees of that log."""
    with SQLiteRecorder(tmp_path / "ledger.db") as recorder:
        log = filled(BLOCK, recorder)
        cache = TreeCache(tmp_path / "x.tree")
        other = TreeCache(tmp_path / "x.tree")

        def work(number: int) -> tuple[int, bytes]:
            grow(log, 40)
            return asked(log, cache if number % 2 else other)

        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(work, range(12)))
        leaves = leaves_of(log)
        assert len(leaves) == BLOCK + 480
        for size, root in found:
            assert root == trees.root(leaves[:size])


def test_an_older_entry_is_not_proved_after_it_was_changed(tmp_path: Path) -> None:
    """A proof reads the block of its entry again, which must be unchanged."""
    path = tmp_path / "ledger.db"
    with SQLiteRecorder(path) as recorder:
        log = filled(3 * BLOCK, recorder)
        cache = TreeCache(tmp_path / "x.tree")
        asked(log, cache)
        connection = sqlite3.connect(path)
        connection.executescript(
            "DROP TRIGGER events_keep; UPDATE events SET data = x'00' WHERE position = 7"
        )
        connection.close()
        with pytest.raises(Inconsistent, match="between position 1 and 256"):
            Tree(log, cache).ask(lambda leaves: leaves.inclusion(8))
        Tree(log, cache).ask(lambda leaves: leaves.inclusion(300))


def test_a_forged_node_makes_no_false_proof(tmp_path: Path) -> None:
    """A cached node that was forged, checksum and all, makes no proof that is given away."""
    log = filled(4 * BLOCK)
    kept = tmp_path / "x.tree"
    cache = TreeCache(kept)
    true = asked(log, cache)
    forged = bytes(32)
    last = BLOCK
    checksum = zlib.crc32(struct.pack(">QQQ32s", 0, 0, last, forged))
    connection = sqlite3.connect(kept)
    with connection:
        connection.execute(
            "UPDATE nodes SET hash = ?, checksum = ? WHERE level = 0 AND number = 0", (forged, checksum)
        )
    connection.close()
    proof = Tree(log, cache).ask(lambda leaves: leaves.inclusion(BLOCK + 1))
    assert proof.root == true[1]
    proof.verify()


def test_what_is_no_entry_is_damage() -> None:
    """A stored row whose types are not those of an entry is an error that names its position."""
    log = filled(1)

    def rows(**_: object) -> Iterator[Any]:
        yield 1, "a", "text where bytes should be", "[]"

    log.stored = rows  # type: ignore[method-assign]  # a fault
    with pytest.raises(Damaged, match="position 1"):
        asked(log, TreeCache(None))


def test_a_ledger_proves_against_checkpoints() -> None:
    """Proofs against a checkpoint hold for it, and are refused for the log of another."""
    with rl.open() as ledger, rl.open() as other:
        for opened in (ledger, other):
            for number in range(5):
                opened.record(rl.MemberJoined(member=f"m{number}"), by="council")
        kept = ledger.checkpoint(KEY)
        receipt = ledger.record(rl.MemberJoined(member="ana"), by="council")
        proof = ledger.prove(3, at=kept)
        assert (proof.size, proof.root) == (5, kept.root)
        assert ledger.prove(receipt).size == 6
        assert ledger.prove(3, at=str(kept)) == proof
        assert ledger.prove(3, at=5) == proof
        with pytest.raises(NotFound):
            ledger.prove(receipt, at=kept)
        newer = ledger.checkpoint(KEY.text)
        consistency = ledger.prove_consistency(kept, newer)
        assert (consistency.old, consistency.new) == (5, 6)
        assert ledger.prove_consistency(5) == consistency
        with pytest.raises(InvalidProof):
            other.prove(3, at=kept)
        with pytest.raises(InvalidProof):
            other.prove_consistency(kept)
    with pytest.raises(rl.Closed):
        ledger.checkpoint(KEY)


def test_what_is_kept_lies_beside_the_ledger(tmp_path: Path) -> None:
    """The cache lies beside the ledger's file under its name, or where it is told to."""
    with rl.open(tmp_path / "reps.db") as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council")
        assert sorted(path.name for path in tmp_path.glob("*.tree")) == []
        one = ledger.checkpoint(KEY)
        assert [path.name for path in tmp_path.glob("*.tree")] == ["reps.db.tree"]
        assert ledger.checkpoint(KEY, state=tmp_path / "elsewhere").root == one.root
        assert (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(
    "content", [b"precious text of mine" * 50, b"SQLite format 3\0" + b"?" * 200], ids=["text", "other"]
)
def test_a_named_file_that_is_no_cache_is_refused(content: bytes, tmp_path: Path) -> None:
    """It is left as it is: it may be anything. An empty one is taken."""
    mine = tmp_path / "notes.txt"
    with rl.open(tmp_path / "l.db") as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="x")
        first = ledger.checkpoint(KEY)
        mine.write_bytes(content)
        for ask in (
            lambda: ledger.checkpoint(KEY, state=mine),
            lambda: ledger.prove(1, at=first, state=mine),
        ):
            with pytest.raises(InvalidInput, match="no cache of a tree"):
                ask()
            assert mine.read_bytes() == content
        mine.write_bytes(b"")
        assert ledger.checkpoint(KEY, state=mine).root == first.root
