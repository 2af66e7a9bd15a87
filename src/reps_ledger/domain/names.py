"""The canonical form of a name: what is left of it once it is read, not looked at letter by letter."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

_SHOWN_AS_NOTHING: Final = re.compile(
    # What Unicode calls default ignorable, but for what has the category "format"; and the blank of Braille.
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8"
    "\U000e0000-\U000e0fff]"
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
        shown = "".join([c for c in _SHOWN_AS_NOTHING.sub("", folded) if unicodedata.category(c) != "Cf"])
        name = " ".join(shown.split())
    return name
