"""Strategies for offers: facts that histories are made of, before the rules are asked.

An offer is drawn without knowing the review, the people or what was recorded before it: people are
places in a list, instants are edges, entries are numbers. So it shrinks on its own, and becomes a
fact only when its history is made. Each field takes one of a few plain values, the simplest first.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from functools import cache
from math import prod
from typing import Any, Final

import attrs
from attrs import frozen
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from reps_ledger.domain import validation as checks
from reps_ledger.domain.facts import EntryCorrected, EntryRetracted, Fact, FactType
from reps_ledger.domain.time import local_day
from reps_ledger.errors import InvalidInput
from reps_ledger.policies import Width
from reps_ledger.testing.history import Printer
from reps_ledger.testing.strategies.edges import WIDTHS, Edge, edges
from reps_ledger.testing.strategies.facts import choices_of
from reps_ledger.testing.strategies.facts import facts as any_facts
from reps_ledger.testing.strategies.vocabulary import FAMILY_OF, Vocabulary

_NEAR: Final = 6


@frozen
class Person:
    """A person, by place among the people; or by the distance from the member's place."""

    place: int
    of_member: bool


@frozen
class Day:
    """The date of an instant."""

    edge: Edge


@frozen
class Earlier:
    """An entry recorded before, by its place among them; past the last they are counted anew."""

    number: int


@frozen
class Numbered:
    """An identifier with a number, which grows with each repetition of the fact."""

    name: str
    number: int


@frozen
class Kind:
    """A kind of fact, with a few plain values for each of its fields.

    Attributes:
        cls: the class of facts.
        options: the values of each field, the simplest first.
        instants: fields that are instants, with whether they may be left out.
        manner: the values of arguments of `Offer`, the simplest first.
        size: how many combinations of options there are.
    """

    cls: type[Fact]
    options: Mapping[str, Sequence[object]]
    instants: Mapping[str, bool]
    manner: Mapping[str, Sequence[object]]
    size: int

    def values(self, number: int) -> tuple[dict[str, object], dict[str, Any]]:
        """Return the fields of a combination of options, and the arguments of its `Offer`.

        Args:
            number: which combination, from 0 for the simplest.
        """
        found: list[dict[str, object]] = []
        for options in (self.options, self.manner):
            chosen = {}
            for name, several in options.items():
                number, place = divmod(number, len(several))
                chosen[name] = several[place]
            found.append(chosen)
        return found[0], found[1]


def offered_kind(name: str, vocabulary: Vocabulary) -> Kind:
    """Return a kind of fact with the values that a vocabulary has for its fields.

    Raises:
        InvalidInput: the kind is not known.
    """
    described = vocabulary.registry.named(name)
    if described is None:
        raise InvalidInput(f"{name} is not known; pass its class in facts=[…]", field="facts")
    hints = typing.get_type_hints(described.cls)
    options: dict[str, Sequence[object]] = {}
    instants: dict[str, bool] = {}
    for attribute in attrs.fields(described.cls):
        if described.shapes[attribute.name] == "instant":
            instants[attribute.name] = attribute.default is not attrs.NOTHING
        else:
            found = _options(described, attribute, hints[attribute.name], vocabulary)
            if found:
                options[attribute.name] = found
    manner: dict[str, Sequence[object]] = {}
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
    described: FactType, attribute: attrs.Attribute[object], hint: object, vocabulary: Vocabulary
) -> Sequence[object]:
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
    if name in described.entries and shape == "text":
        return [Earlier(number) for number in range(_NEAR)]
    if shape in {"int", "float"}:
        numbers = [word for word in words if not isinstance(word, str)]
        return [*given, *(numbers or (1, 2, 5))]
    if shape == "date":
        return [*given, *(Day(Edge(base)) for base in ("review", "month", "year"))]
    if shape == "list":
        first, second = (*words, "a", "b")[:2]
        return [(), (first,), (first, second), (second,)]
    return _texts(attribute, hint, words, asked=name in vocabulary.named)


def _texts(
    attribute: attrs.Attribute[object], hint: object, words: Sequence[object], *, asked: bool
) -> Sequence[object]:
    default = attribute.default
    if typing.get_origin(hint) is typing.Literal:
        return typing.get_args(hint)
    if attribute.metadata.get("personal") and default is not attrs.NOTHING:
        return [None, *words] if default is None and words else ()
    if words and asked:  # mostly what the policy asks for by name; the last word is none of it
        named = list(words[:-1]) or list(words)
        return [*named, *named, words[-1], *([default] if default is not attrs.NOTHING else [])]
    if default is not attrs.NOTHING:
        return [default, default, *words]
    if words:
        return words
    if attribute.validator is checks.is_reason:
        return ["r"]
    return [Numbered(attribute.name, number) for number in (1, 2, 3)]


def _persons(name: str, shape: str, *, optional: bool) -> Sequence[object]:
    if name == "member":
        return [Person(place, of_member=True) for place in (0, 0, 0, 0, 1, 2)]
    others = [Person(place, of_member=False) for place in (1, 1, 2)]
    if shape == "list":
        return [(), (others[0],), (others[0], others[2])]
    return [None, None, None, *others] if optional else others


_MANNERS: Final = (*["plain"] * 8, "late", "late", "retract", "correct")
"""How an offer is made: mostly as things happen; else late, or to amend an earlier entry."""

_MANY: Final = 5
_TARGETS: Final = 20


@frozen
class Context:
    """The history that offers become facts of, so far.

    Attributes:
        at: the instant of the review.
        zone: the time zone in which dates are read.
        people: whom facts may be about, the first of them mostly.
        ids: ids of the entries recorded so far, in order.
    """

    at: datetime
    zone: tzinfo
    people: Sequence[str]
    ids: list[str]

    def entry(self, number: int) -> str | None:
        """Return the id of an earlier entry by its number, modulo how many there are, or None."""
        return self.ids[number % len(self.ids)] if self.ids else None


@frozen(kw_only=True)
class Offer:
    """A fact to be offered to a history.

    Attributes:
        cls: the class of facts.
        values: its fields, where people, instants and entries are still to be worked out.
        at: when it happens.
        odd: a whole fact, instead of values.
        target: the number of the earlier entry that it corrects; None for a plain fact.
        retract: whether that entry is retracted instead.
        times: how often in a row it happens.
        step: how far from one time to the next.
        late: whether it is recorded after all facts that are not late.
        by: who records it.
        source: where it comes from.
    """

    cls: type[Fact]
    values: Mapping[str, object]
    at: Edge
    odd: Fact | None = None
    target: int | None = None
    retract: bool = False
    times: int = 1
    step: Width = WIDTHS[0]
    late: bool = False
    by: str = "council"
    source: str | None = None

    def _repr_pretty_(self, printer: Printer, _cycle: bool) -> None:
        """Say it in a line, as a failing machine prints each of its steps."""
        fields = ", ".join(f"{name}={value!r}" for name, value in self.values.items())
        target = "" if self.target is None else f", of entry {self.target}"
        printer.text(f"<{self.cls.__name__}({fields}) at {self.at}{target}>")

    def instants(self, context: Context) -> list[datetime]:
        """Return when it happens, the earliest first."""
        found = [self.at.of(context.at, context.zone)]
        for _ in range(self.times - 1):
            found.append(self.step.before(found[-1], context.zone))
        return found[::-1]

    def fact(self, context: Context, number: int = 0) -> Fact | None:
        """Return the fact of a repetition; None where there is no entry yet for it to amend.

        Args:
            context: the history so far.
            number: which repetition, from 0.
        """
        if self.target is not None:
            target = context.entry(self.target)
            if target is None:
                return None
            if self.retract:
                return EntryRetracted(target=target, reason="a mistake")
            return EntryCorrected(target=target, replacement=self._plain(context, 0), reason="wrong")
        return self._plain(context, number)

    def _plain(self, context: Context, number: int) -> Fact:
        if self.odd is not None:
            return self.odd
        member = self.values.get("member")
        own = member.place if isinstance(member, Person) else 0
        filled = {name: self._filled(value, context, own, number) for name, value in self.values.items()}
        return self.cls(**filled)

    def _filled(self, value: object, context: Context, own: int, number: int) -> object:
        match value:
            case Person(place, of_member):
                return context.people[(place if of_member else own + place) % len(context.people)]
            case Edge():
                return value.of(context.at, context.zone)
            case Day(edge):
                return local_day(edge.of(context.at, context.zone), context.zone)
            case Earlier(number=back):
                return context.entry(back) or "none"
            case Numbered(name, first):
                return f"{name}-{first + number}"
            case tuple():
                return tuple(self._filled(each, context, own, number) for each in value)
        return value


def offers(
    vocabulary: Vocabulary, *, min_size: int = 0, max_size: int, odd: tuple[type[Fact], ...] = ()
) -> SearchStrategy[list[Offer]]:
    """Make lists of offers, each list of a few families of facts, so that these meet one another.

    An offer takes no more than five draws: Hypothesis deletes up to five at once while shrinking.

    Args:
        vocabulary: the kinds of fact, and the words of their fields.
        min_size: the fewest offers.
        max_size: the most.
        odd: kinds of which facts with any value that they may have come too.
    """
    when = edges(vocabulary.widths, vocabulary.days)
    perhaps = st.one_of(st.none(), when)
    made = {name: offered_kind(name, vocabulary) for name in dict.fromkeys(vocabulary.kinds)}
    families = _families(vocabulary.kinds, odd=bool(odd))
    chosen = _chosen(sorted(families), focused=bool(vocabulary.named or vocabulary.times))
    anything = any_facts(*odd) if odd else st.nothing()
    combinations = {name: st.integers(0, kind.size - 1) for name, kind in made.items()}
    targets = st.integers(0, _TARGETS)

    @st.composite
    def an_offer(draw: st.DrawFn, kinds: SearchStrategy[tuple[str, str]]) -> Offer:
        name, manner = draw(kinds)
        if manner == "odd":
            return Offer(cls=odd[0], values={}, odd=draw(anything), at=draw(when))
        kind = made[name]
        values, more = kind.values(draw(combinations[name]))
        at = draw(when)
        for field, optional in kind.instants.items():
            instant = draw(perhaps if optional else when)
            if instant is not None:
                values[field] = instant
        if manner in {"retract", "correct"}:
            target, retract = draw(targets), manner == "retract"
            return Offer(cls=kind.cls, values=values, at=at, target=target, retract=retract, late=True)
        return Offer(cls=kind.cls, values=values, at=at, late=manner == "late", **more)

    @cache
    def several_of(names: tuple[str, ...]) -> SearchStrategy[list[Offer]]:
        kinds = [each for family in names for each in families[family]]
        kinds.sort(key=lambda each: _MANNERS.index(each[1]) if each[0] else len(_MANNERS))
        return st.lists(an_offer(st.sampled_from(kinds)), min_size=min_size, max_size=max_size)

    @st.composite
    def several_offers(draw: st.DrawFn) -> list[Offer]:
        return draw(several_of(tuple(draw(chosen))))

    return several_offers()


def _chosen(families: Sequence[str], *, focused: bool) -> SearchStrategy[list[str]]:
    """Choose a few families of all; or most of them, where they are what a policy asks for."""
    if focused:
        least = min(2, len(families))
        return st.lists(st.sampled_from(families), min_size=least, unique=True)
    often = ["reports"] * 3 if len(families) > _MANY and "reports" in families else []
    return st.lists(st.sampled_from([*families, *often]), min_size=1, max_size=3, unique=True)


def _families(kinds: Sequence[str], *, odd: bool) -> dict[str, list[tuple[str, str]]]:
    """Return by family the kinds of fact, each with every manner of offering it."""
    found: dict[str, list[tuple[str, str]]] = {}
    for manner in _MANNERS:
        for name in kinds:
            found.setdefault(FAMILY_OF.get(name, name), []).append((name, manner))
    for several in found.values() if odd else ():
        several.extend([("", "odd")] * (len(several) // len(_MANNERS)))
    return found


def fresh_facts(vocabulary: Vocabulary, context: Context) -> SearchStrategy[Fact | None]:
    """Make single facts in the words of a vocabulary, for a history so far."""
    single = offers(vocabulary, min_size=1, max_size=1)
    return single.map(lambda drawn: attrs.evolve(drawn[0], target=None).fact(context))
