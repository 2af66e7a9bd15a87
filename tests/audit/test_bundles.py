"""Audit bundles are verified with the file and the key alone; hostile ones are refused."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from base64 import b64encode
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reps_ledger as rl
import reps_ledger.audit.verifier as module
from processes import PATIENCE
from reps_ledger.audit import VerifyingKey, make_key, verify_bundle
from reps_ledger.errors import (
    InvalidBundle,
    InvalidInput,
    InvalidNote,
    InvalidProof,
    InvalidSignature,
    NotFound,
    NotProved,
)
from reps_ledger.policies import Policy, reports, weeks, when
from scale import examples
from scenarios import fixed_clock

if TYPE_CHECKING:
    from collections.abc import Callable

KEY: Final = make_key("example.org/reps")
POLICY: Final = Policy(
    "activity",
    cases=[when(reports(within=weeks(8)) >= 1).then("active")],
    otherwise="inactive",
    scale=["active", "inactive"],
)


def programme() -> rl.Ledger:
    """A ledger in which a review of ben was decided and a report of his corrected."""
    ledger = rl.open(clock=fixed_clock)
    for member in ("ana", "ben", "cleo"):
        joined = rl.MemberJoined(member=member)
        ledger.record(joined, by="council", occurred_at=date(2018, 1, 1))
    vouch = rl.Vouched(member="ana", voucher="ben", reason="we met")
    ledger.record(vouch, by="ben", occurred_at=date(2018, 2, 1))
    report = rl.ReportFiled(member="ben", activity="talk")
    filed = ledger.record(report, by="ben", occurred_at=date(2018, 3, 1))
    ledger.open_reviews(POLICY, by="council", at=date(2018, 7, 1), occurred_at=date(2018, 7, 2))
    ledger.decide(
        "activity/2018-07-01/ben", "inactive", "no answer", by="council",
        occurred_at=date(2018, 7, 9),
    )  # fmt: skip
    ledger.record(
        rl.EntryCorrected(
            target=filed.id, reason="a typo",
            replacement=rl.ReportFiled(member="ben", activity="workshop"),
        ),
        by="council",
    )  # fmt: skip
    return ledger


def bundle(**options: Any) -> bytes:
    """A bundle of everything about ana."""
    with programme() as ledger:
        return ledger.audit_bundle(**{"member": "ana", "key": KEY, **options})


def test_a_members_entries_are_proved() -> None:
    """Every entry that names her is there, as it was stored, and nothing else."""
    found = verify_bundle(bundle(), KEY.verifying)
    assert found.about == ("member", "ana")
    assert [entry.name for entry in found.entries] == ["member.joined", "vouch.given", "review.opened"]
    assert found.entries[1].says["fact"]["reason"] == "we met"
    assert json.loads(found.entries[1].tags)[:2] == ["member:ana", "member:ben"]
    assert "3 entries about the member ana" in str(found)
    assert "no others is not proved" in str(found)


def test_a_decision_comes_with_all_that_it_rests_on() -> None:
    """A decision's bundle has the review's opening, its policy, the evidence, and amendments."""
    found = verify_bundle(bundle(member=None, review="activity/2018-07-01/ben"), str(KEY.verifying))
    names = [entry.name for entry in found.entries]
    assert names == ["policy.stated", "review.opened", "review.decided"]
    with programme() as ledger:
        late = rl.ReportFiled(member="ben", activity="talk")
        filed = ledger.record(late, by="ben", occurred_at=date(2018, 8, 1))
        at = date(2018, 8, 2)
        ledger.open_reviews(POLICY, by="council", at=at, outcomes=["active"], occurred_at=at)
        review = "activity/2018-08-02/ben"
        ledger.decide(review, "active", "he reports", by="council", occurred_at=at)
        ledger.record(rl.EntryRetracted(target=filed.id, reason="it was cancelled"), by="council")
        data = ledger.audit_bundle(review=review, key=KEY)
    names = [entry.name for entry in verify_bundle(data, KEY.verifying).entries]
    assert names == ["policy.stated", "report.filed", "review.opened", "review.decided", "entry.retracted"]


def test_a_bundle_of_an_older_checkpoint() -> None:
    """Against an older checkpoint, entries recorded after it are left out."""
    with programme() as ledger:
        kept = ledger.checkpoint(KEY)
        ledger.record(rl.Vouched(member="ana", voucher="cleo", reason="x"), by="cleo")
        data = ledger.audit_bundle(member="ana", checkpoint=kept)
        found = verify_bundle(data, KEY.verifying)
        assert (found.checkpoint, len(found.entries)) == (kept, 3)
        ledger.record(rl.MemberJoined(member="dev"), by="council")
        with pytest.raises(NotFound):
            ledger.audit_bundle(member="dev", checkpoint=str(kept))
        with pytest.raises(NotFound):
            ledger.audit_bundle(member="nobody", key=KEY)
    with rl.open() as other:
        for member in ("ana", "ben"):
            other.record(rl.MemberJoined(member=member), by="council")
        with pytest.raises((InvalidProof, InvalidInput)):
            other.audit_bundle(member="ana", checkpoint=kept)


@pytest.mark.parametrize(
    "options", [{"member": None}, {"member": "ana", "review": "x"}, {"key": None}, {"checkpoint": "x"}]
)
def test_one_subject_and_one_checkpoint(options: dict[str, Any]) -> None:
    """A bundle is about one thing and against one checkpoint."""
    with pytest.raises(InvalidInput):
        bundle(**options)


def test_only_the_signer_is_believed() -> None:
    """A bundle signed by somebody else is refused, also by a key of the same name."""
    with pytest.raises(InvalidSignature):
        verify_bundle(bundle(), make_key("example.org/reps").verifying)
    with pytest.raises(InvalidSignature):
        verify_bundle(bundle(key=make_key("example.org/other")), KEY.verifying)
    with pytest.raises(InvalidNote):
        verify_bundle(bundle(), "no key")


DATA: Final = bundle()


def changed(change: Callable[[Any], Any]) -> bytes:
    """The bundle with some parts changed."""
    document = json.loads(DATA)
    found = change(document)
    return json.dumps(document if found is None else found).encode()


def set_entry(field: str, value: Any) -> Callable[[Any], Any]:
    """Change a field of the second entry."""

    def change(document: Any) -> None:
        old = document["entries"][1][field]
        document["entries"][1][field] = value(old) if callable(value) else value

    return change


HOSTILE: Final[dict[str, bytes]] = {
    "nothing": b"",
    "no JSON": b"{",
    "no UTF-8": b"\xff" + DATA,
    "no object": b"[]",
    "deep": b"[" * 100_000 + b"]" * 100_000,
    "a huge number": b'{"format": ' + b"9" * 10_000 + b"}",
    "twice": DATA.replace(b'"about"', b'"format": "x", "about"', 1),
    "twice below": DATA.replace(b'"index"', b'"index": 0, "index"', 1),
    "other format": DATA.replace(b"bundle 1", b"bundle 2"),
    "NaN": changed(set_entry("index", float("nan"))),
    "more": changed(lambda d: {**d, "more": 1}),
    "less": changed(lambda d: {k: v for k, v in d.items() if k != "about"}),
    "about nothing": changed(lambda d: {**d, "about": {}}),
    "about two": changed(lambda d: {**d, "about": {"member": "a", "review": "b"}}),
    "about something else": changed(lambda d: {**d, "about": {"role": "mentor"}}),
    "about a number": changed(lambda d: {**d, "about": {"member": 1}}),
    "surrogates": changed(lambda d: {**d, "about": {"member": "\ud800"}}),
    "entries": changed(lambda d: {**d, "entries": {}}),
    "an entry": changed(lambda d: {**d, "entries": [1]}),
    "a field more": changed(lambda d: d["entries"][0].update(more=1)),
    "index a fraction": changed(set_entry("index", 1.5)),
    "index a truth": changed(set_entry("index", bool)),
    "index negative": changed(set_entry("index", -1)),
    "index beyond": changed(set_entry("index", 10**6)),
    "index huge": changed(set_entry("index", 2**63)),
    "position huge": changed(set_entry("position", 2**64)),
    "name long": changed(set_entry("name", "x" * 201)),
    "data spaced": changed(set_entry("data", lambda old: old + "\n")),
    "data other bits": changed(set_entry("data", "AB==")),
    "data long": changed(set_entry("data", b64encode(bytes(2**20 + 1)).decode())),
    "tags no text": changed(set_entry("tags", ["member:ana"])),
    "proof no list": changed(set_entry("proof", "x")),
    "proof long": changed(set_entry("proof", ["A" * 43 + "="] * 65)),
    "proof short hash": changed(set_entry("proof", lambda old: ["AAAA", *old[1:]])),
    "order": changed(lambda d: d["entries"].reverse()),
    "one twice": changed(lambda d: d["entries"].insert(0, d["entries"][0])),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_bundle_is_refused(name: str) -> None:
    """Whatever is not written exactly as a bundle is refused with a typed error."""
    with pytest.raises((InvalidBundle, NotProved)):
        verify_bundle(HOSTILE[name], KEY.verifying)


def test_its_limits_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is too large is not read to its end, and too many entries are not checked."""
    monkeypatch.setattr(module, "MAX_BUNDLE", len(DATA) - 1)
    file = tmp_path / "bundle.json"
    file.write_bytes(DATA)
    with pytest.raises(InvalidBundle, match="bytes"):
        verify_bundle(file, KEY.verifying)
    monkeypatch.undo()
    assert verify_bundle(str(file), KEY.verifying).about == ("member", "ana")
    monkeypatch.setattr(module, "MAX_ENTRIES", 2)
    with pytest.raises(InvalidBundle, match="at most 2"):
        verify_bundle(file, KEY.verifying)
    with pytest.raises(OSError, match="missing"):
        verify_bundle(tmp_path / "missing", KEY.verifying)


@examples(2)
@given(st.data())
def test_any_change_is_refused(data: st.DataObject) -> None:
    """With any one character changed, a bundle proves the same entries or nothing."""
    true = verify_bundle(DATA, KEY.verifying)
    text = DATA.decode()
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(codec="utf-8").filter(lambda char: char != text[place]))
    try:
        found = verify_bundle((text[:place] + other + text[place + 1 :]).encode(), KEY.verifying)
    except (InvalidBundle, InvalidNote, NotProved):
        return
    assert (found.checkpoint, found.entries) == (true.checkpoint, true.entries)


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=10,
)


@examples(3)
@given(st.sampled_from(["about", "checkpoint", "entries", "format"]), json_values)
def test_any_value_is_read_or_refused(field: str, value: Any) -> None:
    """Any JSON in the place of a part is a typed error."""
    data = json.dumps({**json.loads(DATA), field: value}).encode()
    try:
        verify_bundle(data, KEY.verifying)
    except (InvalidBundle, InvalidNote, NotProved):
        return
    assert field in {"about", "entries"}


def test_the_verifier_stands_alone() -> None:
    """The verifier's code imports neither the log nor anything that reads one."""
    alone = ("verifier", "merkle", "checkpoints")
    for name in alone:
        text = Path(module.__file__).with_name(f"{name}.py").read_text(encoding="utf-8")
        used = set(re.findall(r"^\s*(?:from|import) (reps_ledger[\w.]*)", text, re.MULTILINE))
        own = {used_name for used_name in used if used_name.startswith("reps_ledger.audit.")}
        assert {part.rsplit(".", 1)[1] for part in own} <= {*alone}
        assert used - own <= {
            *("reps_ledger.errors", "reps_ledger.domain.validation", "reps_ledger.domain.arguments"),
            "reps_ledger.interchange",  # the one strict reader of JSON; it imports validation only
            "reps_ledger.leaves",  # the leaf of what is stored; it imports the next, and arguments
            "reps_ledger.domain.sealed",  # what commits to a ciphertext; it imports nothing of ours
            "reps_ledger.salted",  # what of stored bytes is a leaf; it imports nothing of ours
        }


def test_it_is_verified_where_there_is_no_ledger(tmp_path: Path) -> None:
    """The command needs the file and the key alone: it runs in an empty folder."""
    (tmp_path / "ana.json").write_bytes(DATA)
    command = [sys.executable, "-c", "from reps_ledger.cli import main; main()"]
    arguments = ["verify-bundle", "ana.json", "--key", str(KEY.verifying)]
    done = subprocess.run(
        [*command, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    assert "3 entries about the member ana" in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ana.json"]


def named(document: Any, kind: str, name: str) -> bytes:
    """A bundle that says that it is about somebody or something."""
    return json.dumps({**document, "about": {kind: name}}).encode()


@pytest.mark.parametrize(
    ("kind", "name"), [("member", "cleo"), ("member", "nobody"), ("review", "activity/2018-07-01/ben")]
)
def test_whom_it_is_about_is_proved(kind: str, name: str) -> None:
    """What a bundle says of itself is compared with the proved tags of its entries."""
    with pytest.raises(InvalidBundle, match=f"no entry is about the {kind} {name}"):
        verify_bundle(named(json.loads(DATA), kind, name), KEY.verifying)


def test_an_entry_of_somebody_else_is_refused() -> None:
    """A proved entry of another member does not come into a bundle about ana; nor ana's into that one."""
    with programme() as ledger:
        kept = ledger.checkpoint(KEY)
        ana, cleo = (json.loads(ledger.audit_bundle(member=who, checkpoint=kept)) for who in ("ana", "cleo"))
    mixed = sorted([*ana["entries"], *cleo["entries"]], key=lambda entry: entry["index"])
    for about in (ana, cleo):
        with pytest.raises(InvalidBundle, match="it is not about the member"):
            verify_bundle(json.dumps({**about, "entries": mixed}).encode(), KEY.verifying)


def test_who_is_one_person_is_in_one_bundle() -> None:
    """Entries under either identifier belong, as a merge among them says; corrections of them too."""
    with programme() as ledger:
        merged = ledger.record(rl.MembersMerged(member="ben", duplicate="cleo"), by="council")
        ledger.record(rl.EntryRetracted(target=merged.id, reason="two people"), by="council")
        ledger.record(rl.MembersMerged(member="ben", duplicate="cleo"), by="council")
        filed = next(entry for entry in ledger.entries() if entry.name == "report.filed")
        ledger.record(rl.ReportVerified(member="ben", report=filed.id, verifier="ana"), by="ana")
        for who in ("ben", "cleo"):
            found = verify_bundle(ledger.audit_bundle(member=who, key=KEY), KEY.verifying)
            assert found.about == ("member", who)
            assert [entry.name for entry in found.entries].count("member.joined") == 2
        review = "activity/2018-07-01/ben"
        assert verify_bundle(ledger.audit_bundle(review=review, key=KEY), KEY.verifying).about[1] == review


@pytest.mark.parametrize(
    "y",
    [
        *(0, 1, 2**255 - 20, 2**255 - 19, 2**255 - 18, 2**255 - 1),
        2707385501144840649318225287225658788936804267575313519463743609750303402022,
        55188659117513257062467267217118295137698188065244968500265048394206261417927,
    ],
)
@pytest.mark.parametrize("sign", [0, 1])
def test_weak_keys_are_refused(y: int, sign: int) -> None:
    """A key for which anybody can make signatures is none, nor one that is written in a second way."""
    weak = VerifyingKey("example.org/reps", (y | sign << 255).to_bytes(32, "little"))
    with pytest.raises(InvalidNote, match="weak"):
        verify_bundle(DATA, str(weak))
    with pytest.raises(InvalidNote, match="weak"):
        weak.verifies("text", bytes(64))
