"""What is done to a key store and interrupted anywhere: whole, resumed at opening, and nothing is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from faults.disk import available
from faults.harness import ran
from scale import seconds, times

if TYPE_CHECKING:
    from pathlib import Path

    from faults.harness import Tell

needs_disk = pytest.mark.skipif(
    not available(), reason="this Python carries SQLite inside itself: no VFS can be put around it"
)
WORDS = {"make": "the making of keys", "erase": "an erasure", "rotate": "a rotation of the master key"}


@seconds(120)
@pytest.mark.parametrize("what", WORDS)
def test_a_process_that_is_killed(tmp_path: Path, what: str, tell: Tell) -> None:
    """At random moments, by the system."""
    kills = times(8, 300)
    found = ran("key_stores", tmp_path, what, "kill", kills, 1, 3)
    tell(f"kill -9 of {kills:,} processes during {WORDS[what]} in a key store: {found}")
    assert found["killed"].keys() <= {"before", "after"}
    assert sum(found["killed"].values()) == kills


@needs_disk
@seconds(120)
@pytest.mark.parametrize("what", WORDS)
def test_a_process_or_the_power_that_ends(tmp_path: Path, what: str, tell: Tell) -> None:
    """After any write, however much survives of what was not synced."""
    images = times(20, 1_000)
    found = ran("key_stores", tmp_path, what, "cut", images, 2, 3)
    tell(f"{images:,} times a killed process and a cut of power during {WORDS[what]}: {found}")
    for how in ("killed", "cut"):
        assert found[how].keys() <= {"before", "after"}
        assert sum(found[how].values()) == images


@needs_disk
@seconds(120)
def test_less_syncing_would_bring_a_key_back(tmp_path: Path, tell: Tell) -> None:
    """With ``synchronous=FULL`` a destroyed key may come back: the images can tell."""
    images = times(20, 200)
    found = ran("key_stores", tmp_path, "erase", "told", images, 3, 2)
    tell(f"the same of {images:,} images with synchronous=FULL: {found}")
    assert found["cut"]["lost"] > 0
    assert ran("key_stores", tmp_path / "again", "erase", "told", images, 3, 3)["cut"] == {"after": images}
