"""Sealed texts of an older version of a fact: what an upcaster makes of them stays sealed."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import attrs
import pytest

import reps_ledger as rl
from reps_ledger.domain.sealed import ERASED
from reps_ledger.ledger import erasing
from reps_ledger.privacy import KeyFile

if TYPE_CHECKING:
    from pathlib import Path


@rl.fact("guest.noted")
@attrs.frozen(kw_only=True)
class Guest1:
    """A guest of a member's, as first noted."""

    member: str
    name: str = attrs.field(metadata={"personal": True})


@rl.fact("guest.noted", version=2)
@attrs.frozen(kw_only=True)
class Guest2:
    """The same, the name in two parts."""

    member: str
    given: str = attrs.field(metadata={"personal": True})
    family: str = attrs.field(metadata={"personal": True})


@rl.fact("guest.noted", version=2)
@attrs.frozen(kw_only=True)
class GuestOpen:
    """The same, where somebody forgot that a name is personal."""

    member: str
    guest: str


def apart(fields: dict[str, Any]) -> dict[str, Any]:
    """Take a name apart: it fails where the name is one word."""
    given, family = fields.pop("name").split(" ")
    return {**fields, "given": given, "family": family}


def in_the_open(fields: dict[str, Any]) -> dict[str, Any]:
    """Put a sealed name where nothing is sealed."""
    name = fields.pop("name")
    return {**fields, "guest": name}


@pytest.fixture
def noted(tmp_path: Path) -> Path:
    """A file in which two members noted a guest, and one of those notes was put right."""
    path = tmp_path / "reps.db"
    with closing(rl.open(path, keys=KeyFile.open(tmp_path / "reps.keys"), facts=[Guest1])) as ledger:
        for member in ("ana", "ben"):
            ledger.record(rl.MemberJoined(member=member), by="x")
            first = ledger.record(Guest1(member=member, name=f"Quagga {member.title()}ovich"), by="x")
        right = Guest1(member="ben", name="Okapi Benson")
        ledger.record(rl.EntryCorrected(target=first.id, replacement=right, reason="a slip"), by="x")
    return path


def reopened(path: Path, *, keys: bool = True) -> rl.Ledger:
    """Open the file by the newer version."""
    given = KeyFile.open(path.with_name("reps.keys")) if keys else None
    return rl.open(path, keys=given, facts=[Guest2], upcasters=[rl.Upcaster("guest.noted", 1, apart)])


def guests(ledger: rl.Ledger) -> list[tuple[str, str]]:
    """Return the guests of everybody as they read, opened."""
    found = [ledger.opened(entry).fact for entry in ledger.entries()]
    replaced = [getattr(fact, "replacement", fact) for fact in found]
    return [(str(fact.given), str(fact.family)) for fact in replaced if isinstance(fact, Guest2)]


def test_what_an_upcaster_makes_of_a_sealed_text_is_sealed(noted: Path) -> None:
    """It opens with the keys, says nothing of itself, and a person's copy and what is due have it."""
    with closing(reopened(noted)) as ledger:
        assert guests(ledger) == [("Quagga", "Anaovich"), ("Quagga", "Benovich"), ("Okapi", "Benson")]
        assert "Quagga" not in repr(list(ledger.entries()))
        assert "Quagga" in repr(ledger.portable("ana", by="dpo").data)
        assert not list(ledger.due_erasures())
        assert [finding for finding in ledger.check() if finding.code != "voided"] == []


def test_who_was_erased_reads_as_erased_whatever_an_upcaster_wants(noted: Path) -> None:
    """Though it would fail at the word that stands there; the others' are as they were, also opened again."""
    with closing(reopened(noted)) as ledger:
        ledger.erase("ana", by="dpo")
    for _ in range(2):
        with closing(reopened(noted)) as ledger:
            assert guests(ledger) == [(ERASED, ERASED), ("Quagga", "Benovich"), ("Okapi", "Benson")]
            assert ledger.as_of().member("ben").member == "ben"
    with closing(reopened(noted)) as ledger:
        ledger.erase("ben", by="dpo")
        assert set(guests(ledger)) == {(ERASED, ERASED)}


def test_without_keys_an_upcaster_has_nothing_to_take_apart(noted: Path) -> None:
    """The entries read all the same, sealed."""
    with closing(reopened(noted, keys=False)) as ledger:
        assert len(list(ledger.entries())) == 6
        assert "Quagga" not in repr(guests(ledger))


def test_a_sealed_text_does_not_come_out_by_an_upcaster(noted: Path) -> None:
    """Into a field that nothing seals: it is refused, without saying the text."""
    upcaster = rl.Upcaster("guest.noted", 1, in_the_open)
    keys = KeyFile.open(noted.with_name("reps.keys"))
    with (
        closing(rl.open(noted, keys=keys, facts=[GuestOpen], upcasters=[upcaster])) as ledger,
        pytest.raises(rl.errors.CodecError, match="guest, which is not sealed") as refused,
    ):
        list(ledger.entries())
    assert "Quagga" not in str(refused.value)


def test_what_cannot_be_read_does_not_bar_opening(noted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though an erasure has to be gone on with: it is, as soon as the entries can be read."""

    def interrupted(*_args: object, **_named: object) -> None:
        raise KeyboardInterrupt

    with closing(reopened(noted)) as ledger:
        monkeypatch.setattr(erasing, "_carried_out", interrupted)
        with pytest.raises(KeyboardInterrupt):
            ledger.erase("ana", by="dpo")
        monkeypatch.undo()
    keys = KeyFile.open(noted.with_name("reps.keys"))
    upcaster = rl.Upcaster("guest.noted", 1, in_the_open)
    with (
        closing(rl.open(noted, keys=keys, facts=[GuestOpen], upcasters=[upcaster])) as ledger,
        pytest.raises(rl.errors.CodecError),
    ):
        ledger.resume_erasures()
    with closing(reopened(noted)) as ledger:
        assert guests(ledger)[0] == (ERASED, ERASED)
        assert ledger.resume_erasures() == []
