"""Templates: documents of policies with parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from reps_ledger.errors import InvalidPolicy, NotFound
from reps_ledger.policies import Policy, reports, weeks, when
from reps_ledger.policies.documents.text import load_template, read_template

if TYPE_CHECKING:
    from pathlib import Path

TEXT: Final = """
policy = "$name"
otherwise = "no"

[[cases]]
outcome = "yes"
when.count.facts = { kinds = ["report.filed"], where = { activity = ["$first", "a $second"] } }
when.count.within = "$weeks weeks"
when.at_least = "$n"
"""
VALUES: Final = {"name": "p", "first": "talk", "second": "party", "weeks": 8, "n": 2}


def test_every_parameter_is_filled_in() -> None:
    """In tables and lists of any depth; all of a text becomes the value, else its words do."""
    made = read_template(TEXT)(**VALUES)
    selected = reports(activity=("talk", "a party"), within=weeks(8))
    assert made == Policy("p", cases=[when(selected >= 2).then("yes")], otherwise="no")


def test_a_template_makes_a_policy_of_each_values() -> None:
    """The values of one call are forgotten by the next."""
    make = read_template(TEXT)
    one, other = make(**VALUES), make(**{**VALUES, "name": "q", "n": 3})
    assert (one.name, other.name) == ("p", "q")
    assert make(**VALUES) == one


@pytest.mark.parametrize(("values", "told"), [({"name": "p", "first": "talk"}, "name, first"), ({}, "none")])
def test_a_parameter_without_a_value_is_named(values: dict[str, str], told: str) -> None:
    """The error names it, and the parameters that were given."""
    with pytest.raises(InvalidPolicy, match=rf"\$\w+ has no value; those given are: {told}$"):
        read_template(TEXT)(**values)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (TEXT, r"no parameter \$colour; it has \$first, \$n, \$name, \$second, \$weeks$"),
        ("policy = 'p'", r"no parameter \$colour; it has none$"),
    ],
)
def test_a_value_without_a_parameter_is_named(text: str, told: str) -> None:
    """The error names the first of them, and the parameters that there are."""
    with pytest.raises(InvalidPolicy, match=told):
        read_template(text)(colour="red", shape="round")


def test_a_template_is_read_from_a_file(tmp_path: Path) -> None:
    """It is the same as its text; a file that is not there is an error that names it."""
    path = tmp_path / "policy.toml"
    path.write_text(TEXT, encoding="utf-8")
    assert load_template(path)(**VALUES) == read_template(TEXT)(**VALUES)
    with pytest.raises(NotFound, match=r"none\.toml"):
        load_template(tmp_path / "none.toml")


def test_a_template_that_is_no_document_is_refused_at_once() -> None:
    """Before any value is asked for."""
    with pytest.raises(InvalidPolicy) as caught:
        read_template("policy = ")
    assert caught.value.place == ""
