"""Selections: which facts count, by their kinds, their fields and the people whom they name."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from types import MappingProxyType
from typing import Final

from attrs import evolve, field, frozen

from reps_ledger.domain.arguments import checked
from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import BUILT_IN, FactType, Registry
from reps_ledger.domain.shown import shown
from reps_ledger.domain.spans import SHARED, SPAN_KINDS, Span, person_key
from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies.language.conditions import Condition, holds, leaves, may_become, must_be_shallow
from reps_ledger.policies.language.phrases import named, noun, quoted
from reps_ledger.policies.language.reads import Reader, Reads
from reps_ledger.policies.language.validators import (
    Field,
    as_tuple,
    is_bool,
    is_list_of,
    is_name,
    is_names,
    is_prose,
    one_of,
)
from reps_ledger.policies.language.widths import Bounds
from reps_ledger.policies.subject import Dossier, Subject

Scalar = str | int | float | bool

_MOST: Final = 2**53


def _is_scalars(_: object, __: Field, value: object) -> None:
    if not isinstance(value, tuple) or not value:
        raise InvalidPolicy("a filter needs a value, or several to choose from")
    for item in value:
        if type(item) not in {str, int, float, bool}:
            raise InvalidPolicy(f"a filter compares with text, numbers or truth, not {shown(item, 60)}")
        if isinstance(item, str):
            is_prose(_, __, item)
        elif not abs(item) <= _MOST:  # not >: "not a number" compares as neither
            raise InvalidPolicy(f"a filter compares with numbers up to 2**53, not {shown(item, 60)}")


def _plain(value: object) -> object:
    # 2.0 and 2 are equal, so they must be written the same.
    values = as_tuple(value)
    if not isinstance(values, tuple):
        return values
    return tuple(int(v) if isinstance(v, float) and v.is_integer() else v for v in values)


def _told_apart(values: tuple[Scalar, ...]) -> tuple[tuple[type, Scalar], ...]:
    # In Python True == 1; as values of a field they differ.
    return tuple((type(value), value) for value in values)


@frozen(cache_hash=True)
class Filter:
    """What a field must hold: one of these values, or, where it is a list, any of them.

    Attributes:
        name: the field.
        values: any of which will do.
    """

    name: str = field(validator=is_name)
    values: tuple[Scalar, ...] = field(converter=_plain, validator=_is_scalars, eq=_told_apart)

    def passes(self, entry: Entry) -> bool:
        """Whether the field of an entry's fact holds one of the values."""
        return any(self.takes(value) for value in values_of(entry.fact, self.name))

    def takes(self, value: object) -> bool:
        """Whether a value of the field, or one of those in a list, is one of the values."""
        found = value if isinstance(value, tuple) else (value,)
        return any(_same(each, wanted) for each in found for wanted in self.values)

    def words(self) -> str:
        """Say it."""
        if self.values[0] is True and len(self.values) == 1:
            return f"marked {named(self.name)}"
        if self.values[0] is False and len(self.values) == 1:
            return f"not marked {named(self.name)}"
        return f"with {named(self.name)} {quoted(self.values)}"


def values_of(fact: object, name: str) -> tuple[object, ...]:
    """Return the values of a field: those of a list; none where it is None, or not there."""
    value = getattr(fact, name, None)
    return value if isinstance(value, tuple) else () if value is None else (value,)


def people_of(fact: object, name: str) -> list[str]:
    """Return the people whom a field names: one, several or nobody."""
    return [person for person in values_of(fact, name) if isinstance(person, str)]


def _same(value: object, wanted: object) -> bool:
    return value == wanted and isinstance(value, bool) == isinstance(wanted, bool)


@frozen(cache_hash=True)
class PersonFilter(Reader):
    """A condition on a person whom a field names.

    Attributes:
        name: the field; where it names several people, it is enough that it holds of one.
        condition: what must hold.
    """

    name: str = field(validator=is_name)
    condition: Condition = field()

    @condition.validator
    def _is_condition(self, _: object, value: object) -> None:
        if not isinstance(value, Condition):
            raise InvalidPolicy(f"{self.name} needs a condition, not {shown(value, 60)}")
        must_be_shallow(value)

    def reads(self) -> Reads:
        return Reads(people=frozenset({self.name}))

    def passes(self, entry: Entry, subject: Subject) -> bool:
        """Whether it holds of a person whom the entry's fact names."""
        raise AssertionError  # pragma: no cover — each kind says at which instant

    def people(self, entry: Entry, subject: Subject, at: datetime) -> Iterator[Subject]:
        """Yield the people whom the entry's fact names, at an instant."""
        for person in people_of(entry.fact, self.name):
            yield subject.other(person, at)

    def holds_of_one(self, entry: Entry, subject: Subject, at: datetime) -> bool:
        """Whether it holds, at an instant, of a person whom the entry's fact names."""
        return any(holds(self.condition, person) for person in self.people(entry, subject, at))


@frozen(cache_hash=True)
class WhoFilter(PersonFilter):
    """A condition that must have held of a person when the fact that names them happened."""

    def passes(self, entry: Entry, subject: Subject) -> bool:
        return self.holds_of_one(entry, subject, entry.occurred_at)

    def words(self) -> str:
        """Say it."""
        return f"of whose {named(self.name)} it was so that {self.condition.words()}"


@frozen(cache_hash=True)
class NowFilter(PersonFilter):
    """A condition that must hold of a person now, whenever the fact that names them happened.

    Now is the instant at which the selection is asked: that of the review.
    """

    def passes(self, entry: Entry, subject: Subject) -> bool:
        return self.holds_of_one(entry, subject, subject.at)

    def may_become(self, entry: Entry, subject: Subject, *, wanted: bool) -> bool:
        """Whether an entry may come to pass, or to pass no longer, by what changes about people."""
        named_now = self.people(entry, subject, subject.at)
        some = any if wanted else all
        return some(may_become(self.condition, person, wanted=wanted) for person in named_now)

    def edges(self, entries: Iterable[Entry], subject: Subject) -> Iterator[datetime]:
        """Yield every instant at which another of these entries may pass."""
        people = dict.fromkeys(person for entry in entries for person in people_of(entry.fact, self.name))
        for person in people:
            for leaf in leaves(self.condition):
                yield from leaf.edges(subject.other(person, subject.at))

    def words(self) -> str:
        """Say it."""
        return f"of whose {named(self.name)} it is so now that {self.condition.words()}"


def by_name(value: object) -> object:
    """Sort filters by their names: the order in which they were given says nothing."""
    if not isinstance(value, tuple | list):
        return value
    return tuple(sorted(value, key=lambda item: str(getattr(item, "name", ""))))


BUILT_IN_FACTS: Final = Registry(BUILT_IN)
"""The facts that every ledger knows."""

_TYPES_OF_SHAPE: Final[Mapping[str, tuple[type, ...]]] = MappingProxyType(
    {"text": (str,), "list": (str, int, float, bool), "bool": (bool,)}
    | dict.fromkeys(("int", "float"), (int, float))
)
"""The types of values with which a field may be compared, by its shape (see `FactType`)."""


@frozen(cache_hash=True)
class Facts(Reader):
    """Facts of some kinds, filtered.

    What is marked as announced, or as passive (made by a system, not by the member), counts only
    where a filter asks for it by name: intent is not activity.

    Attributes:
        kinds: stored names, any of which will do.
        where: filters on fields, all of which must pass.
        who: filters on people named, as they were when the fact happened; all must pass.
        now: filters on people named, as they are now; all must pass. A field may be filtered here
            and in ``who``: "was a Rep then, and has not retired since".
        sources: where the entries came from, any of which will do; empty for anywhere.
        recorded_by: who recorded them, any of which will do; empty for anyone.
        verified: True for only reports that somebody verified, False for only those that nobody
            did, None for either.
        lasting: only facts that began something that has not ended: vouches that stand, roles
            held … Counted, one voucher is one, also where two records of theirs vouched.
        person: the field that says whose they are: "member", "voucher", "mentor" …
    """

    kinds: tuple[str, ...] = field(converter=as_tuple, validator=is_names)
    where: tuple[Filter, ...] = field(default=(), converter=by_name, validator=is_list_of(Filter, "filters"))
    who: tuple[WhoFilter, ...] = field(
        default=(), converter=by_name, validator=is_list_of(WhoFilter, "filters")
    )
    now: tuple[NowFilter, ...] = field(
        default=(), converter=by_name, validator=is_list_of(NowFilter, "filters")
    )
    sources: tuple[str, ...] = field(default=(), converter=as_tuple, validator=is_names)
    recorded_by: tuple[str, ...] = field(default=(), converter=as_tuple, validator=is_names)
    verified: bool | None = field(default=None, validator=one_of(None, True, False))
    lasting: bool = field(default=False, validator=is_bool)
    person: str = field(default="member", validator=is_name)

    def __attrs_post_init__(self) -> None:
        if not self.kinds:
            raise InvalidPolicy("name the facts that count, such as report.filed")
        fixed = [*(item.name for item in self.where), *(item.name for item in self.who)]
        for names in (fixed, [item.name for item in self.now]):
            if len(set(names)) < len(names):
                raise InvalidPolicy("a field is filtered twice; give all its values in one filter")
        if self.lasting and not set(self.kinds) <= SPAN_KINDS.keys():
            wrong = ", ".join(sorted(set(self.kinds) - SPAN_KINDS.keys()))
            raise InvalidPolicy(f"{wrong} begins nothing that lasts")
        if self.lasting and self.person != "member" and not set(self.kinds) <= SHARED:
            raise InvalidPolicy(f"only the member's own history says what lasts: {self.person!r}")
        self.check(BUILT_IN_FACTS, strict=False)

    def reads(self) -> Reads:
        verified = frozenset({"report.verified"} if self.verified is not None else ())
        spans = frozenset(self.kinds if self.lasting else ())
        return Reads(facts=frozenset(self.kinds) | verified, spans=spans)

    def may_lessen(self, subject: Subject, bounds: Bounds | None = None) -> bool:
        """Whether what counts now, within bounds, may stop counting.

        It may end, somebody may verify it, or change so that a filter on them no longer passes.
        """
        return (
            self.lasting
            or self.verified is False
            or any(
                item.may_become(entry, subject, wanted=False)
                for item in self.now
                for entry in self.seen(subject, bounds)
            )
        )

    def may_regain(self, subject: Subject, bounds: Bounds | None = None) -> bool:
        """Whether something that happened within bounds, and does not count, may come to count.

        Somebody may verify it, or change so that a filter on them passes.
        """
        if not self.now and self.verified is not True:
            return False
        counted = {entry.id for entry in self.seen(subject, bounds)}
        changeable = evolve(self, now=(), verified=False if self.verified is False else None)
        return any(
            all(item.may_become(entry, subject, wanted=True) for item in self.now)
            for entry in changeable.seen(subject, bounds)
            if entry.id not in counted
        )

    def check_known(self, registry: Registry) -> None:
        self.check(registry)

    def check(self, registry: Registry, *, strict: bool = True) -> None:
        """Refuse kinds and fields that a ledger does not know.

        Args:
            registry: the facts that it knows.
            strict: whether a kind that it does not know is an error; where it is none, fields
                are not checked either.

        Raises:
            InvalidPolicy: there is such a kind or field.
        """
        for item in self.where:
            self.check_field(item.name, registry, strict=strict, values=item.values)
        for name in [*(item.name for item in (*self.who, *self.now)), self.person]:
            self.check_person(name, registry, strict=strict)

    def check_field(
        self,
        name: str,
        registry: Registry,
        *,
        strict: bool = True,
        shapes: Iterable[str] = (),
        values: Iterable[Scalar] = (),
    ) -> None:
        """Refuse a field that none of the facts has.

        Args:
            name: the field.
            registry: the facts that a ledger knows.
            strict: as for `check`.
            shapes: of which it must have one, where any are given; see `FactType`.
            values: each of which it must be able to hold.

        Raises:
            InvalidPolicy: no fact has it, or it has another shape, or never such a value.
        """
        known = self._known(registry, strict=strict)
        found = {described.shapes[name] for described in known if name in described.names}
        kinds = " or ".join(self.kinds)
        if known and not found:
            raise InvalidPolicy(f"{kinds} has no field {name!r}")
        if any(name in described.personal for described in known):
            raise InvalidPolicy(
                f"{name!r} of {kinds} is personal text, which may be sealed or erased: no policy goes by it"
            )
        if known and shapes and not found & {*shapes}:
            raise InvalidPolicy(f"{name!r} of {kinds} is no number")
        for value in values:
            if known and not any(type(value) in _TYPES_OF_SHAPE.get(shape, ()) for shape in found):
                raise InvalidPolicy(f"{name!r} of {kinds} is never {shown(value, 60)}")

    def check_person(self, name: str, registry: Registry, *, strict: bool) -> None:
        """Refuse a field that names no person in any of the facts; arguments as for `check_field`.

        Raises:
            InvalidPolicy: it names none.
        """
        known = self._known(registry, strict=strict)
        if known and not any(_names(described, name) for described in known):
            raise InvalidPolicy(f"{' or '.join(self.kinds)} names no person as {name!r}")

    def _known(self, registry: Registry, *, strict: bool) -> list[FactType]:
        """Return the types of its facts; none where the registry lacks one of the kinds.

        A policy is made before anybody says for which ledger, which may have kinds of its own.
        """
        found = [registry.named(kind) for kind in self.kinds]
        for kind, described in zip(self.kinds, found, strict=True):
            if described is None and strict:
                raise InvalidPolicy(f"this ledger knows no fact {kind}")
        known = [described for described in found if described is not None]
        return known if len(known) == len(found) else []

    def all(self, dossier: Dossier) -> Sequence[Entry]:
        """Return those that pass the filters that no instant changes, whenever they happened.

        Filters on people, verification and whether something lasts are left to `seen`.
        """
        return dossier.once(self, lambda: [e for e in self._own(dossier) if self._passes(e)])

    def _own(self, dossier: Dossier) -> Iterator[Entry]:
        for entry in dossier.of_kind(*self.kinds):
            if dossier.is_community or dossier.name in values_of(entry.fact, self.person):
                yield entry

    def _passes(self, entry: Entry) -> bool:
        if self.sources and entry.source not in self.sources:
            return False
        if self.recorded_by and entry.by not in self.recorded_by:
            return False
        if getattr(entry.fact, "passive", False) and not self._asks_for("passive"):
            return False
        return all(item.passes(entry) for item in self.where)

    def _asks_for(self, name: str) -> bool:
        return any(item.name == name for item in self.where)

    def seen(self, subject: Subject, bounds: Bounds | None = None) -> list[Entry]:
        """Return those that happened by now, within bounds, in effective order."""
        return [*self._seen(subject, bounds, backwards=False)]

    def anchor(self, subject: Subject, which: str) -> Entry | None:
        """Return the "first" or the "last" that happened by now; None for none."""
        return next(self._seen(subject, None, backwards=which == "last"), None)

    def _between(self, dossier: Dossier, start: datetime | None, end: datetime) -> Sequence[Entry]:
        """Return those of `all` that happened between two instants, both included."""
        found = self.all(dossier)
        low = 0 if start is None else bisect_left(found, start, key=attrgetter("occurred_at"))
        return found[low : bisect_right(found, end, key=attrgetter("occurred_at"))]

    def _seen(self, subject: Subject, bounds: Bounds | None, *, backwards: bool) -> Iterator[Entry]:
        start = None if bounds is None else bounds.start
        end = subject.at if bounds is None else bounds.end
        ahead = None if bounds is None else bounds.ahead
        lasting = self._lasting(subject) if self.lasting else {}
        verified = self._verified(subject) if self.verified is not None else {}
        within = self._between(subject.dossier, start, end if ahead is None else max(end, ahead))
        for entry in reversed(within) if backwards else within:
            at = entry.occurred_at
            if at > subject.at:
                if ahead is None or at > ahead or not getattr(entry.fact, "announced", False):
                    continue
            elif at > end or (getattr(entry.fact, "announced", False) and not self._asks_for("announced")):
                continue
            if self.lasting and not any(span.holds(subject.at) for span in lasting.get(entry.id, ())):
                continue
            if self.verified is not None:
                verified_at = verified.get(entry.id)
                if self.verified != (verified_at is not None and verified_at <= subject.at):
                    continue
            if all(item.passes(entry, subject) for item in (*self.who, *self.now)):
                yield entry

    def number(self, found: Sequence[Entry]) -> int:
        """Return how many those that were found are: of what lasts, how many different things."""
        return len({person_key(entry) for entry in found}) if self.lasting else len(found)

    def _verified(self, subject: Subject) -> Mapping[str, datetime]:
        """Return when reports were first verified, by the id of the report."""
        dossier = subject.dossier
        if not dossier.is_community:
            return dossier.verified
        # A community's history need not hold who verified its members' reports; theirs do.
        return dossier.once(("verified", self), lambda: dict(self._verified_of_members(subject)))

    def _verified_of_members(self, subject: Subject) -> Iterator[tuple[str, datetime]]:
        for entry in self.all(subject.dossier):
            for name in people_of(entry.fact, "member"):
                verified = subject.others.member(name).verified
                if entry.id in verified:
                    yield entry.id, verified[entry.id]

    def _lasting(self, subject: Subject) -> Mapping[str, Sequence[Span]]:
        """Return the spans that entries began, by the id of the entry."""

        def make() -> Mapping[str, Sequence[Span]]:
            found: dict[str, list[Span]] = {}
            for span in self._spans(subject):
                found.setdefault(span.entry.id, []).append(span)
            return found

        return subject.dossier.once(("lasting", self), make)

    def _spans(self, subject: Subject) -> Iterable[Span]:
        dossier = subject.dossier
        if not dossier.is_community:
            return [span for kind in self.kinds for span in dossier.spans(kind)]
        return dossier.once(
            ("spans", self),
            lambda: {
                span.entry.id: span
                for member in self._members(subject)
                for kind in self.kinds
                for span in member.spans(kind)
            },
        ).values()

    def _members(self, subject: Subject) -> Iterator[Dossier]:
        """Yield the members whom a community's entries are about."""
        found = self.all(subject.dossier)
        for name in dict.fromkeys(name for e in found for name in people_of(e.fact, "member")):
            yield subject.others.member(name)

    def edges(self, subject: Subject) -> Iterator[datetime]:
        """Yield every instant at which `seen` may return others."""
        for entry in self.all(subject.dossier):
            yield entry.occurred_at
        for item in self.now:
            yield from item.edges(self.all(subject.dossier), subject)
        if self.verified is not None:
            yield from self._verified(subject).values()
        if self.lasting:
            for span in self._spans(subject):
                yield span.start
                if span.end is not None:
                    yield span.end

    def words(self, number: int = 2) -> str:
        """Say them: in the singular where there is one, else in the plural."""
        said = [f"{' or '.join(noun(kind, number) for kind in self.kinds)}"]
        if self.person != "member":
            said.append(f"as {named(self.person)}")
        said += [item.words() for item in self.where]
        if self.verified is not None:
            said.append("verified by somebody" if self.verified else "verified by nobody")
        if self.sources:
            said.append(f"from source {quoted(self.sources)}")
        if self.recorded_by:
            said.append(f"recorded by {quoted(self.recorded_by)}")
        said += [f"({item.words()})" for item in (*self.who, *self.now)]
        if self.lasting:
            said.append("that still stands" if number == 1 else "that still stand")
        return " ".join(said)


def _names(described: FactType, name: str) -> bool:
    return name == "member" or name in described.persons


@checked
def facts(
    *kinds: str,
    where: Mapping[str, object] | None = None,
    source: str | Collection[str] = (),
    recorded_by: str | Collection[str] = (),
    verified: bool | None = None,
    lasting: bool = False,
    person: str = "member",
    now: Mapping[str, Condition] | None = None,
    **filters: object,
) -> Facts:
    """Select facts.

    ::

        facts("report.filed", activity=("event", "talk"), verified=True)
        facts("vouch.given", voucher=holds("rep"), lasting=True)
        facts("mentor.assigned", lasting=True, now={"mentor": ~retired()})

    Args:
        kinds: stored names, any of which will do.
        where: filters, as in ``filters``, on fields that are called like another argument.
        source: where the entries came from; several to choose from.
        recorded_by: who recorded them; several to choose from.
        verified: as for `Facts`.
        lasting: as for `Facts`.
        person: as for `Facts`.
        now: by the name of a field, a condition that must hold now of the person whom it names.
        filters: by the name of a field, the value that it must have, several to choose from, or a
            condition that must have held of the person whom it names when the fact happened.

    Raises:
        InvalidPolicy: they make no sense together.
    """
    wanted = {**filters, **(where or {})}
    if not isinstance(now, Mapping | None):
        raise InvalidPolicy(f"now= needs conditions by the names of fields, not {shown(now, 60)}")
    return Facts(
        kinds=kinds,
        where=tuple(
            Filter(name, _choices(value))
            for name, value in wanted.items()
            if not isinstance(value, Condition)
        ),
        who=tuple(WhoFilter(name, value) for name, value in wanted.items() if isinstance(value, Condition)),
        now=tuple(NowFilter(name, value) for name, value in (now or {}).items()),
        sources=source,
        recorded_by=recorded_by,
        verified=verified,
        lasting=lasting,
        person=person,
    )


def _choices(value: object) -> object:
    return value if isinstance(value, tuple | list | set | frozenset) else (value,)
