"""What people read: any value as a short text, and any text as one that no terminal obeys."""

from __future__ import annotations

import re
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


OBEYED: Final = re.compile(
    # What terminals act on: controls; separators of lines; characters of the category "format", as those that
    # turn the direction of writing are, but for the joiners that some scripts need; and halves of pairs.
    "[\x00-\x1f\x7f-\x9f\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u2064\u2066-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e007f]"
)


def printable(text: str) -> str:
    r"""Return text for a terminal: what would be obeyed is shown, such as a line end as ``\n``.

    Everything that is printed for people goes through this, so that a text that somebody recorded cannot
    pass for lines of ours, colour them or turn them round.
    """
    return OBEYED.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
