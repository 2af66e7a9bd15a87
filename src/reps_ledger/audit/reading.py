"""Reading JSON that comes from anybody: limited, and in one form only."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import Any

from reps_ledger.audit.checkpoints import MAX_SIZE
from reps_ledger.domain.limits import MAX_ENTRY_BYTES
from reps_ledger.errors import InvalidBundle

__all__ = ["base64_of", "document_of", "fields_of", "number_of", "text_of"]


def document_of(data: bytes, most: int, what: str) -> Any:
    """Read JSON without repeated names, fractions, and what is no number at all.

    Raises:
        InvalidBundle: it is none, too large, or nested too deep.
    """
    if len(data) > most:
        raise InvalidBundle(f"{what} has at most {most:,} bytes")
    try:
        return json.loads(
            data.decode(),
            object_pairs_hook=_once,
            parse_constant=_no_number,
            parse_float=_no_number,
        )
    except InvalidBundle:
        raise
    except (ValueError, RecursionError) as error:
        raise InvalidBundle(f"{what} is JSON, in UTF-8: {error}") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise InvalidBundle("a name is there twice in one object")
    return found


def _no_number(text: str) -> Any:
    raise InvalidBundle(f"numbers here are whole: {text:.20}")


def fields_of(row: Any, names: frozenset[str], where: str) -> dict[str, Any]:
    """Return an object that has just these fields."""
    if not isinstance(row, dict) or row.keys() != names:
        raise InvalidBundle(f"{where}: has {', '.join(sorted(names))}, and nothing else")
    return row


def text_of(value: Any, where: str, *, most: int = MAX_ENTRY_BYTES) -> str:
    """Return a text that is not too long, and is Unicode."""
    if not isinstance(value, str) or len(value) > most:
        raise InvalidBundle(f"{where}: a text of at most {most:,} characters", field=where)
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InvalidBundle(f"{where}: not valid Unicode", field=where) from error
    return value


def number_of(value: Any, where: str) -> int:
    """Return a whole number from 0."""
    if type(value) is not int or not 0 <= value <= MAX_SIZE:
        raise InvalidBundle(f"{where}: a whole number from 0", field=where)
    return value


def base64_of(value: Any, where: str, *, most: int) -> bytes:
    """Return the bytes of base64 that is written as it must be.

    Args:
        value: the text.
        where: what it is.
        most: bytes at most.
    """
    text = text_of(value, where, most=4 * most // 3 + 4)
    try:
        found = b64decode(text, validate=True)
    except ValueError as error:
        raise InvalidBundle(f"{where}: not base64", field=where) from error
    if b64encode(found).decode() != text:
        raise InvalidBundle(f"{where}: base64 is written in one way only", field=where)
    if len(found) > most:
        raise InvalidBundle(f"{where}: at most {most:,} bytes", field=where)
    return found
