"""A ledger that seals says what one says that does not; and erasing somebody changes nothing else."""

from __future__ import annotations

import stat
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import reps_ledger as rl
from histories import PEOPLE, Offer, fill, histories, open_ledger
from reps_ledger.audit import make_key
from reps_ledger.domain.facts import EntryCorrected
from reps_ledger.domain.sealed import ERASED, GONE, Sealed
from reps_ledger.errors import (
    ConfigurationError,
    Conflict,
    InvalidFact,
    InvalidFactType,
    PathTaken,
    Refused,
    WrongKeys,
)
from reps_ledger.log.sealing import personal_texts
from reps_ledger.privacy import KeyFile
from reps_ledger.projections import DIMENSIONS
from scale import examples

if TYPE_CHECKING:
    from collections.abc import Iterator

NOT_COMPARED: Final = (rl.LedgerDeclared, rl.MemberErased, rl.TextRedacted)
"""Of a ledger in memory, only one that seals declares itself; and it lets nobody take back what is gone."""

INSTANTS: Final = (date(2018, 3, 1), date(2018, 9, 1), None)


def comparable(told: list[Offer]) -> list[Offer]:
    """Return the offers that mean the same to a ledger that seals and to one that does not."""
    return [offer for offer in told if not isinstance(offer.fact, NOT_COMPARED)]


def sealed_ledger() -> rl.Ledger:
    """Open a ledger in memory that seals."""
    return open_ledger(keys=KeyFile.open(":memory:"))


def texts_in(fact: Any, ledger: rl.Ledger) -> Iterator[str]:
    """Yield the personal texts of a fact, and of what takes the place of another."""
    registry = ledger._core.log.codec.registry
    yield from (text for _, text in personal_texts(fact, registry.of(fact)))
    if isinstance(fact, EntryCorrected):
        yield from texts_in(fact.replacement, ledger)


def owners_of(fact: Any, ledger: rl.Ledger) -> Iterator[str]:
    """Yield whom each sealed text of a fact is about."""
    for text in texts_in(fact, ledger):
        assert isinstance(text, Sealed)
        yield text.place.member


def said(ledger: rl.Ledger, people: tuple[str, ...] = PEOPLE) -> dict[str, Any]:
    """Return what a ledger says of some people and of everybody, at several instants."""
    found: dict[str, Any] = {}
    for at in INSTANTS:
        view = ledger.as_of(at)
        for name in people:
            person = view.member(name)
            found[f"{at} {name}"] = (
                person.member,
                [(line.at, line.words) for line in person.timeline],
                [(h.role, h.community, h.start, h.end, h.reason, h.end_reason) for h in person.roles.ever],
                [(v.voucher, v.at, v.reason) for v in person.vouches.received],
                (person.membership.standing, person.membership.since, person.membership.spells),
                (person.belonging.accounts, person.belonging.communities, person.belonging.skills),
                {**person.profile},
            )
        found[f"{at} roster"] = [
            (row.member, row.roles, row.since, row.active, row.last_activity, row.vouch_level)
            for row in view.roster()
        ]
        found[f"{at} census"] = [
            (row.at, row.group, row.members) for row in view.census(by=sorted(DIMENSIONS))
        ]
    return found


@examples(4)
@given(told=histories())
def test_sealed_or_not_a_ledger_says_the_same(told: list[Offer]) -> None:
    """What is refused, every view, roster and count: the same, texts opened; nothing is in the clear."""
    told = comparable(told)
    with open_ledger() as plain, sealed_ledger() as sealed:
        one, other = fill(plain, told), fill(sealed, told)
        assert [r.entry.occurred_at for r in one] == [r.entry.occurred_at for r in other]
        ids = {a.id: b.id for a, b in zip(one, other, strict=True)}

        def renamed(fact: Any) -> Any:
            """Return a fact that names the entries of the other ledger."""
            for name in sealed._core.log.codec.registry.of(fact).entries:
                value = getattr(fact, name)
                if isinstance(value, str):
                    fact = attrs.evolve(fact, **{name: ids.get(value, value)})
            return fact

        stored = [e for e in sealed.entries() if e.name != "ledger.declared"]
        assert [renamed(e.fact) for e in plain.entries()] == [sealed.opened(e).fact for e in stored]
        assert all(isinstance(text, Sealed) for e in stored for text in texts_in(e.fact, sealed))
        assert said(plain) == said(sealed)
        assert [f for f in sealed.check() if f.code != "voided"] == []


@examples(4)
@given(told=histories(), who=st.sampled_from(PEOPLE))
def test_an_erasure_changes_nothing_else(told: list[Offer], who: str) -> None:
    """Root, proofs, what is said of others and of the past are as before; their texts are gone."""
    told = comparable(told)
    key = make_key("example.org/erasing")
    with sealed_ledger() as ledger:
        fill(ledger, told)
        assume(any(who in entry.tags or f"member:{who}" in entry.tags for entry in ledger.entries()))
        before = said(ledger)
        held = ledger.checkpoint(key)
        texts = {e.id: [*texts_in(ledger.opened(e).fact, ledger)] for e in ledger.entries()}
        owners = {e.id: [*owners_of(e.fact, ledger)] for e in ledger.entries()}
        report = None
        with suppress(Refused):
            report = ledger.erase(who, by="dpo")
        if report is None:  # then they neither joined nor applied
            assert not {"member.joined", "application.filed"} & {e.name for e in ledger.history(who)}
            return
        gone = {*report.members}
        for entry in ledger.entries():
            now = [*texts_in(ledger.opened(entry).fact, ledger)]
            for text, was, owner in zip(now, texts.get(entry.id, ()), owners.get(entry.id, ()), strict=False):
                assert text == (ERASED if owner in gone else was)
        assert ledger.verify(held, key.verifying).ok
        ledger.prove_consistency(held).verify()
        after = said(ledger)
        for name in set(PEOPLE) - gone:
            for at in INSTANTS[:-1]:
                if not gone & {part for part in PEOPLE if part in str(before[f"{at} {name}"])}:
                    assert after[f"{at} {name}"] == before[f"{at} {name}"]
        for at in INSTANTS[:-1]:
            for what in ("roster", "census"):
                assert after[f"{at} {what}"] == before[f"{at} {what}"]
        assert ledger.check() == ()
        again = ledger.erase(who, by="dpo")
        assert (again.order, again.keys, again.members) == (report.order, 0, report.members)


@pytest.mark.parametrize(
    ("fact", "code"),
    [
        (rl.MemberJoined(member="ana"), "erased"),
        (rl.ReportFiled(member="ana", activity="talk"), "erased"),
        (rl.MemberProfiled(member="ana", field="name", value="Name One"), "erased"),
        (rl.Vouched(member="ben", voucher="ana"), "erased"),
        (rl.RoleEnded(member="ana", role="mentor", how="resigned", reason="a text"), "erased"),
        (rl.MembersMerged(member="ben", duplicate="ana"), "erased"),
        (rl.AccountLinked(member="ana", provider="git", account="octo"), "erased"),
    ],
)
def test_nothing_begins_for_who_was_erased(fact: rl.Fact, code: str) -> None:
    """Whatever says something of them, or begins something, is refused; what ends is not."""
    with sealed_ledger() as ledger:
        for name in ("ana", "ben"):
            ledger.record(rl.MemberJoined(member=name), by="council", occurred_at=date(2018, 1, 1))
        ledger.record(rl.RoleAssigned(member="ana", role="mentor"), by="council")
        ledger.erase("ana", by="dpo")
        with pytest.raises(Refused) as refused:
            ledger.record(fact, by="council")
        assert code in refused.value.codes
        ledger.record(rl.RoleEnded(member="ana", role="mentor", how="inactive"), by="council")


@pytest.mark.parametrize(
    ("fact", "envelope", "field"),
    [
        (rl.MemberJoined(member="ben@mail.example"), {}, "member"),
        (rl.ApplicationFiled(member="ben@mail.example", role="lead"), {}, "member"),
        (
            rl.ApplicationFiled(member="ana", role="lead", references=("a", "b@mail.example")),
            {},
            "references",
        ),
        (rl.NoticeSent(member="ben@mail.example", notice="n", stage="nudge"), {}, "member"),
        (rl.ReportFiled(member="ana", activity="call with ben@mail.example"), {}, "activity"),
        (rl.ReportFiled(member="ana", activity="call", areas=("docs", "ben@mail.example")), {}, "areas"),
        (rl.RoleAssigned(member="ana", role="lead", community="ben@mail.example"), {}, "community"),
        (rl.RoleAssigned(member="ana", role="lead"), {"by": "ben@mail.example"}, "by"),
        (rl.RoleAssigned(member="ana", role="lead"), {"on_behalf_of": "ben@mail.example"}, "on_behalf_of"),
        (rl.RoleAssigned(member="ana", role="lead"), {"command_id": "ben@mail.example"}, "command_id"),
        (rl.RoleAssigned(member="ana", role="lead"), {"source": "mail of ben@mail.example"}, "source"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_stays_in_the_clear_is_no_address(fact: rl.Fact, envelope: dict[str, Any], field: str) -> None:
    """Identifiers, actors, commands and sources are never sealed: an address is refused there, unsaid."""
    envelope = {"by": "council", **envelope}
    with sealed_ledger() as ledger, open_ledger() as plain:
        for each in (ledger, plain):
            each.record(rl.MemberJoined(member="ana"), by="council", occurred_at=date(2018, 1, 1))
        with pytest.raises(Refused) as refused:
            ledger.record(fact, **envelope)
        assert refused.value.codes == ("address",)
        assert str(refused.value).startswith(f"{field} looks like an address")
        assert "mail.example" not in str(refused.value)
        plain.record(fact, **envelope)


def test_who_is_there_under_an_address_stays_there(tmp_path: Path) -> None:
    """A ledger that begins to seal goes on about people whom addresses name."""
    with rl.open(tmp_path / "reps.db") as plain:
        plain.record(rl.MemberJoined(member="ana@mail.example"), by="council", occurred_at=date(2018, 1, 1))
    with rl.open(tmp_path / "reps.db", keys=tmp_path / "reps.keys") as ledger:
        ledger.begin_sealing(by="council")
        ledger.record(rl.RoleAssigned(member="ana@mail.example", role="lead", reason="a text"), by="council")
        ledger.erase("ana@mail.example", by="dpo")


def test_who_has_an_address_for_an_identifier_is_merged_into_another(tmp_path: Path) -> None:
    """A ledger from before sealed texts may have such people: what is told of them goes on."""
    with rl.open(tmp_path / "reps.db") as ledger:
        ledger.record_all(
            [rl.MemberJoined(member="alex@example.org"), rl.MemberJoined(member="m-1")], by="council"
        )
    with rl.open(tmp_path / "reps.db", keys=tmp_path / "reps.keys") as ledger:
        ledger.begin_sealing(by="council")
        ledger.record(rl.ReportFiled(member="alex@example.org", activity="talk"), by="council")
        ledger.record(rl.MembersMerged(member="m-1", duplicate="alex@example.org"), by="council")
        assert ledger.check() == ()


def test_who_only_applied_is_erased_too() -> None:
    """Also under the identifier that merges keep, which never joined; and `check` judges so too."""
    with sealed_ledger() as ledger:
        ledger.record(rl.MemberJoined(member="cleo"), by="council", occurred_at=date(2018, 1, 1))
        ledger.record(rl.ApplicationFiled(member="ben", role="lead"), by="ben", occurred_at=date(2018, 1, 1))
        told = ledger.record(rl.ReportFiled(member="cleo", activity="talk"), by="cleo")
        merged = rl.MembersMerged(member="ana", duplicate="ben")
        ledger.record(
            rl.EntryCorrected(target=told.id, replacement=merged, reason="one person"), by="council"
        )
        report = ledger.erase("ben", by="dpo")
        assert report.members == ("ana", "ben")
        assert ledger.check() == ()


def test_what_is_erased_stays_so() -> None:
    """Neither the order nor what it concerns is retracted or corrected."""
    with sealed_ledger() as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council", occurred_at=date(2018, 1, 1))
        role = ledger.record(rl.RoleAssigned(member="ana", role="mentor", reason="a text"), by="council")
        order = ledger.erase("ana", by="dpo").order
        for target, code in ((order, "erasure_stays"), (role.id, "erased")):
            with pytest.raises(Refused) as refused:
                ledger.record(rl.EntryRetracted(target=target, reason="no"), by="council")
            assert refused.value.codes == (code,)
        assert ledger.as_of().member("ana").roles.now[0].reason == ERASED


def test_without_keys_what_is_sealed_reads_as_sealed(tmp_path: Path) -> None:
    """A ledger that seals is read without keys, but for texts; no text is recorded in the clear."""
    with rl.open(tmp_path / "reps.db", keys=tmp_path / "reps.keys") as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council", occurred_at=date(2018, 1, 1))
        ledger.record(rl.RoleAssigned(member="ana", role="mentor", reason="a text"), by="council")
    with rl.open(tmp_path / "reps.db") as ledger:
        assert ledger.as_of().member("ana").roles.now[0].reason in GONE
        for fact in (
            rl.RoleAssigned(member="ana", role="coach", reason="a text"),
            rl.AccountLinked(member="ana", provider="git", account="octo"),
            rl.MemberProfiled(member="ana", field="name", value="Name One"),
        ):
            with pytest.raises(Refused) as refused:
                ledger.record(fact, by="council")
            assert refused.value.codes == ("unsealed",)
        ledger.record(rl.RoleAssigned(member="ana", role="coach"), by="council")
        assert ledger.check() == ()


def test_a_ledger_begins_to_seal(tmp_path: Path) -> None:
    """What was recorded before stays in the clear, and check says so; from then on there is no way back."""
    path, keys = tmp_path / "reps.db", tmp_path / "reps.keys"
    with rl.open(path) as plain:
        plain.record(
            rl.MemberJoined(member="ana", account="octo"), by="council", occurred_at=date(2018, 1, 1)
        )
        with rl.open(path, keys=keys) as ledger:
            before = ledger.seals
            ledger.record(rl.RoleAssigned(member="ana", role="coach", reason="in the clear"), by="council")
            ledger.begin_sealing(by="council")
            assert (before, ledger.seals) == (False, True)
            ledger.record(rl.RoleAssigned(member="ana", role="mentor", reason="a sealed text"), by="council")
            (found,) = ledger.check()
            assert (found.code, found.position) == ("in_the_clear", 2)
        with pytest.raises(Refused) as refused:  # opened before it sealed, without keys
            plain.record(rl.RoleAssigned(member="ana", role="lead", reason="a text"), by="council")
        assert refused.value.codes == ("unsealed",)
        with pytest.raises(Refused) as refused:
            plain.record(rl.LedgerDeclared(ledger=plain._core.ledger or "", zone="UTC"), by="council")
        assert refused.value.codes == ("seals",)
    stored = path.read_bytes()
    assert b"in the clear" in stored
    assert b"a sealed text" not in stored


def test_an_account_in_the_clear_is_somebodys_all_the_same(tmp_path: Path) -> None:
    """Accounts that were linked before the ledger sealed exclude sealed ones, and can be unlinked."""
    path = tmp_path / "reps.db"
    link = {"provider": "git", "account": "octo"}
    with rl.open(path) as ledger:
        for name in ("ana", "ben"):
            ledger.record(rl.MemberJoined(member=name), by="council", occurred_at=date(2018, 1, 1))
        ledger.record(rl.AccountLinked(member="ana", **link), by="council")
    with rl.open(path, keys=tmp_path / "reps.keys") as ledger:
        ledger.begin_sealing(by="council")
        for account in ("octo", "OCTO"):
            with pytest.raises(Refused) as refused:
                ledger.record(rl.AccountLinked(member="ben", provider="git", account=account), by="council")
            assert refused.value.codes == ("account_taken",)
            assert account not in str(refused.value)
        ledger.record(rl.AccountUnlinked(member="ana", **link), by="council")
        ledger.record(rl.AccountLinked(member="ben", **link), by="council")
        assert ledger.as_of().member("ben").belonging.accounts == {("git", "octo")}
        assert ledger.as_of().member("ana").belonging.accounts == frozenset()
        assert {found.code for found in ledger.check()} == {"in_the_clear"}


KEYED: Final = {"personal": True, "keyed": True}


@rl.fact("badge.lost", follows="account.linked", shared=("member", "account"))
@attrs.frozen(kw_only=True)
class BadgeLost:
    """A service's own fact, which names an account."""

    member: str
    account: str = attrs.field(metadata=KEYED)


def test_an_account_in_ones_own_fact_is_sealed_too(tmp_path: Path) -> None:
    """Whether it was linked or not; what is of nobody in particular is sealed as well, and opens."""
    path = tmp_path / "reps.db"
    with rl.open(path, keys=tmp_path / "reps.keys", facts=[BadgeLost]) as ledger:
        ledger.record(rl.MemberJoined(member="ana", account="quagga-linked"), by="council")
        lost = [
            ledger.record(BadgeLost(member="ana", account=name), by="council")
            for name in ("quagga-linked", "quagga-never")
        ]
        opened = [ledger.opened(entry).fact for entry in ledger.entries() if entry.id in {e.id for e in lost}]
        assert [getattr(fact, "account", "") for fact in opened] == ["quagga-linked", "quagga-never"]
        assert [found for found in ledger.check() if found.code != "voided"] == []
    for file in path.parent.glob("reps.db*"):
        assert b"quagga" not in file.read_bytes()


def test_an_account_is_linked_and_unlinked_at_once() -> None:
    """In one batch, and where a correction says that it was linked."""
    link = {"provider": "git", "account": "octo"}
    with sealed_ledger() as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council")
        batch: list[rl.Fact] = [
            rl.AccountLinked(member="ana", **link),
            rl.AccountUnlinked(member="ana", **link),
        ]
        ledger.record_all(batch, by="council")
        assert ledger.as_of().member("ana").belonging.accounts == frozenset()
        wrong = ledger.record(rl.AccountLinked(member="ana", provider="git", account="otto"), by="council")
        right = rl.AccountLinked(member="ana", **link)
        ledger.record(rl.EntryCorrected(target=wrong.id, replacement=right, reason="a slip"), by="council")
        assert ledger.as_of().member("ana").belonging.accounts == {("git", "octo")}
        ledger.record(rl.AccountUnlinked(member="ana", **link), by="council")
        assert ledger.as_of().member("ana").belonging.accounts == frozenset()


def test_what_reads_as_sealed_is_not_recorded_elsewhere() -> None:
    """Where nothing can open it: it would say no more than that something was sealed."""
    with sealed_ledger() as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council")
        ledger.record(rl.MemberProfiled(member="ana", field="name", value="Quagga"), by="council")
        read = next(entry.fact for entry in ledger.entries() if isinstance(entry.fact, rl.MemberProfiled))
    with open_ledger() as other:
        joined = other.record(rl.MemberJoined(member="ana"), by="council")
        for fact in (read, rl.EntryCorrected(target=joined.id, replacement=read, reason="a slip")):
            with pytest.raises(InvalidFact, match="value is sealed, and there are no keys"):
                other.record(fact, by="council")
        assert [entry.name for entry in other.entries()] == ["member.joined"]


@rl.fact("room.noted")
@attrs.frozen(kw_only=True)
class RoomNoted:
    """A service's own fact, about a member or nobody."""

    member: str | None = None
    note: str = attrs.field(metadata={"personal": True})


def test_a_text_about_nobody_is_sealed_and_opens() -> None:
    """Also in a correction."""
    with rl.open(keys=KeyFile.open(":memory:"), facts=[RoomNoted]) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council")
        noted = ledger.record(RoomNoted(note="Quagga"), by="council")
        right = rl.EntryCorrected(target=noted.id, replacement=RoomNoted(note="Okapi"), reason="a slip")
        ledger.record(right, by="council")
        read = [each.fact for each in ledger.entries()][-2:]
        assert all(isinstance(text, Sealed) for fact in read for text in texts_in(fact, ledger))
        first, corrected = [ledger.opened(each).fact for each in ledger.entries()][-2:]
        assert first == RoomNoted(note="Quagga")
        assert corrected == right


def test_a_copy_is_for_whoever_asked_alone(tmp_path: Path) -> None:
    """Nobody else on that host may read its files."""
    with sealed_ledger() as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council")
        written = ledger.portable("ana", by="dpo").write(tmp_path / "ana")
    assert len(written) == 2
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in (*written, tmp_path / "ana")} == {0}


def test_two_new_ledgers_do_not_begin_with_the_same_keys(tmp_path: Path) -> None:
    """Whichever records first has them; of the other nothing is written that could not be opened."""
    keys = tmp_path / "reps.keys"
    with rl.open(tmp_path / "one.db", keys=keys) as one, rl.open(tmp_path / "other.db", keys=keys) as other:
        one.record(rl.MemberJoined(member="ana"), by="council")
        with pytest.raises(WrongKeys):
            other.record(rl.MemberJoined(member="ana"), by="council")
    with rl.open(tmp_path / "other.db") as other:
        assert list(other.entries()) == []
        other.record(rl.MemberJoined(member="ana"), by="council")
    with rl.open(tmp_path / "one.db", keys=keys) as one:
        one.record(rl.MemberProfiled(member="ana", field="name", value="Quagga"), by="council")


def test_who_names_an_account_names_a_member() -> None:
    """A token is of one member: a fact without has none."""

    @rl.fact("badge.found")
    @attrs.frozen(kw_only=True)
    class BadgeFound:
        """Nobody's."""

        account: str = attrs.field(metadata=KEYED)

    with pytest.raises(InvalidFactType, match="takes a member"):
        rl.open(facts=[BadgeFound])


def test_what_cannot_begin_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than be tried for ever."""
    with sealed_ledger() as ledger:

        def refused(*_args: object) -> Any:
            raise Conflict("the keys would not have it")

        monkeypatch.setattr(ledger._core.log, "append_events", refused)
        with pytest.raises(Conflict, match="would not have it"):
            ledger.record(rl.MemberJoined(member="ana"), by="council")


def test_a_receipt_has_what_was_given() -> None:
    """Texts and names of accounts as they were told, the first time and again; also in a correction."""
    with sealed_ledger() as ledger:
        joined = rl.MemberJoined(member="ana", account="octo")
        first = ledger.record(joined, by="council", occurred_at=date(2018, 1, 1), command_id="c1")
        again = ledger.record(joined, by="council", occurred_at=date(2018, 1, 1), command_id="c1")
        assert (first.entry.fact, again.entry.fact) == (joined, joined)
        link = rl.AccountLinked(member="ana", provider="git", account="octo")
        linked = ledger.record(link, by="council")
        assert linked.entry.fact == link
        right = rl.EntryCorrected(target=linked.id, replacement=attrs.evolve(link, account="cat"), reason="r")
        assert ledger.record(right, by="council").entry.fact == right


def test_a_command_is_known_again_when_its_texts_are_sealed() -> None:
    """Recorded again, it returns the first receipt; with another text it is another command."""
    with sealed_ledger() as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council", occurred_at=date(2018, 1, 1))
        fact = rl.RoleAssigned(member="ana", role="mentor", reason="a text")
        first = ledger.record(fact, by="council", command_id="c1")
        again = ledger.record(fact, by="council", command_id="c1")
        assert (again.repeated, again.id, again.entry.fact) == (True, first.id, fact)
        with pytest.raises(rl.errors.InvalidInput, match="of other facts"):
            ledger.record(attrs.evolve(fact, reason="another"), by="council", command_id="c1")
        ledger.erase("ana", by="dpo")
        assert ledger.record(fact, by="council", command_id="c1").repeated


def test_nothing_is_recorded_as_given_that_cannot_be(tmp_path: Path) -> None:
    """Neither an export nor what is somebody's: without keys, where a file is there, or as it is stored."""
    path, keys = tmp_path / "reps.db", tmp_path / "reps.keys"
    with rl.open(path, keys=keys) as ledger:
        ledger.record(rl.MemberJoined(member="ana", account="octo"), by="council")
        (tmp_path / "there.jsonl").write_text("x")
        with pytest.raises(PathTaken):
            ledger.export(tmp_path / "there.jsonl", reveal=True, by="dpo")
        with pytest.raises(rl.errors.InvalidInput, match="nothing of it can be revealed"):
            ledger.export(tmp_path / "new.jsonl", reveal=True, by="dpo", as_recorded=True)
        with pytest.raises(rl.errors.InvalidInput, match="say who"):
            ledger.export(tmp_path / "new.jsonl", reveal=True)
    with rl.open(path) as ledger:
        with pytest.raises(ConfigurationError, match="keys"):
            ledger.export(tmp_path / "new.jsonl", reveal=True, by="dpo")
        with pytest.raises(ConfigurationError, match="keys"):
            ledger.portable("ana", by="dpo")
        assert {entry.name for entry in ledger.entries()} == {"ledger.declared", "member.joined"}
    assert not (tmp_path / "new.jsonl").exists()
