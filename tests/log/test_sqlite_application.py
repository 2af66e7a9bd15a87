"""The library's applications and projections, with their log in a ledger file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from eventsourcing.application import Application
from eventsourcing.dcb.application import DCBApplication
from eventsourcing.dcb.domain import Perspective, Selector, Tagged
from eventsourcing.dcb.msgpack import Decision
from eventsourcing.dcb.persistence import DCBInfrastructureFactory
from eventsourcing.domain import Aggregate
from eventsourcing.persistence import InfrastructureFactory, Tracking, TrackingRecorder
from eventsourcing.popo import POPOTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from eventsourcing.sqlite import SQLiteTrackingRecorder

from reps_ledger.errors import Closed
from reps_ledger.log.sqlite import SQLiteDCBFactory, SQLiteRecorder

if TYPE_CHECKING:
    from pathlib import Path

MODULE = "reps_ledger.log.sqlite"


class Joined(Decision):
    """Somebody joined."""

    member: str


class Roster(Perspective[Decision]):
    """Who joined, as the library reads and saves it."""


class Programme(DCBApplication):
    """A small application of the library's."""

    env = {"MAPPER_TOPIC": "eventsourcing.dcb.msgpack:MessagePackMapper"}  # noqa: RUF012 — its way

    def join(self, member: str) -> int:
        """Record that somebody joined, unless that is recorded."""
        decision = Tagged[Any](tags=[f"member:{member}"], decision=Joined(member=member))
        return self.events.append([decision], cb=Selector(types=[Joined], tags=decision.tags))

    def members(self) -> list[str]:
        """Who joined, in order."""
        return [tagged.decision.member for tagged in self.events.read()]


class Count(Projection[Any]):
    """Counts those who joined."""

    name = "count"

    def __init__(self, view: Any) -> None:
        super().__init__(view)
        self.members: list[str] = []

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        """Count, and remember how far."""
        self.members.append(domain_event.decision.member)
        self.view.insert_tracking(tracking)


@pytest.fixture
def env(sqlite_path: Path) -> dict[str, str]:
    """What the application is configured with."""
    return {"PERSISTENCE_MODULE": MODULE, "SQLITE_DBNAME": str(sqlite_path)}


def test_an_application_saves_and_loads(env: dict[str, str]) -> None:
    """What an application of the library saves is there when it is opened again."""
    with Programme(env) as programme:
        assert isinstance(programme.recorder, SQLiteRecorder)
        assert [programme.join("ana"), programme.join("ben")] == [1, 2]
    with pytest.raises(Closed):
        programme.join("cho")
    with Programme(env) as programme:
        assert programme.members() == ["ana", "ben"]


def test_closing_an_application_without_a_context(env: dict[str, str]) -> None:
    """``close`` closes the log, also where nobody asked for one."""
    programme = Programme(env)
    programme.close()
    with pytest.raises(Closed):
        programme.members()
    factory = DCBInfrastructureFactory[Any].construct(env)
    assert isinstance(factory, SQLiteDCBFactory)
    factory.close()


@pytest.mark.parametrize(
    ("more", "view", "files"),
    [
        ({}, SQLiteTrackingRecorder, {"ledger.db", "ledger.db.views"}),
        ({"COUNT_SQLITE_VIEWS_DBNAME": "{}/v.db"}, SQLiteTrackingRecorder, {"ledger.db", "v.db"}),
        ({"SQLITE_VIEWS_DBNAME": "{}/v.db"}, SQLiteTrackingRecorder, {"ledger.db", "v.db"}),
        (
            {"COUNT_PERSISTENCE_MODULE": "eventsourcing.sqlite", "COUNT_SQLITE_DBNAME": "{}/v.db"},
            SQLiteTrackingRecorder,
            {"ledger.db", "v.db"},
        ),
        ({"COUNT_PERSISTENCE_MODULE": "eventsourcing.popo"}, POPOTrackingRecorder, {"ledger.db"}),
    ],
)
def test_a_projection_follows(
    env: dict[str, str], more: dict[str, str], view: type[TrackingRecorder], files: set[str], tmp_path: Path
) -> None:
    """A projection runs with a view of this module or another, goes on where it was, and ends."""
    env |= {key: value.format(tmp_path) for key, value in more.items()}
    with Programme(env) as programme:
        programme.join("ana")
    for members in (["ana", "ben"], ["cho"]):
        with ProjectionRunner(
            application_class=Programme, projection_class=Count, view_class=view, env=env
        ) as runner:
            position = 0
            for member in members:
                if member != "ana":
                    position = runner.app.join(member)
            runner.wait(position, timeout=10)
        projection = runner.projection
        assert isinstance(projection, Count)
        if view is POPOTrackingRecorder:
            assert projection.members[-1] == members[-1]
        else:
            assert members == projection.members
            runner.view.datastore.close()
    assert files == {path.name for path in tmp_path.iterdir()}


def test_a_factory_in_memory() -> None:
    """In memory both the log and the views are, and the library's other recorders work."""
    env = {"PERSISTENCE_MODULE": MODULE, "SQLITE_DBNAME": ":memory:", "SQLITE_LOCK_TIMEOUT": "1"}
    factory = InfrastructureFactory[Any].construct(env)
    assert isinstance(factory, SQLiteDCBFactory)
    assert factory.dcb_recorder().path is None
    factory.tracking_recorder(SQLiteTrackingRecorder).insert_tracking(Tracking("up", 3))
    assert factory.process_recorder().max_tracking_id("up") == 3
    assert factory.aggregate_recorder("snapshots").select_events("any") == []
    factory.close()
    with Application[UUID](env) as application:
        aggregate = Aggregate()
        application.save(aggregate)
        assert aggregate == application.repository.get(aggregate.id)


@pytest.mark.parametrize(
    ("more", "words"),
    [({}, "SQLITE_DBNAME"), ({"SQLITE_DBNAME": "x", "SQLITE_LOCK_TIMEOUT": "soon"}, "'soon'")],
)
def test_a_wrong_environment(more: dict[str, str], words: str) -> None:
    """What is missing or cannot be understood is named."""
    with pytest.raises(OSError, match=words):
        DCBInfrastructureFactory[Any].construct({"PERSISTENCE_MODULE": MODULE, **more})
