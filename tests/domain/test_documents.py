"""Documents as plain tables: what is read, and what is refused before it can do harm."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reps_ledger.domain.validation import MAX_DEPTH, MAX_DOCUMENT
from reps_ledger.errors import InvalidPolicy, TooLarge
from reps_ledger.policies.documents.text import read_table


@pytest.mark.parametrize(
    ("text", "table"),
    [
        ("a = 1\n[b]\nc = ['x']", {"a": 1, "b": {"c": ["x"]}}),
        (' \n{"a": 1, "b": {"c": ["x"]}}', {"a": 1, "b": {"c": ["x"]}}),
        ('{"a.b.c": "1.2.3"}', {"a.b.c": "1.2.3"}),
    ],
)
def test_toml_and_json_are_read(text: str, table: dict[str, Any]) -> None:
    """What begins with a brace is JSON, whatever space is before it; all else is TOML."""
    assert read_table(text) == table


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (12, "not int"),
        ("", "empty"),
        ("{}", "empty"),
        ("a = ", "end of document"),
        ('{"a": 1', "line 1"),
        ('{"a": 1, "a": 2}', "'a' is there twice"),
        ('{"a": {"b": 1, "b": 1}}', "'b' is there twice"),
        ("a = 1\na = 2", "overwrite"),
        ('{"a": NaN}', "NaN"),
    ],
)
def test_what_is_no_document_says_why(text: Any, words: str) -> None:
    """Neither TOML nor JSON, nothing at all, or a key twice, of which one would be lost."""
    with pytest.raises(InvalidPolicy, match=words):
        read_table(text)


def test_a_document_may_be_just_long_enough() -> None:
    """One character more is too long, and is said with both numbers."""
    text = "a = 1 #".ljust(MAX_DOCUMENT, "x")
    assert read_table(text) == {"a": 1}
    with pytest.raises(TooLarge, match="100,001 characters; at most 100,000"):
        read_table(text + "x")


def nested(levels: int, kind: type[dict[str, Any] | list[Any]]) -> dict[str, Any]:
    """Return a table in which so many, itself counted, are inside each other."""
    inside: Any = {} if kind is dict else []
    for _ in range(levels - 2):
        inside = {"a": inside} if kind is dict else [inside]
    return {"a": inside}


@pytest.mark.parametrize("kind", [dict, list])
def test_a_document_may_be_just_deep_enough(kind: type[dict[str, Any] | list[Any]]) -> None:
    """One level more is too deep, and so are more than Python could follow."""
    assert read_table(json.dumps(nested(MAX_DEPTH, kind))) == nested(MAX_DEPTH, kind)
    for text in (
        json.dumps(nested(MAX_DEPTH + 1, kind)),
        '{"a":' + "[" * 50_000,
        "a = " + "[" * 50_000,
    ):
        with pytest.raises(TooLarge, match=f"more than {MAX_DEPTH} deep"):
            read_table(text)


def test_a_key_may_be_just_deep_enough() -> None:
    """One dot more is refused before it is parsed, which would take a minute for many."""
    key = ".".join(["a"] * MAX_DEPTH)
    found: Any = read_table(f'note = "first"\n{key} = 1')["a"]
    for _ in range(MAX_DEPTH - 1):
        found = found["a"]
    assert found == 1
    with pytest.raises(TooLarge, match=f"more than {MAX_DEPTH} deep"):
        read_table(f"{key}.a = 1\nand this is no TOML")


@pytest.mark.parametrize(
    "prose",
    ["Now this. Then that. " * 99, "." * 99, ". " * 99, "a..b" + ".c" * (MAX_DEPTH - 1)],
)
def test_prose_is_no_key(prose: str) -> None:
    """Sentences and dots in a row nest nothing, however many."""
    assert read_table(f'note = "{prose}"') == {"note": prose}


def test_a_dot_that_begins_a_line_is_no_key_more() -> None:
    """It is a mistake like any other, and not too deep."""
    with pytest.raises(InvalidPolicy, match="line 1"):
        read_table(".a" * (MAX_DEPTH - 1))
