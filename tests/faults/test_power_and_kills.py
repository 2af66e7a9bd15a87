"""Writers killed and power cut at random moments: what was acknowledged is there, and whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from faults.disk import available
from faults.harness import ran
from scale import times

if TYPE_CHECKING:
    from pathlib import Path

    from faults.harness import Tell

needs_disk = pytest.mark.skipif(
    not available(), reason="this Python carries SQLite inside itself: no VFS can be put around it"
)


@pytest.mark.parametrize("threads", [1, 4])
def test_a_killed_writer_on_sqlite(sqlite_path: Path, threads: int, tell: Tell) -> None:
    """Nothing acknowledged is lost, no batch is torn, positions are dense, and others go on."""
    kills = times(15, 1_000)
    found = ran("kills", sqlite_path, kills, 1, threads)
    tell(f"kill -9 of {kills:,} writers of {threads} threads on SQLite, beside another: {found}")
    assert (found["lost"], found["torn"], found["dense"]) == ([], [], True)
    assert found["grows"]
    assert found["acknowledged"] >= kills


def test_a_killed_writer_on_postgres(postgres_dsn: str, tell: Tell) -> None:
    """The same on PostgreSQL, where positions may leave gaps and yet grow."""
    kills = times(5, 200)
    found = ran("kills", postgres_dsn, kills, 2, 1)
    tell(f"kill -9 of {kills:,} writers on PostgreSQL: {found}")
    assert (found["lost"], found["torn"], found["grows"]) == ([], [], True)
    assert found["acknowledged"] >= kills


@needs_disk
@pytest.mark.parametrize("threads", [1, 4])
def test_a_power_loss(tmp_path: Path, threads: int, tell: Tell) -> None:
    """However much of what was not synced survives, all that was acknowledged does, whole."""
    images = times(30, 1_000)
    found = ran("power", tmp_path, images, 3, 2, threads)
    tell(f"{images:,} images of a disk whose power was cut, while {threads} threads recorded: {found}")
    assert found["images"] == {"whole": images}


@needs_disk
def test_less_syncing_would_be_found(tmp_path: Path, tell: Tell) -> None:
    """With ``synchronous=NORMAL`` acknowledged entries are lost: the images above can tell."""
    images = times(20, 200)
    found = ran("power", tmp_path, images, 4, 1, 1)
    tell(f"the same of {images:,} images with synchronous=NORMAL: {found}")
    assert found["images"]["lost"] > images / 4
