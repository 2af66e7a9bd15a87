"""Names that people take for one are one: a new one that reads like another's is refused."""

from __future__ import annotations

import json
import shutil
import unicodedata
from datetime import date
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import reps_ledger as rl
from golden import make
from racers import in_threads
from reps_ledger.domain import validation
from reps_ledger.testing.strategies import names
from scale import examples
from scenarios import fixed_clock

if TYPE_CHECKING:
    from pathlib import Path

DAY: Final = date(2018, 1, 1)

SAME: Final = [
    ("ana-h", "Ana-H"),
    ("ana", "\uff21\uff4e\uff41"),  # full width
    ("stra\u00dfe", "STRASSE"),
    ("\ufb01n", "fin"),  # a ligature
    ("ana", "a\u200dna"),  # a joiner
    ("ana", "ana\ufe0f"),  # a variation selector
    ("ana", "an\u3164a"),  # a filler that is a letter
    ("ana b", "ana  b"),
    ("\u0130stanbul", "i\u0307stanbul"),
]
DIFFERENT: Final = [("ana", "anna"), ("ana", "an\u00e1"), ("ana h", "anah"), ("ana", "\u0430na"), ("o", "0")]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_forms_that_are_one(one: str, other: str) -> None:
    """Case, width, composition, spaces and what shows nothing make no difference."""
    assert rl.canonical_name(one) == rl.canonical_name(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_forms_that_differ(one: str, other: str) -> None:
    """Letters, accents and scripts do: a form is no guess."""
    assert rl.canonical_name(one) != rl.canonical_name(other)


@examples(3)
@given(st.text(max_size=12) | names())
def test_the_form_is_its_own_form(name: str) -> None:
    """Applied twice it is the same as once; and no way of composing a name changes it."""
    form = rl.canonical_name(name)
    assert rl.canonical_name(form) == form
    for composed in ("NFC", "NFD", "NFKC", "NFKD"):
        assert rl.canonical_name(unicodedata.normalize(composed, name)) == form
    assert rl.canonical_name(name.casefold()) == form


UNSEEN: Final = [
    "\u034f",  # a joiner of graphemes
    "\u115f",
    "\u1160",
    "\u3164",
    "\uffa0",  # fillers
    "\u17b4",
    "\u180b",
    "\u2800",  # the blank of Braille
    "\ufe0f",
    "\U000e0100",  # variation selectors
    "\u200b",
    "\u200c",
    "\u200d",
    "\u2060",
    "\u00ad",
]


@pytest.mark.parametrize("nothing", UNSEEN, ids=ascii)
def test_a_new_name_has_no_character_that_shows_nothing(nothing: str) -> None:
    """Wherever it stands, in the name of a member, a community, an actor; texts may have any."""
    for name in (f"an{nothing}a", f"{nothing}ana", f"ana{nothing}", nothing):
        with pytest.raises(rl.InvalidFact, match="member"):
            rl.MemberJoined(member=name)
        with pytest.raises(rl.InvalidFact, match="community"):
            rl.CommunityFounded(community=name)
        with rl.open() as ledger, pytest.raises(rl.InvalidFact, match="by"):
            ledger.record(rl.MemberJoined(member="ana"), by=name)
    rl.Vouched(member="ana", voucher="ben", reason=f"so{nothing}so")


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647", True),  # Persian, between letters
        ("\u0915\u094d\u200d\u0937", True),  # Devanagari, after a virama
        ("\u0915\u094d\u200c\u0937", True),
        ("\u0dc1\u0dca\u200d\u0dbb\u0dd3", True),  # Sinhala
        ("\u0645\u200d\u062e", False),  # a joiner where letters join anyway
        ("\u0645\u06cc\u200c", False),  # at the end
        ("\u0915\u200d\u0937", False),  # without a virama
        ("\u0645\u200c\u200c\u062e", False),  # two of them
        ("a\u200c\u062e", False),
        ("\u0645\u200c7", False),
    ],
)
def test_scripts_that_need_joiners_have_them(name: str, allowed: bool) -> None:
    """Where they change how a name is written, and nowhere else."""
    if allowed:
        assert rl.MemberJoined(member=name).member == name
    else:
        with pytest.raises(rl.InvalidFact, match="U\\+200"):
            rl.MemberJoined(member=name)


def test_what_was_recorded_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry with a name that is refused today is read, and its person found."""
    path = tmp_path / "old.db"
    with monkeypatch.context() as before:
        before.setattr(validation, "unseen", lambda name: None)  # noqa: ARG005 — as it is called
        with rl.open(path) as ledger:
            ledger.record(rl.MemberJoined(member="an\u3164a"), by="x", occurred_at=DAY)
    with rl.open(path) as ledger:
        assert ledger.as_of().member("an\u3164a").membership.joined_at is not None
        assert [entry.name for entry in ledger.history("an\u3164a")] == ["member.joined"]
        with pytest.raises(rl.Refused, match="reads like"):
            ledger.record(rl.MemberJoined(member="ana"), by="x")


def variants(name: str) -> st.SearchStrategy[str]:
    """Make other spellings of a name, and some other names."""
    other = [name.upper(), name.lower(), name.title(), name.replace(" ", "  "), name.replace("a", "\uff41")]
    return st.sampled_from(other) | names()


def fact(kind: str, name: str) -> rl.Fact:
    """A fact that gives a name to something new."""
    if kind == "member":
        return rl.MemberJoined(member=name)
    if kind == "community":
        return rl.CommunityFounded(community=name)
    return rl.AccountLinked(member="zed", provider="github", account=name)


def refusal(ledger: rl.Ledger, told: rl.Fact, day: date | None = None) -> rl.Refusal | None:
    """Record a fact; return why it is refused, or None."""
    try:
        ledger.record(told, by="x", occurred_at=day)
    except rl.Refused as refused:
        (found,) = refused.refusals
        return found
    return None


@examples(1.5)
@given(data=st.data(), kind=st.sampled_from(["member", "community", "account"]), swapped=st.booleans())
def test_two_names_are_there_only_if_their_forms_differ(
    data: st.DataObject, kind: str, swapped: bool
) -> None:
    """In whichever order they are told and happened: the second is refused if it reads like the first."""
    one = data.draw(names())
    other = unicodedata.normalize("NFC", data.draw(variants(one)))
    assume(one != other and len(other) <= 200)
    assume(rl.canonical_name("zed") not in {rl.canonical_name(one), rl.canonical_name(other)})
    days = (date(2018, 1, 2), date(2018, 1, 1)) if swapped else (date(2018, 1, 1), date(2018, 1, 2))
    with rl.open(clock=fixed_clock) as ledger:
        ledger.record(rl.MemberJoined(member="zed"), by="x", occurred_at=date(2017, 1, 1))
        first = ledger.record(fact(kind, one), by="x", occurred_at=days[0])
        alike = rl.canonical_name(one) == rl.canonical_name(other)
        no = refusal(ledger, fact(kind, other), days[1])
        assert (no is not None) == alike
        if no is not None:
            # Which communities there are is asked of all that is known, whenever it happened.
            assert no.code == ("contradicts_later" if swapped and kind != "community" else "name_taken")
            assert no.entries == (first.id,)
            assert (one in no.words) == (kind != "account")  # which is personal, and not quoted


def test_every_way_in() -> None:
    """Alone, in a batch, by import and by a correction: each is refused, with the other's name."""
    with rl.open(clock=fixed_clock) as ledger:
        ana = ledger.record(rl.MemberJoined(member="ana", account="a@b"), by="x", occurred_at=DAY)
        ben = ledger.record(rl.MemberJoined(member="ben"), by="x", occurred_at=DAY)
        for account in (None, "A@B"):
            with pytest.raises(rl.Refused, match="ana") as refused:
                ledger.record(rl.MemberJoined(member="cleo" if account else "ANA", account=account), by="x")
            assert refused.value.codes == ("name_taken",)
        with pytest.raises(rl.Refused) as refused:
            ledger.record_all([rl.MemberJoined(member="dev"), rl.MemberJoined(member="Dev")], by="x")
        assert [(each.index, each.code) for each in refused.value.refusals] == [(1, "name_taken")]
        rows = [
            {"fact": "member.joined", "occurred_at": "2018-01-02", "member": name} for name in ("Eve", "eve")
        ]
        report = ledger.import_history(rows)
        assert [(row.line, row.codes) for row in report.refused] == [(2, ("name_taken",))]
        right = rl.EntryCorrected(target=ben.id, replacement=rl.MemberJoined(member="Ana"), reason="r")
        with pytest.raises(rl.Refused, match="reads like"):
            ledger.record(right, by="x")
        spelled = rl.MemberJoined(member="Ana", account="a@b")
        ledger.record(rl.EntryCorrected(target=ana.id, replacement=spelled, reason="spelling"), by="x")
        with pytest.raises(rl.Refused, match="Ana"):
            ledger.record(rl.MemberJoined(member="ana"), by="x")


def test_an_account_that_was_given_up_may_be_linked_again() -> None:
    """In another spelling, too, and by somebody else."""
    with rl.open(clock=fixed_clock) as ledger:
        ledger.record_all([rl.MemberJoined(member=name) for name in ("ana", "ben")], by="x", occurred_at=DAY)
        link = {"provider": "github", "account": "ana-h"}
        ledger.record(rl.AccountLinked(member="ana", **link), by="x", occurred_at=date(2018, 1, 2))
        other = rl.AccountLinked(member="ben", provider="GitHub", account="Ana-H")
        with pytest.raises(rl.Refused, match="that account at GitHub reads like the account of ana"):
            ledger.record(other, by="x", occurred_at=date(2018, 1, 4))
        ledger.record(rl.AccountUnlinked(member="ana", **link), by="x", occurred_at=date(2018, 1, 3))
        ledger.record(other, by="x", occurred_at=date(2018, 1, 4))


def test_two_spellings_at_once(sqlite_path: Path) -> None:
    """Of several who join at the same time with names that read alike, one does."""
    with rl.open(sqlite_path) as ledger:
        spellings = ["ana", "Ana", "aNa", "anA"]

        def join(number: int) -> str | None:
            with rl.open(sqlite_path) as own:
                found = refusal(own, rl.MemberJoined(member=spellings[number]))
                return None if found is None else found.code

        assert sorted(map(str, in_threads(len(spellings), join))) == ["None", *["name_taken"] * 3]
        assert [entry.name for entry in ledger.entries()].count("member.joined") == 1


def test_what_was_there_before_is_found_by_its_own_form(tmp_path: Path) -> None:
    """A ledger of before has no tags of forms; a name that is its own form is found all the same."""
    path = shutil.copy(make.FOLDER / "0.1.0" / "ledger.db", tmp_path / "old.db")
    with rl.open(path) as ledger:
        for taken in (rl.MemberJoined(member="ANA"), rl.CommunityFounded(community="Asia")):
            with pytest.raises(rl.Refused) as refused:
                ledger.record(taken, by="x")
            assert refused.value.codes == ("name_taken",)
        ledger.record(rl.ReportFiled(member="ana", activity="talk"), by="ana")
        assert len(ledger.history("ANA").entries) == 0


def test_a_community_is_new_also_where_a_fact_first_names_it() -> None:
    """Not only where it is founded; a roster's claim is never refused, and what is there stays as it is."""
    here = {name: rl.RoleAssigned(member="ana", role="rep", community=name) for name in ("Asia", "asia")}
    with rl.open(clock=fixed_clock) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="x", occurred_at=DAY)
        first = ledger.record(here["Asia"], by="x", occurred_at=date(2018, 3, 1))
        alike: list[rl.Fact] = [
            here["asia"],
            rl.CommunityFounded(community="ASIA"),
            rl.ReportFiled(member="ana", activity="talk", community="asia"),
        ]
        for each in alike:
            no = refusal(ledger, each, date(2018, 2, 1))
            assert no is not None
            assert (no.code, no.entries) == ("name_taken", (first.id,))
        ledger.record(rl.RoleAsserted(member="ana", role="rep", community="asia"), by="x", occurred_at=DAY)
        ledger.record(rl.CommunityJoined(member="ana", community="Asia"), by="x", occurred_at=DAY)
        ledger.record(rl.CommunityFounded(community="Asia"), by="x", occurred_at=DAY)
        tagged = [e.position for e in ledger.entries() if "community-form:asia" in e.tags]
        assert tagged == [2], "only the first entry has the tag: what others read does not grow"
        # That entry retracted, the next one that names the community takes its place.
        ledger.record(rl.EntryRetracted(target=first.id, reason="elsewhere"), by="x")
        ledger.record(here["Asia"], by="x", occurred_at=date(2018, 4, 1))
        assert refusal(ledger, here["asia"], date(2018, 5, 1)) is not None


def test_names_are_trimmed_on_import_and_it_is_said(tmp_path: Path) -> None:
    """White space at the ends of names goes away; texts stay; the same row is known again."""
    rows = [
        {"fact": "member.joined", "occurred_at": "2018-01-01", "member": " ana\u00a0", "by": "x "},
        {
            "fact": "member.retired",
            "occurred_at": "2018-01-02",
            "member": "ana",
            "how": "resigned",
            "reason": " r ",
        },
        {"fact": "member.joined", "occurred_at": "2018-01-01", "member": "ana", "by": "x"},
    ]  # fmt: skip
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    with rl.open() as ledger:
        report = ledger.import_history(path)
        assert (report.recorded, report.known, report.trimmed, len(report.refused)) == (2, 1, 1, 0)
        joined, retired = ledger.entries()
        assert (joined.fact.member, joined.by, retired.fact.reason) == ("ana", "x", " r ")
