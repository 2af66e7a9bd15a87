"""Texts that are given to somebody are proved, each by a key of its own, and nothing else is opened."""

from __future__ import annotations

import base64
import json
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

import reps_ledger as rl
from histories import PEOPLE, Offer, fill, histories
from privacy.test_sealed_ledgers import comparable, sealed_ledger
from reps_ledger.audit import make_key, verify_bundle
from reps_ledger.cli.app import app
from reps_ledger.domain.sealed import ERASED
from reps_ledger.errors import InvalidBundle, InvalidProof, NotFound, PrivacyError, WrongKey
from reps_ledger.ledger.portable import Portable
from reps_ledger.privacy import RevealedTexts, open_texts
from scale import examples

if TYPE_CHECKING:
    from pathlib import Path

SIGNING: Final = make_key("example.org/giving")


def ledger_of(path: Path) -> rl.Ledger:
    """Return a ledger with texts about two people, some in entries that name both."""
    ledger = rl.open(path / "reps.db", keys=path / "reps.keys")
    for member in ("ana", "ben"):
        ledger.record(rl.MemberJoined(member=member), by="council", occurred_at=date(2018, 1, 1))
    told: list[rl.Fact] = [
        rl.Vouched(member="ana", voucher="ben", reason="of ana"),
        rl.Vouched(member="ben", voucher="ana", reason="of ben"),
        rl.MemberProfiled(member="ana", field="name", value="Name One"),
        rl.MemberProfiled(member="ana", field="email", value="one@mail.example"),
        rl.AccountLinked(member="ana", provider="git", account="octo"),
        rl.MemberProfiled(member="ben", field="name", value="Name Two"),
    ]
    ids = [ledger.record(fact, by="council").id for fact in told]
    corrected = rl.MemberProfiled(member="ana", field="email", value="two@mail.example")
    ledger.record(rl.EntryCorrected(target=ids[3], replacement=corrected, reason="typing"), by="council")
    return ledger


def opened(given: Portable) -> RevealedTexts:
    """Return what somebody can check who was given something, with nothing but the public key."""
    assert given.bundle is not None
    assert given.texts is not None
    return open_texts(verify_bundle(given.bundle, SIGNING.verifying), given.texts)


def changed(given: Portable, **parts: Any) -> Any:
    """Return the file of texts with some parts exchanged."""
    assert given.texts is not None
    return json.dumps({**json.loads(given.texts), **parts}).encode()


def test_all_texts_about_a_person_are_proved(tmp_path: Path) -> None:
    """Those about others stay sealed, also where an entry names both."""
    with ledger_of(tmp_path) as ledger:
        found = opened(ledger.portable("ana", by="dpo", key=SIGNING))
        said = {(each.fact, each.path, each.text) for each in found.texts}
        assert said == {
            ("vouch.given", "reason", "of ana"),
            ("member.profiled", "value", "Name One"),
            ("member.profiled", "value", "one@mail.example"),
            ("account.linked", "account", "octo"),
            ("entry.corrected", "reason", "typing"),
            ("entry.corrected", "replacement.value", "two@mail.example"),
        }
        assert {each.member for each in found.texts} == {"ana"}
        assert [ledger.entry(each.entry).position for each in found.texts] == [
            each.position for each in found.texts
        ]
        assert (found.redacted, found.gone) == ((), {})
        assert [path for _, path in found.sealed] == ["reason"], "what is said of ben"
        assert "6 texts were opened" in str(found)


@examples(2)
@given(told=histories(), who=st.sampled_from(PEOPLE))
def test_what_is_given_is_what_is_proved(told: list[Offer], who: str) -> None:
    """Whatever the history: the texts in the data are those that the keys open, and no key opens another."""
    with sealed_ledger() as ledger:
        fill(ledger, comparable(told))
        try:
            given_ = ledger.portable(who, by="dpo", key=SIGNING)
        except NotFound:
            return
        if given_.texts is None:  # nothing was recorded but by a ledger in memory, which declares nothing
            return
        found = opened(given_)
        own = {*given_.data["identifiers"]}
        assert {each.member for each in found.texts} <= own
        shown = msgspec.json.encode(given_.data["entries"]).decode()
        for each in found.texts:
            assert msgspec.json.encode(each.text).decode() in shown
        keys = [row["key"] for row in json.loads(given_.texts)["keys"]]
        assert len({*keys}) == len(keys) == len(found.texts)


def test_a_key_opens_its_text_alone(tmp_path: Path) -> None:
    """Moved to another text of the same person, or to another ledger, it opens nothing."""
    with ledger_of(tmp_path) as ledger:
        given_ = ledger.portable("ana", by="dpo", key=SIGNING)
        assert given_.bundle is not None
        bundle = verify_bundle(given_.bundle, SIGNING.verifying)
        rows = json.loads(given_.texts or b"")["keys"]
        for first in range(len(rows)):
            moved = [
                {**row, "key": rows[(number + first) % len(rows)]["key"]} for number, row in enumerate(rows)
            ]
            if first:
                with pytest.raises(WrongKey):
                    open_texts(bundle, changed(given_, keys=moved))
        with pytest.raises(WrongKey):
            open_texts(bundle, changed(given_, ledger="another"))
        others = ledger.portable("ben", by="dpo", key=SIGNING)
        with pytest.raises(InvalidBundle, match="nothing is sealed there"):
            open_texts(bundle, others.texts or b"")


def test_a_ciphertext_that_was_exchanged_is_found(tmp_path: Path) -> None:
    """It is no part of the leaf, and yet the bundle is refused: its entry commits to another."""
    with ledger_of(tmp_path) as ledger:
        given_ = ledger.portable("ana", by="dpo", key=SIGNING)
        assert given_.bundle is not None
        document = json.loads(given_.bundle)
        row = next(each for each in document["entries"] if each["name"] == "member.profiled")
        data = base64.b64decode(row["data"])
        front, part = data.split(b"\x1e")
        blob = json.loads(part)["value"]
        for other in (blob[:20] + blob[24:28] + blob[24:], "AAAA"):
            now = front + b"\x1e" + part.replace(blob.encode(), other.encode())
            row["data"] = base64.b64encode(now).decode()
            with pytest.raises(InvalidProof, match="not what the entry commits to"):
                verify_bundle(json.dumps(document).encode(), SIGNING.verifying)


def test_what_was_erased_and_redacted_is_said(tmp_path: Path) -> None:
    """The bundle still verifies; keys that were given before still open what was not redacted."""
    with ledger_of(tmp_path) as ledger:
        before = ledger.portable("ana", by="dpo", key=SIGNING)
        ledger.erase("ana", by="dpo")
        after = opened(ledger.portable("ana", by="dpo", key=SIGNING))
        assert (after.texts, after.redacted, {*after.gone.values()}) == ((), (), {ERASED})
        assert len(after.gone) == 6
        assert "6 cannot be opened any more as the ledger says" in str(after)
        assert len(opened(before).texts) == 6, "whoever was given them has them"
        ledger.redact("ana", by="dpo")
        last = ledger.portable("ana", by="dpo", key=SIGNING)
        assert (opened(last).texts, len(opened(last).redacted), opened(last).gone) == ((), 6, {})
        assert last.bundle is not None
        bundle = verify_bundle(last.bundle, SIGNING.verifying)
        assert len(bundle.redacted) == 6
        assert "Of 6 sealed texts beside them the ciphertext was destroyed" in bundle.words()
        assert len(open_texts(bundle, before.texts or b"").redacted) == 6


def test_a_bundle_of_before_has_no_keys_to_what_came_after(tmp_path: Path) -> None:
    """Only texts of its entries are given."""
    with ledger_of(tmp_path) as ledger:
        held = ledger.checkpoint(SIGNING)
        ledger.record(rl.MemberProfiled(member="ana", field="name", value="Name Three"), by="council")
        texts = opened(ledger.portable("ana", by="dpo", checkpoint=held)).texts
        assert len(texts) == 6
        assert all(each.position <= held.size for each in texts)


def test_where_nothing_is_sealed_there_are_no_texts(tmp_path: Path) -> None:
    """Neither a file of them, nor without a bundle."""
    with rl.open(tmp_path / "plain.db") as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council")
        assert ledger.portable("ana", by="dpo", key=SIGNING).texts is None
    with ledger_of(tmp_path) as ledger:
        assert ledger.portable("ana", by="dpo").texts is None


def test_a_bundle_of_a_review_is_read_beside_what_is_sealed(tmp_path: Path) -> None:
    """The evidence of a decision whose reason is sealed belongs to it; and so do voids."""
    with ledger_of(tmp_path) as ledger:
        report = ledger.record(rl.ReportFiled(member="ana", activity="talk", link="a link"), by="ana")
        ledger.record(rl.ReviewOpened(member="ana", review="r1", policy="p"), by="council")
        decided = rl.ReviewDecided(
            member="ana", review="r1", outcome="active", reason="why", evidence=(report.id,)
        )
        ledger.record(decided, by="council")
        bundle = verify_bundle(ledger.audit_bundle(review="r1", key=SIGNING), SIGNING.verifying)
        assert {"report.filed", "review.decided"} <= {entry.name for entry in bundle.entries}
        said = next(entry.says for entry in bundle.entries if entry.name == "review.decided")
        assert isinstance(said, dict)
        assert said["fact"]["reason"].keys() == {"sealed", "key"}


def test_on_the_command_line(tmp_path: Path) -> None:
    """Written as files, and verified with nothing but these and the public key."""
    with ledger_of(tmp_path) as ledger:
        written = ledger.portable("ana", by="dpo", key=SIGNING).write(tmp_path / "given")
        assert [file.name for file in written] == ["data.json", "page.html", "bundle.json", "texts.json"]
    bundle, texts = str(tmp_path / "given" / "bundle.json"), str(tmp_path / "given" / "texts.json")
    run = CliRunner()
    command = ["verify-bundle", bundle, "--key", str(SIGNING.verifying), "--texts", texts]
    shown = run.invoke(app, command)
    assert shown.exit_code == 0, shown.output
    assert "value  Name One" in shown.stdout
    assert "6 texts were opened" in shown.stdout
    as_json = json.loads(run.invoke(app, [*command, "--json"]).stdout)
    assert "Name One" in {each["text"] for each in as_json["texts"]}
    (tmp_path / "given" / "texts.json").write_bytes(b"{}")
    assert run.invoke(app, command).exit_code != 0
    without = run.invoke(app, command[:4])
    assert without.exit_code == 0
    assert "Name One" not in without.stdout


@pytest.mark.parametrize(
    "parts",
    [
        {"format": "reps-ledger texts 2"},
        {"ledger": 7},
        {"keys": {}},
        {"keys": [{"position": 3, "path": "reason"}]},
        {"keys": [{"position": 3, "path": "reason", "key": "AAAA"}]},
        {"keys": [{"position": -1, "path": "reason", "key": "A" * 43 + "="}]},
        {"keys": [{"position": True, "path": "reason", "key": "A" * 43 + "="}]},
        {"keys": [{"position": 4, "path": "reason", "key": "A" * 43 + "="}] * 2},
        {"keys": [{"position": 9_999, "path": "reason", "key": "A" * 43 + "="}]},
        {"gone": [{"position": 4, "path": "reason", "reads": "whatever"}]},
        {"gone": [{"position": 9_999, "path": "reason", "reads": ERASED}]},
        {"more": 1},
    ],
    ids=str,
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, parts: dict[str, Any]) -> None:
    """It may come from anybody: nothing in it is believed."""
    with ledger_of(tmp_path) as ledger:
        given_ = ledger.portable("ana", by="dpo", key=SIGNING)
    assert given_.bundle is not None
    bundle = verify_bundle(given_.bundle, SIGNING.verifying)
    with pytest.raises(InvalidBundle):
        open_texts(bundle, changed(given_, **parts))


@examples(2)
@given(st.data())
def test_a_file_that_was_changed_shows_nothing_false(data: st.DataObject) -> None:
    """Wherever a byte of it was changed: an error of ours, or texts that are true all the same."""
    bundle, texts, true = _once_given()
    at = data.draw(st.integers(0, len(texts) - 1))
    other = texts[:at] + data.draw(st.binary(max_size=2)) + texts[at + data.draw(st.integers(0, 2)) :]
    try:
        found = open_texts(bundle, other)
    except (InvalidBundle, PrivacyError):
        return
    assert {each.text for each in found.texts} <= true


_GIVEN: list[Any] = []


def _once_given() -> tuple[Any, bytes, set[str]]:
    if not _GIVEN:
        with sealed_ledger() as ledger:
            ledger.record(rl.MemberJoined(member="ana"), by="council", occurred_at=date(2018, 1, 1))
            for value in ("Name One", "Name Two"):
                ledger.record(rl.MemberProfiled(member="ana", field="name", value=value), by="council")
            portable = ledger.portable("ana", by="dpo", key=SIGNING)
        assert portable.bundle is not None
        bundle = verify_bundle(portable.bundle, SIGNING.verifying)
        _GIVEN.append((bundle, portable.texts, {each.text for each in opened(portable).texts}))
        assert len(_GIVEN[0][2]) == 2
    return _GIVEN[0]  # type: ignore[no-any-return]  # as it was put there
