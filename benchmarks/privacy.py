"""Key stores and sealing: opening a large store, keys made ahead, and sealing beside the bare cipher."""

from __future__ import annotations

import os
import secrets
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from ratios import seconds, side_by_side, verdict

from reps_ledger.domain.sealed import Owner, Place
from reps_ledger.privacy import KeyFile, LocalMaster, Tombstone, WrappedKeys, seal, unseal

if TYPE_CHECKING:
    from pathlib import Path

KEYS = 100_000
OWNERS = 384
TEXTS = 2_000
OPENINGS = 20
PLACE = Place("ledger", "entry", "m1", "vouch.given", 1, "reason")
TEXT = "She ran four events and translated the guide."


def run(folder: Path) -> list[str]:
    """Measure; return what to print."""
    return [*_opening(folder), *_making(folder), *_sealing()]


def _opening(folder: Path) -> list[str]:
    path, few, wrapped = folder / "large.keys", folder / "few.keys", folder / "wrapped.keys"
    master = LocalMaster(secrets.token_bytes(32))
    owners = [Owner(f"m{number}", "vouch.given", "2018") for number in range(KEYS)]
    with KeyFile.open(few) as store:
        store.current(owners[0])
    with KeyFile.open(path) as store, WrappedKeys.open(wrapped, master) as other:
        making = seconds(lambda: store.prepare(owners))
        other.prepare(owners)

    def read_all() -> None:
        with closing(sqlite3.connect(path)) as connection:
            assert len(connection.execute("SELECT id, key FROM keys").fetchall()) == KEYS

    def bare() -> None:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("SELECT value FROM meta WHERE name = 'ledger'").fetchone()

    times = side_by_side(
        {
            "bare": bare,
            "few": lambda: KeyFile.open(few).close(),
            "large": lambda: KeyFile.open(path).close(),
            "wrapped": lambda: WrappedKeys.open(wrapped, master).close(),
            "all": read_all,
        },
        OPENINGS,
    )
    with KeyFile.open(path) as store:
        erasing = seconds(lambda: store.erase([Tombstone("m7", "entry", "when")]))
        scrubbing = seconds(store.scrub)
        asking = seconds(lambda: [store.refresh() for _ in range(TEXTS)]) / TEXTS
    return [
        f"a key store of {KEYS:,} keys (made at {making / KEYS * 1e6:.1f} µs a key in one commit):",
        f"  opened in {times['large'] * 1e3:.2f} ms, under a master key {times['wrapped'] * 1e3:.2f} ms; a "
        f"bare connection takes {times['bare'] * 1e3:.2f} ms",
        verdict("opening one with a single key, beside it", times["few"] / times["large"], 0.8),
        verdict("reading all keys, beside opening it", times["all"] / times["large"], 10),
        f"  asking whether others have written: {asking * 1e6:.1f} µs; an erasure {erasing * 1e3:.1f} ms, "
        f"and {scrubbing * 1e3:.0f} ms until no trace is left",
    ]


def _making(folder: Path) -> list[str]:
    def ahead() -> None:
        with KeyFile.open(folder / f"{secrets.token_hex(4)}.keys") as store:
            for number in range(OWNERS):
                store.current(Owner(f"m{number}", "vouch.given", "2018"))

    def one_by_one() -> None:
        with KeyFile.open(folder / f"{secrets.token_hex(4)}.keys") as store:
            for number in range(OWNERS):
                store.prepare([Owner(f"m{number}", "vouch.given", "2018")])

    times = side_by_side({"ahead": ahead, "one": one_by_one}, 5)
    return [
        f"{OWNERS} people who are new, one by one: {times['ahead'] / OWNERS * 1e3:.3f} ms each with keys "
        f"made ahead, {times['one'] / OWNERS * 1e3:.3f} ms with a commit each",
        verdict("a commit each, beside keys made ahead", times["one"] / times["ahead"], 5),
    ]


def _sealing() -> list[str]:
    key = secrets.token_bytes(32)
    plain = TEXT.encode() + b"\x80" + bytes(-(len(TEXT) + 1) % 32)
    blob = seal(key, TEXT, PLACE)

    def bare() -> None:
        for _ in range(TEXTS):
            AESGCM(key).encrypt(os.urandom(12), plain, b"")

    times = side_by_side(
        {
            "bare": bare,
            "seal": lambda: [seal(key, TEXT, PLACE) for _ in range(TEXTS)],
            "unseal": lambda: [unseal(key, blob, PLACE) for _ in range(TEXTS)],
        },
        9,
    )
    return [
        f"sealing a text: {times['seal'] / TEXTS * 1e6:.1f} µs, opening it "
        f"{times['unseal'] / TEXTS * 1e6:.1f} µs",
        verdict("the bare cipher, beside sealing", times["bare"] / times["seal"], 0.4),
    ]
