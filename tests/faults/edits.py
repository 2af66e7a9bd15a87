"""Edits behind the ledger's back: ``python -m faults.edits FOLDER CASES SEED``.

A ledger is closed, and its file or its rows are changed by somebody who may do anything to them.
Whatever differs below the checkpoint, or cannot be read any more, must be found by `verify`, or
be an error at once. Prints how many of each kind of edit were tried, what they did, and which of
them went unseen, as JSON.
"""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import reps_ledger as rl
from intruders import unguarded
from reps_ledger.audit import make_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from reps_ledger.audit import SignedCheckpoint, VerifyingKey

BELOW, ABOVE = 260, 40
"""Entries below the checkpoint, and after it."""

Rows = list[tuple[int, str, bytes, str]]


def rows_of(path: Path) -> Rows | None:
    """Return the first rows as SQLite gives them; None where it cannot."""
    connection = sqlite3.connect(f"{path.as_uri()}?immutable=1", uri=True)
    try:
        found: Rows = connection.execute(
            "SELECT position, type, data, tags FROM events ORDER BY position LIMIT ?", [BELOW]
        ).fetchall()
    except (sqlite3.Error, OverflowError, UnicodeDecodeError):
        return None
    finally:
        connection.close()
    return found


def _bytes(edit: Callable[[bytearray, random.Random], None]) -> Any:
    def work(path: Path, chance: random.Random) -> None:
        data = bytearray(path.read_bytes())
        edit(data, chance)
        path.write_bytes(data)

    return work


def _sql(edit: Callable[[sqlite3.Connection, random.Random], None]) -> Any:
    """Edit rows as who may alter the tables can: without triggers, which are put back."""

    def work(path: Path, chance: random.Random) -> None:
        with unguarded(path) as connection:
            edit(connection, chance)

    return work


def _flip(data: bytearray, chance: random.Random) -> None:
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _overwrite(data: bytearray, chance: random.Random) -> None:
    place = chance.randrange(len(data))
    data[place : place + 64] = chance.randbytes(len(data[place : place + 64]))


def _swap_pages(data: bytearray, chance: random.Random) -> None:
    one, other = (4096 * chance.randrange(1, len(data) // 4096) for _ in range(2))
    data[one : one + 4096], data[other : other + 4096] = (data[other : other + 4096], data[one : one + 4096])


def _cut(data: bytearray, chance: random.Random) -> None:
    del data[chance.randrange(len(data)) :]


def _change(connection: sqlite3.Connection, chance: random.Random) -> None:
    position = chance.randrange(1, BELOW + 1)
    row = connection.execute("SELECT data FROM events WHERE position = ?", [position]).fetchone()
    data = bytearray(row[0])
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    connection.execute("UPDATE events SET data = ? WHERE position = ?", [bytes(data), position])


def _rename(connection: sqlite3.Connection, chance: random.Random) -> None:
    column, value = chance.choice([("type", "member.retired"), ("tags", '["member:eve"]')])
    position = chance.randrange(1, BELOW + 1)
    connection.execute(f"UPDATE events SET {column} = ? WHERE position = ?", [value, position])  # noqa: S608 — no text from outside


def _delete(connection: sqlite3.Connection, chance: random.Random) -> None:
    position = chance.randrange(1, BELOW + 1)
    connection.execute("DELETE FROM events WHERE position = ?", [position])
    if chance.random() < 1 / 2:  # and hide the gap
        connection.execute("UPDATE events SET position = -position WHERE position > ?", [position])
        connection.execute("UPDATE events SET position = -position - 1 WHERE position < 0")


def _swap_rows(connection: sqlite3.Connection, chance: random.Random) -> None:
    one, other = chance.sample(range(1, BELOW + 1), 2)
    for before, after in ((one, -1), (other, one), (-1, other)):
        update = "UPDATE events SET position = ? WHERE position = ?"
        connection.execute(update, [after, before])


def _insert(connection: sqlite3.Connection, chance: random.Random) -> None:
    position = chance.randrange(1, BELOW + 1)
    connection.execute("UPDATE events SET position = -position WHERE position >= ?", [position])
    connection.execute("UPDATE events SET position = -position + 1 WHERE position < 0")
    copy = "INSERT INTO events SELECT ?, type, data, tags FROM events WHERE position = ?"
    connection.execute(copy, [position, position + 1])


def _append(connection: sqlite3.Connection, chance: random.Random) -> None:
    copy = (
        "INSERT INTO events SELECT (SELECT max(position) + 1 FROM events), type, data, tags"
        " FROM events WHERE position = ?"
    )
    connection.execute(copy, [chance.randrange(1, BELOW)])


def _shorten(connection: sqlite3.Connection, chance: random.Random) -> None:
    kept = chance.randrange(BELOW + ABOVE)
    connection.execute("DELETE FROM events WHERE position > ?", [kept])


EDITS: Final[dict[str, Any]] = {
    "a bit flipped": _bytes(_flip),
    "bytes overwritten": _bytes(_overwrite),
    "pages swapped": _bytes(_swap_pages),
    "file cut": _bytes(_cut),
    "data changed": _sql(_change),
    "type or tags changed": _sql(_rename),
    "row deleted": _sql(_delete),
    "rows swapped": _sql(_swap_rows),
    "row inserted": _sql(_insert),
    "row appended": _sql(_append),
    "last rows deleted": _sql(_shorten),
}


def told(path: Path, checkpoint: SignedCheckpoint, key: VerifyingKey) -> bool:
    """Whether anything is said against a ledger."""
    try:
        with rl.open(path) as ledger:
            return not ledger.verify(checkpoint, key=key).ok
    except rl.LedgerError:
        return True


def main(folder: str, cases: str, seed: str) -> None:
    """Make edits, and tell."""
    chance = random.Random(int(seed))  # noqa: S311 — the same again when it fails
    place = Path(folder) / "sound"
    place.mkdir()
    path = place / "reps.db"
    signer = make_key("reps.example/ledger")
    with rl.open(path) as ledger:
        people = [f"m{number}" for number in range(BELOW // 2)]
        ledger.record_all([rl.MemberJoined(member=person) for person in people], by="council")
        ledger.record_all([rl.ReportFiled(member=p, activity="talk") for p in people], by="x")
        checkpoint = ledger.checkpoint(signer)
        ledger.record_all([rl.ReportFiled(member="m1", activity="t")] * ABOVE, by="x")
    sound = rows_of(path)
    assert sound is not None
    assert len(sound) == BELOW
    assert not told(path, checkpoint, signer.verifying)
    tried: Counter[str] = Counter()
    changed: Counter[str] = Counter()
    found: Counter[str] = Counter()
    unseen = []
    for case in range(int(cases)):
        kind = list(EDITS)[case % len(EDITS)]
        other = Path(folder) / "edited"
        shutil.rmtree(other, ignore_errors=True)
        shutil.copytree(place, other)
        if chance.random() < 1 / 2:  # what is kept beside the log may be lost too
            for each in other.iterdir():
                if each.name != path.name:
                    each.unlink() if each.is_file() else shutil.rmtree(each)
        EDITS[kind](other / path.name, chance)
        differs = rows_of(other / path.name) != sound
        said = told(other / path.name, checkpoint, signer.verifying)
        tried[kind] += 1
        changed[kind] += differs
        found[kind] += said and differs
        if differs and not said:
            unseen.append([case, kind])
    report = {
        "tried": tried.total(),
        "changed": changed.total(),
        "found": found.total(),
        "by kind": {kind: [tried[kind], changed[kind], found[kind]] for kind in tried},
        "unseen": unseen,
    }
    sys.stdout.write(json.dumps(report) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
