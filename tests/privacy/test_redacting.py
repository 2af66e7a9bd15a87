"""A redaction leaves no byte of a ciphertext in any file, and everything else as it was; leaks are found."""

from __future__ import annotations

import random
import shutil
import sqlite3
import string
from contextlib import closing, suppress
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import pytest
from eventsourcing.dcb.popo import InMemoryDCBRecorder
from hypothesis import given
from hypothesis import strategies as st

import reps_ledger as rl
from histories import PEOPLE, Offer, fill, histories
from hunting import hunt
from privacy.test_sealed_ledgers import comparable, owners_of, said, sealed_ledger, texts_in
from recorders import make_older
from reps_ledger.audit import make_key, verify_bundle
from reps_ledger.domain.entries import derived_id
from reps_ledger.domain.sealed import ERASED, REDACTED
from reps_ledger.errors import ConfigurationError, NotFound, NotOffered, ReadOnly, Refused, StorageError
from reps_ledger.log.sealing import blobs_beside
from reps_ledger.log.sqlite import file, redacting
from scale import examples, times

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

KEY: Final = make_key("example.org/redacting")
PART: Final = 32
"""How much of a ciphertext is looked for at a time: a long one lies on several pages."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a ledger that seals is, beside its keys; with a member and a text about them."""
    with opened(tmp_path / "reps.db") as ledger:
        joined(ledger, "ana", "ben")
        ledger.record(rl.Vouched(member="ana", voucher="ben", reason="what ben says of ana"), by="council")
        ledger.record(rl.MemberProfiled(member="ben", field="name", value="Name Two"), by="council")
    return tmp_path / "reps.db"


def opened(path: Path, **options: Any) -> rl.Ledger:
    """Open a ledger with the keys beside it."""
    return rl.open(path, **{"keys": path.with_name("reps.keys"), "timeout": 0.3, **options})


def joined(ledger: rl.Ledger, *people: str) -> None:
    """Record that people joined."""
    facts = [rl.MemberJoined(member=person) for person in people]
    ledger.record_all(facts, by="council", occurred_at=date(2018, 1, 1))


def ciphertexts(ledger: rl.Ledger) -> dict[int, list[str]]:
    """Return the ciphertexts as they are stored, by position."""
    found = {row[0]: [*blobs_beside(row[2]).values()] for row in ledger._core.log.stored()}
    return {place: [text for text in blobs if text] for place, blobs in found.items() if any(blobs)}


def parts(blobs: Iterable[str]) -> list[str]:
    """Return what is looked for of ciphertexts: their beginnings, ends and middles."""
    found = []
    for blob in blobs:
        found += [blob[:PART], blob[len(blob) // 2 :][:PART], blob[-PART - 8 : -8]]
    return found


def plain_sql(path: Path, *statements: str | tuple[str, tuple[object, ...]]) -> None:
    """Run statements of somebody who may write the file, past its guards."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER events_keep")
        for statement in statements:
            connection.execute(*((statement,) if isinstance(statement, str) else statement))
        connection.execute(file.OBJECTS["events_keep"])


# Nothing is left, and leaks are found


def layout(folder: Path, seed: int) -> tuple[list[str], list[str]]:
    """Make and redact a ledger at random; return what must be gone, and the files with some of it."""
    chance = random.Random(seed)  # noqa: S311 — the same again when it fails
    with rl.open(folder / "reps.db", keys=":memory:") as ledger:
        people = [f"m{number}" for number in range(chance.randrange(2, 40))]
        joined(ledger, *people)

        def tell(many: int) -> None:
            texts = [
                "".join(chance.choices(string.ascii_letters, k=chance.choice([5, 100, 1_000, 3_000])))
                for _ in range(many)
            ]
            facts = [
                rl.MemberProfiled(member=chance.choice(people), field="name", value=text) for text in texts
            ]
            ledger.record_all(facts, by="council")

        for _ in range(chance.randrange(1, 12)):
            tell(chance.choice([1, 3, 60]))
        log = ledger._core.log
        left = {place: blobs[0] for place, blobs in ciphertexts(ledger).items()}
        gone: list[str] = []
        for _ in range(chance.randrange(1, 6)):
            some = chance.sample(sorted(left), min(len(left), chance.choice([1, 5, 50])))
            log.redact({place: ["value"] for place in some})
            log.purge()
            gone += [left.pop(place) for place in some]
            tell(chance.choice([1, 30]))
        log.purge()
        gone = parts(gone)
        found = hunt(folder, gone)
        there = parts(left.values())
        assert not there or hunt(folder, there).get("reps.db", 0) > 0.9 * len(there)
        return gone, [*found]


@pytest.mark.parametrize("seed", range(times(4, 200)))
def test_no_byte_of_a_ciphertext_is_left(tmp_path: Path, seed: int) -> None:
    """Neither in pages that are used, nor in free ones, nor in the write-ahead log; open or closed."""
    gone, found = layout(tmp_path, seed)
    assert found == []
    assert hunt(tmp_path, gone) == {}


def test_a_log_that_does_not_write_zeros_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A planted leak: without ``secure_delete`` what was taken away stays in the pages."""
    monkeypatch.setitem(file._PRAGMAS, "secure_delete", 0)
    monkeypatch.setattr(redacting, "_must_write_zeros", lambda _: None)
    assert "reps.db" in layout(tmp_path, 1)[1]


def test_a_write_ahead_log_that_is_kept_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted leak: a checkpoint that copies what is new, and leaves what was there before."""
    monkeypatch.setattr(redacting, "_PURGE", "PRAGMA wal_checkpoint(PASSIVE)")
    assert "reps.db-wal" in layout(tmp_path, 1)[1]


def test_a_reader_makes_it_pending(path: Path) -> None:
    """While somebody reads what was there before, the report says so; the next redaction ends it."""
    with opened(path) as ledger:
        places = ciphertexts(ledger)
        first, second = [each.id for each in ledger.entries() if each.position in places]
        secrets = parts(places[min(places)])
        with closing(sqlite3.connect(path)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM events").fetchone()
            report = ledger.redact_entry(first, by="dpo")
            assert report.texts == 1
            assert report.pending == (redacting.PENDING,)
            assert redacting.PENDING in report.words()
            assert hunt(path.parent, secrets) != {}
            assert ledger.resume_redactions() == (redacting.PENDING,)
        assert ledger.redact_entry(second, by="dpo").pending == ()
        assert hunt(path.parent, secrets) == {}


def test_what_is_pending_is_tried_again_when_it_is_opened(path: Path) -> None:
    """Also after everybody was killed who knew of it: that it was redacted is recorded."""
    with opened(path) as ledger, closing(sqlite3.connect(path)) as keeper:
        secrets = parts(blob for blobs in ciphertexts(ledger).values() for blob in blobs)
        keeper.execute("BEGIN")
        keeper.execute("SELECT count(*) FROM events").fetchone()
        for entry in [each.id for each in ledger.entries() if each.position in ciphertexts(ledger)]:
            ledger.redact_entry(entry, by="dpo")
        assert "reps.db-wal" in hunt(path.parent, secrets)
        with opened(path):  # does not wait for the reader
            assert "reps.db-wal" in hunt(path.parent, secrets)
        keeper.rollback()
        assert "reps.db-wal" in hunt(path.parent, secrets)
        with opened(path):
            assert hunt(path.parent, secrets) == {}


def test_an_order_is_carried_out_when_the_ledger_is_opened(path: Path) -> None:
    """Whoever was killed after it was recorded destroyed nothing yet."""
    with opened(path) as ledger:
        secrets = parts(blob for blobs in ciphertexts(ledger).values() for blob in blobs)
        ids = tuple(each.id for each in ledger.entries())
        ledger.record(rl.TextRedacted(entries=(*ids, "unknown"), person="ana"), by="dpo")
        assert len(ciphertexts(ledger)) == 2
    with opened(path) as ledger:
        assert len(ciphertexts(ledger)) == 1
        ledger.record(rl.TextRedacted(entries=ids), by="dpo")
    with rl.open(path):  # without keys, nothing is gone on with
        assert hunt(path.parent, secrets) != {}
    with opened(path, read_only=True):
        assert hunt(path.parent, secrets) != {}
    with opened(path) as ledger:
        assert ciphertexts(ledger) == {}
        assert hunt(path.parent, secrets) == {}
        assert ledger.check() == ()


def test_an_order_is_of_what_was_there_before_it(path: Path) -> None:
    """An id that is known ahead is no way to have destroyed what somebody records later."""
    coming = derived_id("later", 0)
    with opened(path) as ledger:
        ledger.record(rl.TextRedacted(entries=(coming,)), by="ben")
        fact = rl.MemberProfiled(member="ana", field="name", value="Name One")
        assert ledger.record(fact, by="council", command_id="later").id == coming
    with opened(path) as ledger:
        assert ledger.entry(coming).fact.value == "Name One"
        report = ledger.redact_entry(coming, by="dpo")
        assert (report.texts, len(report.orders)) == (1, 1)


# Everything else stays


@examples(2)
@given(told=histories(), who=st.sampled_from(PEOPLE))
def test_a_redaction_changes_nothing_else(told: list[Offer], who: str) -> None:
    """Root, proofs, and what is said of others and of the past are as before; their texts are gone."""
    told = comparable(told)
    with sealed_ledger() as ledger:
        fill(ledger, told)
        report = None
        with suppress(Refused, NotFound, ConfigurationError):
            report = ledger.erase(who, by="dpo")
        if report is None:
            return
        before = said(ledger)
        held = ledger.checkpoint(KEY)
        texts = {e.id: [*texts_in(ledger.opened(e).fact, ledger)] for e in ledger.entries()}
        owners = {e.id: [*owners_of(e.fact, ledger)] for e in ledger.entries()}
        done = ledger.redact(who, by="dpo")
        gone = {*report.members}
        assert done.members == report.members
        assert done.texts == sum(owner in gone for each in owners.values() for owner in each) == report.texts
        for entry in ledger.entries():
            now = [*texts_in(ledger.opened(entry).fact, ledger)]
            for text, was, owner in zip(now, texts.get(entry.id, ()), owners.get(entry.id, ()), strict=False):
                assert text == (REDACTED if owner in gone else was)
        assert ledger.verify(held, KEY.verifying).ok
        ledger.prove_consistency(held).verify()
        for what, now in said(ledger).items():
            if not what.startswith("None"):  # of the present, the timeline says that it was done
                assert str(now).replace(REDACTED, ERASED) == str(before[what])
        assert ledger.check() == ()
        again = ledger.redact(who, by="dpo")
        assert (again.orders, again.texts, again.before) == ((), 0, done.texts)
        if done.texts:
            assert [e.fact.person for e in ledger.entries() if e.id in done.orders] == [report.members[0]]


def test_proofs_checkpoints_and_bundles_of_before_are_good(path: Path) -> None:
    """And those that are made after it; the leaf of an entry has no ciphertext in it."""
    with opened(path) as ledger:
        held = ledger.checkpoint(KEY)
        proof, bundle = ledger.prove(4), ledger.audit_bundle(member="ana", checkpoint=held)
        ledger.erase("ana", by="dpo")
        ledger.redact("ana", by="dpo")
        assert ledger.verify(held, KEY.verifying).ok
        assert ledger.prove(4, at=held) == proof
        again = ledger.audit_bundle(member="ana", checkpoint=held)
        for each in (bundle, again):
            assert {each.position for each in verify_bundle(each, KEY.verifying).entries} >= {2, 4}


def test_caches_stay_what_they_are(path: Path) -> None:
    """The tree's, columns and tables of state: none is made anew, and none is wrong."""
    with opened(path) as ledger:
        last = ledger.position
        columns, state = ledger.columns(), ledger.state()
        mark = ledger._core.log.mark_at(last)
        made = path.with_name("reps.db.columns").stat().st_mtime_ns
        assert ledger.redact_entry([*ledger.entries()][-1].id, by="dpo").texts == 1
        assert ledger._core.log.mark_at(last) == mark
        assert path.with_name("reps.db.columns").stat().st_mtime_ns == made
        assert state.refresh() is not None
        assert [*state.check()] == []
        assert ledger.columns(last).position == columns.position
        assert ledger.check() == ()


def test_copies_of_what_was_redacted(path: Path, tmp_path: Path) -> None:
    """A backup and an export as it was recorded have none of it, and are whole; those of before still do."""
    before, after = tmp_path / "before.db", tmp_path / "after.db"
    with opened(path) as ledger:
        ledger.backup(before)
        secrets = parts(ciphertexts(ledger)[4])
        held = ledger.checkpoint(KEY)
        ledger.erase("ana", by="dpo")
        ledger.redact("ana", by="dpo")
        ledger.backup(after)
        ledger.export(tmp_path / "rows.jsonl", as_recorded=True)
        rows = [*ledger._core.log.stored()]
    assert [*hunt(tmp_path, secrets)] == ["before.db"]
    (tmp_path / "copy").mkdir()
    shutil.copy(tmp_path / "reps.keys", tmp_path / "copy" / "reps.keys")
    for number, target in enumerate((tmp_path / "copy" / "restored.db", tmp_path / "copy" / "reps.db")):
        if number:
            with rl.open(target) as ledger:
                ledger.import_as_recorded(tmp_path / "rows.jsonl")
        else:
            rl.restore(after, target)
        with opened(target) as ledger:
            assert [*ledger._core.log.stored()] == rows
            assert ledger.verify(held, KEY.verifying).ok
            assert ledger.check() == ()
            assert ledger.opened([*ledger.entries()][3]).fact.reason == REDACTED


# What is not as it should be


def test_a_redaction_that_nobody_ordered_is_found(path: Path) -> None:
    """The triggers let it be, as they know no orders; check does."""
    with closing(sqlite3.connect(path)) as other, other:
        (data,) = other.execute("SELECT data FROM events WHERE position = 4").fetchone()
        front = data[: data.index(b"\x1e") + 1]
        other.execute("UPDATE events SET data = ? WHERE position = 4", (front + b'{"reason":null}',))
    with opened(path) as ledger:
        assert [(each.code, each.position) for each in ledger.check()] == [("redaction", 4)]


@pytest.mark.parametrize("what", ["swapped", "removed", "added", "garbled", "gone"])
def test_a_ciphertext_that_is_not_its_own_is_found(path: Path, what: str) -> None:
    """By verify and by check: swapped with another, removed with its field, added, or changed."""
    with opened(path) as ledger:
        held = ledger.checkpoint(KEY)
        blobs = ciphertexts(ledger)
    with closing(sqlite3.connect(path)) as connection:
        (data,) = connection.execute("SELECT data FROM events WHERE position = 4").fetchone()
    front, part = data.split(b"\x1e")
    own, other = blobs[4][0].encode(), blobs[5][0].encode()
    changed = {
        "swapped": front + b"\x1e" + part.replace(own, other),
        "removed": front + b"\x1e{}",
        "added": front + b"\x1e" + part[:-1] + b',"note":"' + other + b'"}',
        "garbled": front + b"\x1e" + part.replace(own, own[:-8] + own[:4] + own[-4:]),
        "gone": front,
    }[what]
    plain_sql(path, ("UPDATE events SET data = ? WHERE position = 4", (changed,)))
    with opened(path) as ledger:
        assert ledger.verify(held, KEY.verifying).codes == ("seal_mismatch",)
        code = "no_entry" if what == "gone" else "seal"
        assert [(each.code, each.position) for each in ledger.check()] == [(code, 4)]


@pytest.mark.parametrize("part", [b'{"reason":"!!"}', b'{"reason":"AA==","reason":"AA=="}'])
def test_what_is_sealed_wrongly_keeps_nobody_from_opening(path: Path, part: bytes) -> None:
    """What is no ciphertext is redacted too; what the triggers refuse is said, and found by check."""
    with opened(path) as ledger:
        entry = next(each.id for each in ledger.entries() if each.position == 4)
        ledger.record(rl.TextRedacted(entries=(entry,), person="nobody"), by="dpo")
        ledger.record(rl.TextRedacted(entries=(entry,)), by="dpo")
    with closing(sqlite3.connect(path)) as connection:
        (data,) = connection.execute("SELECT data FROM events WHERE position = 4").fetchone()
    changed = data[: data.index(b"\x1e") + 1] + part
    plain_sql(path, ("UPDATE events SET data = ? WHERE position = 4", (changed,)))
    with opened(path) as ledger:
        if part.count(b"reason") == 1:
            assert ledger.entry(entry).fact.reason == REDACTED
            assert ledger.check() == ()
        else:
            assert "position 4: nothing was redacted" in ledger.resume_redactions()[0]
            with pytest.raises(StorageError, match="position 4: nothing was redacted"):
                ledger.redact_entry(entry, by="dpo")
            assert {each.code for each in ledger.check()} == {"seal"}


# Who may, and what is refused


def test_only_who_was_erased_is_redacted(path: Path) -> None:
    """Of somebody else one entry at a time, by its id."""
    with opened(path) as ledger:
        with pytest.raises(Refused) as refused:
            ledger.redact("ana", by="dpo")
        assert refused.value.codes == ("not_erased",)
        with pytest.raises(NotFound):
            ledger.redact("nobody", by="dpo")
        with pytest.raises(NotFound):
            ledger.redact_entry("nothing", by="dpo")
        assert len(ciphertexts(ledger)) == 2
        assert not [entry for entry in ledger.entries() if entry.name == "text.redacted"]


def test_every_identifier_of_somebody_is_redacted(path: Path) -> None:
    """And texts about others stay, also where an entry names who was erased."""
    with opened(path) as ledger:
        joined(ledger, "anna")
        ledger.record(rl.Vouched(member="anna", voucher="ben", reason="of the same person"), by="council")
        ledger.record(rl.Vouched(member="ben", voucher="ana", reason="what ana says of ben"), by="council")
        ledger.record(rl.MembersMerged(member="ana", duplicate="anna"), by="council")
        ledger.erase("anna", by="dpo")
        report = ledger.redact("anna", by="dpo", on_behalf_of="council")
        assert (report.members, report.texts, len(report.orders)) == (("ana", "anna"), 2, 1)
        order = ledger.entry(report.orders[0])
        assert (order.by, order.on_behalf_of, order.fact.entries) == ("dpo", "council", report.entries)
        reasons = [ledger.opened(e).fact.reason for e in ledger.entries() if e.name == "vouch.given"]
        assert reasons == [REDACTED, REDACTED, "what ana says of ben"]
        assert "2 sealed texts about ana" in str(report)


def test_an_order_is_about_one_person_s_texts(path: Path) -> None:
    """An entry may have texts about two people: each is redacted with whom it is about."""
    with opened(path) as ledger:
        told = next(each.id for each in ledger.entries() if each.name == "vouch.given")
        joined(ledger, "cleo")
        fact = rl.Vouched(member="cleo", voucher="ben", reason="of cleo it was")
        correction = ledger.record(rl.EntryCorrected(target=told, replacement=fact, reason="no"), by="ben").id
        ledger.erase("ana", by="dpo")
        assert (ledger.redact("ana", by="dpo").texts, ledger.check()) == (2, ())
        assert ledger.entry(correction).fact.reason == REDACTED
        assert ledger.entry(correction).fact.replacement.reason == "of cleo it was"
        ledger.erase("cleo", by="dpo")
        report = ledger.redact("cleo", by="dpo")
        assert (report.texts, report.before, report.entries) == (1, 0, (correction,))
        assert ledger.entry(report.orders[0]).fact.person == "cleo"


def test_a_correction_has_texts_of_its_own(path: Path) -> None:
    """Its reason and its replacement's fields are each redacted with it, and not with its target."""
    with opened(path) as ledger:
        told = next(each.id for each in ledger.entries() if each.name == "vouch.given")
        fact = rl.Vouched(member="ana", voucher="ben", reason="said better")
        correction = ledger.record(rl.EntryCorrected(target=told, replacement=fact, reason="typo"), by="ben")
        assert ledger.redact_entry(told, by="dpo").texts == 1
        assert ledger.opened(ledger.entry(correction.id)).fact.replacement.reason == "said better"
        assert ledger.redact_entry(correction.id, by="dpo").texts == 2
        gone = ledger.entry(correction.id).fact
        assert (gone.reason, gone.replacement.reason) == (REDACTED, REDACTED)
        assert ledger.as_of().member("ana").vouches.received[0].reason == REDACTED


def test_what_is_redacted_stays_so(path: Path) -> None:
    """Its order is neither retracted nor corrected."""
    with opened(path) as ledger:
        (order,) = ledger.redact_entry([*ledger.entries()][-1].id, by="dpo").orders
        with pytest.raises(Refused) as refused:
            ledger.record(rl.EntryRetracted(target=order, reason="no"), by="council")
        assert refused.value.codes == ("erasure_stays",)


def test_a_ledger_without_seals_has_nothing_to_redact(tmp_path: Path) -> None:
    """It is said."""
    with rl.open(tmp_path / "reps.db") as ledger:
        entry = ledger.record(rl.MemberJoined(member="ana"), by="council")
        with pytest.raises(ConfigurationError, match="does not seal"):
            ledger.redact("ana", by="dpo")
        with pytest.raises(ConfigurationError, match="does not seal"):
            ledger.redact_entry(entry.id, by="dpo")


def test_it_takes_no_keys(path: Path) -> None:
    """Whoever lost the keys can still destroy what they open."""
    with opened(path) as ledger:
        ledger.erase("ana", by="dpo")
    with rl.open(path) as ledger:
        assert ledger.redact("ana", by="dpo").texts == 1
        assert ledger.check() == ()
    with opened(path, read_only=True) as ledger, pytest.raises(ReadOnly):
        ledger.redact("ana", by="dpo")


@pytest.mark.parametrize("log", ["library", "umadb"])
def test_where_it_is_not_offered(log: str, targets: Callable[[str], Any], tmp_path: Path) -> None:
    """A typed error, and no order is recorded: it could not be carried out."""
    target = InMemoryDCBRecorder() if log == "library" else targets(log)
    with rl.open(target, keys=tmp_path / "reps.keys") as ledger:
        joined(ledger, "ana")
        entry = ledger.record(rl.MemberProfiled(member="ana", field="name", value="Name One"), by="council")
        ledger.erase("ana", by="dpo")
        before = ledger.position
        with pytest.raises(NotOffered, match="SQLite and PostgreSQL redact"):
            ledger.redact("ana", by="dpo")
        with pytest.raises(NotOffered, match="SQLite and PostgreSQL redact"):
            ledger.redact_entry(entry.id, by="dpo")
        assert ledger.position == before


def test_an_older_file_takes_it_up(path: Path) -> None:
    """A file of format 3 is redacted too, and is of this release's format then."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        make_older(connection, 3)
    with opened(path) as ledger:
        assert ledger.check() == ()
        ledger.erase("ana", by="dpo")
        assert ledger.redact("ana", by="dpo").texts == 1
        assert ledger.check() == ()
