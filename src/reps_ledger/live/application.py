"""A ledger as an application of the ``eventsourcing`` library.

With it the library's projection runners and tracking recorders keep a service's own tables
up to date from a ledger::

    with ProjectionRunner(
        application_class=LedgerApplication,
        projection_class=MyProjection,
        view_class=MyView,
        env={"PERSISTENCE_MODULE": "reps_ledger.log.sqlite", "SQLITE_DBNAME": "reps.db"},
    ) as runner: ...
"""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import TYPE_CHECKING, Any, ClassVar, Self
from urllib.parse import quote, urlencode

from eventsourcing.dcb.api import (
    DCBAppendCondition,
    DCBEvent,
    DCBQuery,
    DCBReadResponse,
    DCBRecorder,
    DCBSequencedEvent,
    DCBSubscription,
)
from eventsourcing.dcb.application import DCBApplication
from eventsourcing.dcb.domain import Tagged
from eventsourcing.dcb.persistence import DCBEventStore, DCBInfrastructureFactory, DCBMapper
from eventsourcing.utils import Environment

from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import BUILT_IN, Fact, Registry
from reps_ledger.domain.time import zone_of
from reps_ledger.errors import CodecError, ConfigurationError
from reps_ledger.log import Codec, EventLog, Reading, Upcaster
from reps_ledger.log.sqlite import SQLiteDCBFactory

if TYPE_CHECKING:
    from eventsourcing.utils import EnvType


@dataclass
class _Placed(DCBEvent):
    """An event that knows its position, so that an error can say it."""

    position: int = 0


class EntryMapper(DCBMapper[Any]):
    """Maps entries to the library's events by a ledger's codec, and back.

    The library hands over events without their positions: entries that come from here have
    position 0; the position is in the tracking object beside them.
    """

    def __init__(self, codec: Codec) -> None:
        self._codec = codec

    def to_dcb_event(self, event: Tagged[Any]) -> DCBEvent:
        """Return the event of a tagged entry."""
        entry: Entry = event.decision
        return DCBEvent(type=entry.name, data=self._codec.encode(entry), tags=list(event.tags))

    def to_domain_event(self, event: DCBEvent) -> Tagged[Any]:
        """Return the tagged entry of an event.

        Raises:
            CodecError: it cannot be read.
        """
        tags = tuple(event.tags)
        try:
            entry = self._codec.decode(event.type, event.data, 0, tags)
        except CodecError:
            if isinstance(event, _Placed):
                self._codec.decode(event.type, event.data, event.position, tags)  # which says where
            raise
        return Tagged[Any](tags=list(event.tags), decision=entry)


class LedgerRecorder(DCBRecorder):
    """A ledger's recorder, as the library's runners read it: past what is voided.

    It takes an item of no type and no tag for what it means: everything. The library's runners ask so,
    which its own recorder for PostgreSQL does not understand.

    Args:
        log: the ledger's log.
    """

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self.inner = log.recorder

    def read(
        self, query: DCBQuery | None = None, *, after: int | None = None, limit: int | None = None
    ) -> DCBReadResponse:
        """Return the events that match and are not voided; ``limit`` counts those that are, too."""
        past = self._log.voids()
        return _Response(self.inner.read(_plain(query), after=after, limit=limit), past)

    def append(self, events: Sequence[DCBEvent], condition: DCBAppendCondition | None = None) -> int:
        """Append events as the recorder itself does."""
        return self.inner.append(events, condition)

    def subscribe(self, query: DCBQuery | None = None, *, after: int | None = None) -> Any:
        """Return a subscription that leaves out what is voided."""
        self._log.voids()
        return _Subscription(self, self.inner.subscribe(_plain(query), after=after), self._log)


class _Response(DCBReadResponse):
    """What is read, but for what is voided."""

    def __init__(self, inner: DCBReadResponse, past: Container[int]) -> None:
        self._inner = inner
        self._past = past

    @property
    def head(self) -> int | None:
        return self._inner.head

    def __next__(self) -> DCBSequencedEvent:
        while (event := next(self._inner)).position in self._past:
            pass
        return _placed(event)


class _Subscription(DCBSubscription[LedgerRecorder]):
    """What comes, but for what is voided by then."""

    def __init__(self, recorder: LedgerRecorder, inner: Any, log: EventLog) -> None:
        super().__init__(recorder)
        self._inner = inner
        self._log = log

    def __enter__(self) -> Self:
        self._inner.__enter__()
        return self

    def __exit__(self, *exception: object, **more: Any) -> None:
        self._inner.__exit__(*exception, **more)

    def __next__(self) -> DCBSequencedEvent:
        while self._log.is_voided(event := next(self._inner)):
            pass
        return _placed(event)

    def stop(self) -> None:
        super().stop()
        self._inner.stop()


def _placed(event: DCBSequencedEvent) -> DCBSequencedEvent:
    inner = event.event
    return DCBSequencedEvent(_Placed(inner.type, inner.data, inner.tags, event.position), event.position)


def _recorder(factory: DCBInfrastructureFactory[Any]) -> DCBRecorder:
    datastore = getattr(factory, "datastore", None)
    if isinstance(factory, SQLiteDCBFactory) or datastore is None:
        return factory.dcb_recorder()
    from reps_ledger.log.postgres.guarded import open_guarded  # noqa: PLC0415 — an extra

    return open_guarded(datastore)


def _plain(query: DCBQuery | None) -> DCBQuery | None:
    if query is None or all(item.types or item.tags for item in query.items):
        return query
    return None


class LedgerApplication(DCBApplication):
    """A `DCBApplication` that reads a ledger. Record through `reps_ledger.open`, under its rules.

    Subclass it only to name your own facts::

        class OurLedger(LedgerApplication):
            facts = (MentoringHeld,)

    A subclass has the same name, by which PostgreSQL's tables and the library's tracking are found.
    """

    name = "reps"
    env: Mapping[str, str] = {"PERSISTENCE_MODULE": "reps_ledger.log.sqlite"}
    facts: ClassVar[Iterable[type[Fact]]] = ()
    upcasters: ClassVar[Iterable[Upcaster]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        # The library would name it after its class, and look for the log under that name.
        cls.name = cls.__dict__.get("name", cls.name)
        super().__init_subclass__(**kwargs)

    def __init__(self, env: EnvType | None = None) -> None:
        # In place of the library's own beginning, which makes its tables in PostgreSQL each time: of two that
        # begin together one would fail, as would whoever does not own them.
        self.env = self.construct_env(self.name, env)
        self.factory = DCBInfrastructureFactory[Any].construct(self.env)
        try:
            recorder = _recorder(self.factory)
        except BaseException:
            self.factory.close()
            raise
        codec = Codec(Registry((*BUILT_IN, *self.facts)), self.upcasters)
        self.mapper = EntryMapper(codec)
        self._log = EventLog(recorder, codec)
        self.recorder = LedgerRecorder(self._log)
        self.events = DCBEventStore(self.mapper, self.recorder)

    @property
    def zone(self) -> tzinfo | None:
        """The time zone that the ledger declares last for its days; None where it declares none."""
        reading = Reading(log=self._log, known_at=self._log.head())
        declared = reading.ledger_wide("ledger.declared")
        return zone_of(declared[-1].fact.zone) if declared else None

    @classmethod
    def target(cls, env: EnvType) -> str:
        """Return what names the ledger of an environment to `reps_ledger.open`.

        Raises:
            ConfigurationError: it is neither in a SQLite file nor in PostgreSQL.
        """
        of_ledger = Environment(cls.name, {**cls.env, **os.environ, **env})
        with DCBInfrastructureFactory[Any].construct(of_ledger) as factory:
            if isinstance(factory, SQLiteDCBFactory):
                return f"sqlite:///{quote(factory.path)}"
            pool: Any = getattr(getattr(factory, "datastore", None), "pool", None)
            if pool is None:
                raise ConfigurationError("tables are kept of a ledger in a SQLite file or in PostgreSQL")
            password = {"password": pool.get_password_func()} if pool.get_password_func else {}
            options = {**pool.kwargs, **password}
        named = {name: options[name] for name in ("dbname", "host", "port", "user", "password")}
        return f"postgresql:///?{urlencode(named, quote_via=quote)}"
