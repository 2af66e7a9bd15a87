"""More sentences: what is seldom said, numbers however small, and names in quotes."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Final

import pytest

from reps_ledger.policies import (
    Condition,
    completed,
    count,
    facts,
    holds,
    in_community,
    joined,
    on_leave,
    retired,
)
from reps_ledger.policies.language.phrases import a_role, noun, number_words, quoted

SENTENCES: Final[list[tuple[Condition, str, str]]] = [
    (on_leave(), "they are on leave", "they are not on leave"),
    (retired(), "they are retired", "they are not retired"),
    (in_community(), "they are in a community", "they are not in any community"),
    (in_community("paris"), "they are in paris", "they are not in paris"),
    (
        joined(since=date(2018, 1, 1)),
        "they joined on 2018-01-01 or later",
        "it is not so that they joined on 2018-01-01 or later",
    ),
    (
        joined(since=date(2018, 1, 1), before=date(2019, 1, 1)),
        "they joined on 2018-01-01 or later and before 2019-01-01",
        "it is not so that they joined on 2018-01-01 or later and before 2019-01-01",
    ),
    (joined(kind="staff"), "they joined as staff", "it is not so that they joined as staff"),
    (
        completed("日本語 入門"),
        'they completed the "日本語 入門" course',
        'they have not completed the "日本語 入門" course',
    ),
    (
        count(facts("review.decided", basis=(3, 4))) >= 1,
        "they have at least 1 review decision with basis 3 or 4",
        "they do not have at least 1 review decision with basis 3 or 4",
    ),
    (
        count("badge.awarded") >= 2,
        "they have at least 2 badge.awarded facts",
        "they do not have at least 2 badge.awarded facts",
    ),
]


@pytest.mark.parametrize(("condition", "words", "denial"), SENTENCES, ids=lambda v: str(v)[:40])
def test_seldom_sentences_read_well(condition: Condition, words: str, denial: str) -> None:
    """Each condition and its opposite, word for word."""
    assert condition.words() == words
    assert (~condition).words() == denial


@pytest.mark.parametrize(
    ("role", "words"),
    [
        ("rep", "a rep"),
        ("elector", "an elector"),
        ("Officer", "an Officer"),
        ("xenon", "a xenon"),
        ("X", "a X"),
        ("member", 'a "member"'),
        ("on leave", 'an "on leave"'),
    ],
)
def test_roles_have_their_article(role: str, words: str) -> None:
    """And none is taken for something else that can be said of people."""
    assert a_role(role) == words
    assert holds(role).words() == f"they are {words}"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "0"),
        (1_234_567, "1,234,567"),
        (100, "100"),
        (100.0, "100"),
        (0.0, "0"),
        (2.50, "2.5"),
        (1234.56789, "1,234.5679"),
        (Fraction(1, 3), "0.3333"),
        (0.00001, "1e-05"),
        (-0.00001, "-1e-05"),
        (-1.5, "-1.5"),
    ],
)
def test_numbers_are_said_to_four_decimals(value: float | Fraction, words: str) -> None:
    """Without zeros at the end; and what is not zero is not said to be."""
    assert number_words(value) == words


def test_nouns_are_in_the_plural_unless_there_is_one() -> None:
    """Of facts that a service has added too."""
    assert [noun("report.filed"), noun("report.filed", 1)] == ["reports", "report"]
    assert [noun("a.b", 1), noun("a.b", 0)] == ["a.b fact", "a.b facts"]


def test_choices_are_quoted_where_they_are_text() -> None:
    """Numbers and truths are not."""
    assert quoted(("ü b", 3, True)) == '"ü b" or 3 or True'
