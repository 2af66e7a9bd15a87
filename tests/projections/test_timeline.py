"""The timeline: what people read of one member's life, word by word."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Final

import attrs
import pytest

import reps_ledger as rl
from reps_ledger.domain.facts import BUILT_IN, kind_of
from reps_ledger.projections import words_for
from scenarios import APR, FEB, JAN, MAR, NOON, correct, given, joined, retract
from strategies import BadgeAwarded

JUNE: Final = datetime(2018, 6, 1, 12, tzinfo=UTC)

SEEN_BY_ANA: Final[list[tuple[rl.Fact, str]]] = [
    (rl.MemberJoined(member="ana", kind="staff"), "joined as staff"),
    (rl.MemberJoined(member="ana", inferred=True), "joined as volunteer (inferred from the first mention)"),
    (
        rl.MemberRetired(member="ana", how="emeritus", reason="thanks"),
        "retired (emeritus): thanks; a member all along",
    ),
    (rl.MemberRetired(member="ana", how="died"), "retired (died); a member all along"),
    (rl.MemberReturned(member="ana"), "came back"),
    (rl.AccountLinked(member="ana", provider="git", account="octo"), "was linked to the account octo at git"),
    (rl.AccountUnlinked(member="ana", provider="git", account="octo"), "was unlinked from octo at git"),
    (
        rl.MembersMerged(member="ana", duplicate="ben", reason="same mail"),
        "was found to be the same person as ben: same mail",
    ),
    (rl.MembersMerged(member="ben", duplicate="ana"), "was found to be the same person as ben"),
    (rl.MembersUnmerged(member="ana", duplicate="ben"), "was found not to be ben after all"),
    (rl.MembersUnmerged(member="ben", duplicate="ana"), "was found not to be ben after all"),
    (rl.AffiliationStarted(member="ana", organisation="Acme"), "began at Acme"),
    (rl.AffiliationEnded(member="ana", organisation="Acme"), "left Acme"),
    (rl.MemberProfiled(member="ana", field="name", value="Name One"), "their name was recorded"),
    (rl.MemberProfiled(member="ana", field="email"), "their email was removed"),
    (
        rl.CommunityDescribed(community="id", field="link", value="https://example.org"),
        "of the community id the link was recorded",
    ),
    (
        rl.OrganisationDescribed(organisation="Acme", field="kind", value=""),
        "of the organisation Acme the kind was removed",
    ),
    (rl.Vouched(member="ana", voucher="ben", reason="kind"), "was vouched for by ben: kind"),
    (rl.Vouched(member="ben", voucher="ana"), "vouched for ben"),
    (rl.VouchWithdrawn(member="ana", voucher="ben"), "lost the vouch of ben"),
    (rl.VouchWithdrawn(member="ben", voucher="ana", reason="rude"), "withdrew the vouch for ben: rude"),
    (
        rl.RoleAssigned(member="ana", role="mentor", community="id", until=JUNE, reason="elected"),
        "became mentor in id until 2018-06-01: elected",
    ),
    (rl.RoleAssigned(member="ana", role="mentor"), "became mentor"),
    (
        rl.RoleEnded(member="ana", role="mentor", community="id", how="expired"),
        "ceased to be mentor in id (expired)",
    ),
    (rl.RoleAsserted(member="ana", role="mentor"), "a roster lists them as mentor"),
    (
        rl.RoleAsserted(member="ana", role="mentor", community="id", held=False),
        "a roster does not list them as mentor in id",
    ),
    (rl.MentorAssigned(member="ana", mentor="ben"), "was given ben as mentor"),
    (rl.MentorAssigned(member="ben", mentor="ana"), "became mentor of ben"),
    (rl.MentorReleased(member="ana", mentor="ben"), "no longer has ben as mentor"),
    (rl.MentorReleased(member="ben", mentor="ana"), "is no longer mentor of ben"),
    (rl.CommunityFounded(community="id"), "community founded"),
    (rl.CommunityJoined(member="ana", community="id"), "joined id"),
    (rl.CommunityLeft(member="ana", community="id"), "left id"),
    (
        rl.ReportFiled(member="ana", activity="a talk", community="id", areas=("web", "l10n")),
        "reported a talk in id about web, l10n",
    ),
    (rl.ReportFiled(member="ana", activity="a talk", announced=True), "announced a talk"),
    (rl.ReportVerified(member="ana", report="r", verifier="ben"), "a report was verified by ben"),
    (rl.ReportVerified(member="ben", report="r", verifier="ana"), "verified a report of ben"),
    (rl.OpportunityHeld(opportunity="vote-1", kind="vote"), "opportunity held"),
    (rl.OpportunityTaken(member="ana", opportunity="vote-1"), "took part in vote-1"),
    (rl.CourseCompleted(member="ana", course="basics"), "completed the course basics"),
    (rl.CourseCompleted(member="ana", course="basics", version="2"), "completed the course basics 2"),
    (rl.AgreementAccepted(member="ana", agreement="conduct"), "accepted conduct"),
    (rl.AgreementRevoked(member="ana", agreement="conduct", version="1"), "is no longer party to conduct 1"),
    (
        rl.LeaveStarted(member="ana", expected_return=JUNE, covered_by="ben"),
        "went on leave until 2018-06-01, covered by ben",
    ),
    (rl.LeaveStarted(member="ana"), "went on leave"),
    (rl.LeaveStarted(member="ben", covered_by="ana"), "stands in for ben, who is on leave"),
    (rl.LeaveEnded(member="ana"), "came back from leave"),
    (
        rl.NoticeSent(member="ana", notice="n1", stage="warning", deadline=JUNE),
        "was sent warning n1 to answer by 2018-06-01",
    ),
    (rl.NoticeAnswered(member="ana", notice="n1", answer="sorry"), "answered n1"),
    (rl.ApplicationFiled(member="ana", role="mentor", community="id"), "applied to be mentor in id"),
    (
        rl.ApplicationFiled(member="ben", role="mentor", references=("ana",)),
        "was named as a reference by ben",
    ),
    (
        rl.ApplicationDecided(member="ana", role="mentor", outcome="refused", reason="too soon"),
        "application to be mentor: refused: too soon",
    ),
    (rl.ReviewOpened(member="ana", review="r1", policy="p", due=JUNE), "review r1 was opened due 2018-06-01"),
    (
        rl.ReviewDecided(member="ana", review="r1", outcome="active", reason="busy"),
        "review r1 was decided: active: busy",
    ),
    (
        rl.ExemptionGranted(member="ana", policy="p", reason="baby", expires=JUNE),
        "was exempted from p until 2018-06-01: baby",
    ),
    (rl.CharterAdopted(document="a = 1", version="1"), "charter adopted"),
    (rl.LedgerDeclared(ledger="reps", zone="UTC"), "ledger declared"),
    (rl.PolicyStated(policy="p", version="1", document="a = 1", digest="d1"), "policy stated"),
    (
        rl.EntryVoided(target_position=7, reason="noise"),
        "what is at position 7 cannot be read, and was voided: noise",
    ),
    (rl.AccessGiven(form="portable", person="ana"), "was given all that is held about them"),
    (rl.MemberErased(member="ana", reason="request"), "asked for their personal texts to be erased"),
    (rl.TextRedacted(entries=("e1", "e2"), person="ana"), "sealed texts of 2 entries were destroyed"),
    (BadgeAwarded(member="ana", badge="b"), "badge awarded"),
]


def entry(fact: rl.Fact) -> rl.Entry:
    """Make an entry of a fact."""
    return rl.Entry(id="e", recorded_at=NOON, occurred_at=NOON, by="council", fact=fact)


def test_the_words_cover_every_kind() -> None:
    """Every built-in kind is read below, but for corrections: those stand in others' places."""
    kinds = {kind_of(fact).name for fact, _ in SEEN_BY_ANA} - {"badge.awarded"}
    rest = {"entry.retracted", "entry.corrected"}
    assert kinds == {kind_of(cls).name for cls in BUILT_IN} - rest


@pytest.mark.parametrize(("fact", "words"), SEEN_BY_ANA, ids=[words for _, words in SEEN_BY_ANA])
def test_what_people_read(fact: rl.Fact, words: str) -> None:
    """Each fact is told in words, from the side of whose timeline it is."""
    assert words_for(entry(fact), "ana") == words


def test_words_never_fail_on_bare_facts() -> None:
    """Optional fields that are empty leave no holes or stray marks."""
    for fact, _ in SEEN_BY_ANA:
        values = {one.name: getattr(fact, one.name) for one in attrs.fields(type(fact))}
        bare = {
            one.name: one.default
            for one in attrs.fields(type(fact))
            if one.default is None or one.default == ""
        }
        words = words_for(entry(type(fact)(**{**values, **bare})), "ana")
        assert words == words.strip(" :,")
        assert "None" not in words
        assert "  " not in words


def test_a_line_says_when_who_and_what() -> None:
    """A line has its day, instant, words, recorder and entry, and whether it was put right."""
    report = rl.ReportFiled(member="ana", activity="talk")
    story = given(joined("ana", on=JAN), (report, NOON), (report, APR), retract(2))
    story = story.when(correct(1, rl.ReportFiled(member="ana", activity="booth"))).then_recorded()
    first, second = story.ledger.as_of().member("ana").timeline
    assert (first.day, first.words, first.corrected) == (JAN, "joined as volunteer", False)
    assert (first.by, first.entry) == ("council", story.ids[0])
    assert (second.at, second.day) == (NOON, MAR)
    assert (second.words, second.corrected) == ("reported booth", True)
    assert second.entry == story.ids[4]


@pytest.mark.parametrize(
    "fact",
    [
        rl.RoleAssigned(member="ana", role="mentor", until=date(2018, 6, 1)),
        rl.LeaveStarted(member="ana", expected_return=date(2018, 6, 1)),
    ],
)
def test_days_in_words_are_the_ledgers_days(fact: rl.Fact) -> None:
    """A term until a day is told with that day, in whatever zone the ledger reads days."""
    story = given(joined("ana"), zone="Asia/Jakarta")
    story.ledger.record(fact, by="council", occurred_at=FEB)
    *_, line = story.ledger.as_of().member("ana").timeline
    assert "until 2018-06-01" in line.words
    late = datetime(2018, 3, 1, 20, tzinfo=UTC)
    story.ledger.record(rl.ReportFiled(member="ana", activity="t"), by="council", occurred_at=late)
    *_, line = story.ledger.as_of().member("ana").timeline
    assert line.day == date(2018, 3, 2)


@pytest.mark.parametrize(
    "fact",
    [
        rl.NoticeSent(member="ana", notice="n", stage="s", deadline=date(2018, 6, 1)),
        rl.ReviewOpened(member="ana", review="r", policy="p", due=date(2018, 6, 1)),
        rl.ExemptionGranted(member="ana", policy="p", reason="r", expires=date(2018, 6, 1)),
    ],
)
def test_days_that_count_are_told_as_given(fact: rl.Fact) -> None:
    """A deadline that was given as a day, and includes it, is told as that very day."""
    story = given(joined("ana"))
    story.ledger.record(fact, by="council", occurred_at=FEB)
    *_, line = story.ledger.as_of().member("ana").timeline
    assert "2018-06-01" in line.words
