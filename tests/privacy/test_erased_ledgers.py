"""An erasure reaches every byte of every file, whatever interrupts it and whatever backup is put back."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from contextlib import closing
from datetime import date
from hashlib import blake2b, md5, sha1, sha256, sha512
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

import reps_ledger as rl
from hunting import hunt
from processes import Program
from reps_ledger.audit import make_key
from reps_ledger.domain.names import canonical_name
from reps_ledger.domain.sealed import ERASED, LOST
from reps_ledger.errors import Refused, WrongKeys
from reps_ledger.importers.rows import row_digest
from reps_ledger.policies import Policy, vouches, when
from reps_ledger.policies.charter import Charter
from reps_ledger.privacy import KeyFile, LocalMaster, WrappedKeys
from reps_ledger.replay.columns.model import keyed
from reps_ledger.salted import salt_of

if TYPE_CHECKING:
    from collections.abc import Callable

PEOPLE: Final = ("ana", "ben", "cleo")
JOINED: Final = date(2018, 1, 1)


def secrets_of(name: str) -> list[str]:
    """Return all personal texts about somebody."""
    return [
        f"account-of-{name}@mail.example",
        f"Name-of-{name}-Zebra",
        f"reason-about-{name}-elected",
        f"reason-about-{name}-corrected",
        f"why-{name}-was-corrected",
        f"https://example.org/report-of-{name}",
    ]


def fill(ledger: rl.Ledger) -> None:
    """Record texts of every kind about each of the people, imported ones too."""
    for name in PEOPLE:
        account, called, elected, corrected, why, link = secrets_of(name)
        ledger.record(rl.MemberJoined(member=name, account=account), by="council", occurred_at=JOINED)
        ledger.record(rl.AccountLinked(member=name, provider="git", account=account), by="council")
        ledger.record(rl.MemberProfiled(member=name, field="name", value=called), by=name)
        given = ledger.record(rl.RoleAssigned(member=name, role="lead", reason=elected), by="council")
        role = rl.RoleAssigned(member=name, role="mentor", reason=corrected)
        ledger.record(rl.EntryCorrected(target=given.id, replacement=role, reason=why), by="council")
        row = {"fact": "report.filed", "member": name, "activity": "talk", "link": link}
        assert ledger.import_history([{**row, "occurred_at": "2018-02-01"}]).recorded == 1


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a ledger that sealed from its first entry, and all that is kept beside it."""
    with rl.open(tmp_path / "reps.db", keys=tmp_path / "reps.keys") as ledger:
        fill(ledger)
        ledger.columns()
        ledger.state()
        ledger.checkpoint(make_key("example.org/erased"))
        assert ledger.find("zebra") != ()
        ledger.export(tmp_path / "history.jsonl")
        ledger.export(tmp_path / "history.csv")
        ledger.export(tmp_path / "stored.jsonl", as_recorded=True)
        (tmp_path / "bundle.json").write_bytes(
            ledger.audit_bundle(member="ana", key=make_key("example.org/erased"))
        )
    return tmp_path


def keys_of(folder: Path, name: str) -> list[bytes]:
    """Return somebody's keys, and the tokens of their accounts."""
    with closing(sqlite3.connect(folder / "reps.keys")) as connection:
        rows = connection.execute("SELECT key FROM keys WHERE member = ? AND key IS NOT NULL", (name,))
        return [key for (key,) in rows]


def test_no_text_is_anywhere_but_beside_the_keys(folder: Path) -> None:
    """Not in the log, columns, tables, trees, exports or bundles; names and accounts are beside the keys."""
    texts = [text for name in PEOPLE for text in secrets_of(name)]
    assert set(hunt(folder, texts)) <= {"reps.keys"}
    assert hunt(folder, [text for text in texts if "reason" in text or "https" in text]) == {}


def test_nothing_is_left_of_who_was_erased(folder: Path) -> None:
    """Neither text nor key, in any file; all of the others is there."""
    texts, keys = secrets_of("ana"), keys_of(folder, "ana")
    assert keys
    with rl.open(folder / "reps.db", keys=folder / "reps.keys") as ledger:
        others = [line.words for name in PEOPLE[1:] for line in ledger.as_of().member(name).timeline]
        rosters = ledger.as_of(date(2018, 6, 1)).roster()
        report = ledger.erase("ana", by="dpo", sign_with=make_key("example.org/erased"))
        assert (report.texts, report.in_the_clear, report.pending) == (7, (), ())
        assert (report.accounts, report.names) == (2, 3)
        assert others == [line.words for name in PEOPLE[1:] for line in ledger.as_of().member(name).timeline]
        assert rosters == ledger.as_of(date(2018, 6, 1)).roster()
        assert [role.reason for role in ledger.as_of().member("ana").roles.ever] == [ERASED]
        assert {each.member for each in ledger.find("zebra")} == {"ben", "cleo"}
        assert ledger.check() == ()
        assert hunt(folder, [*texts, *keys]) == {}
        row = {"fact": "report.filed", "member": "ana", "activity": "talk", "link": texts[-1]}
        again = ledger.import_history([{**row, "occurred_at": "2018-02-01"}])
        assert [each.codes for each in again.refused] == [("erased",)]
    assert hunt(folder, [*texts, *keys]) == {}
    kept = json.loads(next((folder / "reps.db.erasures").iterdir()).read_text().splitlines()[0])
    assert (kept["erased"], kept["keys_destroyed"]) == (["ana"], report.keys)


def test_a_planted_leak_is_found(folder: Path) -> None:
    """The search is worth something: a copy of the keys, and a text in a file of another kind, are found."""
    keys = keys_of(folder, "ana")
    shutil.copy(folder / "reps.keys", folder / "copy.keys")
    with rl.open(folder / "reps.db", keys=folder / "reps.keys") as ledger:
        ledger.export(folder / "revealed.csv", reveal=True, by="dpo")
        ledger.erase("ana", by="dpo")
    found = hunt(folder, [*secrets_of("ana"), *keys])
    assert found.keys() == {"copy.keys", "revealed.csv"}


_CHILD: Final = """
import os, sys
import reps_ledger as rl
from reps_ledger.privacy import KeyFile
from reps_ledger.ledger import erasing
folder, step = sys.argv[1], sys.argv[2]
def dies(place, name):
    def end(*_, **__):
        os._exit(7)
    setattr(place, name, end)
ledger = rl.open(f"{folder}/reps.db", keys=f"{folder}/reps.keys")
{
    "before the keys go": lambda: dies(KeyFile, "erase"),
    "before the file is written anew": lambda: dies(KeyFile, "scrub"),
    "before the receipt": lambda: dies(erasing, "_receipt"),
    "before the receipt is kept": lambda: dies(erasing, "_keep"),
    "before it is known to be done": lambda: dies(KeyFile, "done"),
}[step]()
ledger.erase("ana", by="dpo")
"""


@pytest.mark.parametrize(
    "step",
    [
        "before the keys go",
        "before the file is written anew",
        "before the receipt",
        "before the receipt is kept",
        "before it is known to be done",
    ],
)
def test_an_erasure_goes_on_where_it_was_killed(folder: Path, step: str) -> None:
    """Whoever opens the ledger with its keys carries it out; nobody need ask again."""
    texts, keys = secrets_of("ana"), keys_of(folder, "ana")
    with Program("-c", _CHILD, folder, step) as child:
        assert child.wait(30) == 7
    with rl.open(folder / "reps.db", keys=folder / "reps.keys") as ledger:
        store = KeyFile.open(folder / "reps.keys")
        assert (store.to_follow(), store.must_scrub) == ([], False)
        store.close()
        assert [e.name for e in ledger.entries()].count("member.erased") == 1
        assert ledger.check() == ()
    assert len([*(folder / "reps.db.erasures").iterdir()]) == 1
    assert hunt(folder, [*texts, *keys]) == {}


_UNWRITTEN: Final = """
import os, sys
import reps_ledger as rl
ledger = rl.open(f"{sys.argv[1]}/reps.db", keys=f"{sys.argv[1]}/reps.keys")
for name in ("ben", "cleo", "ana"):
    ledger.record(rl.Vouched(member=name, voucher="ana" if name != "ana" else "ben", reason="a text"), by="x")
os._exit(7)
"""


def test_a_key_whose_owner_was_never_written_down_is_destroyed_too(folder: Path) -> None:
    """It was made ahead, and its process was killed: the entry names it."""
    with Program("-c", _UNWRITTEN, folder) as child:
        assert child.wait(30) == 7
    with rl.open(folder / "reps.db") as ledger:
        used = [
            e.fact.reason.key for e in ledger.entries() if e.name == "vouch.given" and e.fact.member == "ana"
        ]
    with closing(sqlite3.connect(folder / "reps.keys")) as connection:
        rows = connection.execute("SELECT member, key FROM keys WHERE id = ?", used).fetchall()
    ((owner, key),) = rows
    assert owner is None
    with rl.open(folder / "reps.db", keys=folder / "reps.keys") as ledger:
        ledger.erase("ana", by="dpo")
        assert ledger.as_of().member("ben").vouches.received[0].reason == "a text"
    assert hunt(folder, [key]) == {}


def test_a_key_file_from_a_backup_is_erased_again(folder: Path) -> None:
    """The log knows who was erased."""
    texts, keys = secrets_of("ana"), keys_of(folder, "ana")
    shutil.copy(folder / "reps.keys", folder / "backup")
    with rl.open(folder / "reps.db", keys=folder / "reps.keys") as ledger:
        ledger.erase("ana", by="dpo")
    (folder / "backup").replace(folder / "reps.keys")
    assert hunt(folder, keys) != {}
    with rl.open(folder / "reps.db", keys=folder / "reps.keys"):
        pass
    assert hunt(folder, [*texts, *keys]) == {}


def test_a_log_from_a_backup_learns_who_was_erased(folder: Path) -> None:
    """The tombstone beside the keys says so."""
    with rl.open(folder / "reps.db", keys=folder / "reps.keys") as ledger:
        ledger.backup(folder / "backup.db")
        ledger.erase("ana", by="dpo")
    rl.restore(folder / "backup.db", folder / "restored.db")
    with rl.open(folder / "restored.db", keys=folder / "reps.keys") as ledger:
        (order,) = [e for e in ledger.entries() if e.name == "member.erased"]
        assert (order.fact.member, order.by) == ("ana", "key-store")
        with pytest.raises(Refused) as refused:
            ledger.record(rl.ReportFiled(member="ana", activity="talk"), by="ana")
        assert refused.value.codes == ("erased",)
        assert ledger.check() == ()


def test_a_key_that_is_gone_was_erased_or_is_lost(folder: Path) -> None:
    """Never the one for the other; and the keys of another ledger open nothing."""
    (folder / "reps.keys").unlink()
    with rl.open(folder / "reps.db", keys=folder / "reps.keys") as ledger:  # with new keys
        assert {role.reason for role in ledger.as_of().member("ana").roles.ever} == {LOST}
        ledger.record(rl.RoleAssigned(member="ana", role="coach", reason="a new text"), by="council")
        assert ledger.as_of().member("ana").roles.ever[-1].reason == "a new text"
        ledger.erase("ana", by="dpo")
        assert {role.reason for role in ledger.as_of().member("ana").roles.ever} == {ERASED}
        assert {role.reason for role in ledger.as_of().member("ben").roles.ever} == {LOST}
    with rl.open(folder / "other.db", keys=folder / "other.keys") as other:
        fill(other)
    with pytest.raises(WrongKeys):
        rl.open(folder / "reps.db", keys=folder / "other.keys")


def test_keys_under_a_master_key_serve_as_well(tmp_path: Path) -> None:
    """A ledger seals, opens and erases by them."""
    master = LocalMaster(bytes(range(32)))
    with (
        WrappedKeys.open(tmp_path / "reps.keys", master) as store,
        rl.open(tmp_path / "reps.db", keys=store) as ledger,
    ):
        fill(ledger)
        assert hunt(tmp_path, [text for name in PEOPLE for text in secrets_of(name)]) == {}
        assert {each.member for each in ledger.find("zebra")} == {*PEOPLE}
        ledger.erase("ana", by="dpo")
        assert ledger.as_of().member("ana").roles.ever[0].reason == ERASED
        assert ledger.as_of().member("ben").roles.ever[0].reason == secrets_of("ben")[3]


_RACER: Final = """
import sys, time
import reps_ledger as rl
what, folder, name = sys.argv[1:4]
ledger = rl.open(f"{folder}/reps.db", keys=f"{folder}/reps.keys")
print("ready", flush=True)
sys.stdin.readline()
if what == "link":
    for number in range(12):
        try:
            ledger.record(rl.AccountLinked(member=name, provider="hub", account=f"account-{number}"), by="x")
            print(number, flush=True)
        except rl.Refused as refused:
            assert refused.codes == ("account_taken",), refused
else:
    until = time.monotonic() + 1.5
    while time.monotonic() < until:
        for member in ("ana", "ben"):
            try:
                ledger.record(rl.ReportFiled(member=member, activity="talk", link="SECRET-TEXT"), by="x")
            except rl.Refused as refused:
                assert refused.codes == ("erased",), refused
"""


def _raced(folder: Path, tasks: list[tuple[str, str]], meanwhile: Callable[[], None]) -> list[list[str]]:
    """Run racers at once, and return what each of them printed."""
    racers = [Program("-c", _RACER, what, folder, name) for what, name in tasks]
    said = []
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("\n")
        racer.stdin.flush()
    meanwhile()
    for racer in racers:
        with racer:
            out, _ = racer.communicate(timeout=30)
            assert racer.returncode == 0
            said.append(out.split())
    return said


def test_an_account_is_one_persons_whoever_is_first(folder: Path) -> None:
    """Three processes link the same accounts to three people: each account to one of them."""
    said = _raced(folder, [("link", name) for name in PEOPLE], lambda: None)
    linked = [number for each in said for number in each]
    assert sorted(linked, key=int) == [str(number) for number in range(12)]


def test_no_text_lands_after_its_persons_erasure(folder: Path) -> None:
    """Two processes go on recording about whom a third one erases."""

    def erase() -> None:
        with rl.open(folder / "reps.db", keys=folder / "reps.keys") as ledger:
            time.sleep(0.4)
            ledger.erase("ana", by="dpo")

    _raced(folder, [("seal", ""), ("seal", "")], erase)
    with rl.open(folder / "reps.db", keys=folder / "reps.keys") as ledger:
        entries: list[Any] = [*ledger.entries()]
        (order,) = [e.position for e in entries if e.name == "member.erased"]
        about = [e for e in entries if e.name == "report.filed" and e.fact.member == "ana"]
        assert max(e.position for e in about) < order
        assert {ledger.opened(e).fact.link for e in about} == {ERASED}
        others = [e for e in entries if e.name == "report.filed" and e.fact.member == "ben"]
        assert max(e.position for e in others) > order
        assert ledger.check() == ()


def test_what_lies_in_the_clear_is_said_not_to_go(tmp_path: Path) -> None:
    """Texts from before the ledger sealed are listed by the report, and so are mentions in others' texts."""
    with rl.open(tmp_path / "reps.db") as plain:
        for name in ("ana", "ben"):
            plain.record(rl.MemberJoined(member=name), by="council", occurred_at=JOINED)
        old = plain.record(rl.RoleAssigned(member="ana", role="lead", reason="in the clear"), by="council")
    with rl.open(tmp_path / "reps.db", keys=tmp_path / "reps.keys") as ledger:
        ledger.begin_sealing(by="council")
        vouch = ledger.record(rl.Vouched(member="ben", voucher="ana", reason="a text of ana"), by="ana")
        report = ledger.erase("ana", by="dpo")
        assert (report.in_the_clear, report.mentioned, report.texts) == ((old.id,), (vouch.id,), 0)
        assert "never sealed" in report.words()


def digests_of(text: str, folder: Path) -> list[bytes]:
    """Return hashes of a text that anybody can make who guesses it, also with the salts that are there."""
    with rl.open(folder / "reps.db", read_only=True) as ledger:
        salts = [salt_of(data) for _, _, data, _ in ledger._core.log.stored()]
    key = next((folder / "reps.db.columns").glob("key.*")).read_bytes()
    plain = [text.encode(), canonical_name(text).encode()]
    found = [make(each).digest() for each in plain for make in (sha256, sha1, md5, blake2b, sha512)]
    found += [sha256(salt + each).digest() for salt in salts for each in plain]
    found += [sha256(each + salt).digest() for salt in salts for each in plain]
    row = {"fact": "report.filed", "member": "ana", "activity": "talk", "link": text}
    found.append(row_digest({**row, "occurred_at": "2018-02-01"}).encode())
    return [*found, keyed(text, key).encode()]


def test_no_guess_of_a_text_is_confirmed(folder: Path) -> None:
    """Whoever has all files after an erasure, and guesses a text, finds nothing by which to tell."""
    with rl.open(folder / "reps.db", keys=folder / "reps.keys") as ledger:
        ledger.erase("ana", by="dpo")
    guesses = [digest for text in secrets_of("ana") for digest in digests_of(text, folder)]
    assert hunt(folder, guesses) == {}
    (folder / "planted").write_bytes(b"x" + sha256(secrets_of("ana")[0].encode()).digest())
    assert hunt(folder, guesses).keys() == {"planted"}


def test_a_decision_is_replayed_that_leaned_on_erased_texts(tmp_path: Path) -> None:
    """It is reproduced, and says which texts are gone; bundles of others are what they were."""
    policy = Policy(
        "activity", version="1", cases=[when(vouches() >= 1).then("active")], otherwise="inactive",
        scale=["active", "inactive"],
    )  # fmt: skip
    key = make_key("example.org/erased")
    with rl.open(tmp_path / "reps.db", keys=tmp_path / "reps.keys") as ledger:
        fill(ledger)
        ledger.record(rl.Vouched(member="ana", voucher="ben", reason="a reason to vouch"), by="ben")
        ledger.adopt(Charter(name="reps", version="1", policies=(policy,)), by="council")
        (item,) = [
            each
            for each in ledger.open_reviews("activity", by="council", outcomes=["active", "inactive"]).reviews
            if each.member == "ana"
        ]
        review = item.review
        ledger.decide(review, "active", "vouched for", by="council")
        held = ledger.checkpoint(key)
        bundles = [ledger.audit_bundle(member=name, checkpoint=held) for name in PEOPLE]
        ledger.erase("ana", by="dpo")
        replayed = ledger.replay_decision(review)
        assert (replayed.reproduced, replayed.reason) == (True, ERASED)
        words = ledger.audit_decision(review).words()
        assert words.count(ERASED) >= 2
        assert "a reason to vouch" not in words
        assert [ledger.audit_bundle(member=name, checkpoint=held) for name in PEOPLE] == bundles
        assert ledger.verify(held, key.verifying).ok


def test_who_was_erased_has_a_pseudonym(folder: Path) -> None:
    """Always the same, of nobody else; those who were not erased have none."""
    with rl.open(folder / "reps.db", keys=folder / "reps.keys") as ledger:
        assert ledger.pseudonyms(PEOPLE) == {}
        ledger.erase("ana", by="dpo")
        ledger.erase("ben", by="dpo")
        found = ledger.pseudonyms(PEOPLE)
    assert found.keys() == {"ana", "ben"}
    assert len({*found.values()}) == 2
    with rl.open(folder / "reps.db", keys=folder / "reps.keys") as ledger:
        assert ledger.pseudonyms(["ana"]) == {"ana": found["ana"]}


def test_accounts_that_a_restored_key_file_lacks_are_made_again(folder: Path) -> None:
    """Those of people whose keys it has: from then on they are theirs again."""
    shutil.copy(folder / "reps.keys", folder / "backup")
    link = {"provider": "hub", "account": "octo-account"}
    with rl.open(folder / "reps.db", keys=folder / "reps.keys") as ledger:
        ledger.record(rl.AccountLinked(member="ana", **link), by="x")
    (folder / "backup").replace(folder / "reps.keys")
    with rl.open(folder / "reps.db", keys=folder / "reps.keys") as ledger:
        assert (ledger.restore_accounts(), ledger.restore_accounts()) == (1, 0)
        with pytest.raises(Refused) as refused:
            ledger.record(rl.AccountLinked(member="ben", **link), by="x")
        assert refused.value.codes == ("account_taken",)
