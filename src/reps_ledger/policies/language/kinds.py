"""The kinds of condition, measure and window that documents may name.

They are looked up in the modules of the language: a class with a ``key`` of its own, or a window
with ``keys``, is a kind. Nothing else can be named in a document.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final, TypeVar

from reps_ledger.policies.language import counts, measures, people, reviews, shares, windows
from reps_ledger.policies.language.conditions import Leaf
from reps_ledger.policies.language.measures import Measure
from reps_ledger.policies.language.windows import Window

K = TypeVar("K")
Keyed = TypeVar("Keyed", Leaf, Measure)

_MODULES: Final = (counts, measures, people, reviews, shares, windows)


def _defined(base: type[K], mark: str) -> Iterator[type[K]]:
    """Yield the classes of a kind that have a class attribute of this name themselves."""
    for module in _MODULES:
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, base) and mark in vars(value):
                yield value


def _by_key(base: type[Keyed]) -> Mapping[str, type[Keyed]]:
    found = {cls.key: cls for cls in _defined(base, "key")}
    return MappingProxyType(dict(sorted(found.items())))


CONDITIONS: Final = _by_key(Leaf)
"""Conditions without conditions inside them, by their names in documents."""

MEASURES: Final = _by_key(Measure)
"""Measures, by their names in documents."""

WINDOWS: Final[Mapping[frozenset[str], type[Window]]] = MappingProxyType(
    {keys: cls for cls in _defined(Window, "keys") for keys in cls.keys}
)
"""Windows, by the sets of fields that tell them apart in documents."""
