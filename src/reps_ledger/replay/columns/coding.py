"""From values to codes: numbers in the order of first sight, and later in that of the values."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from attrs import frozen

from reps_ledger.replay.columns.model import Codes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["Coder", "United", "united"]


class Coder(dict[Any, int]):
    """A code for each value, as they are first seen; -1 for None, and for some others.

    Args:
        others: what has no code.
    """

    def __init__(self, others: Iterable[Any] = ()) -> None:
        super().__init__(dict.fromkeys([None, *others], -1))
        self._next = 0

    def __missing__(self, value: Any) -> int:
        code = self[value] = self._next
        self._next += 1
        return code

    @property
    def seen(self) -> list[Any]:
        """The values that have a code, in its order."""
        return [value for value, code in self.items() if code >= 0]


@frozen(eq=False)
class United:
    """Earlier values and later ones, in one order.

    Attributes:
        values: all of them, each once.
        earlier: what turns a code of an earlier value into its place; None where all stay.
        later: what turns a code of a later value into its place.
    """

    values: tuple[Any, ...]
    earlier: Codes | None
    later: Codes


def united(earlier: tuple[Any, ...], later: Sequence[Any], key: Callable[[Any], str]) -> United:
    """Put values into the order of a key; what the earlier ones cost is a copy of them.

    Args:
        earlier: values in that order.
        later: values as they were first seen.
        key: no two different values have the same.
    """
    values = [*later] if {*map(type, later)} <= _PLAIN else [_plain(value) for value in later]
    keys = [*map(key, values)]
    places = np.full(len(values) + 1, -1, np.int32)  # the last is for None
    in_order = sorted(range(len(values)), key=keys.__getitem__)
    if values and not earlier:
        places[in_order] = np.arange(len(values), dtype=np.int32)
        none = np.full(1, -1, np.int32)
        return United(tuple([values[code] for code in in_order]), none, places)
    merged: list[Any] = []
    done = 0
    inserted: list[int] = []
    for code in in_order:
        place = bisect_left(earlier, keys[code], lo=done, key=key)
        places[code] = place + len(inserted)
        if place < len(earlier) and key(earlier[place]) == keys[code]:
            continue
        merged += earlier[done:place]
        merged.append(values[code])
        done = place
        inserted.append(place)
    if not inserted:
        return United(earlier, None, places)
    before = np.arange(len(earlier) + 1, dtype=np.int32)
    before += np.searchsorted(np.array(inserted), before, side="right").astype(np.int32)
    before[-1] = -1
    return United((*merged, *earlier[done:]), before, places)


_PLAIN: Final = frozenset({str, bool, int})
"""Types of values of which no two that are equal are told apart otherwise."""


def _plain(value: Any) -> Any:
    # -0.0 equals 0.0, and which of them came first is nobody's concern
    if isinstance(value, float):
        return value + 0.0
    if isinstance(value, tuple):
        return tuple(_plain(item) for item in value)
    return value
