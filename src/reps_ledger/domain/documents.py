"""Documents: TOML or JSON text that people write, read into plain tables and nothing else."""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any, Final, NoReturn

from reps_ledger.domain.limits import MAX_DEPTH, MAX_DOCUMENT
from reps_ledger.errors import InvalidPolicy, TooLarge

__all__ = ["read_table"]

_WORD: Final = re.compile(r"[\w-]+|\.|\S")
_TOO_DEEP: Final = f"it is nested more than {MAX_DEPTH} deep"


def read_table(text: str) -> dict[str, Any]:
    """Read a TOML document, or a JSON one if it begins with a brace.

    Raises:
        InvalidPolicy: it is neither, or no text, or names a key twice, or is empty.
        TooLarge: it is longer than ``MAX_DOCUMENT`` or nested deeper than ``MAX_DEPTH``.
    """
    if not isinstance(text, str):
        raise InvalidPolicy(f"a document is text, not {type(text).__name__}")
    if len(text) > MAX_DOCUMENT:
        raise TooLarge(f"it has {len(text):,} characters; at most {MAX_DOCUMENT:,}")
    as_json = text.lstrip().startswith("{")
    if not as_json and _has_deep_key(text):
        raise TooLarge(_TOO_DEEP)
    try:
        if as_json:
            value = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
        else:
            value = tomllib.loads(text)
    except RecursionError as error:
        raise TooLarge(_TOO_DEEP) from error
    except InvalidPolicy:
        raise
    except ValueError as error:
        raise InvalidPolicy(str(error)) from error
    if not isinstance(value, dict) or not value:
        raise InvalidPolicy("it is empty")
    if not _within(value, MAX_DEPTH):
        raise TooLarge(_TOO_DEEP)
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise InvalidPolicy(f"the key {key!r} is there twice")
        found[key] = value
    return found


def _no_constant(name: str) -> NoReturn:
    raise InvalidPolicy(f"{name} is no number of JSON")


def _has_deep_key(document: str) -> bool:
    """Whether a dotted key of TOML is too deep; tomllib takes a minute to find that out."""
    depth, last = 0, None
    for word in _WORD.findall(document):
        if word == ".":
            depth = 0 if last == "." else depth + 1  # dots in a row, as in prose, are no key
            if depth >= MAX_DEPTH:  # so many dots join one key more
                return True
        elif last != ".":  # two words in a row, as in prose, are no key
            depth = 0
        last = word
    return False


def _within(value: object, left: int) -> bool:
    if isinstance(value, dict):
        return left > 0 and all(_within(item, left - 1) for item in value.values())
    if isinstance(value, list):
        return left > 0 and all(_within(item, left - 1) for item in value)
    return True
