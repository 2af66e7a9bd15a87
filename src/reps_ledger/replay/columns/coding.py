"""From values to codes: numbers in the order of first sight, and later in that of the values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from reps_ledger.replay.columns.model import Coded, Codes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Coder", "in_order_of"]


class Coder(dict[Any, int]):
    """A code for each value, as they are first seen; -1 for None."""

    def __init__(self, values: Iterable[Any] = ()) -> None:
        super().__init__({value: code for code, value in enumerate(values)})
        self._next = len(self)
        self[None] = -1

    def __missing__(self, value: Any) -> int:
        code = self[value] = self._next
        self._next += 1
        return code

    @property
    def seen(self) -> list[Any]:
        """The values that have a code, by code."""
        return [value for value, code in self.items() if code >= 0]

    @property
    def count(self) -> int:
        """How many values have a code."""
        return self._next

    def codes(self, values: Sequence[Any]) -> Codes:
        """Return the code of each value."""
        return np.fromiter(map(self.__getitem__, values), np.int32, len(values))


def in_order_of(values: Sequence[Any], order: Sequence[int]) -> Codes:
    """Return what turns codes of first sight into places in an order; -1 into -1."""
    turned = np.empty(len(values) + 1, np.int32)
    turned[np.asarray(order, np.int64)] = np.arange(len(values), dtype=np.int32)
    turned[-1] = -1
    return turned


def coded(seen: Sequence[Any], codes: Codes) -> Coded:
    """Return a field, its values sorted by ``repr``, of codes in the order of first sight."""
    values = [_plain(value) for value in seen]
    order = sorted(range(len(values)), key=[*map(repr, values)].__getitem__)
    return Coded(tuple(values[code] for code in order), in_order_of(values, order)[codes])


def _plain(value: Any) -> Any:
    # -0.0 equals 0.0, and which of them came first is nobody's concern
    if isinstance(value, float):
        return value + 0.0
    if isinstance(value, tuple):
        return tuple(_plain(item) for item in value)
    return value
