"""The catalogue as a whole: all that was asked for, kept as documents, said in sentences."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Final

import pytest

import reps_ledger as rl
from policies.catalogue.own_facts import OWN_FACTS
from policies.catalogue.page import GOLDEN, PAGE, opening, renewed, said, sentences
from reps_ledger.domain.facts import BUILT_IN, Registry
from reps_ledger.errors import InvalidPolicy, NotFound
from reps_ledger.policies import Policy, digest, dumps, loads
from reps_ledger.policies.catalogue import (
    CATALOGUE,
    Listed,
    approver_of,
    group_membership,
    listed,
    reviewer_of,
    version_control,
)
from reps_ledger.policies.lint import warnings

if TYPE_CHECKING:
    from collections.abc import Callable

POLICIES: Final = [policy for rule in CATALOGUE for policy in rule.policies]
EACH_POLICY: Final = [pytest.param(policy, id=f"{policy.name} {policy.version}") for policy in POLICIES]
RULES: Final = [pytest.param(rule, id=rule.name) for rule in CATALOGUE]

NUMBERS: Final = {
    "reps-reminders": ["4 weeks", "8 weeks"],
    "reps-last-report": ["4 weeks", "8 weeks", "26 weeks", "52 weeks"],
    "reps-campaign-2015": ["2015-10-04", "2015-10-01", "2015-12-31"],
    "reps-leaving": ["in the year up to"],
    "reps-campaign-2019": ["12 months", "4 weeks"],
    "reps-selection": ["6 months", "6 different months", "no vouches"],
    "reps-coordinators": ["2018-11-01", "2019-05-01"],
    "mozillians-groups": ["365 days", "730 days", "14 days"],
    "mozillians-vouching": ["at least 1 vouch", "at least 3 vouches", "fewer than 6 vouches"],
    "mozilla-terms": ["at most 5 members", "no reports", "6 months", "3 months", "1 year"],
    "mozilla-version-control": ["6 months", '"hg"', '"git"', '"svn"'],
    "kubernetes-members": [
        "fewer than 2 vouches",
        "2 different organisations",
        "12 months",
        "18 months",
        "2023-06-30",
    ],
    "kubernetes-reviewers": ["3 months", "fewer than 5", "fewer than 20", "fewer than 10", "fewer than 30"],
    "kubernetes-owners": ["at least 10", "in the last year"],
    "node-emeritus": ["12 months", "18 months"],
    "node-voting": ["at least 3", "at most 25 %"],
    "rust-alumni": ["6 months", "in the last year"],
    "python-core": ["2 years"],
    "express-inactivity": ["6 months", "leave not counted"],
    "nifi-committers": ["1 year", "2 years"],
    "fedora-packagers": ["12 months", '"bugzilla"', '"mailing lists"', "5 systems"],
    "gnome-membership": ["2 years"],
    "debian-2007": ["at least 1", "6 months"],
    "discourse-trust-level-3": [
        *("100 days", "50 different days", "10 different", "25 %", "500", "20,000", "30", "20"),
        *("7 different days", "5 different values of giver", "5 different values of post"),
        *("5 different values of flagger", "6 months", "90 %", "14 days"),
    ],
    "wikipedia-administrators": ["1 year", "100", "5 years"],
    "carpentries-voters": ["at least 2", "730 days"],
}
"""By rule, its numbers, as its sentences must say them."""


def test_all_rules_are_there() -> None:
    """All 26 rules are in the catalogue, in order, each with a title, a source and policies."""
    assert [rule.name for rule in CATALOGUE] == [*NUMBERS]
    assert len(NUMBERS) == 26
    for rule in CATALOGUE:
        assert listed(rule.name) is rule
        assert rule.title
        assert rule.source
        assert rule.policies


def test_a_name_that_no_rule_has() -> None:
    """It is refused, and the refusal names the rules that there are."""
    with pytest.raises(NotFound, match="no rule 'carpentries-voter'; it has") as refused:
        listed("carpentries-voter")
    assert [rule.name for rule in CATALOGUE if rule.name not in str(refused.value)] == []


@pytest.mark.parametrize("rule", RULES)
def test_a_policy_names_its_source(rule: Listed) -> None:
    """Every policy of a rule has the rule's own source."""
    assert {policy.source for policy in rule.policies} == {rule.source}


def test_no_two_policies_are_called_the_same() -> None:
    """A name and a version name one policy, and digests tell policies apart."""
    names = [(policy.name, policy.version) for policy in POLICIES]
    assert len(set(names)) == len(names)
    assert len({digest(policy) for policy in POLICIES}) == len(POLICIES)


@pytest.mark.parametrize("policy", EACH_POLICY)
def test_a_policy_is_kept_as_a_document(policy: Policy) -> None:
    """As TOML and as JSON, a policy reads back equal, with its digest and its sentence."""
    for form in ("toml", "json"):
        again = loads(dumps(policy, form))
        assert again == policy
        assert digest(again) == digest(policy)
        assert again.words() == policy.words()


@pytest.mark.parametrize("policy", EACH_POLICY)
def test_every_outcome_has_a_place_and_a_reason(policy: Policy) -> None:
    """Every outcome is in the scale, the scale names no other, and nobody is told no reason."""
    assert set(policy.scale) == set(policy.outcomes)
    assert all(case.reason for case, _ in policy.steps)
    assert policy.because


@pytest.mark.parametrize("policy", EACH_POLICY)
def test_every_case_matters(policy: Policy) -> None:
    """No case can never match, and none changes nothing."""
    assert warnings(policy) == ()


@pytest.mark.parametrize("policy", EACH_POLICY)
def test_a_policy_asks_for_facts_that_there_are(policy: Policy) -> None:
    """Every fact and field is known to a ledger with the facts that communities register."""
    policy.check(Registry((*BUILT_IN, *OWN_FACTS)))


@pytest.mark.parametrize("rule", RULES)
def test_the_sentence_says_every_number(rule: Listed) -> None:
    """Every number of the rule stands in the sentences made of its policies."""
    words = "\n".join(said(rule))
    assert [number for number in NUMBERS[rule.name] if number not in words] == []


def test_the_sentences_are_as_they_were_read() -> None:
    """The sentences are those that somebody read and found good, with no Python in them."""
    assert GOLDEN.read_text(encoding="utf-8") == sentences()
    assert re.findall(r"\bNone\b|\bTrue\b|\bFalse\b|<|>|\w\(", sentences()) == []


def test_the_page_says_what_the_policies_say() -> None:
    """The page has a section for each rule, in order, with its source and its sentences."""
    page = PAGE.read_text(encoding="utf-8")
    names = re.findall(r"^Name: `([\w-]+)`\.", page, re.MULTILINE)
    assert names == [rule.name for rule in CATALOGUE]
    assert [rule.name for rule in CATALOGUE if opening(rule) not in page] == []
    assert page.count("```text") == sum(len(said(rule)) for rule in CATALOGUE)
    assert renewed(page) == page


@pytest.mark.parametrize("number", [-1, 0, 14, 731])
def test_a_group_cannot_outlast_two_years(number: int) -> None:
    """Memberships of a group lapse after 15 to 730 days; any other number is refused."""
    with pytest.raises(InvalidPolicy, match="15 to 730"):
        group_membership("privacy", number)


def test_rules_of_one_place_can_be_made_for_another() -> None:
    """Rules that name a group, a subproject or a system are made for any."""
    made = [
        group_membership("rust", 15),
        group_membership("rust", 730),
        reviewer_of("scheduler"),
        approver_of("scheduler"),
        version_control("cvs"),
    ]
    for policy in made:
        assert loads(dumps(policy)) == policy
        assert warnings(policy) == ()


def test_one_vouch_a_pair() -> None:
    """Mozillians allow one vouch a pair of people: a second is refused while the first stands."""
    with rl.open() as ledger:
        for member in ("ana", "ben"):
            ledger.record(rl.MemberJoined(member=member), by="council", occurred_at=date(2018, 1, 1))
        vouch = rl.Vouched(member="ana", voucher="ben")
        ledger.record(vouch, by="ben", occurred_at=date(2018, 2, 1))
        with pytest.raises(rl.Refused):
            ledger.record(vouch, by="ben", occurred_at=date(2018, 3, 1))


@pytest.mark.parametrize(
    ("made", "of", "instead"),
    [
        (reviewer_of, "kubelet", "scheduler"),
        (approver_of, "kubelet", "scheduler"),
        (version_control, "hg", "cvs"),
        (lambda group: group_membership(group, 365), "privacy", "rust"),
    ],
)
def test_a_rule_for_another_is_the_listed_one_with_its_name(
    made: Callable[[str], Policy], of: str, instead: str
) -> None:
    """Nothing else differs: not its version, source, reasons or notices."""
    (one,) = (policy for policy in POLICIES if policy.name == made(of).name)
    assert dumps(made(of)) == dumps(one)
    assert dumps(made(instead)) == re.sub(rf"\b{of}\b", instead, dumps(one))
