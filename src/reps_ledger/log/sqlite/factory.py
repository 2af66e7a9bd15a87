"""How the library's applications come by this recorder: the persistence module's one factory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from eventsourcing.dcb.persistence import DCBInfrastructureFactory
from eventsourcing.persistence import InfrastructureFactory
from eventsourcing.sqlite import SQLiteFactory, SQLiteTrackingRecorder
from eventsourcing.utils import Environment

from reps_ledger.files import VIEWS_MARK, VIEWS_SUFFIX, claim_database
from reps_ledger.log.sqlite.recorder import MEMORY, SQLiteRecorder

if TYPE_CHECKING:
    from eventsourcing.persistence import AggregateRecorder, ApplicationRecorder, ProcessRecorder
    from eventsourcing.utils import EnvType


class _Views(SQLiteFactory):
    """The library's own factory, for everything that is not the log."""

    SQLITE_DBNAME = "SQLITE_VIEWS_DBNAME"


class SQLiteDCBFactory(
    InfrastructureFactory[SQLiteTrackingRecorder], DCBInfrastructureFactory[SQLiteTrackingRecorder]
):
    """Makes a ``SQLiteRecorder`` for a ``DCBApplication``, and recorders for its projections.

    The log is the file that ``SQLITE_DBNAME`` names. Tracking recorders, and with them the views
    of projections, are the library's own and live in a file of their own, which can be deleted
    and built again: the one that ``SQLITE_VIEWS_DBNAME`` names, by default the log's name with
    ``.views`` added. ``SQLITE_LOCK_TIMEOUT`` is in whole seconds. As with every factory of the
    library, a name with the application's or projection's name before it comes first:
    ``ROSTER_SQLITE_VIEWS_DBNAME``.

    Raises:
        OSError: ``SQLITE_DBNAME`` is not set, or ``SQLITE_LOCK_TIMEOUT`` is not a whole
            number.

    Attributes:
        path: where the log is; ``:memory:`` for in memory.
    """

    SQLITE_DBNAME = "SQLITE_DBNAME"
    SQLITE_LOCK_TIMEOUT = "SQLITE_LOCK_TIMEOUT"

    def __init__(self, env: Environment | EnvType | None) -> None:
        super().__init__(env)
        name = self.env.get(self.SQLITE_DBNAME)
        if not name:
            keys = ", ".join(self.env.create_keys(self.SQLITE_DBNAME))
            raise OSError(f"the path of the ledger is not in the environment, as {keys}")
        self.path = name
        timeout = (self.env.get(self.SQLITE_LOCK_TIMEOUT) or "").strip() or "5"
        try:
            self._timeout = int(timeout)
        except ValueError:
            raise OSError(f"{self.SQLITE_LOCK_TIMEOUT} is {timeout!r}, and should be whole seconds") from None
        self._recorders: list[SQLiteRecorder] = []
        self._made_views: _Views | None = None

    def dcb_recorder(self) -> SQLiteRecorder:
        """Open the log; ``close`` closes it."""
        recorder = SQLiteRecorder(self.path, timeout=self._timeout)
        self._recorders.append(recorder)
        return recorder

    def tracking_recorder(
        self, tracking_recorder_class: type[SQLiteTrackingRecorder] | None = None
    ) -> SQLiteTrackingRecorder:
        """Make a projection's view, with the library's tracking, in the file for views."""
        return self._views().tracking_recorder(tracking_recorder_class)

    def aggregate_recorder(self, purpose: str = "events") -> AggregateRecorder:
        """Make the library's recorder of aggregates, in the file for views."""
        return self._views().aggregate_recorder(purpose)

    def application_recorder(self) -> ApplicationRecorder:
        """Make the library's recorder of an application, in the file for views."""
        return self._views().application_recorder()

    def process_recorder(self) -> ProcessRecorder:
        """Make the library's recorder of an event-sourced projection, in the file for views."""
        return self._views().process_recorder()

    def close(self) -> None:
        """Close the log, which stops its subscriptions, and the file for views."""
        for recorder in self._recorders:
            recorder.close()
        if self._made_views is not None:
            self._made_views.close()

    def _views(self) -> _Views:
        """Opened when first asked for: most applications here have no views of this kind."""
        if self._made_views is None:
            beside = MEMORY if self.path == MEMORY else f"{self.path}{VIEWS_SUFFIX}"
            env = Environment(self.env.name, {_Views.SQLITE_DBNAME: beside, **self.env})
            place = str(env.get(_Views.SQLITE_DBNAME))
            if not place.startswith((MEMORY, "file:")):
                claim_database(Path(place), VIEWS_MARK, field=_Views.SQLITE_DBNAME)
            self._made_views = _Views(env)
        return self._made_views
