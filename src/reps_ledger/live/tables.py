"""The tables of state, kept by the library's projection runners.

::

    with ProjectionRunner(
        application_class=LedgerApplication,
        projection_class=StateProjection,
        view_class=StateTables,
        env={
            "PERSISTENCE_MODULE": "reps_ledger.log.sqlite",
            "SQLITE_DBNAME": "reps.db",
            "STATE_PERSISTENCE_MODULE": "reps_ledger.live",
        },
    ) as runner:
        runner.wait(receipt.position)
        runner.view.state.roster(community="indonesia")
    runner.view.close()

They are the tables of ``ledger.state()``. The library's tracking is the position that the tables have
themselves, which is committed together with their rows; nothing is tracked beside it.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Self

from eventsourcing.persistence import InfrastructureFactory, TrackingRecorder
from eventsourcing.projection import Projection

from reps_ledger.domain.entries import Entry
from reps_ledger.errors import ConfigurationError
from reps_ledger.ledger import Ledger
from reps_ledger.ledger import open as open_ledger
from reps_ledger.live.application import LedgerApplication
from reps_ledger.policies.policy import Policy

if TYPE_CHECKING:
    from eventsourcing.dcb.domain import Tagged
    from eventsourcing.persistence import AggregateRecorder, ApplicationRecorder, ProcessRecorder, Tracking
    from eventsourcing.utils import Environment


class StateTables(TrackingRecorder):
    """The tables of a ledger as the materialised view of a projection.

    They are brought up to the log's head when they are opened, so that a runner begins there.
    Subclass it to name another application, or policies::

        class OurTables(StateTables):
            application_class = OurLedger
            policies = (ACTIVITY,)

    Attributes:
        application_class: the application of the runner, which says where the ledger is and which facts
            of a service's own it has.
        policies: whose outcomes are kept beside those of charters; None for those that the tables keep
            already. See `Ledger.state`.
        gather: seconds from one commit to the next, in which entries that come are gathered, so that
            they are taken together. An entry that comes after a pause is taken at once.
        state: the tables, to read from.

    Args:
        env: the environment of the projection. ``TABLES_PATH`` names a SQLite file to keep the tables
            in, as `Ledger.state` takes it; by default they are where ``ledger.state()`` has them.
    """

    application_class: ClassVar[type[LedgerApplication]] = LedgerApplication
    policies: ClassVar[Iterable[Policy | str] | None] = None
    gather: ClassVar[float] = 0.05

    def __init__(self, env: Environment) -> None:
        ledger = self.open_ledger(env)
        try:
            self.state = ledger.state(policies=self.policies, path=env.get("TABLES_PATH"))
        except BaseException:
            ledger.close()
            raise
        self._log = self.state.tables.log.reading().log
        self._position = self.state.position
        self._committed_at = float("-inf")
        self._finalizer = weakref.finalize(self, ledger.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @classmethod
    def open_ledger(cls, env: Environment) -> Ledger:
        """Open the ledger that the tables are of; override it to pass a zone, or a clock."""
        application = cls.application_class
        return open_ledger(application.target(env), facts=application.facts, upcasters=application.upcasters)

    def close(self) -> None:
        """Close the tables and their ledger; call it once the runner has ended."""
        self._finalizer()

    def max_tracking_id(self, application_name: str) -> int | None:  # noqa: ARG002 — they are of one log
        """Return the position that the tables are of, whoever brought them there; None for an empty log."""
        return self.state.position or None

    def insert_tracking(self, tracking: Tracking) -> None:
        """Bring the tables up to the log's head, unless they are at this position already.

        The library's own recorders refuse a position that is not greater than the last. Here it may be
        that another runner, or `State.refresh`, took it: then nothing is left to do.
        """
        if tracking.notification_id <= self._position:
            return
        time.sleep(max(0.0, self._committed_at + self.gather - time.monotonic()))
        self._position = self.state.refresh().position
        self._committed_at = time.monotonic()

    def take(self, entry: Entry, tracking: Tracking) -> None:
        """Take an entry, and with it all those that came since.

        Raises:
            ConfigurationError: it is of another ledger than these tables.
        """
        position = tracking.notification_id
        if position > self._position and self._log.id_at(position) != entry.id:
            raise ConfigurationError(
                f"entry {position} of the application is not in the ledger that these tables are of; both "
                "must be of one file or database (a log in memory cannot be shared)"
            )
        self.insert_tracking(tracking)


class StateProjection(Projection[StateTables]):
    """Keeps the tables of state; what it asks of its environment begins with ``STATE_``."""

    name = "state"

    def process_event(self, domain_event: Tagged[Any], tracking: Tracking) -> None:
        """Take one entry."""
        self.view.take(domain_event.decision, tracking)


class StateFactory(InfrastructureFactory[StateTables]):
    """Opens tables of state for a projection; it has no recorders of other kinds."""

    def tracking_recorder(self, tracking_recorder_class: type[StateTables] | None = None) -> StateTables:
        """Open the tables."""
        return (tracking_recorder_class or StateTables)(self.env)

    def aggregate_recorder(self, purpose: str = "events") -> AggregateRecorder:
        """Refuse: aggregates are kept elsewhere."""
        raise _only_tables(purpose)

    def application_recorder(self) -> ApplicationRecorder:
        """Refuse: the events of an application are kept elsewhere."""
        raise _only_tables("events")

    def process_recorder(self) -> ProcessRecorder:
        """Refuse: the events of an event-sourced projection are kept elsewhere."""
        raise _only_tables("events")

    def close(self) -> None:
        """Do nothing: whoever asked for tables closes them."""


def _only_tables(what: str) -> ConfigurationError:
    return ConfigurationError(
        f"reps_ledger.live keeps tables of state, not {what}; it is the persistence module of StateProjection"
    )
