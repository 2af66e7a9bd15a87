"""Selections: which facts count."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from reps_ledger.domain.facts import BUILT_IN, Registry
from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies.language.checks import is_bool, is_name, is_names, kept, one_of
from reps_ledger.policies.language.conditions import Condition, holds
from reps_ledger.policies.language.nouns import noun, quoted
from reps_ledger.policies.spans import BEGINNINGS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from attrs import Attribute

    from reps_ledger.domain.entries import Entry
    from reps_ledger.domain.facts import FactType
    from reps_ledger.policies.language.windows import Bounds
    from reps_ledger.policies.subject import Dossier, Subject

__all__ = ["Facts", "Filter", "WhoFilter", "facts"]

Scalar = str | int | float | bool

_BUILT_IN = Registry(BUILT_IN)


def _is_scalars(_: object, __: Attribute[Any], value: Any) -> None:
    if not isinstance(value, tuple) or not value:
        raise InvalidPolicy("a filter needs a value, or several to choose from")
    for item in value:
        if type(item) not in {str, int, float, bool}:
            raise InvalidPolicy(f"a filter compares with text, numbers or truth, not {item!r:.60}")


@frozen(cache_hash=True)
class Filter:
    """A field that has one of these values; a list field, that holds one of them.

    Attributes:
        name: the field.
        values: any of which will do.
    """

    name: str = field(validator=is_name)
    values: tuple[Scalar, ...] = field(converter=kept, validator=_is_scalars)

    def passes(self, entry: Entry) -> bool:
        """Whether an entry's fact has it."""
        value = getattr(entry.fact, self.name, None)
        if isinstance(value, tuple):
            return any(_same(item, wanted) for item in value for wanted in self.values)
        return any(_same(value, wanted) for wanted in self.values)

    def words(self) -> str:
        """Say it."""
        if self.values == (True,):
            return self.name
        if self.values == (False,):
            return f"not {self.name}"
        return f"{self.name} {quoted(self.values)}"


def _same(value: object, wanted: object) -> bool:
    return value == wanted and isinstance(value, bool) == isinstance(wanted, bool)


@frozen(cache_hash=True)
class WhoFilter:
    """A field that names a person of whom a condition held when the fact happened.

    Attributes:
        name: the field.
        condition: what held of them.
    """

    name: str = field(validator=is_name)
    condition: Condition = field()

    @condition.validator
    def _is_condition(self, _: object, value: Any) -> None:
        if not isinstance(value, Condition):
            raise InvalidPolicy(f"{self.name} needs a condition, not {value!r:.60}")

    def passes(self, entry: Entry, subject: Subject) -> bool:
        """Whether it held of the person named."""
        person = getattr(entry.fact, self.name, None)
        if not isinstance(person, str):
            return False
        return holds(self.condition, subject.other(person, entry.occurred_at))

    def words(self) -> str:
        """Say it."""
        return f"of whose {self.name} it was so that {self.condition.words()}"


@frozen(cache_hash=True)
class Facts:
    """Facts of some kinds, filtered.

    What was only announced, and what a system made, never counts, unless a filter asks for it
    by name: intent is no activity.

    Attributes:
        kinds: stored names, any of which will do.
        where: filters on fields, all of which must pass.
        who: filters on people named, all of which must pass.
        sources: where the entries came from, any of which will do; none for anywhere.
        recorded_by: who recorded them, any of which will do; none for anyone.
        verified: only reports that somebody verified, or that nobody did.
        lasting: only what began and has not ended: vouches that stand, roles held …
        person: the field by which they are the member's: "member", "voucher", "mentor" …
    """

    kinds: tuple[str, ...] = field(converter=kept, validator=is_names)
    where: tuple[Filter, ...] = ()
    who: tuple[WhoFilter, ...] = ()
    sources: tuple[str, ...] = field(default=(), converter=kept, validator=is_names)
    recorded_by: tuple[str, ...] = field(default=(), converter=kept, validator=is_names)
    verified: bool | None = field(default=None, validator=one_of(None, True, False))
    lasting: bool = field(default=False, validator=is_bool)
    person: str = field(default="member", validator=is_name)

    def __attrs_post_init__(self) -> None:
        if not self.kinds:
            raise InvalidPolicy("name the facts that count, such as report.filed")
        names = [*(item.name for item in self.where), *(item.name for item in self.who)]
        if len(set(names)) < len(names):
            raise InvalidPolicy("a field is filtered twice; give all its values in one filter")
        if self.lasting and not set(self.kinds) <= BEGINNINGS.keys():
            wrong = ", ".join(sorted(set(self.kinds) - BEGINNINGS.keys()))
            raise InvalidPolicy(f"{wrong} begins nothing that lasts")
        self.check(_BUILT_IN, strict=False)

    def check(self, registry: Registry, *, strict: bool = True) -> None:
        """Refuse kinds and fields that a ledger does not know.

        Args:
            registry: the facts that it knows.
            strict: whether a kind that it does not know is an error.

        Raises:
            InvalidPolicy: there is one.
        """
        found = [registry.named(kind) for kind in self.kinds]
        for kind, described in zip(self.kinds, found, strict=True):
            if described is None and strict:
                raise InvalidPolicy(f"this ledger knows no fact {kind}")
        known = [described for described in found if described is not None]
        if len(known) < len(found) and not strict:
            return
        for item in self.where:
            if not any(item.name in described.names for described in known):
                raise InvalidPolicy(f"{' or '.join(self.kinds)} has no field {item.name!r}")
        people = [item.name for item in self.who]
        for name in [*people, self.person]:
            if not any(_names(described, name) for described in known):
                raise InvalidPolicy(f"{' or '.join(self.kinds)} names no person as {name!r}")

    def all(self, dossier: Dossier) -> Sequence[Entry]:
        """Return all that pass but for filters on people, whenever they happened."""
        return dossier.once(self, lambda: [e for e in self._own(dossier) if self._passes(e)])

    def _own(self, dossier: Dossier) -> Iterator[Entry]:
        for entry in dossier.of_kind(*self.kinds):
            if dossier.is_community or getattr(entry.fact, self.person, None) == dossier.name:
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
        start = None if bounds is None else bounds.start
        end = subject.at if bounds is None else bounds.end
        ahead = None if bounds is None else bounds.ahead
        lasting = self._lasting(subject) if self.lasting else None
        found = []
        for entry in self.all(subject.dossier):
            at = entry.occurred_at
            if at > subject.at:
                if ahead is None or at > ahead or not getattr(entry.fact, "announced", False):
                    continue
            elif (
                (start is not None and at < start)
                or at > end
                or (getattr(entry.fact, "announced", False) and not self._asks_for("announced"))
            ):
                continue
            if lasting is not None and entry.id not in lasting:
                continue
            if self.verified is not None and self._verified(entry, subject) != self.verified:
                continue
            if all(item.passes(entry, subject) for item in self.who):
                found.append(entry)
        return found

    @staticmethod
    def _verified(entry: Entry, subject: Subject) -> bool:
        verified_at = subject.dossier.verified.get(entry.id)
        return verified_at is not None and verified_at <= subject.at

    def _lasting(self, subject: Subject) -> set[str]:
        return {span.entry.id for kind in self.kinds for span in subject.standing(kind)}

    def edges(self, subject: Subject) -> Iterator[datetime]:
        """Yield every instant at which one more, or one less, may have happened."""
        for entry in self.all(subject.dossier):
            yield entry.occurred_at
        if self.verified is not None:
            yield from subject.dossier.verified.values()
        if self.lasting:
            for kind in self.kinds:
                yield from subject.span_edges(kind)

    def words(self, number: int = 2) -> str:
        """Say them, in the singular where there is one."""
        said = [f"{' or '.join(noun(kind, number) for kind in self.kinds)}"]
        if self.person != "member":
            said.append(f"as {self.person}")
        said += [f"with {item.words()}" for item in self.where]
        if self.verified is not None:
            said.append("verified by somebody" if self.verified else "verified by nobody")
        if self.sources:
            said.append(f"from source {quoted(self.sources)}")
        if self.recorded_by:
            said.append(f"recorded by {quoted(self.recorded_by)}")
        said += [f"({item.words()})" for item in self.who]
        if self.lasting:
            said.append("that still stands" if number == 1 else "that still stand")
        return " ".join(said)


def _names(described: FactType, name: str) -> bool:
    return name in described.persons or (name == "member" and "member" not in described.names)


def facts(*kinds: str, where: Mapping[str, Any] | None = None, **options: Any) -> Facts:
    """Select facts.

    ::

        facts("report.filed", activity=("event", "talk"), verified=True)
        facts("vouch.given", voucher=holds("rep"), lasting=True)

    Args:
        kinds: stored names, any of which will do.
        where: filters, as in ``options``, for fields whose names are options.
        options: ``source``, ``recorded_by``, ``verified``, ``lasting`` and ``person``, as
            attributes of `Facts`; any other is a field of the facts, with the value that it
            must have, several to choose from, or a condition on the person whom it names.

    Raises:
        InvalidPolicy: they make no sense together.
    """
    known = {
        "sources": options.pop("source", ()),
        "recorded_by": options.pop("recorded_by", ()),
        "verified": options.pop("verified", None),
        "lasting": options.pop("lasting", False),
        "person": options.pop("person", "member"),
    }
    filters = {**options, **(where or {})}
    plain = {name: value for name, value in filters.items() if not isinstance(value, Condition)}
    return Facts(
        kinds=kinds,
        where=tuple(Filter(name, _values(plain[name])) for name in sorted(plain)),
        who=tuple(WhoFilter(name, filters[name]) for name in sorted(filters) if name not in plain),
        **known,
    )


def _values(value: Any) -> Any:
    return value if isinstance(value, tuple | list | set | frozenset) else (value,)
