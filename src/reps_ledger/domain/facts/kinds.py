"""What makes a class a kind of fact: a stored name, a schema version, whose act it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, TypeVar

from attrs import AttrsInstance, fields, frozen, has

from reps_ledger.errors import InvalidFactType

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["RESERVED", "Fact", "Kind", "fact", "kind_of"]

Fact = AttrsInstance
"""A frozen attrs value in the past tense, of a class marked by `fact`."""

T = TypeVar("T", bound=type)

RESERVED: Final = frozenset(
    {
        "by",
        "command_id",
        "fact",
        "id",
        "occurred_at",
        "on_behalf_of",
        "position",
        "recorded_at",
        "schema",
        "source",
    }
)
"""Names of the exchange format that no fact may use for a field."""

_STORED_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,39}(\.[a-z][a-z0-9_-]{0,39}){1,3}")


@frozen(kw_only=True)
class Kind:
    """How a class of facts is stored and read.

    Attributes:
        name: the stored name, such as ``role.assigned``; never the class path.
        version: the schema version that the class has now, from 1.
        act: the field that names the person who acted, if the fact is somebody's act: acts
            are what keeps a member active.
    """

    name: str
    version: int = 1
    act: str | None = None


def fact(name: str, *, version: int = 1, act: str | None = None) -> Callable[[T], T]:
    """Mark a frozen attrs class as a kind of fact.

    ::

        @rl.fact("mentoring.held", act="member")
        @attrs.frozen(kw_only=True)
        class MentoringHeld:
            member: str
            minutes: int

    Args:
        name: the stored name: lower case words joined by dots, at least two.
        version: the schema version; raise it when the fields change, with an upcaster.
        act: the field naming the person whose act this is, if it is one.

    Raises:
        InvalidFactType: the class is not a frozen attrs class, or a name may not be used.
    """

    def mark(cls: T) -> T:
        is_attrs: bool = has(cls)
        if not (is_attrs and _is_frozen(cls)):
            raise InvalidFactType(
                f"{cls.__name__} must be a frozen attrs class: "
                "put @attrs.frozen(kw_only=True) below @fact(…)"
            )
        if not _STORED_NAME.fullmatch(name):
            raise InvalidFactType(
                f"{name!r} cannot be a stored name; write lower case words joined by dots, "
                "such as 'mentoring.held'"
            )
        if type(version) is not int or version < 1:
            raise InvalidFactType(f"{name}: version must be a whole number from 1")
        names = {attribute.name for attribute in fields(cls)}
        if taken := sorted(names & RESERVED):
            raise InvalidFactType(f"{name}: reserved as field names: {', '.join(taken)}")
        if act is not None and act not in names:
            raise InvalidFactType(f"{name}: act={act!r} is not one of its fields")
        # A class attribute of its own: setattr, as mypy knows the class only as some type.
        setattr(cls, "__fact__", Kind(name=name, version=version, act=act))  # noqa: B010
        return cls

    return mark


def kind_of(fact: Fact | type) -> Kind:
    """Return the kind of a fact or of a class of facts.

    Raises:
        InvalidFactType: it was never marked as one.
    """
    kind: Any = getattr(fact, "__fact__", None)
    if not isinstance(kind, Kind):
        name = fact.__name__ if isinstance(fact, type) else type(fact).__name__
        raise InvalidFactType(f"{name} is not a fact; mark its class with @reps_ledger.fact(…)")
    return kind


def _is_frozen(cls: type) -> bool:
    # attrs keeps no public mark of frozenness; it puts one setter in every frozen class.
    return getattr(cls.__setattr__, "__name__", "") == "_frozen_setattrs"
