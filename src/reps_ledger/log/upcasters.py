"""Upcasters: how a fact stored under an older schema version is read today.

Each is a pure function from the fields of one version to those of the next. Stored bytes
are never rewritten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from attrs import frozen

from reps_ledger.errors import ConfigurationError, UpcasterGap

if TYPE_CHECKING:
    from reps_ledger.domain.facts import Registry

__all__ = ["Upcaster", "Upcasters"]

Fields = dict[str, Any]


@frozen
class Upcaster:
    """One step from a schema version to the next.

    Attributes:
        name: the stored name of the fact.
        version: the version that it takes; it gives ``version + 1``.
        upgrade: takes the stored fields, and returns the fields of the next version.
    """

    name: str
    version: int
    upgrade: Callable[[Fields], Fields]


class Upcasters:
    """The chain of steps for every fact, checked for gaps.

    Raises:
        UpcasterGap: a fact's version is above 1 and a step to it is missing.
        ConfigurationError: two upcasters for one step, or one for a fact or a version that
            does not exist.
    """

    def __init__(self, steps: Iterable[Upcaster], registry: Registry) -> None:
        self._steps: dict[tuple[str, int], Callable[[Fields], Fields]] = {}
        for step in steps:
            described = registry.named(step.name)
            if described is None or not 1 <= step.version < described.kind.version:
                raise ConfigurationError(
                    f"an upcaster takes {step.name} version {step.version}, "
                    "but there is no such older version"
                )
            if (step.name, step.version) in self._steps:
                raise ConfigurationError(f"two upcasters take {step.name} version {step.version}")
            self._steps[step.name, step.version] = step.upgrade
        for described in registry:
            name, version = described.kind.name, described.kind.version
            for older in range(1, version):
                if (name, older) not in self._steps:
                    raise UpcasterGap(
                        f"{name} has version {version}, but no upcaster takes version {older}"
                    )

    def upgrade(self, name: str, version: int, present: int, fields: Fields) -> Fields:
        """Return fields of ``version`` as fields of the present version."""
        for older in range(version, present):
            fields = self._steps[name, older](dict(fields))
        return fields
