"""What the validators of fields take, and what they refuse, by which error and in whose name."""

from __future__ import annotations

from datetime import UTC, date, datetime, tzinfo
from typing import Any, Final

import attrs
import pytest
from hypothesis import given

from reps_ledger.domain import validation as checks
from reps_ledger.domain.validation import MAX_DOCUMENT, MAX_ITEMS, MAX_NAME, MAX_TEXT, check_name, check_text
from reps_ledger.errors import InvalidFact, InvalidInput, InvalidTime, TooLarge
from strategies import names, reasons, texts

NO_TEXT: Final = (b"ana", 7, 1.5, True, ["ana"], ("ana",), {"a": 1}, ...)
NAIVE: Final = datetime(2020, 1, 1)  # noqa: DTZ001 — that is the point
UNPRINTABLE: Final = {
    "nul": "a\0b",
    "newline": "a\nb",
    "tab": "a\tb",
    "escape": "\x1b[31m",
    "delete": "a\x7f",
    "c1 control": "a\x85b",
    "lone surrogate": "a\ud800",
    "zero width space": "a\u200bb",
    "right-to-left override": "a\u202eb",
    "byte order mark": "\ufeffa",
    "soft hyphen": "a\u00adb",
    "no-break space": "a\u00a0b",
    "ideographic space": "a\u3000b",
    "line separator": "a\u2028b",
    "private use": "a\ue000",
    "noncharacter": "a\uffff",
}


class Lost(tzinfo):
    """A time zone that does not know its offset."""

    def utcoffset(self, _when: datetime | None) -> None:
        """Give no offset."""

    dst = tzname = utcoffset


@attrs.frozen(kw_only=True)
class _Sample:
    """One field for each validator."""

    name: Any = attrs.field(default="n", validator=checks.is_name)
    maybe_name: Any = attrs.field(default=None, validator=checks.is_name_or_none)
    names: Any = attrs.field(default=(), converter=checks.listed, validator=checks.is_names)
    text: Any = attrs.field(default="", validator=checks.is_text)
    maybe_text: Any = attrs.field(default=None, validator=checks.is_text_or_none)
    reason: Any = attrs.field(default="because", validator=checks.is_reason)
    document: Any = attrs.field(default="", validator=checks.is_document)
    flag: Any = attrs.field(default=False, validator=checks.is_flag)
    count: Any = attrs.field(default=None, validator=checks.is_count)
    amount: Any = attrs.field(default=None, validator=checks.is_amount)
    word: Any = attrs.field(default="yes", validator=checks.one_of("yes", "no"))
    moment: Any = attrs.field(default=None, converter=checks.moment, validator=checks.is_moment)
    must_moment: Any = attrs.field(default=date(2020, 1, 1), validator=checks.is_moment)


Sample: Any = _Sample
"""The same, for values that no type checker would let through."""


def refused(field: str, value: object, error: type[InvalidInput] = InvalidFact) -> None:
    """Check that a value is refused by exactly this error, which names the class and field."""
    with pytest.raises(InvalidInput) as caught:
        Sample(**{field: value})
    assert type(caught.value) is error
    assert caught.value.field == f"_Sample.{field}"
    assert f"_Sample.{field}" in str(caught.value)
    assert str(caught.value).isprintable()


@given(name=names())
def test_names_are_taken_as_they_are(name: str) -> None:
    """A good identifier is accepted everywhere that one belongs, unchanged."""
    sample = Sample(name=name, maybe_name=name, names=[name, name])
    assert (sample.name, sample.maybe_name, sample.names) == (name, name, (name, name))
    assert check_name(name, "who") == name


@given(text=texts())
def test_texts_are_taken_as_they_are(text: str) -> None:
    """Free text is accepted in any normal form, with line breaks, unchanged."""
    sample = Sample(text=text, maybe_text=text, document=text)
    assert (sample.text, sample.maybe_text, sample.document) == (text, text, text)
    assert check_text(text, "what") == text


@given(reason=reasons())
def test_reasons_are_taken_as_they_are(reason: str) -> None:
    """Text that is not blank is a reason."""
    assert Sample(reason=reason).reason == reason


@pytest.mark.parametrize("field", ["name", "maybe_name"])
@pytest.mark.parametrize("value", NO_TEXT, ids=repr)
def test_a_name_is_text(field: str, value: object) -> None:
    """What is not a string is no identifier."""
    refused(field, value)
    with pytest.raises(InvalidFact, match=f"must be text, not {type(value).__name__}$"):
        Sample(**{field: value})


def test_a_name_must_be_there() -> None:
    """None is no identifier, except where one may be absent."""
    refused("name", None)
    assert Sample(maybe_name=None).maybe_name is None


@pytest.mark.parametrize("field", ["name", "maybe_name"])
@pytest.mark.parametrize("value", UNPRINTABLE.values(), ids=UNPRINTABLE.keys())
def test_a_name_shows_all_its_characters(field: str, value: str) -> None:
    """Control, invisible, unassigned and broken characters are refused."""
    refused(field, value)


@pytest.mark.parametrize("value", ["", " ", " a", "a ", "e\u0301", "\u212b"], ids=ascii)
def test_names_that_look_alike_are_refused(value: str) -> None:
    """Empty names, spaces at the ends, and what is not in normal form C are refused."""
    refused("name", value)


def test_a_name_may_be_as_long_as_the_limit() -> None:
    """The limit counts characters, not bytes; one more is too large."""
    assert Sample(name="é" * MAX_NAME).name == "é" * MAX_NAME
    refused("name", "a" * (MAX_NAME + 1), TooLarge)
    refused("name", "é" * (MAX_NAME + 1), TooLarge)


def test_a_huge_name_is_not_repeated_in_its_error() -> None:
    """The error about ten million characters is short."""
    with pytest.raises(TooLarge) as caught:
        Sample(name="x" * 10_000_000)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("value", ["ana", "", b"ana", {"a": 1}, {"a"}, 7, None, True], ids=repr)
def test_a_list_of_names_is_a_list(value: object) -> None:
    """A string where a list belongs is refused, not read as its letters."""
    refused("names", value)


@pytest.mark.parametrize("items", [["a"], ("a",)], ids=repr)
def test_a_list_of_names_may_be_a_list_or_a_tuple(items: object) -> None:
    """Lists become tuples."""
    assert Sample(names=items).names == ("a",)


@pytest.mark.parametrize("item", [*NO_TEXT[:4], "", " a", "e\u0301", None], ids=repr)
def test_a_list_of_names_holds_names_only(item: object) -> None:
    """Each item is judged as an identifier."""
    refused("names", ["good", item])


def test_a_list_of_names_has_a_limit() -> None:
    """As many items as the limit are accepted, one more is too large."""
    assert len(Sample(names=["a"] * MAX_ITEMS).names) == MAX_ITEMS
    refused("names", ["a"] * (MAX_ITEMS + 1), TooLarge)


@pytest.mark.parametrize("field", ["text", "maybe_text", "reason", "document"])
@pytest.mark.parametrize("value", NO_TEXT, ids=repr)
def test_a_text_is_text(field: str, value: object) -> None:
    """What is not a string is no text."""
    refused(field, value)
    with pytest.raises(InvalidFact, match=f"must be text, not {type(value).__name__}$"):
        Sample(**{field: value})


@pytest.mark.parametrize("field", ["text", "reason", "document"])
def test_a_text_must_be_there(field: str) -> None:
    """None is no text, except where one may be absent."""
    refused(field, None)
    assert Sample(maybe_text=None).maybe_text is None


@pytest.mark.parametrize("field", ["text", "maybe_text", "reason", "document"])
@pytest.mark.parametrize("character", ["\0", "\x1b", "\x7f", "\x85", "\ud800"], ids=ascii)
def test_a_text_has_no_control_characters(field: str, character: str) -> None:
    """Control characters and lone surrogates are refused, and named by number."""
    refused(field, f"before{character}after")
    with pytest.raises(InvalidFact, match=f"U\\+{ord(character):04X}"):
        Sample(**{field: character})


@pytest.mark.parametrize(
    ("field", "limit"),
    [("text", MAX_TEXT), ("maybe_text", MAX_TEXT), ("reason", MAX_TEXT), ("document", MAX_DOCUMENT)],
)
def test_a_text_has_a_limit(field: str, limit: int) -> None:
    """As many characters as the limit are accepted, one more is too large."""
    assert len(getattr(Sample(**{field: "ü" * limit}), field)) == limit
    refused(field, "ü" * (limit + 1), TooLarge)


@pytest.mark.parametrize("value", ["", " ", "\n\t ", "\u3000"], ids=ascii)
def test_a_reason_says_something(value: str) -> None:
    """White space is no reason."""
    refused("reason", value)


@pytest.mark.parametrize("value", [0, 1, None, "", "true", "false", [], 1.0], ids=repr)
def test_a_flag_is_true_or_false(value: object) -> None:
    """Nothing but the two booleans is a flag."""
    refused("flag", value)


@pytest.mark.parametrize("value", [-1, 2**53 + 1, 1.0, True, "1", float("nan"), b"1"], ids=repr)
def test_a_count_is_a_whole_number(value: object) -> None:
    """Negative, huge, fractional and boolean values are no counts."""
    refused("count", value)


@pytest.mark.parametrize("value", [0, 1, 2**53, None])
def test_counts_up_to_the_limit_are_taken(value: object) -> None:
    """Whole numbers that every JSON reader keeps are counts."""
    assert Sample(count=value).count == value


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), -float("inf"), "1.5", True, 1, 1j, []], ids=repr
)
def test_an_amount_is_a_finite_number(value: object) -> None:
    """Not-a-number, infinities and what is no float are refused."""
    refused("amount", value)


@pytest.mark.parametrize("value", [0.0, -1.5, 1e308, 5e-324, None])
def test_finite_amounts_are_taken(value: object) -> None:
    """Every finite float is an amount."""
    assert Sample(amount=value).amount == value


@pytest.mark.parametrize("value", ["maybe", "", "Yes", "yes ", None, 1, ["yes"], {}], ids=repr)
def test_a_word_is_one_of_its_options(value: object) -> None:
    """Only the listed words are taken, exactly as written."""
    refused("word", value)


def test_the_error_about_a_word_names_the_options() -> None:
    """The reader learns what could have been written, and little of what was."""
    with pytest.raises(InvalidFact, match="yes, no") as caught:
        Sample(word="x" * 10_000)
    assert len(str(caught.value)) < 200
    check = checks.one_of("now", "later")
    word = attrs.fields(_Sample).word
    check(Sample(), word, "later")
    for wrong in ("never", ["now"]):
        with pytest.raises(InvalidFact) as caught:
            check(Sample(), word, wrong)
        assert caught.value.field == "_Sample.word"
        assert str(caught.value) == f"_Sample.word must be one of now, later; not {wrong!r}"


@pytest.mark.parametrize("field", ["moment", "must_moment"])
@pytest.mark.parametrize("value", ["2020-01-01", 0, 1577836800.0, True, (2020, 1, 1)], ids=repr)
def test_a_moment_is_a_datetime_or_date(field: str, value: object) -> None:
    """Text and numbers are no instants."""
    refused(field, value, InvalidTime)
    with pytest.raises(InvalidTime, match=f"or date, not {type(value).__name__}$"):
        Sample(**{field: value})


@pytest.mark.parametrize("value", [NAIVE, NAIVE.replace(tzinfo=Lost())], ids=["naive", "lost"])
def test_a_moment_knows_its_zone(value: datetime) -> None:
    """A datetime without an offset is refused."""
    refused("moment", value, InvalidTime)
    refused("must_moment", value, InvalidTime)


def test_a_moment_may_be_absent_only_by_default() -> None:
    """None is taken where it is the default, and nowhere else."""
    assert Sample(moment=None).moment is None
    refused("must_moment", None, InvalidTime)


@pytest.mark.parametrize("value", [date(2020, 2, 29), datetime(2020, 2, 29, tzinfo=UTC)], ids=str)
def test_moments_are_taken_as_they_are(value: date) -> None:
    """An aware datetime and a plain date are accepted unchanged."""
    assert Sample(moment=value).moment == value


def test_check_name_names_what_it_was_told() -> None:
    """Arguments that are no field are named in the words of the caller."""
    with pytest.raises(InvalidFact) as caught:
        check_name("", "by")
    assert (caught.value.field, str(caught.value)) == ("by", "by is empty")


def test_check_text_takes_a_limit() -> None:
    """A caller's own limit is kept to."""
    assert check_text("abc", "what", limit=3) == "abc"
    with pytest.raises(TooLarge):
        check_text("abcd", "what", limit=3)
