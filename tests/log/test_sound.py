"""SQLite and PostgreSQL refuse rows that are no entries, whoever inserts them; older tables take that up."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import psycopg
import pytest
from eventsourcing.dcb.api import DCBEvent
from eventsourcing.persistence import PersistenceError
from hypothesis import given
from hypothesis import strategies as st

import reps_ledger as rl
from recorders import condition, event, make_older, make_older_on_postgres
from reps_ledger.domain.facts import EntryCorrected
from reps_ledger.domain.validation import MAX_ENTRY_BYTES
from reps_ledger.log.postgres import apply_roles
from reps_ledger.log.postgres.roles import EVENTS, SOUND
from reps_ledger.log.sqlite import SQLiteRecorder
from reps_ledger.log.sqlite.file import FORMAT_VERSION
from reps_ledger.log.sqlite.mark import format_of
from reps_ledger.salted import salt
from scale import examples
from strategies import CUSTOM, facts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def said(entry_id: object = "7", **fact: object) -> bytes:
    """The stored bytes of an entry, as far as a database looks at them."""
    return json.dumps({"id": entry_id, "fact": fact}).encode()


ANA: Final = ["member:ana", "entry:7"]
FINE: Final[dict[str, DCBEvent]] = {
    "with its tags": DCBEvent("report.filed", said(member="ana"), ANA),
    "with more tags": DCBEvent("report.filed", said(member="ana"), [*ANA, "command:1", "row:x"]),
    "of no member": DCBEvent("opportunity.held", said(), ["ledger:opportunity.held", "entry:7"]),
    "of nothing": DCBEvent("talk.held", said(member=None, community=None), ["entry:7"]),
    "of members": DCBEvent("talk.held", said(member=["ana", "ben"], community=[]), ["entry:7"]),
    "of a community": DCBEvent("talk.held", said(community="docs"), ["community:docs", "entry:7"]),
    "of an odd name": DCBEvent("talk.held", said(member='a"\\é'), ['member:a"\\é', "entry:7"]),
    "with salt": DCBEvent("report.filed", salt(said(member="ana")), ANA),
    "with a sealed part": DCBEvent("report.filed", salt(said(member="ana")) + b"\x1e\0\xff sealed", ANA),
    "with escapes": DCBEvent("talk.held", rb'{"id":"\u0037","fact":{"text":"\u0000\\u0000"}}', ["entry:7"]),
    "of the largest size": DCBEvent(
        "talk.held", said(text="x" * (MAX_ENTRY_BYTES - len(said(text="")))), ["entry:7"]
    ),
}
"""What any entry may be."""

REFUSED: Final = (rl.InvalidInput, PersistenceError)
"""How a recorder says so."""

BAD: Final[dict[str, DCBEvent]] = {
    "noise": DCBEvent("member.joined", b"\0\xff", ["member:ana"]),
    "nothing": DCBEvent("member.joined", b"", ["entry:7"]),
    "no JSON": DCBEvent("member.joined", b'{"id":"7"', ["entry:7"]),
    "something after a NUL": DCBEvent("member.joined", said() + b"\0noise", ["entry:7"]),
    "a NUL before a sealed part": DCBEvent("member.joined", said() + b"\0noise\x1esealed", ["entry:7"]),
    "something after the JSON": DCBEvent("member.joined", said() + b"noise", ["entry:7"]),
    "an array": DCBEvent("member.joined", b'["7"]', ["entry:7"]),
    "a text": DCBEvent("member.joined", b'"7"', ["entry:7"]),
    "only a sealed part": DCBEvent("member.joined", b"\x1e" + said(), ["entry:7"]),
    "too large": DCBEvent("talk.held", said(text="x" * MAX_ENTRY_BYTES), ["entry:7"]),
    "without its id": DCBEvent("talk.held", b"{}", ["entry:7"]),
    "without the tag of its id": DCBEvent("talk.held", said(), ["member:ana"]),
    "under another's id": DCBEvent("talk.held", said(), ["entry:8"]),
    "without tags": DCBEvent("talk.held", said(), []),
    "without its member": DCBEvent("report.filed", said(member="ana"), ["entry:7"]),
    "of another member": DCBEvent(
        "report.filed", said(member="ana"), ["member:an", "member:anan", "entry:7"]
    ),
    "without its community": DCBEvent("talk.held", said(community="docs"), ["entry:7"]),
    "a tag twice": DCBEvent("report.filed", said(member="ana"), [*ANA, "x", "x"]),
    **{
        f"{name} without its tag": DCBEvent(name, said(), ["entry:7"])
        for name in (
            "charter.adopted",
            "entry.voided",
            "ledger.declared",
            "members.merged",
            "entry.retracted",
        )
    },
    "of a name that no fact has": DCBEvent("happened", said(), ["entry:7"]),
    "of a topic": DCBEvent("module:Class", said(), ["entry:7"]),
    "of no name": DCBEvent("", said(), ["entry:7"]),
}
"""What no entry is."""


@pytest.fixture(params=["sqlite", "memory", "postgres"])
def ledger(request: pytest.FixtureRequest, targets: Callable[[str], Any]) -> Any:
    """A ledger that was begun, in a database that guards it."""
    with rl.open(targets(request.param)) as opened:
        opened.record(rl.MemberJoined(member="ana"), by="council")
        yield opened


@pytest.mark.parametrize("what", BAD)
def test_what_is_no_entry_is_refused(ledger: rl.Ledger, what: str) -> None:
    """Nothing of an append is kept that has one such row; and the ledger goes on."""
    recorder = ledger._core.log.recorder
    before = ledger.position
    for batch in ([BAD[what]], [FINE["with its tags"], BAD[what]], [FINE["of nothing"]] * 130 + [BAD[what]]):
        with pytest.raises(REFUSED, match=r"no entry|type json|UTF8"):
            recorder.append(batch)
        assert ledger.position == before
    ledger.record(rl.ReportFiled(member="ana", activity="talk"), by="ana")
    assert [found.code for found in ledger.check() if found.code != "no_zone"] == []


@pytest.mark.parametrize("what", FINE)
def test_what_may_be_an_entry_is_taken(ledger: rl.Ledger, what: str) -> None:
    """Whether it is one, and true, is not for a database to say."""
    before = ledger.position
    assert ledger._core.log.recorder.append([FINE[what]]) > before


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO events VALUES (3, 'member.joined', x'00ff', '[\"member:m1\"]')",
        """INSERT INTO events VALUES (3, 'member.joined', CAST('{"id":"7"}' AS BLOB), 'entry:7')""",
        """INSERT INTO events VALUES (3, 'member.joined', CAST('{"id":"7"}' AS BLOB), '{"a":"entry:7"}')""",
        """INSERT INTO events VALUES (3, 'member.joined', CAST('{"id":"7"}' AS BLOB), '["entry:7",7]')""",
        """INSERT INTO events VALUES (3, 'member.joined', CAST('{"id":"7"}' AS BLOB), '["entry:7",["a"]]')""",
        """INSERT INTO events VALUES (3, 'member.joined', CAST('{"id":"7"}' AS BLOB), '"entry:7"')""",
    ],
)
def test_plain_sql_is_refused(sqlite_path: Path, statement: str) -> None:
    """Another program's too; tags that are no array of texts never come in."""
    with rl.open(sqlite_path) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council")
    with (
        closing(sqlite3.connect(sqlite_path)) as plain,
        pytest.raises(sqlite3.IntegrityError, match="no entry"),
    ):
        plain.execute(statement)


@pytest.mark.parametrize(
    "tags", ["ARRAY['entry:7', NULL]", "NULL", "'{}'", "ARRAY[ARRAY['entry:7','entry:7']]"]
)
def test_plain_sql_is_refused_on_postgres(postgres_dsn: str, tags: str) -> None:
    """There the owner's too."""
    with rl.open(postgres_dsn) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council")
    row = f"""INSERT INTO {EVENTS} (type, data, tags) VALUES ('talk.held', '{{"id":"7"}}', {tags})"""  # noqa: S608 — of this test
    words = "no entry|multidimensional"
    with psycopg.connect(postgres_dsn) as plain, pytest.raises(psycopg.Error, match=words):
        plain.execute(row.encode())


@pytest.mark.parametrize("log", ["memory", "postgres"])
def test_a_log_of_other_events_is_as_it_was(log: str, targets: Callable[[str], Any]) -> None:
    """The recorder keeps whatever events the library's own applications give it, under any tags."""
    with rl.open(targets(log)) as ledger:
        recorder = ledger._core.log.recorder
        for other in (
            event("module:Class", "x", "x", data=b"\0"),
            event("", data=b""),
            event("A.b", data=b""),
        ):
            recorder.append([other])
        with pytest.raises(REFUSED, match="no entry"):
            recorder.append([event("happened", data=b"x" * (MAX_ENTRY_BYTES + 1))])
        assert ledger.position == 3


@examples(0.5)
@given(told=st.lists(facts() | st.one_of([facts(kind) for kind in CUSTOM]), min_size=1, max_size=6))
def test_whatever_is_recorded_by_the_rules_fits(told: list[Any]) -> None:
    """Facts of every kind with any values, and corrections to them, are entries to the database."""
    with rl.open(facts=CUSTOM, upcasters=[rl.Upcaster("mentoring.held", n, dict) for n in (1, 2)]) as ledger:
        for person in sorted(
            {
                getattr(fact, "member", None) or "x"
                for fact in told
                if isinstance(getattr(fact, "member", None), str)
            }
        ):
            _recorded(ledger, rl.MemberJoined(member=person))
        filed = _recorded(ledger, rl.OpportunityHeld(opportunity="vote", kind="vote"))
        for fact in told:
            _recorded(ledger, fact)
            if filed is not None:
                _recorded(ledger, EntryCorrected(target=filed.id, replacement=fact, reason="r"))


def _recorded(ledger: rl.Ledger, fact: Any) -> Any:
    try:
        return ledger.record(fact, by="council")
    except (rl.Refused, rl.InvalidInput):
        return None


# Older tables


def _older(path: Path) -> None:
    """Make a file one of format 2."""
    with closing(sqlite3.connect(path)) as connection:
        make_older(connection, 2)


def test_an_older_file_is_guarded_from_its_first_append_on(sqlite_path: Path) -> None:
    """It opens as it is, and is whole; appending makes what it lacks, and a later loss of that is found."""

    def version() -> int:
        with closing(sqlite3.connect(sqlite_path)) as connection:
            return format_of(connection.execute("PRAGMA user_version").fetchone()[0])

    with rl.open(sqlite_path) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council")
    _older(sqlite_path)
    with rl.open(sqlite_path) as ledger:
        assert (ledger.check(), version()) == ((), 2)
        ledger._core.log.recorder.append([FINE["with its tags"]])
        assert version() == FORMAT_VERSION
        with pytest.raises(REFUSED, match="no entry"):
            ledger._core.log.recorder.append([BAD["noise"]])
        assert [found.code for found in ledger.check()] == ["no_entry"]
    with closing(sqlite3.connect(sqlite_path)) as connection:
        connection.execute("DROP TRIGGER events_sound")
    with pytest.raises(rl.Altered, match="events_sound is missing"):
        rl.open(sqlite_path)
    assert rl.repair(sqlite_path) == ["made events_sound"]


def test_an_older_file_with_a_changed_guard_is_altered(sqlite_path: Path) -> None:
    """What it need not have must be right where it is there; and what it must have, there."""
    with rl.open(sqlite_path) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council")
    _older(sqlite_path)
    with closing(sqlite3.connect(sqlite_path)) as connection:
        connection.execute("CREATE TRIGGER events_sound BEFORE INSERT ON events BEGIN SELECT 1; END")
    with pytest.raises(rl.Altered, match="events_sound is changed"):
        rl.open(sqlite_path)
    rl.repair(sqlite_path)
    with closing(sqlite3.connect(sqlite_path)) as connection:
        connection.execute("PRAGMA user_version = 2")
        connection.execute("DROP TRIGGER events_dense")
    with pytest.raises(rl.Altered, match="events_dense is missing"):
        rl.open(sqlite_path)


def test_a_repair_makes_an_older_file_current(sqlite_path: Path) -> None:
    """Whoever is put right is guarded as a new one is."""
    with rl.open(sqlite_path) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council")
    _older(sqlite_path)
    assert rl.repair(sqlite_path) == []
    with closing(sqlite3.connect(sqlite_path)) as connection:
        connection.execute("DROP TRIGGER events_stay")
    assert rl.repair(sqlite_path) == ["made events_stay"]
    with closing(sqlite3.connect(sqlite_path)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (guards,) = connection.execute(
            "SELECT count(*) FROM sqlite_master WHERE name = 'events_sound'"
        ).fetchone()
    assert (format_of(version), guards) == (FORMAT_VERSION, 1)
    with SQLiteRecorder(sqlite_path) as recorder:
        assert recorder.integrity_check() == []
        with pytest.raises(REFUSED, match="no entry"):
            recorder.append([BAD["noise"]])


def _older_on_postgres(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute(f"DROP TRIGGER {SOUND} ON {EVENTS}".encode())
        connection.execute(b"DROP FUNCTION reps_sound()")
        make_older_on_postgres(connection)
        connection.execute(f"COMMENT ON TABLE {EVENTS} IS NULL".encode())


def test_an_older_schema_is_guarded_from_its_owner_s_first_append_on(postgres_dsn: str) -> None:
    """It opens as it is; a writer goes on as before, until the owner appends."""
    with rl.open(postgres_dsn) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council")
    apply_roles(postgres_dsn)
    with psycopg.connect(postgres_dsn) as connection:
        connection.execute(b"CREATE ROLE writing LOGIN PASSWORD 'w'; GRANT reps_writer TO writing")
    _older_on_postgres(postgres_dsn)
    writer = psycopg.conninfo.make_conninfo(postgres_dsn, user="writing", password="w")  # noqa: S106 — of this test
    options = psycopg.conninfo.conninfo_to_dict(writer)
    url = f"postgresql://writing:w@{options['host']}:{options['port']}/{options['dbname']}"
    with rl.open(url) as ledger:
        assert [found.code for found in ledger.check()] == []
        ledger.record(rl.ReportFiled(member="ana", activity="talk"), by="ana")
        ledger._core.log.recorder.append([BAD["without its member"]], condition("x"))
    with rl.open(postgres_dsn) as ledger:
        ledger.record(rl.MemberJoined(member="ben"), by="council")
        with pytest.raises(REFUSED, match="no entry"):
            ledger._core.log.recorder.append([BAD["without its member"]])
        assert ledger._core.log.structure_problems() == []
    with psycopg.connect(postgres_dsn) as connection:
        connection.execute(f"DROP TRIGGER {SOUND} ON {EVENTS}".encode())
    with pytest.raises(rl.Altered, match=f"{SOUND} is missing"):
        rl.open(postgres_dsn)
    assert rl.repair(postgres_dsn) == [f"{SOUND} is missing"]
