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
BY_NAME: Final = [pytest.param(policy, id=f"{policy.name} {policy.version}") for policy in POLICIES]
BY_NUMBER: Final = [pytest.param(rule, id=str(rule.number)) for rule in CATALOGUE]

NUMBERS: Final = {
    1: ["4 weeks", "8 weeks"],
    2: ["4 weeks", "8 weeks", "26 weeks", "52 weeks"],
    3: ["2015-10-04", "2015-10-01", "2015-12-31"],
    4: ["in the year up to"],
    5: ["12 months", "4 weeks"],
    6: ["365 days", "730 days", "14 days"],
    7: ["6 months", "6 different months", "no vouches"],
    8: ["at least 1 vouch", "at least 3 vouches", "fewer than 6 vouches"],
    9: ["at most 5 members", "no reports", "6 months", "3 months", "1 year"],
    10: [
        *("100 days", "50 different days", "10 different", "25 %", "500", "20,000", "30", "20"),
        *("7 different days", "5 different values of giver", "5 different values of post"),
        *("5 different values of flagger", "6 months", "90 %", "14 days"),
    ],
    11: ["12 months", "18 months"],
    12: ["at least 3", "at most 25 %"],
    13: [
        "fewer than 2 vouches",
        "2 different organisations",
        "12 months",
        "18 months",
        "2023-06-30",
    ],
    14: ["3 months", "fewer than 5", "fewer than 20", "fewer than 10", "fewer than 30"],
    15: ["at least 10", "in the last year"],
    16: ["6 months", "in the last year"],
    17: ["2 years"],
    18: ["1 year", "2 years"],
    19: ["1 year", "100", "5 years"],
    20: ["12 months", '"bugzilla"', '"mailing lists"', "5 systems"],
    21: ["2 years"],
    22: ["at least 2", "730 days"],
    23: ["6 months", "leave not counted"],
    24: ["6 months", '"hg"', '"git"', '"svn"'],
    25: ["at least 1", "6 months"],
    26: ["2018-11-01", "2019-05-01"],
}
"""The numbers of each rule, as its sentences must say them."""


def test_all_rules_are_there() -> None:
    """All 26 rules are in the catalogue, in order, each with a title, a source and policies."""
    assert [rule.number for rule in CATALOGUE] == list(range(1, 27))
    for rule in CATALOGUE:
        assert listed(rule.number) is rule
        assert rule.title
        assert rule.source
        assert rule.policies
    with pytest.raises(NotFound, match="27"):
        listed(27)


@pytest.mark.parametrize("rule", BY_NUMBER)
def test_a_policy_names_its_source(rule: Listed) -> None:
    """Every policy of a rule has the rule's own source."""
    assert {policy.source for policy in rule.policies} == {rule.source}


def test_no_two_policies_are_called_the_same() -> None:
    """A name and a version name one policy, and digests tell policies apart."""
    names = [(policy.name, policy.version) for policy in POLICIES]
    assert len(set(names)) == len(names)
    assert len({digest(policy) for policy in POLICIES}) == len(POLICIES)


@pytest.mark.parametrize("policy", BY_NAME)
def test_a_policy_is_kept_as_a_document(policy: Policy) -> None:
    """As TOML and as JSON, a policy reads back equal, with its digest and its sentence."""
    for form in ("toml", "json"):
        again = loads(dumps(policy, form))
        assert again == policy
        assert digest(again) == digest(policy)
        assert again.words() == policy.words()


@pytest.mark.parametrize("policy", BY_NAME)
def test_every_outcome_has_a_place_and_a_reason(policy: Policy) -> None:
    """Every outcome is in the scale, the scale names no other, and nobody is told no reason."""
    assert set(policy.scale) == set(policy.outcomes)
    assert all(case.reason for case, _ in policy.steps)
    assert policy.because


@pytest.mark.parametrize("policy", BY_NAME)
def test_every_case_matters(policy: Policy) -> None:
    """No case can never match, and none changes nothing."""
    assert warnings(policy) == ()


@pytest.mark.parametrize("policy", BY_NAME)
def test_a_policy_asks_for_facts_that_there_are(policy: Policy) -> None:
    """Every fact and field is known to a ledger with the facts that communities register."""
    policy.check(Registry((*BUILT_IN, *OWN_FACTS)))


@pytest.mark.parametrize("rule", BY_NUMBER)
def test_the_sentence_says_every_number(rule: Listed) -> None:
    """Every number of the rule stands in the sentences made of its policies."""
    words = "\n".join(said(rule))
    assert [number for number in NUMBERS[rule.number] if number not in words] == []


def test_the_sentences_are_as_they_were_read() -> None:
    """The sentences are those that somebody read and found good, with no Python in them."""
    assert GOLDEN.read_text(encoding="utf-8") == sentences()
    assert re.findall(r"\bNone\b|\bTrue\b|\bFalse\b|<|>|\w\(", sentences()) == []


def test_the_page_says_what_the_policies_say() -> None:
    """The page has a section for each rule, in order, with its source and its sentences."""
    page = PAGE.read_text(encoding="utf-8")
    numbers = re.findall(r"^## (\d+)\. ", page, re.MULTILINE)
    assert numbers == [str(rule.number) for rule in CATALOGUE]
    assert [rule.number for rule in CATALOGUE if opening(rule) not in page] == []
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
    """Rule 8 allows one vouch a pair of people: a second is refused while the first stands."""
    with rl.open() as ledger:
        for member in ("ana", "ben"):
            ledger.record(
                rl.MemberJoined(member=member), by="council", occurred_at=date(2018, 1, 1)
            )
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
