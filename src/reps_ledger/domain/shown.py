"""Values in messages: any value as a short text, whatever it is."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from typing import Final


class _Shown(reprlib.Repr):
    """Short texts of values. Python writes no whole number of more than 4,300 digits."""

    def repr_int(self, x: int, level: int) -> str:  # noqa: ARG002 — as reprlib calls it
        most = 1 << 300
        return repr(x) if -most < x < most else f"<a whole number of {x.bit_length():,} bits>"


_SHOWN: Final = _Shown()
_SHOWN.maxlevel, _SHOWN.maxdict, _SHOWN.maxlist = 4, 40, 40
_SHOWN.maxstring = _SHOWN.maxother = 2_000

_NAME: Final = 200  # characters


def shown(value: object, most: int = 80) -> str:
    """Return a short text of any value, for a message: however large or nested it is, or strange its repr."""
    try:
        text = _SHOWN.repr(value)
    except Exception:  # noqa: BLE001 — whatever the value's own code raises
        text = f"<{type(value).__name__}>"
    return text[:most].encode("utf-8", "backslashreplace").decode()


def shown_names(names: Sequence[str], most: int = 5) -> str:
    """Return a list of names for a message, however many there are."""
    told = [name[:_NAME] for name in names[:most]]
    more = len(names) - len(told)
    return ", ".join([*told, f"and {more:,} more"] if more else told)
