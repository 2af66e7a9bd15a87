"""Opening a ledger."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import tzinfo

from reps_ledger.domain.facts import BUILT_IN, Fact, Registry
from reps_ledger.domain.rules import Rule, Rulebook
from reps_ledger.domain.time import Clock, system_clock, zone_of
from reps_ledger.ledger.ledger import Ledger
from reps_ledger.log import Codec, EventLog, Recording, Target, Upcaster, open_recorder
from reps_ledger.policies.charter.governing import governance

__all__ = ["open"]


def open(  # noqa: A001 — read as reps_ledger.open, as in gzip.open
    target: Target = None,
    *,
    facts: Iterable[type[Fact]] = (),
    rules: Iterable[Rule] = (),
    upcasters: Iterable[Upcaster] = (),
    zone: str | tzinfo = "UTC",
    clock: Clock = system_clock,
    retries: int = 20,
) -> Ledger:
    """Open a ledger, and make it where there is none.

    Args:
        target: None for one in memory; a path or ``sqlite:///path``; ``postgresql://…``;
            ``umadb://host:port``; or any ``DCBRecorder`` of the eventsourcing library.
        facts: the service's own kinds of fact, marked with ``reps_ledger.fact``.
        rules: the service's own rules, which refuse more than the built-in ones.
        upcasters: how to read older versions of its facts.
        zone: the time zone in which dates, months and years are read.
        clock: says what time it is, as an aware datetime.
        retries: how often to try again when others record what a recording depends on.

    Raises:
        StorageError: it cannot be opened; the subclass says why.
        ConfigurationError: the arguments do not fit together.
        InvalidTime: the zone is unknown.
    """
    registry = Registry((*BUILT_IN, *facts))
    codec = Codec(registry, upcasters)
    place = zone_of(zone)
    rulebook = Rulebook(registry, rules, governance(registry, place))
    recorder, close = open_recorder(target)
    recording = Recording(
        log=EventLog(recorder, codec), rules=rulebook, clock=clock, retries=retries
    )
    return Ledger(recording, place, close)
