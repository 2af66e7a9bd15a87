"""A memo: results of functions of values that do not change, kept by key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class Memo:
    """Results by key. Threads may share one: at worst the same result is made twice."""

    __slots__ = ("_made",)

    def __init__(self) -> None:
        self._made: dict[object, Any] = {}

    def once(self, key: object, make: Callable[[], T]) -> T:
        """Return the result kept under a key; where there is none, make and keep it.

        Args:
            key: hashable, and different for different results.
            make: makes the result.
        """
        if key not in self._made:
            self._made[key] = make()
        found: T = self._made[key]
        return found
