"""Words: policies, verdicts and ways as people read them, and never two readings of one text."""

from __future__ import annotations

from datetime import date
from typing import Final

import pytest
from attrs import evolve
from hypothesis import assume, given
from hypothesis import strategies as st

import reps_ledger as rl
from policies.making import about
from reps_ledger.policies import *
from reps_ledger.testing.strategies import conditions, policies, single_conditions
from scale import examples

_NAMES: Final = ["rep", "retired", "member", "in", "a b", "on leave", "this policy", "it is", 'a" or "b']


def named() -> st.SearchStrategy[Condition]:
    """Make conditions with names that could be taken for words."""
    name = st.sampled_from(_NAMES)
    place = st.none() | st.just("") | name
    option = st.none() | name
    return st.one_of(
        st.builds(lambda a, b: holds(a, community=b), name, place),
        st.builds(lambda a, b: held(a, community=b), name, place),
        st.builds(lambda a, b: tenure(a, community=b) >= weeks(1), name, place),
        st.builds(lambda a, b: completed(a, version=b), name, option),
        st.builds(lambda a, b: accepted(a, version=b), name, option),
        st.builds(in_community, option),
        st.builds(lambda a, b: affiliated(a, kind=b), option, option),
        st.builds(has_account, option),
        st.builds(exempt, option),
        st.builds(lambda a: joined(kind=a), name),
        st.builds(lambda a, b: noticed(a, policy=b), option, option),
        st.builds(lambda a: previously(*a), st.lists(name, min_size=1, max_size=2, unique=True)),
        st.builds(lambda a, b, c: missed(a, community=b, role=c) >= 1, name, option, option),
        st.builds(lambda a: reports(activity=a) >= 1, st.lists(name, min_size=1, max_size=2, unique=True)),
        st.builds(lambda a, b: reports(source=a, recorded_by=b) >= 1, name, name),
        st.sampled_from([is_member(), on_leave(), retired(), tenure() >= weeks(1)]),
        st.builds(lambda a, b: members(a) >= 1 if b else (members() >= 1) & a, conditions(), st.booleans()),
    )


@given(st.one_of(conditions(), named()), st.one_of(conditions(), named()))
@examples(1.5)
def test_different_conditions_read_differently(a: Condition, b: Condition) -> None:
    """No two conditions print the same words, nor does one print another's opposite."""
    assert (a.words() == b.words()) == (a == b)
    assert (a.denial() == b.denial()) == (a == b)
    assert a.words() != a.denial()


@given(st.lists(named(), min_size=2, max_size=14))
@examples(1.5)
def test_names_are_never_taken_for_words(several: list[Condition]) -> None:
    """Whatever roles, courses and places are called, every condition reads as its own."""
    assert len({one.words() for one in several}) == len(set(several))
    assert len({one.denial() for one in several}) == len(set(several))


@given(conditions(max_leaves=3), conditions(max_leaves=3))
def test_how_conditions_are_combined_can_be_read(a: Condition, b: Condition) -> None:
    """And, or, not, and which belongs to which are all in the words."""
    assume(a != b)
    combined = [a & b, a | b, ~a & b, ~(a & b), ~(a | b), at_least(1, a, b), at_least(2, a, b)]
    combined += [members(a & b) >= 1, (members(a) >= 1) & b, members(a) >= 2]
    assert len({one.words() for one in combined}) == len(set(combined))


@given(policies(), policies())
def test_different_policies_read_differently(a: Policy, b: Policy) -> None:
    """A policy's text tells it from any other, but for the scale, which changes no outcome."""
    same = evolve(a, scale=()) == evolve(b, scale=())
    assert (a.words() == b.words()) == same


@given(single_conditions())
def test_sentences_are_tidy(condition: Condition) -> None:
    """Single spaces, brackets and quotes closed, and one thing in the singular."""
    for said in (condition.words(), condition.denial()):
        assert said == " ".join(said.split())
        assert said.count("(") == said.count(")")
        assert said.count('"') % 2 == 0
        for wrong in (" 1 reports", " 1 vouches", " 1 members", " 1 different values", "None", "()"):
            assert wrong not in said


SENTENCES: Final[list[tuple[Condition, str, str]]] = [
    (
        reports(within=weeks(4)) >= 1,
        "they have at least 1 report in the last 4 weeks",
        "they do not have at least 1 report in the last 4 weeks",
    ),
    (
        reports(within=weeks(4), ahead=weeks(4), pausing=True) < 2,
        (
            "they have fewer than 2 reports in the last 4 weeks (leave not counted) or announced "
            "for the next 4 weeks"
        ),
        (
            "they do not have fewer than 2 reports in the last 4 weeks (leave not counted) or "
            "announced for the next 4 weeks"
        ),
    ),
    (
        reports(activity=("event", "talk"), community="paris", verified=True) > 1,
        (
            'they have more than 1 report with activity "event" or "talk" with community "paris" '
            "verified by somebody"
        ),
        (
            'they do not have more than 1 report with activity "event" or "talk" with community '
            '"paris" verified by somebody'
        ),
    ),
    (
        reports(passive=False, announced=True, source="bugzilla", recorded_by="council").exactly(1),
        (
            'they have exactly 1 report marked announced not marked passive from source "bugzilla" '
            'recorded by "council"'
        ),
        (
            "they do not have exactly 1 report marked announced not marked passive from source "
            '"bugzilla" recorded by "council"'
        ),
    ),
    (
        vouches(voucher=holds("rep")) >= 3,
        ("they have at least 3 vouches (of whose voucher it was so that they are a rep) that still stand"),
        (
            "they do not have at least 3 vouches (of whose voucher it was so that they are a rep) "
            "that still stand"
        ),
    ),
    (
        distinct("month", "report.filed", within=months(6)) >= 3,
        "they have at least 3 different months with reports in the last 6 months",
        "they do not have at least 3 different months with reports in the last 6 months",
    ),
    (
        distinct("opportunity", "opportunity.taken", within=this("year")) >= 2,
        "they have at least 2 different values of opportunity among opportunities taken this year",
        ("they do not have at least 2 different values of opportunity among opportunities taken this year"),
    ),
    (
        distinct(organisation_of("voucher"), facts("vouch.given", lasting=True)) >= 1,
        "they have at least 1 different organisation of the voucher among vouches that still stand",
        ("they do not have at least 1 different organisation of the voucher among vouches that still stand"),
    ),
    (
        total("amount", "report.filed", within=since(date(2018, 1, 1))) >= 2.5,
        "the total amount of reports since 2018-01-01 is at least 2.5",
        "the total amount of reports since 2018-01-01 is not at least 2.5",
    ),
    (
        count("course.completed", within=following(facts("member.joined"), days(90))) >= 1,
        "they have at least 1 completed course within 90 days of their first joining",
        "they do not have at least 1 completed course within 90 days of their first joining",
    ),
    (
        reports(within=since_last(facts("agreement.accepted", agreement="nda"))) >= 1,
        'they have at least 1 report since their last accepted agreement with agreement "nda"',
        ('they do not have at least 1 report since their last accepted agreement with agreement "nda"'),
    ),
    (
        reports(within=preceding(facts("agreement.accepted"), years(1))) >= 1,
        "they have at least 1 report in the year up to their last accepted agreement",
        "they do not have at least 1 report in the year up to their last accepted agreement",
    ),
    (
        time_since("report.filed", pausing=True) > months(6),
        "the time since their last report is more than 6 months (leave not counted)",
        "the time since their last report is not more than 6 months (leave not counted)",
    ),
    (
        tenure() >= weeks(4),
        "their time in the programme is at least 4 weeks",
        "their time in the programme is not at least 4 weeks",
    ),
    (
        tenure("mentor", community="indonesia") >= months(3),
        "their time as a mentor in indonesia is at least 3 months",
        "their time as a mentor in indonesia is not at least 3 months",
    ),
    (
        in_outcome() < weeks(2),
        "the time in their previous outcome is less than 2 weeks",
        "the time in their previous outcome is not less than 2 weeks",
    ),
    (
        missed("vote") < 1,
        'they missed fewer than 1 "vote" opportunity in a row',
        'they did not miss fewer than 1 "vote" opportunity in a row',
    ),
    (
        missed("vote", role="elector") >= 3,
        'they missed at least 3 "vote" opportunities in a row while an elector',
        'they did not miss at least 3 "vote" opportunities in a row while an elector',
    ),
    (
        share(reports(within=months(6)), "report.filed", community="paris", at_most=20) >= 0.25,
        (
            "their reports in the last 6 months are at least 25 % of all reports in paris in that "
            "time (or 20, if that is less)"
        ),
        (
            "their reports in the last 6 months are not at least 25 % of all reports in paris in "
            "that time (or 20, if that is less)"
        ),
    ),
    (
        members(on_leave() | retired()) <= 1,
        "there is at most 1 member (of whom it is so that they are on leave or they are retired)",
        ("there is not at most 1 member (of whom it is so that they are on leave or they are retired)"),
    ),
    (
        largest_share(holds("voter")) <= 0.25,
        (
            "the largest part from one organisation among members (of whom it is so that they are "
            "a voter) is at most 25 %"
        ),
        (
            "the largest part from one organisation among members (of whom it is so that they are "
            "a voter) is not at most 25 %"
        ),
    ),
    (
        holds("community coordinator", community="paris"),
        'they are a "community coordinator" in paris',
        'they are not a "community coordinator" in paris',
    ),
    (
        held("rep", community=""),
        "they are or once were a rep of the whole programme",
        "they never were a rep of the whole programme",
    ),
    (
        completed("onboarding", version="2"),
        "they completed the onboarding course (version 2)",
        "they have not completed the onboarding course (version 2)",
    ),
    (accepted("nda"), "they accepted the nda agreement", "they have not accepted the nda agreement"),
    (
        joined(before=date(2018, 10, 4), kind="staff"),
        "they joined as staff before 2018-10-04",
        "it is not so that they joined as staff before 2018-10-04",
    ),
    (
        noticed("nudge", ago=weeks(4), overdue=True, heard=False),
        (
            "their last nudge under this policy was sent at least 4 weeks ago (its deadline has "
            "passed, and nothing was heard since)"
        ),
        (
            "it is not so that their last nudge under this policy was sent at least 4 weeks ago "
            "(its deadline has passed, and nothing was heard since)"
        ),
    ),
    (
        noticed(policy="activity", heard=True),
        "they answered their last notice of any stage under activity",
        "they did not answer their last notice of any stage under activity",
    ),
    (
        previously("active", "nudge"),
        'their previous outcome was "active" or "nudge"',
        'their previous outcome was not "active" or "nudge"',
    ),
    (on_or_after(date(2018, 10, 1)), "it is 2018-10-01 or later", "it is before 2018-10-01"),
    (is_member(), "they are a member", "they never joined"),
    (
        at_least(2, is_member(), on_leave(), retired("emeritus")),
        ("at least 2 of these 3 hold: (they are a member; they are on leave; they are retired (emeritus))"),
        (
            "not (at least 2 of these 3 hold: (they are a member; they are on leave; they are "
            "retired (emeritus)))"
        ),
    ),
    (
        (is_member() | on_leave()) & ~retired(),
        "(they are a member or they are on leave) and they are not retired",
        "not ((they are a member or they are on leave) and they are not retired)",
    ),
]


@pytest.mark.parametrize(("condition", "words", "denial"), SENTENCES, ids=lambda v: str(v)[:40])
def test_sentences_read_well(condition: Condition, words: str, denial: str) -> None:
    """Each condition and its opposite, word for word."""
    assert condition.words() == words
    assert str(condition) == words
    assert (~condition).words() == denial


ACTIVITY: Final = Policy(
    "reps-activity",
    version="2018-10",
    cases=(
        when(on_leave()).then("active", "on declared leave"),
        when(tenure() < weeks(4)).then("active", "new"),
        when(reports(within=weeks(4)) >= 2).then("active"),
        when(reports(within=weeks(8)) >= 1).then("nudge", "too few reports in four weeks"),
    ),
    otherwise="inactive",
    scale=("active", "nudge", "inactive", "alumni"),
    notices=(
        notice("nudge", "nudge"),
        notice("inactive", "warning", answer_within=weeks(4), unanswered="alumni"),
    ),
)

ANA: Final = (
    (rl.MemberJoined(member="ana"), "2018-03-01"),
    (rl.ReportFiled(member="ana", activity="event"), "2018-09-01"),
    (rl.ReportFiled(member="ana", activity="talk"), "2018-09-20"),
)


def test_a_policy_reads_as_its_rule() -> None:
    """The whole policy, a case a line, and what members are told."""
    assert str(ACTIVITY) == (
        "reps-activity, version 2018-10: the first of these that is so:\n"
        '1. "active" (on declared leave) if they are on leave;\n'
        '2. "active" (new) if their time in the programme is less than 4 weeks;\n'
        '3. "active" if they have at least 2 reports in the last 4 weeks;\n'
        '4. "nudge" (too few reports in four weeks) if they have at least 1 report in the last '
        "8 weeks;\n"
        'otherwise "inactive".\n'
        'Who is "nudge" is sent the notice "nudge".\n'
        'Who is "inactive" is sent the notice "warning", to be answered within 4 weeks; if '
        'nothing is heard of them by then, the outcome is "alumni".'
    )


def test_a_verdict_reads_as_an_explanation() -> None:
    """Who, when, what, why, by which case; every finding with its value; what comes next."""
    assert str(evaluate(ACTIVITY, about(*ANA, at="2018-10-01"))) == (
        "ana on 2018-10-01: nudge: too few reports in four weeks (by case 4 of reps-activity)\n"
        "  no: they are on leave\n"
        "  no: their time in the programme is less than 4 weeks (since 2018-03-01)\n"
        "  no: they have at least 2 reports in the last 4 weeks (1)\n"
        "  yes: they have at least 1 report in the last 8 weeks (2)\n"
        "  if nothing more happens: inactive from 2018-11-15"
    )


def test_ways_read_as_advice() -> None:
    """What was missing for the best outcome, the shortest way first, each with its day."""
    ways = evaluate(ACTIVITY, about(*ANA, at="2018-10-01")).shortfalls("active")
    assert [str(way) for way in ways] == [
        "1 more report in the last 4 weeks, before 2018-10-18",
        "they are on leave",
    ]


def findings(*asked: Condition, subject: Subject) -> list[str]:
    """Return how each of these is found of a subject."""
    said = []
    for one in asked:
        policy = Policy("p", cases=(when(one).then("yes"),), otherwise="no")
        said += [finding.words(subject.zone) for finding in evaluate(policy, subject).findings]
    return said


def test_findings_say_what_was_measured() -> None:
    """Counts, parts asked for, dates, and what never was."""
    subject = about(
        *ANA,
        (rl.ReportFiled(member="ben", activity="event", amount=12345.5), "2018-09-20"),
        (rl.ReportFiled(member="ana", activity="event", amount=12345.5), "2018-09-21"),
        (rl.NoticeSent(member="ana", notice="n", stage="nudge", policy="p"), "2018-09-22"),
        at="2018-10-01",
        previous=Previous("good", about(at="2018-06-01").at),
    )
    assert findings(
        share(reports(), "report.filed") >= 0.9,
        total("amount", "report.filed") > 2,
        time_since("course.completed") > weeks(4),
        tenure("rep") > weeks(4),
        in_outcome() > weeks(4),
        joined(before=date(2018, 10, 4)),
        on_or_after(date(2018, 1, 1)),
        noticed("nudge"),
        previously("good"),
        largest_share() <= 0.3,
        subject=subject,
    ) == [
        "no: their reports are at least 90 % of all reports in that time (3 of 3.6 asked for)",
        "yes: the total amount of reports is more than 2 (12,345.5)",
        "yes: the time since their last completed course is more than 4 weeks (never)",
        "no: their time as a rep is more than 4 weeks (not yet)",
        "yes: the time in their previous outcome is more than 4 weeks (since 2018-06-01)",
        "yes: they joined before 2018-10-04 (on 2018-03-01)",
        "yes: it is 2018-01-01 or later",
        "yes: their last nudge under this policy was sent (on 2018-09-22)",
        'yes: their previous outcome was "good"',
        "yes: the largest part from one organisation among members is at most 30 % (0 %)",
    ]


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (reports(within=weeks(4)) >= 5, "4 more reports in the last 4 weeks"),
        (reports(within=weeks(8)) < 2, "1 fewer report in the last 8 weeks (by itself on 2018-10-27)"),
        (total("amount", "report.filed") >= 2.5, "2.5 more in the total amount of reports"),
        (distinct("day", "report.filed") >= 4, "2 more different days with reports"),
        (members(is_member()) >= 2, "1 more member (of whom it is so that they are a member)"),
        (missed("vote") >= 2, '2 more "vote" opportunities missed in a row'),
        (share(reports(), "vouch.given", at_most=9).exactly(1), "their reports are exactly 100 %"),
        (completed("onboarding"), "they completed the onboarding course"),
        (~is_member() & on_leave() | retired(), "they are retired"),
    ],
    ids=str,
)
def test_what_is_missing_is_said_in_numbers_where_there_are_any(condition: Condition, words: str) -> None:
    """So many more or fewer of what is counted, or the condition itself."""
    policy = Policy("p", cases=(when(condition).then("good"),), otherwise="bad")
    (way,) = evaluate(policy, about(*ANA, at="2018-10-01")).shortfalls("good")
    assert way.needs[0].words().startswith(words)


def test_a_share_that_was_found_is_told_in_percent() -> None:
    """A part of the whole is said as people say it."""
    told = [(rl.MemberJoined(member=name), "2018-01-01") for name in ("ana", "ben", "cleo", "dev")]
    acme = [
        (rl.AffiliationStarted(member=name, organisation="acme"), "2018-01-01") for name in ("ana", "ben")
    ]
    policy = Policy("p", cases=[when(largest_share() <= 0.3).then("yes")], otherwise="no")
    (finding,) = evaluate(policy, about(*told, *acme, at="2018-06-01")).findings
    assert finding.words().endswith("(50 %)")
