"""Documents as text: TOML or JSON to and from tables, files, digests, and templates.

A document is read into plain tables first, with limits on its length and depth; what its tables
mean is for `read` to say. A template is a document with parameters, to be tried with many values.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import tomli_w

from reps_ledger.domain.arguments import checked
from reps_ledger.domain.shown import shown
from reps_ledger.domain.validation import MAX_DEPTH, MAX_DOCUMENT, text_within_depth, within_depth
from reps_ledger.errors import InvalidPolicy, NotFound, TooLarge
from reps_ledger.files import output_file
from reps_ledger.interchange import read_json
from reps_ledger.policies.documents.read import at_place, read_policy
from reps_ledger.policies.documents.write import Table, policy_table
from reps_ledger.policies.policy import Policy

_WORD: Final = re.compile(r"[\w-]+|\.|\S")
_TOO_DEEP: Final = f"it is nested more than {MAX_DEPTH} deep"


def read_table(text: str) -> Table:
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
    if not text_within_depth(text) if as_json else _has_deep_key(text):
        raise TooLarge(_TOO_DEEP)
    try:
        value = read_json(text) if as_json else tomllib.loads(text)
    except RecursionError as error:
        raise TooLarge(_TOO_DEEP) from error
    except ValueError as error:
        raise InvalidPolicy(str(error)) from error
    if not isinstance(value, dict) or not value:
        raise InvalidPolicy("it is empty")
    if not within_depth(value):
        raise TooLarge(_TOO_DEEP)
    return value


def _has_deep_key(document: str) -> bool:
    """Whether a dotted key of TOML is too deep: tomllib itself would take a minute to read it."""
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


_DEEP = "this is nested too deeply to be kept as a document"


def canonical(table: Mapping[str, object]) -> str:
    """Return a table as JSON with sorted keys and no spaces: one text for one meaning.

    Raises:
        TooLarge: it is nested deeper than ``MAX_DEPTH``, or longer than ``MAX_DOCUMENT``.
    """
    if not within_depth(table):
        raise TooLarge(f"{_DEEP}: at most {MAX_DEPTH} levels")
    text = json.dumps(table, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    if len(text) > MAX_DOCUMENT:
        raise TooLarge(f"{len(text):,} characters as a document; at most {MAX_DOCUMENT:,}")
    return text


@checked
def digest(policy: Policy) -> str:
    """Return the SHA-256 of a policy's canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical(_table(policy)).encode()).hexdigest()


def _table(policy: Policy) -> Table:
    try:
        return policy_table(policy)
    except RecursionError as error:
        raise TooLarge(f"{_DEEP}: at most {MAX_DEPTH} levels") from error


@checked
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


def text_of(table: Mapping[str, object], form: str) -> str:
    """Return a table as text; see `dumps`."""
    text = canonical(table)
    if form == "json":
        return text
    if form == "toml":
        text = tomli_w.dumps(table)
        if len(text) > MAX_DOCUMENT:
            raise TooLarge(f"{len(text):,} characters as TOML; at most {MAX_DOCUMENT:,}")
        return text
    raise InvalidPolicy(f"a document is 'toml' or 'json', not {shown(form, 40)}")


@checked
def loads(text: str) -> Policy:
    """Read a policy from TOML or JSON text.

    Raises:
        InvalidPolicy: something in it makes no sense; it names the place.
        TooLarge: it is too long, or nested too deeply.
    """
    return read_policy(read_table(text))


@checked
def load(path: str | os.PathLike[str]) -> Policy:
    """Read a policy from a TOML or JSON file.

    Raises:
        NotFound: there is no such file, or it cannot be read.
        InvalidPolicy: something in it makes no sense; it names the place.
    """
    return loads(read_text(path))


@checked
def save(policy: Policy, path: str | os.PathLike[str], *, replace: bool = False) -> None:
    """Write a policy to a new file: ``.json`` for JSON, else TOML.

    Args:
        policy: which.
        path: of the file.
        replace: whether a plain file that is there is to be replaced.

    Raises:
        PathTaken: something is there that would be lost.
        StorageError: the file cannot be written.
    """
    write_document(path, _table(policy), replace=replace)


def write_document(
    path: str | os.PathLike[str], table: Mapping[str, object], *, replace: bool = False
) -> None:
    """Write a table to a file, which is there once it is complete.

    Raises:
        PathTaken: something is there that would be lost.
        StorageError: the file cannot be written.
    """
    text = text_of(table, "json" if Path(path).suffix.lower() == ".json" else "toml")
    with output_file(path, replace=replace) as file:
        file.write(text.encode())


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


_NAME: Final = re.compile(r"\$([a-z][a-z0-9_]*)")


def load_template(path: str | os.PathLike[str]) -> Callable[..., Policy]:
    """Read a template from a file; see `read_template`.

    Raises:
        NotFound: there is no such file, or it cannot be read.
        InvalidPolicy: it is neither TOML nor JSON.
    """
    return read_template(read_text(path))


def read_template(text: str) -> Callable[..., Policy]:
    """Read a document with parameters; return a function that makes a policy of their values.

    A parameter is a ``$name`` in any text of the document: ``within = "$weeks weeks"``. Where it
    is the whole text, it is replaced by the value itself, a number too: ``at_least = "$number"``.
    The function takes the values as keyword arguments.

    Raises:
        InvalidPolicy: it is neither TOML nor JSON.
    """
    with at_place(""):
        table = read_table(text)

    known = set(_parameters(table))

    def make(**values: object) -> Policy:
        if unknown := sorted(values.keys() - known):
            has = ", ".join(f"${name}" for name in sorted(known)) or "none"
            raise InvalidPolicy(f"the document has no parameter ${unknown[0]}; it has {has}")
        return read_policy(_filled(table, values))

    return make


def _parameters(value: object) -> Iterator[str]:
    """Yield the name of each parameter in a part of a document."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _parameters(item)
    elif isinstance(value, str):
        yield from _NAME.findall(value)


def _filled(value: object, values: Mapping[str, object]) -> object:
    if isinstance(value, dict):
        return {key: _filled(item, values) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, values) for item in value]
    if not isinstance(value, str):
        return value
    whole = _NAME.fullmatch(value)
    if whole is not None:
        return _value(whole[1], values)
    return _NAME.sub(lambda found: str(_value(found[1], values)), value)


def _value(name: str, values: Mapping[str, object]) -> object:
    if name not in values:
        given = ", ".join(values) or "none"
        raise InvalidPolicy(f"the parameter ${name} has no value; those given are: {given}")
    return values[name]
