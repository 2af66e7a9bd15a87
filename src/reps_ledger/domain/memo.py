"""A memo: what was made once of things that do not change, kept by a key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class Memo:
    """What was made once. Not safe between threads, but for making the same thing twice."""

    __slots__ = ("_made",)

    def __init__(self) -> None:
        self._made: dict[Any, Any] = {}

    def once(self, key: object, make: Callable[[], T]) -> T:
        """Return what was made under a key; make it where it was not yet.

        Args:
            key: tells apart what is made; hashable.
            make: makes it.
        """
        if key not in self._made:
            self._made[key] = make()
        found: T = self._made[key]
        return found
