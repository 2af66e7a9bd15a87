"""Random bytes, many of which are asked of the system at once: to ask takes longer than all else for an id.

They are unique, and nobody can guess the next ones; but they lie in memory before they are used, so that they
are for ids, salts and nonces, and not for keys.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

MOST: Final = 16
"""Bytes that are given at once, at most."""

_AT_ONCE: Final = 256
_ahead: Iterator[bytes] = iter(())


def random_bytes(size: int) -> bytes:
    """Return so many random bytes, at most `MOST`, that were returned to nobody else."""
    found = next(_ahead, None)  # one step, which no other thread comes into
    while found is None:
        _ask()
        found = next(_ahead, None)
    return found[:size]


def _ask() -> None:
    global _ahead  # noqa: PLW0603 — what is ahead is of the process
    many = os.urandom(MOST * _AT_ONCE)
    _ahead = iter([many[start : start + MOST] for start in range(0, len(many), MOST)])


def _forget() -> None:
    global _ahead  # noqa: PLW0603 — a child must not give what its parent gives
    _ahead = iter(())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
