"""Data that other programs write and read: strict JSON, and CSV cells that are only text."""

from __future__ import annotations

import json
from typing import Any, Final, NoReturn, TypeAlias

from reps_ledger.domain.validation import MAX_DEPTH, text_within_depth

JsonValue: TypeAlias = Any
"""What JSON holds: None, a truth value, a number, text, or a list or object of these.

Also what a row given as a value may hold beside, such as a date.
"""

JsonObject = dict[str, JsonValue]


class RepeatedKey(ValueError):
    """An object has a key twice; readers of JSON commonly keep the last value without a word.

    Attributes:
        key: the key.
    """

    def __init__(self, key: str) -> None:
        super().__init__(f"the key {key!r} is there twice")
        self.key = key


def read_json(text: str | bytes, *, whole_numbers: bool = False) -> object:
    """Read JSON strictly: whatever readers of JSON may understand differently is an error.

    Args:
        text: the document; bytes are UTF-8.
        whole_numbers: whether fractions are refused.

    Raises:
        RepeatedKey: an object has a key twice.
        ValueError: it is no JSON, has a number such as NaN, or is nested more than ``MAX_DEPTH``
            deep.
    """
    if not text_within_depth(text):
        raise ValueError(f"it is nested more than {MAX_DEPTH} deep")
    found: object = json.loads(
        text if isinstance(text, str) else text.decode(),
        object_pairs_hook=_without_repeats,
        parse_constant=_no_constant,
        parse_float=_no_fraction if whole_numbers else None,
    )
    return found


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise RepeatedKey(key)
        found[key] = value
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _no_fraction(text: str) -> NoReturn:
    raise ValueError(f"numbers here are whole: {text:.20}")


FORMULA_START: Final = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
"""Characters with which a cell's text begins that a spreadsheet runs as a formula, full-width ones too."""

_GUARDED: Final = frozenset({*FORMULA_START, "'"})
_MARKS: Final = frozenset({"", "'"})


def safe_cell(text: str) -> str:
    """Return text for a cell that no spreadsheet takes for a formula; `cell_text` undoes it.

    Empty text becomes a lone apostrophe, as in spreadsheets: an empty cell holds no text at all.
    """
    first, second = text[:1], text[1:2]
    starts_formula = first != "" and first in FORMULA_START
    if text in _MARKS or starts_formula or (first == "'" and second in _GUARDED):
        return f"'{text}"
    return text


def cell_text(cell: str) -> str:
    """Return the text of a cell that `safe_cell` may have guarded."""
    if cell == "'" or (cell[:1] == "'" and cell[1:2] in _GUARDED):
        return cell[1:]
    return cell
