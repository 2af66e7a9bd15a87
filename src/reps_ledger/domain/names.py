"""The canonical form of a name: what is left of it once it is read, not looked at letter by letter."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

SHOWN_AS_NOTHING: Final = re.compile(
    # What Unicode calls default ignorable, but for what has the category "format"; and the blank of Braille.
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8"
    "\U000e0000-\U000e0fff]"
)

_NON_JOINER: Final = "\u200c"
_JOINER: Final = "\u200d"
_VIRAMA: Final = 9  # the combining class


def needs_joiner(name: str, place: int) -> bool:
    """Whether the joiner or non-joiner at a place of a name changes how its neighbours are written.

    Elsewhere it shows nothing. Both are needed after a virama (Devanagari, Sinhala, …), and a non-joiner
    between cursive letters of the Arabic script and those like it (Persian). These are the rules for
    domain names, RFC 5892, appendices A.1 and A.2, with letters told by their direction.
    """
    before, after = name[:place], name[place + 1 :]
    if before and unicodedata.combining(before[-1]) == _VIRAMA:
        return True
    return name[place] == _NON_JOINER and _is_cursive(reversed(before)) and _is_cursive(after)


def _is_cursive(text: Iterable[str]) -> bool:
    """Whether the first letter of a text is one of the Arabic script or of those like it, marks left out."""
    return next((unicodedata.bidirectional(c) == "AL" for c in text if not unicodedata.combining(c)), False)


def unseen(name: str) -> str | None:
    """Return a character of a name that shows nothing where it is; None where there is none."""
    if (found := SHOWN_AS_NOTHING.search(name)) is not None:
        return found[0]
    return next(
        (c for place, c in enumerate(name) if c in {_NON_JOINER, _JOINER} and not needs_joiner(name, place)),
        None,
    )


@lru_cache(maxsize=1 << 16)
def canonical_name(name: str) -> str:
    r"""Return the form that names have in common which people take for one.

    Case, width and composition make no difference (Unicode NFKC and full case folding, repeated until
    nothing changes), nor do characters that show nothing and how much white space is where. It is
    for comparing: names are kept and shown as they were given. Applied twice it is the same as once.

    ::

        canonical_name("Ana-H") == canonical_name("ANA-\uff28") == "ana-h"
    """
    if name.isascii():
        return " ".join(name.lower().split())
    before = None
    while name != before:
        before = name
        folded = unicodedata.normalize("NFKC", name).casefold()
        shown = "".join([c for c in SHOWN_AS_NOTHING.sub("", folded) if unicodedata.category(c) != "Cf"])
        name = " ".join(shown.split())
    return name
