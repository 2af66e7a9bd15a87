"""The trees of one ledger: where what is kept of them lies."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from reps_ledger.audit import Shelf, Tree

if TYPE_CHECKING:
    from reps_ledger.log import EventLog

__all__ = ["Trees"]


class Trees:
    """The trees of one log, by where their inner hashes are kept.

    Args:
        log: whose. The default place is beside its file, with ``.tree`` added to its name; a
            log that is no file has its place in memory.
    """

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._guard = threading.Lock()
        self._made: dict[Path | None, Tree] = {}

    def at(self, state: str | os.PathLike[str] | None) -> Tree:
        """Return the tree that is kept at a place; None for the default."""
        place = self._default() if state is None else Path(os.path.abspath(state))  # noqa: PTH100 — links stay
        with self._guard:
            if place not in self._made:
                self._made[place] = Tree(self._log, Shelf(place))
            return self._made[place]

    def _default(self) -> Path | None:
        path = getattr(self._log.recorder, "path", None)
        return path.with_name(path.name + ".tree") if isinstance(path, Path) else None

    def close(self) -> None:
        """Give back what they hold."""
        with self._guard:
            for tree in self._made.values():
                tree.shelf.close()
            self._made.clear()
