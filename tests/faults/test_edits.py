"""Edits of a ledger's file and of its rows: what is below a checkpoint never changes unseen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from faults.harness import ran
from scale import times

if TYPE_CHECKING:
    from pathlib import Path

    from faults.harness import Tell


def test_every_edit_below_a_checkpoint_is_found(tmp_path: Path, tell: Tell) -> None:
    """Flipped, overwritten, swapped, inserted, deleted or cut: it is an error, or it is told."""
    cases = times(110, 2_000)
    found = ran("edits", tmp_path, cases, 5)
    tell(f"{cases:,} edits of files and rows: {found}")
    assert found["unseen"] == []
    assert found["tried"] == cases
    assert found["changed"] > cases / 2  # the edits do change what is recorded
    assert found["found"] == found["changed"]
    assert found["by kind"]["row appended"][1] == 0  # it lies above: no checkpoint speaks of it
