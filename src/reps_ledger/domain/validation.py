"""Validation of what a ledger is given: limits, and validators for the fields of facts.

Input past a limit is refused with `TooLarge`. A validator's error names the class and the field.
The metadata that facts put on their fields (`PERSON`, `DAY_END` and so on) is here too.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from attrs import Attribute
from typing_extensions import TypeIs

from reps_ledger.domain.names import unseen
from reps_ledger.domain.shown import shown
from reps_ledger.domain.time import zone_of
from reps_ledger.errors import InvalidFact, InvalidTime, TooLarge

MAX_NAME: Final = 200
"""Characters in an identifier: a member, role, community, actor, command id …"""

MAX_TEXT: Final = 10_000
"""Characters in free text: a reason, a link, an answer …"""

MAX_DOCUMENT: Final = 100_000
"""Characters in a charter's document."""

MAX_ITEMS: Final = 1_000
"""Items in a list: areas, references, evidence …"""

MAX_DEPTH: Final = 32
"""Levels of nesting in a document or a row."""

MAX_NESTING: Final = 96
"""Expressions inside one another in a condition that is built in Python: more than any document may have."""

MAX_ENTRY_BYTES: Final = 1024 * 1024
"""Bytes of one entry as stored."""

MAX_ROW_BYTES: Final = 2 * 1024 * 1024
"""Bytes of one row of a file, over however many lines: enough for any entry, however it is escaped."""

MAX_ROW_NAMES: Final = 1_000
"""Names in a row, or columns of a file."""

MAX_UNPACKED_BYTES: Final = 16 * 1024**3
"""Bytes that a packed file unpacks to."""

MAX_UNPACKED_TIMES: Final = 200
"""How many times its size a packed file unpacks to, past ``UNPACKED_ANYHOW``. What is hardly ever reached by
data is exceeded five times by what was made to fill a disk."""

UNPACKED_ANYHOW: Final = 16 * 1024 * 1024
"""Bytes that a packed file may unpack to, however small it is."""

MAX_REFUSED_ROWS: Final = 100_000
"""Refused rows of one import that its report keeps; more are only counted."""

MAX_REFUSED_BYTES: Final = 256 * 1024 * 1024
"""Bytes of refused rows of one import that its report keeps; more are only counted."""

MAX_BATCH: Final = 10_000
"""Facts in one call of ``record_all``."""


Field: TypeAlias = "Attribute[Any]"
"""A field of an attrs class, of whatever type. (attrs' class takes no brackets while running.)"""

Metadata = Mapping[str, object]

ENTRY: Final[Metadata] = MappingProxyType({"entry": True})
"""Marks a field that holds the id of an entry, or several."""

PERSON: Final[Metadata] = MappingProxyType({"person": True})
"""Marks a field that names a person, or several: the entry is part of their history."""

PERSONAL: Final[Metadata] = MappingProxyType({"personal": True})
"""Marks a field of personal text, which erasure must be able to destroy."""

ACCOUNT: Final[Metadata] = MappingProxyType({"personal": True, "keyed": True})
"""Marks the personal name of an account: columns hold a keyed code of it, to tell equal ones from others."""

DAY_START: Final[Metadata] = MappingProxyType({"day": "start"})
"""A plain date in this field means the start of that day, in the ledger's zone."""

DAY_END: Final[Metadata] = MappingProxyType({"day": "end"})
"""A plain date in this field includes the day: it means the start of the next one."""

DAY_LAST: Final[Metadata] = MappingProxyType({"day": "last"})
"""A plain date in this field is an as-of: the last instant of that day, as `last_of_day` says."""


_CONTAINERS: Final = (dict, list, tuple, set, frozenset)
_BRACKET_OR_STRING: Final = re.compile(r'[\[\]{}]|"(?:[^"\\]++|\\.)*+"?', re.DOTALL)


def within_depth(value: object, levels: int = MAX_DEPTH) -> bool:
    """Whether containers are nested at most ``levels`` deep; the outermost is the first level."""
    if not isinstance(value, _CONTAINERS):
        return True
    if levels == 0:
        return False
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, _CONTAINERS) and not within_depth(item, levels - 1):
            return False
    return True


def text_within_depth(text: str | bytes, levels: int = MAX_DEPTH) -> bool:
    """Whether JSON is nested at most ``levels`` deep, by counting its brackets.

    Ask before parsing: how deep a parser can go depends on Python's version, on the platform and
    on the depth of the call. For text that is not JSON the answer means nothing.
    """
    if isinstance(text, bytes):
        text = text.decode("latin-1")  # a bracket or quote is never a byte of a longer character
    if text.count("[") + text.count("{") <= levels:  # nearly always; counting is quick
        return True
    depth = 0
    for found in _BRACKET_OR_STRING.finditer(text):
        mark = found[0]
        if mark in "[{":
            depth += 1
            if depth > levels:
                return False
        elif mark in "]}":
            depth -= 1
    return True


_JOINERS: Final = {0x200C: None, 0x200D: None}  # Persian and Indic names need them
_TEXT_CONTROLS: Final = frozenset("\n\r\t")


def _is_plain(value: object) -> TypeIs[str]:
    # The quick test, which nearly every name passes; `check_name` finds out what is wrong.
    return (
        type(value) is str
        and value.isascii()
        and value.isprintable()
        and 0 < len(value) <= MAX_NAME
        and value[0] != " " != value[-1]
    )


def check_name(value: object, what: str, *, quotes: bool = True) -> str:
    """Return ``value`` if it may be an identifier.

    An identifier is printable text in Unicode normal form C, without white space at its ends and
    characters that show nothing, of 1 to ``MAX_NAME`` characters, so that what looks equal is equal.

    Args:
        value: the value.
        what: what it is called.
        quotes: whether an error quotes it; not where it is personal text.

    Raises:
        InvalidFact: it is something else; the message names ``what``.
        TooLarge: it is too long.
    """
    if _is_plain(value):
        return value
    if not isinstance(value, str):
        raise InvalidFact(f"{what} must be text, not {type(value).__name__}", field=what)
    if not value:
        raise InvalidFact(f"{what} is empty", field=what)
    if len(value) > MAX_NAME:
        raise TooLarge(f"{what} has {len(value)} characters; at most {MAX_NAME}", field=what)
    given, text = (f": {value!a}", f": {value!r}") if quotes else ("", "")
    if not value.translate(_JOINERS).isprintable():
        raise InvalidFact(f"{what} has a control or invisible character{given}", field=what)
    if not value.isascii() and (nothing := unseen(value)) is not None:
        raise InvalidFact(
            f"{what} has the character U+{ord(nothing):04X}, which shows nothing there{given}", field=what
        )
    if value[0] == " " or value[-1] == " ":
        raise InvalidFact(f"{what} starts or ends with a space{text}", field=what)
    if not value.isascii() and not unicodedata.is_normalized("NFC", value):
        raise InvalidFact(
            f"{what} is not in Unicode normal form C{text}; pass it through unicodedata.normalize('NFC', …)",
            field=what,
        )
    return value


def check_text(value: object, what: str, limit: int = MAX_TEXT) -> str:
    """Return ``value`` if it is free text that every system can store and show.

    Raises:
        InvalidFact: not text, or with a control character or a lone surrogate.
        TooLarge: more than ``limit`` characters.
    """
    if not isinstance(value, str):
        raise InvalidFact(f"{what} must be text, not {type(value).__name__}", field=what)
    if len(value) > limit:
        raise TooLarge(f"{what} has {len(value)} characters; at most {limit}", field=what)
    if not value.isprintable():
        for character in value:
            category = unicodedata.category(character)
            if category == "Cs" or (category == "Cc" and character not in _TEXT_CONTROLS):
                raise InvalidFact(
                    f"{what} has the character U+{ord(character):04X}, which is no text", field=what
                )
    return value


def _what(instance: object, attribute: Field) -> str:
    return f"{type(instance).__name__}.{attribute.name}"


def is_name(instance: object, attribute: Field, value: object) -> None:
    """Validate an identifier; see `check_name`. No error quotes a personal one."""
    if not _is_plain(value):
        check_name(value, _what(instance, attribute), quotes=not attribute.metadata.get("personal"))


def is_name_or_none(instance: object, attribute: Field, value: object) -> None:
    """Validate an identifier that may be absent."""
    if value is not None:
        is_name(instance, attribute, value)


def is_names(instance: object, attribute: Field, value: object) -> None:
    """Validate a tuple of at most ``MAX_ITEMS`` identifiers."""
    if value == ():
        return
    what = _what(instance, attribute)
    if not isinstance(value, tuple):
        raise InvalidFact(f"{what} must be a list of names", field=what)
    if len(value) > MAX_ITEMS:
        raise TooLarge(f"{what} has {len(value)} items; at most {MAX_ITEMS}", field=what)
    for item in value:
        is_name(instance, attribute, item)


def one_of(*options: str, quotes: bool = True) -> Callable[[object, Field, object], None]:
    """Make a validator that accepts one of these words.

    Args:
        options: the words.
        quotes: whether its error quotes what was given instead; not where that may be personal text.
    """

    def is_one_of(instance: object, attribute: Field, value: object) -> None:
        if not isinstance(value, str) or value not in options:
            what = _what(instance, attribute)
            given = f"; not {shown(value)}" if quotes else ""
            raise InvalidFact(f"{what} must be one of {', '.join(options)}{given}", field=what)

    return is_one_of


def listed(value: Iterable[str]) -> tuple[str, ...]:
    """Convert a list to a tuple; the validator refuses what is neither."""
    return tuple(value) if isinstance(value, list) else value  # type: ignore[return-value]  # until validated


def is_text(instance: object, attribute: Field, value: object) -> None:
    """Validate free text, which may be empty; see `check_text`."""
    if value != "":
        check_text(value, _what(instance, attribute))


def is_text_or_none(instance: object, attribute: Field, value: object) -> None:
    """Validate free text that may be absent."""
    if value is not None:
        check_text(value, _what(instance, attribute))


def is_reason(instance: object, attribute: Field, value: object) -> None:
    """Validate a reason that must be given."""
    what = _what(instance, attribute)
    if not check_text(value, what).strip():
        raise InvalidFact(f"{what} is empty; say why", field=what)


def is_document(instance: object, attribute: Field, value: object) -> None:
    """Validate a document's text."""
    check_text(value, _what(instance, attribute), MAX_DOCUMENT)


def is_zone(instance: object, attribute: Field, value: object) -> None:
    """Validate the IANA name of a time zone that this system knows."""
    is_name(instance, attribute, value)
    if isinstance(value, str):
        zone_of(value)


def is_flag(instance: object, attribute: Field, value: object) -> None:
    """Validate a boolean."""
    if value is not True and value is not False:
        what = _what(instance, attribute)
        raise InvalidFact(f"{what} must be true or false, not {shown(value)}", field=what)


def is_count(instance: object, attribute: Field, value: object) -> None:
    """Validate a whole number from 0 to 2**53, or None."""
    if value is None or (type(value) is int and 0 <= value <= 2**53):
        return
    what = _what(instance, attribute)
    raise InvalidFact(f"{what} must be a whole number from 0, not {shown(value)}", field=what)


def is_position(instance: object, attribute: Field, value: object) -> None:
    """Require the position of an entry: a whole number from 1."""
    what = _what(instance, attribute)
    if type(value) is not int or not 1 <= value < 1 << 63:
        raise InvalidFact(f"{what} must be a position, a whole number from 1", field=what)


_LEAF: Final = re.compile("[0-9a-f]{64}")


def is_leaf_or_none(instance: object, attribute: Field, value: object) -> None:
    """Require the hash of a leaf in hexadecimal, or None."""
    what = _what(instance, attribute)
    if value is not None and not (isinstance(value, str) and _LEAF.fullmatch(value)):
        raise InvalidFact(f"{what} must be a SHA-256 hash, as 64 hexadecimal digits, or None", field=what)


def is_amount(instance: object, attribute: Field, value: object) -> None:
    """Validate a finite number, or None."""
    if value is None or (isinstance(value, float) and math.isfinite(value)):
        return
    what = _what(instance, attribute)
    raise InvalidFact(f"{what} must be a finite number, not {shown(value)}", field=what)


def moment(value: date | None) -> datetime | None:
    """Accept a plain date where an instant belongs; recording turns it into an instant."""
    return value  # type: ignore[return-value]  # a date only until it is recorded


def is_moment(instance: object, attribute: Field, value: object) -> None:
    """Validate an aware datetime, or a date that recording will read in the ledger's zone."""
    if value is None and attribute.default is None:
        return
    what = _what(instance, attribute)
    if not isinstance(value, date):
        raise InvalidTime(f"{what} must be a datetime or date, not {type(value).__name__}", field=what)
    if isinstance(value, datetime) and value.utcoffset() is None:
        raise InvalidTime(f"{what} is naive: {value.isoformat()}; give it a time zone", field=what)
