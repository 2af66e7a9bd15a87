"""What other programs write and read: JSON taken strictly, and cells of CSV taken for text."""

from __future__ import annotations

import json
from typing import Any, Final, NoReturn

from reps_ledger.domain.validation import MAX_DEPTH, text_within_depth


class RepeatedKey(ValueError):
    """A key that stands twice in one object: JSON itself would keep the last, unseen.

    Attributes:
        key: which.
    """

    def __init__(self, key: str) -> None:
        super().__init__(f"the key {key!r} is there twice")
        self.key = key


def read_json(text: str | bytes, *, whole_numbers: bool = False) -> Any:
    """Read JSON that says one thing only.

    Args:
        text: the document; bytes are UTF-8.
        whole_numbers: whether fractions are refused.

    Raises:
        RepeatedKey: an object has a key twice.
        ValueError: it is no JSON, has numbers that are none, or is nested more than ``MAX_DEPTH``
            deep.
    """
    if not text_within_depth(text):
        raise ValueError(f"it is nested more than {MAX_DEPTH} deep")
    return json.loads(
        text if isinstance(text, str) else text.decode(),
        object_pairs_hook=_without_repeats,
        parse_constant=_no_constant,
        parse_float=_no_fraction if whole_numbers else None,
    )


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise RepeatedKey(key)
        found[key] = value
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _no_fraction(text: str) -> NoReturn:
    raise ValueError(f"numbers here are whole: {text:.20}")


FORMULA_START: Final = "=+-@\t\r"
"""With any of these, a cell begins what a spreadsheet runs as a formula."""

_GUARDED: Final = frozenset({*FORMULA_START, "'"})
_MARKS: Final = frozenset({"", "'"})


def safe_cell(text: str) -> str:
    """Return text that no spreadsheet takes for a formula; `cell_text` gives the text back.

    Empty text is a lone apostrophe, as it is in spreadsheets: an empty cell holds nothing.
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
