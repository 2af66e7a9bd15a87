"""What evaluating an expression depends on, declared by each of its parts.

Whoever must know that (a charter enforced while recording, the strategies of the testing kit, the
partitions of a replay) asks the expression with `reads_of`. There is no table to keep up to date.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Final

from attrs import fields, frozen, has

from reps_ledger.domain.facts import Registry
from reps_ledger.domain.spans import READS


@frozen(kw_only=True)
class Reads:
    """What evaluating a part of an expression depends on.

    Attributes:
        facts: stored names of the facts that it looks for.
        spans: kinds of span, by the stored name of the fact that begins one; the facts that end
            such a span are read with them.
        people: fields of these facts that name people, one or a list, whose own histories are
            read too.
        acts: whether any act of the member makes a difference, whatever its kind.
        everyone: whether it reads members whom none of these facts names.
        programme: whether it reads facts of the whole programme, which name no member.
    """

    facts: frozenset[str] = frozenset()
    spans: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()
    acts: bool = False
    everyone: bool = False
    programme: bool = False

    def __or__(self, other: Reads) -> Reads:
        return Reads(
            facts=self.facts | other.facts,
            spans=self.spans | other.spans,
            people=self.people | other.people,
            acts=self.acts or other.acts,
            everyone=self.everyone or other.everyone,
            programme=self.programme or other.programme,
        )

    def kinds(self, registry: Registry) -> frozenset[str]:
        """Return the stored names of all facts that may make a difference.

        Args:
            registry: the facts that the ledger knows; it says which of them are acts.
        """
        lasting = (READS[name] for name in self.spans)
        acts = {each.kind.name for each in registry if each.kind.act is not None}
        return self.facts.union(*lasting, acts if self.acts else ())


NOTHING: Final = Reads()
"""What is read by a part that looks at nothing by itself."""


class Reader:
    """A part of an expression that may look at a history: always of a class made by attrs."""

    __slots__ = ()

    __attrs_attrs__: ClassVar[Any]
    """What attrs puts in each of these classes: its mark, by which type checkers know them."""

    def words(self) -> str:
        """Say it."""
        raise AssertionError  # pragma: no cover — each kind says its own

    def reads(self) -> Reads:
        """Return what it looks at by itself; what the parts inside it read is theirs to say."""
        raise AssertionError  # pragma: no cover — each kind says its own

    def check_known(self, registry: Registry) -> None:
        """Refuse facts and fields that a ledger does not know.

        Args:
            registry: the facts that it knows.

        Raises:
            InvalidPolicy: it names one.
        """


def parts(value: object) -> Iterator[object]:
    """Yield an expression and every value of ours inside it: all attrs values, also in tuples."""
    if isinstance(value, tuple):
        for item in value:
            yield from parts(item)
    elif has(kind := type(value)):
        yield value
        for attribute in fields(kind):
            yield from parts(getattr(value, attribute.name))


def readers(value: object) -> Iterator[Reader]:
    """Yield every part of an expression that may look at a history."""
    return (part for part in parts(value) if isinstance(part, Reader))


def people_deep(value: object) -> int:
    """Return how many people away an expression looks at most: 2 for the voucher of a voucher."""
    if isinstance(value, tuple):
        return max(map(people_deep, value), default=0)
    if not has(kind := type(value)):
        return 0
    inside = max((people_deep(getattr(value, each.name)) for each in fields(kind)), default=0)
    return inside + bool(isinstance(value, Reader) and value.reads().people)


def reads_of(value: object) -> Reads:
    """Return what a whole expression looks at: a condition, a policy, a clause of a charter.

    The union of what its parts declare.
    """
    found = NOTHING
    for part in readers(value):
        found |= part.reads()
    return found
