"""Documents as plain tables: what is read, and what is refused before it can do harm."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reps_ledger.domain.validation import MAX_DEPTH, MAX_DOCUMENT, text_within_depth, within_depth
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


@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 500, 5_000, 40_000])
@pytest.mark.parametrize("text", ['{"a":%s}', "a = %s", 'a = """x"""\nb = %s'])
def test_what_is_too_deep_is_too_deep_everywhere(text: str, levels: int) -> None:
    """The limit is ours: it does not matter how deep some Python can follow, in what thread."""
    with pytest.raises(TooLarge, match=f"more than {MAX_DEPTH} deep"):
        read_table(text % ("[" * levels + "]" * levels))


@pytest.mark.parametrize(
    "text", ['["\\"[[[["]', '["[[[[\\\\"]', '"[[[[', "[[]][[]]", "[[" + "]][[" * 99, "{[}]"]
)
def test_brackets_in_texts_and_side_by_side_nest_nothing(text: str) -> None:
    """Only what is inside of each other counts, in text and in bytes."""
    assert text_within_depth(text, 2)
    assert text_within_depth(text.encode(), 2)


@pytest.mark.parametrize("text", ["[[[", "[[{}]]", '["\\"",[["]"]]]', '{"\u010b":["\u015b",{}]}'])
def test_one_level_too_many_is_seen(text: str) -> None:
    """Whatever texts are around the brackets, and whatever bytes their letters have."""
    for form in (text, text.encode()):
        assert text_within_depth(form, 3)
        assert not text_within_depth(form, 2)


def test_values_within_a_depth() -> None:
    """Containers of every kind are levels; what they hold, at the last of them, is none."""
    values: list[Any] = [[[1]], ([1],), {"a": {"b": 1}}, [{"a"}], [frozenset()], {"a": []}]
    for value in values:
        assert within_depth(value, 2)
        assert not within_depth(value, 1)
    assert within_depth("text", 0)


@pytest.mark.parametrize("kind", [dict, list])
def test_a_document_may_be_just_deep_enough(kind: type[dict[str, Any] | list[Any]]) -> None:
    """One level more is too deep, and so are more than Python could follow."""
    assert read_table(json.dumps(nested(MAX_DEPTH, kind))) == nested(MAX_DEPTH, kind)
    for text in (json.dumps(nested(MAX_DEPTH + 1, kind)), '{"a":' + "[" * 50_000, "a = " + "[" * 50_000):
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
    "prose", ["Now this. Then that. " * 99, "." * 99, ". " * 99, "a..b" + ".c" * (MAX_DEPTH - 1)]
)
def test_prose_is_no_key(prose: str) -> None:
    """Sentences and dots in a row nest nothing, however many."""
    assert read_table(f'note = "{prose}"') == {"note": prose}


def test_a_dot_that_begins_a_line_is_no_key_more() -> None:
    """It is a mistake like any other, and not too deep."""
    with pytest.raises(InvalidPolicy, match="line 1"):
        read_table(".a" * (MAX_DEPTH - 1))
