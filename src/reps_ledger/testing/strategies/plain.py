"""What may be said of each kind of fact: a few plain values of each field, the simplest first."""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, Final

import attrs
from attrs import frozen

from reps_ledger.domain import fields as checks
from reps_ledger.domain.facts import Fact, FactType
from reps_ledger.errors import InvalidInput
from reps_ledger.testing.strategies.edges import WIDTHS, Edge
from reps_ledger.testing.strategies.facts import choices_of
from reps_ledger.testing.strategies.vocabulary import Vocabulary

__all__ = ["Day", "Earlier", "Kind", "Numbered", "Person", "kind_of_words"]

_NEAR: Final = 6


@frozen
class Person:
    """A person: a place among people, or how far from the member."""

    place: int
    of_member: bool


@frozen
class Day:
    """The date of an instant."""

    edge: Edge


@frozen
class Earlier:
    """An entry recorded before, counted around."""

    number: int


@frozen
class Numbered:
    """An identifier that differs with each repetition."""

    name: str
    number: int


@frozen
class Kind:
    """A kind of fact, and all that may be said of it: a few plain values of each field.

    Attributes:
        cls: the kind.
        options: what each field may be, the simplest first.
        instants: fields that are instants, with whether they may be left out.
        manner: how it is offered, by name, the simplest first.
        size: how many combinations of options there are.
    """

    cls: type[Fact]
    options: Mapping[str, Sequence[Any]]
    instants: Mapping[str, bool]
    manner: Mapping[str, Sequence[Any]]
    size: int

    def values(self, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the fields, and the manner, of one combination of options."""
        found: list[dict[str, Any]] = []
        for options in (self.options, self.manner):
            chosen = {}
            for name, several in options.items():
                number, place = divmod(number, len(several))
                chosen[name] = several[place]
            found.append(chosen)
        return found[0], found[1]


def kind_of_words(name: str, vocabulary: Vocabulary) -> Kind:
    """Return what may be said of a kind in some words.

    Raises:
        InvalidInput: the kind is not known.
    """
    described = vocabulary.registry.named(name)
    if described is None:
        raise InvalidInput(f"{name} is not known; pass its class in facts=[…]", field="facts")
    hints = typing.get_type_hints(described.cls)
    attributes: tuple[attrs.Attribute[Any], ...] = attrs.fields(described.cls)
    options: dict[str, Sequence[Any]] = {}
    instants: dict[str, bool] = {}
    for attribute in attributes:
        if described.shapes[attribute.name] == "instant":
            instants[attribute.name] = attribute.default is not attrs.NOTHING
        else:
            found = _options(described, attribute, hints[attribute.name], vocabulary)
            if found:
                options[attribute.name] = found
    manner: dict[str, Sequence[Any]] = {}
    if vocabulary.recorders:
        manner["by"] = ["council", *vocabulary.recorders]
    if vocabulary.sources:
        manner["source"] = [None, *vocabulary.sources, *vocabulary.sources]
    if vocabulary.times:
        manner["times"] = [1, 1, 1, *vocabulary.times]
        manner["step"] = WIDTHS[:4]
    size = prod(len(each) for each in (*options.values(), *manner.values()))
    return Kind(described.cls, options, instants, manner, size)


def _options(
    described: FactType, attribute: attrs.Attribute[Any], hint: Any, vocabulary: Vocabulary
) -> Sequence[Any]:
    """Return the few values that a field is given, the simplest first; none to leave it out."""
    name, shape, default = attribute.name, described.shapes[attribute.name], attribute.default
    given = [] if default is attrs.NOTHING else [default]
    words = vocabulary.words.get(name, ())
    if name in described.persons:
        return _persons(name, shape, optional=bool(given))
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]  # a class, whatever its stub
        return ()
    if choices := choices_of(described.cls, attribute):
        return [*given, *choices]
    if shape == "bool":
        return [*[default] * 5, not default] if given else [False, True]
    if name == "report":
        return [Earlier(number) for number in range(_NEAR)]
    if shape in {"int", "float"}:
        return [*given, *(words or (1, 2, 5))]
    if shape == "date":
        return [*given, *(Day(Edge(base)) for base in ("review", "month", "year"))]
    if shape == "list":
        first, second = (*words, "a", "b")[:2]
        return [(), (first,), (first, second), (second,)]
    return _texts(attribute, hint, words, asked=name in vocabulary.named)


def _texts(
    attribute: attrs.Attribute[Any], hint: Any, words: Sequence[Any], *, asked: bool
) -> Sequence[Any]:
    default = attribute.default
    if typing.get_origin(hint) is typing.Literal:
        return typing.get_args(hint)
    if attribute.metadata.get("personal") and default is not attrs.NOTHING:
        return [None, *words] if default is None and words else ()
    if words and asked:  # what it asks for by name, and something else
        named = list(words[:-1]) or list(words)
        return [*named, *named, words[-1], *([default] if default is not attrs.NOTHING else [])]
    if default is not attrs.NOTHING:
        return [default, default, *words]
    if words:
        return words
    if attribute.validator is checks.is_reason:
        return ["r"]
    return [Numbered(attribute.name, number) for number in (1, 2, 3)]


def _persons(name: str, shape: str, *, optional: bool) -> Sequence[Any]:
    if name == "member":
        return [Person(place, of_member=True) for place in (0, 0, 0, 0, 1, 2)]
    others = [Person(place, of_member=False) for place in (1, 1, 2)]
    if shape == "list":
        return [(), (others[0],), (others[0], others[2])]
    return [None, None, None, *others] if optional else others
