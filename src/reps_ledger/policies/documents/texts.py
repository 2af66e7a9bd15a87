"""Texts: policies as TOML and JSON, in files and out of them; and their digests."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import tomli_w

from reps_ledger.domain.documents import read_table
from reps_ledger.domain.limits import MAX_DEPTH, MAX_DOCUMENT
from reps_ledger.errors import InvalidPolicy, NotFound, StorageError, TooLarge
from reps_ledger.policies.documents.reading import read_policy
from reps_ledger.policies.documents.writing import policy_table
from reps_ledger.policies.policy import Policy

__all__ = [
    "canonical",
    "digest",
    "dumps",
    "load",
    "loads",
    "read_text",
    "save",
    "text_of",
    "write_document",
]

_DEEP = "this is nested too deeply to be kept as a document"


def canonical(table: dict[str, Any]) -> str:
    """Return a table as JSON with sorted keys and no spaces: one text for one meaning.

    Raises:
        TooLarge: it is nested deeper than ``MAX_DEPTH``, or longer than ``MAX_DOCUMENT``.
    """
    text = json.dumps(table, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    if len(text) > MAX_DOCUMENT:
        raise TooLarge(f"{len(text):,} characters as a document; at most {MAX_DOCUMENT:,}")
    if _depth(table) > MAX_DEPTH:
        raise TooLarge(f"{_DEEP}: at most {MAX_DEPTH} levels")
    return text


def _depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0


def digest(policy: Policy) -> str:
    """Return the SHA-256 of a policy's canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical(_table(policy)).encode()).hexdigest()


def _table(policy: Policy) -> dict[str, Any]:
    try:
        return policy_table(policy)
    except RecursionError as error:
        raise TooLarge(f"{_DEEP}: at most {MAX_DEPTH} levels") from error


def dumps(policy: Policy, form: str = "toml") -> str:
    """Return a policy as a document.

    Args:
        policy: which policy.
        form: "toml", or "json" for canonical JSON.

    Raises:
        TooLarge: it is nested too deeply, or too long.
        InvalidPolicy: the form is neither.
    """
    return text_of(_table(policy), form)


def text_of(table: dict[str, Any], form: str) -> str:
    """Return a table as text; see `dumps`."""
    text = canonical(table)
    if form == "json":
        return text
    if form == "toml":
        text = tomli_w.dumps(table)
        if len(text) > MAX_DOCUMENT:
            raise TooLarge(f"{len(text):,} characters as TOML; at most {MAX_DOCUMENT:,}")
        return text
    raise InvalidPolicy(f"a document is 'toml' or 'json', not {form!r:.40}")


def loads(text: str) -> Policy:
    """Read a policy from TOML or JSON text.

    Raises:
        InvalidPolicy: something in it makes no sense; it names the place.
        TooLarge: it is too long, or nested too deeply.
    """
    return read_policy(read_table(text))


def load(path: str | os.PathLike[str]) -> Policy:
    """Read a policy from a TOML or JSON file.

    Raises:
        NotFound: there is no such file, or it cannot be read.
        InvalidPolicy: something in it makes no sense; it names the place.
    """
    return loads(read_text(path))


def save(policy: Policy, path: str | os.PathLike[str]) -> None:
    """Write a policy to a file: ``.json`` for JSON, else TOML.

    Raises:
        StorageError: the file cannot be written.
    """
    write_document(path, _table(policy))


def write_document(path: str | os.PathLike[str], table: dict[str, Any]) -> None:
    """Write a table to a file, which is replaced only once all of it is written.

    Raises:
        StorageError: the file cannot be written.
    """
    target = Path(path)
    text = text_of(table, "json" if target.suffix.lower() == ".json" else "toml")
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(target)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise StorageError(f"{target} cannot be written: {error.strerror or error}") from error


def read_text(path: str | os.PathLike[str]) -> str:
    """Return the text of a file of at most ``MAX_DOCUMENT`` characters.

    Raises:
        NotFound: it cannot be read.
        InvalidPolicy: it is no text in UTF-8.
        TooLarge: it is too long.
    """
    try:
        with Path(path).open(encoding="utf-8") as file:
            text = file.read(MAX_DOCUMENT + 1)
    except OSError as error:
        raise NotFound(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidPolicy(f"{path} is no text in UTF-8") from error
    if len(text) > MAX_DOCUMENT:
        raise TooLarge(f"{path} has more than {MAX_DOCUMENT:,} characters")
    return text
