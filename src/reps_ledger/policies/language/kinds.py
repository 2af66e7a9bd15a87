"""The kinds of condition, measure and window that there are, found where they are defined.

A class with a ``key`` of its own, or a window with ``keys``, is a kind: writing the class is all
that it takes to be known to documents. Nothing else can be named in one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType, ModuleType
from typing import Final, TypeVar

from reps_ledger.policies.language import counts, measures, people, reviews, shares, windows
from reps_ledger.policies.language.conditions import Leaf
from reps_ledger.policies.language.measures import Measure
from reps_ledger.policies.language.windows import Window

K = TypeVar("K")

_MODULES: Final = (counts, measures, people, reviews, shares, windows)


def _defined(base: type[K], mark: str) -> Iterator[type[K]]:
    for module in _MODULES:
        yield from (cls for cls in _classes(module, base) if mark in vars(cls))


def _classes(module: ModuleType, base: type[K]) -> Iterator[type[K]]:
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, base):
            yield from (value,) if value.__module__ == module.__name__ else ()


def _by_key(base: type[K]) -> Mapping[str, type[K]]:
    found = {cls.key: cls for cls in _defined(base, "key")}  # type: ignore[attr-defined]
    return MappingProxyType(dict(sorted(found.items())))


CONDITIONS: Final = _by_key(Leaf)
"""Conditions without conditions below them, by their names in documents."""

MEASURES: Final = _by_key(Measure)
"""Measures, by their names in documents."""

WINDOWS: Final[Mapping[frozenset[str], type[Window]]] = MappingProxyType(
    {keys: cls for cls in _defined(Window, "keys") for keys in cls.keys}
)
"""Windows, by the fields that tell them apart in documents."""
