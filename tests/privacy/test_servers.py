"""Sealed ledgers on servers: as on a file; and nothing that a server keeps has a key or a text in it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import psycopg
import pytest
from eventsourcing.dcb.api import DCBEvent
from eventsourcing.persistence import PersistenceError

import reps_ledger as rl
from hunting import hunt
from reps_ledger.audit import make_key
from reps_ledger.domain.sealed import ERASED, REDACTED, SEALED, Owner
from reps_ledger.errors import InvalidInput, NotOffered, ReadOnly, Refused
from reps_ledger.log.postgres import apply_roles
from reps_ledger.log.sealing import blobs_beside
from reps_ledger.privacy import KeyFile
from reps_ledger.salted import SEPARATOR, salt

if TYPE_CHECKING:
    from collections.abc import Callable

SIGNING: Final = make_key("example.org/servers")
JOINED: Final = date(2018, 1, 1)
TEXTS: Final = (
    "What ben says of ana, at some length, é",
    "The Name of Somebody",
    "somebody@mail.example",
    "octo-account-of-ana",
)


@pytest.fixture(params=["postgres", "umadb"])
def target(request: pytest.FixtureRequest, targets: Callable[[str], Any]) -> Any:
    """The address of a new, empty server."""
    return targets(request.param)


def told(ledger: rl.Ledger) -> list[str]:
    """Record a small history with every personal text of `TEXTS`; return the ids of its entries."""
    for member in ("ana", "ben"):
        ledger.record(rl.MemberJoined(member=member), by="council", occurred_at=JOINED)
    facts: list[rl.Fact] = [
        rl.Vouched(member="ana", voucher="ben", reason=TEXTS[0]),
        rl.MemberProfiled(member="ana", field="name", value=TEXTS[1]),
        rl.MemberProfiled(member="ana", field="email", value=TEXTS[2]),
        rl.AccountLinked(member="ana", provider="git", account=TEXTS[3]),
        rl.MemberProfiled(member="ben", field="name", value="The Name of Another"),
    ]
    return [ledger.record(fact, by="council").id for fact in facts]


def texts_of(ledger: rl.Ledger) -> dict[str, Any]:
    """Return what the ledger says of them now."""
    ana, ben = (ledger.as_of().member(name) for name in ("ana", "ben"))
    return {
        "vouch": ana.vouches.received[0].reason,
        "ana": {**ana.profile},
        "ben": {**ben.profile},
        "accounts": {account for _, account in ana.belonging.accounts},
    }


def test_a_sealed_ledger_on_a_server(target: Any, tmp_path: Path) -> None:
    """It seals, reads, finds, refuses, erases and is opened again, with keys and without."""
    keys = tmp_path / "reps.keys"
    with rl.open(target, keys=keys) as ledger:
        ids = told(ledger)
        assert ledger.seals
        assert texts_of(ledger) == {
            "vouch": TEXTS[0],
            "ana": {"name": TEXTS[1], "email": TEXTS[2]},
            "ben": {"name": "The Name of Another"},
            "accounts": {TEXTS[3]},
        }
        assert {person.member for person in ledger.find("somebody")} == {"ana"}
        with pytest.raises(Refused) as refused:
            ledger.record(rl.AccountLinked(member="ben", provider="git", account=TEXTS[3]), by="council")
        assert refused.value.codes == ("account_taken",)
        held = ledger.checkpoint(SIGNING)
    with rl.open(target) as ledger:
        assert texts_of(ledger)["vouch"] == SEALED
        with pytest.raises(Refused) as refused:
            ledger.record(rl.MemberProfiled(member="ana", field="name", value="Other"), by="council")
        assert refused.value.codes == ("unsealed",)
    with rl.open(target, keys=keys) as ledger:
        report = ledger.erase("ana", by="dpo")
        assert (report.texts, report.keys > 0, report.accounts) == (4, True, 1)
        assert ledger.entry(ids[0]).fact.reason == ERASED
        assert texts_of(ledger)["ben"] == {"name": "The Name of Another"}
        assert [finding for finding in ledger.check() if finding.code != "no_zone"] == []
        assert ledger.verify(held, SIGNING.verifying).ok
    with rl.open(target, keys=keys) as ledger:
        assert ledger.entry(ids[1]).fact.value == ERASED
        assert ledger.find("somebody") == ()
        with pytest.raises(Refused) as refused:
            ledger.record(rl.MemberProfiled(member="ana", field="name", value="Again"), by="council")
        assert "erased" in refused.value.codes


def test_an_interrupted_erasure_is_resumed_on_a_server(target: Any, tmp_path: Path) -> None:
    """The order is in the log, and nothing else was done: whoever opens it with the keys goes on."""
    keys = tmp_path / "reps.keys"
    with rl.open(target, keys=keys) as ledger:
        ids = told(ledger)
        ledger.record(rl.MemberErased(member="ana", reason="request"), by="dpo")
        assert ledger.entry(ids[0]).fact.reason == TEXTS[0]
    with rl.open(target, keys=keys) as ledger:
        assert ledger.entry(ids[0]).fact.reason == ERASED


# What is redacted


def test_a_redaction_on_postgres(postgres_dsn: str, tmp_path: Path) -> None:
    """By the owner of the tables; the report says what the server keeps, and what it is to be told."""
    keys = tmp_path / "reps.keys"
    with rl.open(postgres_dsn, keys=keys) as ledger:
        ids = told(ledger)
        held = ledger.checkpoint(SIGNING)
        ledger.erase("ana", by="dpo")
        report = ledger.redact("ana", by="dpo")
        assert (report.texts, len(report.entries), len(report.orders)) == (4, 4, 1)
        assert any("VACUUM FULL" in each for each in report.kept)
        assert any("write-ahead log" in each for each in report.kept)
        assert "The database keeps earlier versions" in str(report)
        assert ledger.entry(ids[0]).fact.reason == REDACTED
        assert ledger.verify(held, SIGNING.verifying).ok
        assert ledger.check() == ()
        rows = [*ledger._core.log.stored()]
        ledger.export(tmp_path / "rows.jsonl", as_recorded=True)
    with rl.open(tmp_path / "copy.db") as copy:
        copy.import_as_recorded(tmp_path / "rows.jsonl")
        assert [*copy._core.log.stored()] == rows
        assert copy.check() == ()


def test_an_order_is_carried_out_when_it_is_opened_on_postgres(postgres_dsn: str, tmp_path: Path) -> None:
    """Where whoever ordered it was killed before it was done."""
    keys = tmp_path / "reps.keys"
    with rl.open(postgres_dsn, keys=keys) as ledger:
        ids = told(ledger)
        ledger.record(rl.TextRedacted(entries=(ids[0],)), by="dpo")
    with rl.open(postgres_dsn, keys=keys) as ledger:
        assert ledger.entry(ids[0]).fact.reason == REDACTED


def test_only_the_owner_redacts_on_postgres(postgres_dsn: str, tmp_path: Path) -> None:
    """A writer records and erases, and is refused a redaction before it is ordered."""
    keys = tmp_path / "reps.keys"
    with rl.open(postgres_dsn, keys=keys) as ledger:
        ids = told(ledger)
    database = postgres_dsn.rpartition("/")[2]
    apply_roles(postgres_dsn, f"writer_{database}", f"reader_{database}")
    with psycopg.connect(postgres_dsn) as admin:
        admin.execute(f"CREATE ROLE app_{database} LOGIN IN ROLE writer_{database}".encode())
    base = postgres_dsn.rpartition("/")[0].rpartition("@")[2]
    with rl.open(f"postgresql://app_{database}@{base}/{database}", keys=keys) as ledger:
        before = ledger.position
        with pytest.raises(ReadOnly, match="owner"):
            ledger.redact_entry(ids[0], by="dpo")
        assert ledger.position == before
        ledger.record(rl.TextRedacted(entries=(ids[0],)), by="dpo")
    with rl.open(f"postgresql://app_{database}@{base}/{database}", keys=keys) as ledger:
        assert "owner" in ledger.resume_redactions()[0]
        assert ledger.entry(ids[0]).fact.reason == TEXTS[0]


def test_a_redaction_is_not_offered_on_umadb(umadb_url: str, tmp_path: Path) -> None:
    """It changes no row in any way."""
    target = umadb_url.replace("http://", "umadb://")
    with rl.open(target, keys=tmp_path / "reps.keys") as ledger:
        ids = told(ledger)
        with pytest.raises(NotOffered):
            ledger.redact_entry(ids[0], by="dpo")
        assert ledger.resume_redactions() == ()


# What the server keeps


def test_nothing_on_postgres_has_a_key_or_a_text(postgres_dsn: str, tmp_path: Path) -> None:
    """In no file of its data folder: tables, indexes, write-ahead log, what it logs; a leak is found."""
    keys = tmp_path / "reps.keys"
    with psycopg.connect(postgres_dsn, autocommit=True) as admin:
        (folder,) = admin.execute("SHOW data_directory").fetchone() or ("",)

        def found(secrets: list[bytes | str]) -> list[str]:
            admin.execute("CHECKPOINT")
            return [*hunt(Path(folder), secrets)]

        with rl.open(postgres_dsn, keys=keys) as ledger:
            told(ledger)
            ledger.state().refresh()
            texts: list[bytes | str] = [*TEXTS]
            with KeyFile.open(keys) as store:
                own = [store.current(Owner("ana", kind, "2018"))[1] for kind in ("vouch.given",)]
            with pytest.raises(InvalidInput):  # an error of the server would be logged with what it is about
                ledger.record(rl.MemberProfiled(member="ana", field="name", value="\0" + TEXTS[1]), by="c")
            stored = [blob for row in ledger._core.log.stored() for blob in blobs_beside(row[2]).values()]
            assert found([blob[8:48] for blob in stored if blob]) != [], "ciphertexts are what lies there"
            assert found([*texts, *own]) == []
            ledger.erase("ana", by="dpo")
            ledger.state().refresh()
            ledger.redact("ana", by="dpo")
            assert found([*texts, *own]) == []
        admin.execute("CREATE TABLE leak (x bytea, y text)")
        admin.execute("INSERT INTO leak VALUES (%s, '')", [own[0]])
        assert found([*own]) != []
        admin.execute("INSERT INTO leak VALUES ('', %s)", [TEXTS[2]])
        assert found([TEXTS[2]]) != []


SAID: Final = b'{"id":"7","fact":{"member":"ana","reason":{"sealed":"AA==","key":"k"}}}'
TAGS: Final = ["member:ana", "entry:7"]


@pytest.mark.parametrize("log", ["sqlite", "memory", "postgres"])
@pytest.mark.parametrize(
    ("data", "tags"),
    [
        (salt(SAID) + SEPARATOR + b'{"reason":"AA=="}', ["entry:7"]),
        (salt(SAID) + SEPARATOR + b'{"reason":"AA=="}', ["member:ben", "entry:7"]),
        (salt(SAID)[:-1] + SEPARATOR + b'{"reason":"AA=="}', TAGS),
        (SEPARATOR + salt(SAID), TAGS),
        (salt(SAID) + b"\0" + SEPARATOR + b"{}", TAGS),
    ],
    ids=["no member", "another member", "cut short", "nothing before", "a NUL"],
)
def test_sealed_rows_that_are_no_entries_are_refused(
    log: str, data: bytes, tags: list[str], targets: Callable[[str], Any]
) -> None:
    """The guard looks at what is before the separator, and takes whole ones."""
    with rl.open(targets(log)) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council", occurred_at=JOINED)
        before = ledger.position
        with pytest.raises((InvalidInput, PersistenceError)):
            ledger._core.log.recorder.append([DCBEvent("vouch.given", data, tags)])
        assert ledger.position == before
        whole = DCBEvent("vouch.given", salt(SAID) + SEPARATOR + b'{"reason":"AA=="}', TAGS)
        ledger._core.log.recorder.append([whole])
