"""Mistakes in documents, further in: the place is told whole, and what belongs there instead."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, Final

import pytest

from reps_ledger.domain.validation import MAX_ITEMS
from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies import count, facts, following, loads, preceding, since, since_last, this, weeks
from reps_ledger.policies.charter import read_charter
from reps_ledger.policies.documents.read import read_condition, read_policy
from reps_ledger.policies.language.kinds import CONDITIONS, MEASURES
from reps_ledger.policies.language.measures import OPERATORS

AWAY: Final[dict[str, Any]] = {"on_leave": {}}
WRONG: Final[dict[str, Any]] = {"on_leaf": {}}
POLICY: Final = {"policy": "p", "otherwise": "bad", "cases": [{"when": AWAY, "outcome": "good"}]}


def counting(**changes: Any) -> dict[str, Any]:
    """Return a condition that counts reports, with changes."""
    return {"count": {"facts": "report.filed", **changes}, "at_least": 1}


@pytest.mark.parametrize(
    ("table", "place", "told"),
    [
        ({"all": [AWAY, {"any": [AWAY, WRONG]}]}, "all[1].any[1]", "'on_leaf' is no condition"),
        ({"not": {"not": WRONG}}, "not.not", "'on_leaf' is no condition"),
        ({"at_least": 1, "of": [AWAY, WRONG]}, "of[1]", "'on_leaf' is no condition"),
        ({"at_least": 1, "of": 3}, "of", "list, not 3"),
        ({"not": {"at_least": 3, "of": [AWAY, AWAY]}}, "not", "from 1 to 2"),
        ({"not": {"holds": {}}}, "not.holds", "role is missing"),
        ({"not": {"tenure": {}, "about": 3}}, "not.about", "'about' is no comparison"),
        ({"not": {"tenure": {}, "at_least": "soon"}}, "not.at_least", "width"),
        ({"not": {"tenure": 3, "at_least": 1}}, "not.tenure", "table, not 3"),
        (
            {"share": {"own": {"count": {"facts": {}}}, "of": "report.filed"}, "at_least": 0.5},
            "share.own.count.facts",
            "kinds is missing",
        ),
        (
            {"share": {"own": {"count": 1, "total": 2}, "of": "report.filed"}, "at_least": 0.5},
            "share.own",
            f"one of {', '.join(MEASURES)}",
        ),
        (
            {"share": {"own": {"colour": 1}, "of": "report.filed"}, "at_least": 0.5},
            "share.own",
            f"one of {', '.join(MEASURES)}",
        ),
        ({"share": {"own": 3, "of": "report.filed"}, "at_least": 0.5}, "share.own", "not 3"),
        (counting(within={"since": datetime(2018, 10, 1, tzinfo=UTC)}), "count.within.since", "2018-10-01"),
        (counting(within={"since": "2018-10-1"}), "count.within.since", "'2018-10-1' is no date"),
        (counting(within={"since": "20181001"}), "count.within.since", "is no date"),
        (counting(within={"since": ["2018-10-01"] * 10}), "count.within.since", "is no date"),
        (counting(within="soon"), "count.within", "soon"),
        (counting(within=[]), "count.within", "table, not []"),
        (counting(facts=3), "count.facts", "table, not 3"),
        (
            counting(facts={"kinds": "report.filed", "colour": 1}),
            "count.facts.colour",
            "unknown key 'colour'; known are",
        ),
        (
            counting(facts={"kinds": "vouch.given", "who": {"voucher": WRONG}}),
            "count.facts.who.voucher",
            "'on_leaf' is no condition",
        ),
        ({"count": {}, "at_least": 1}, "count", "facts is missing"),
        (counting(colour=1), "count.colour", "known are facts, within"),
        (
            {"count": {}, "colour": 1, "more": 2},
            "",
            (
                f"count must be compared, with one of {', '.join(OPERATORS)} beside it; "
                "here is 'colour', 'count', 'more'"
            ),
        ),
        (
            {"b": 1, "a": 2},
            "",
            f"'a', 'b' is no condition. Conditions are {', '.join(CONDITIONS)}, all, any, not",
        ),
        (WRONG, "", f"measures {', '.join(MEASURES)}"),
        ({"tenure": {}, "about": 1}, "about", f"'about' is no comparison; use one of {', '.join(OPERATORS)}"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_mistake_is_told_with_all_of_its_place(table: Any, place: str, told: str) -> None:
    """Read by itself, or in a policy, or in a policy of a charter: the rest of it goes before."""
    with pytest.raises(InvalidPolicy) as caught:
        read_condition(table)
    assert caught.value.place == place
    assert told in caught.value.words
    with pytest.raises(InvalidPolicy) as within:
        read_policy({**POLICY, "cases": [{"when": table, "outcome": "good"}]}, "policies[2]")
    assert within.value.place == "policies[2].cases[0].when" + (f".{place}" if place else "")
    assert within.value.words == caught.value.words


@pytest.mark.parametrize(
    ("changes", "place", "told"),
    [
        ({"format": 2}, "policies[2].format", "format 2 is not known; this reads 1"),
        ({"cases": 3}, "policies[2].cases", "list, not 3"),
        ({"cases": [3]}, "policies[2].cases[0]", "table, not 3"),
        ({"cases": []}, "policies[2].cases", "needs a case"),
        ({"cases": [{}] * (MAX_ITEMS + 1)}, "policies[2].cases", f"at most {MAX_ITEMS:,}"),
        ({"notices": 3}, "policies[2].notices", "list, not 3"),
        ({"notices": [{"outcome": "bad"}]}, "policies[2].notices[0]", "stage is missing"),
        ({"notices": [{"outcome": "x", "stage": "y"}]}, "policies[2].notices", "never comes"),
        ({"scale": ["good"]}, "policies[2].scale", "lacks 'bad'"),
        ({"name": "p"}, "policies[2].name", "unknown key 'name'; known are because, cases"),
        ({"version": 3}, "policies[2]", "version must be text"),
        ({"policy": None}, "policies[2]", "name must be text"),
        ({"charter": "x"}, "", "this is a charter, and no policy"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_mistake_in_a_policy_of_several_is_told_with_which(
    changes: dict[str, Any], place: str, told: str
) -> None:
    """As a charter reads its policies."""
    with pytest.raises(InvalidPolicy) as caught:
        read_policy({**POLICY, **changes}, "policies[2]")
    assert caught.value.place == place
    assert told in caught.value.words


@pytest.mark.parametrize("lost", ["policy", "otherwise", "cases"])
def test_what_a_policy_must_say_is_missed(lost: str) -> None:
    """By name."""
    table = {key: value for key, value in POLICY.items() if key != lost}
    with pytest.raises(InvalidPolicy, match=lost[:-1]) as caught:
        read_policy(table, "policies[2]")
    assert caught.value.place.startswith("policies[2]")


def test_a_policy_of_a_charter_says_where_it_is() -> None:
    """The second of two, in its first case."""
    text = """
    charter = "reps"
    version = "1"
    [[policies]]
    policy = "p"
    otherwise = "bad"
    cases = [{ when = { on_leave = {} }, outcome = "good" }]
    [[policies]]
    policy = "q"
    otherwise = "bad"
    cases = [{ when = { on_leaf = {} }, outcome = "good" }]
    """
    with pytest.raises(InvalidPolicy) as caught:
        read_charter(text)
    assert caught.value.place == r"policies[1].cases[0].when"
    with pytest.raises(InvalidPolicy, match="policy, and no charter"):
        read_charter('policy = "p"')
    with pytest.raises(InvalidPolicy, match="charter, and no policy"):
        loads(text)


REPORTS: Final = facts("report.filed")


@pytest.mark.parametrize(
    ("within", "window"),
    [
        ("4 weeks", weeks(4)),
        ({"width": "4 weeks"}, weeks(4)),
        ({"since": "2018-10-01"}, since(date(2018, 10, 1))),
        ({"since": date(2018, 10, 1)}, since(date(2018, 10, 1))),
        ({"since": "2018-10-01", "until": "2018-12-01"}, since(date(2018, 10, 1), date(2018, 12, 1))),
        ({"period": "month"}, this("month")),
        ({"facts": "vouch.given"}, since_last(facts("vouch.given"))),
        ({"facts": {"kinds": ["vouch.given"]}, "width": "1 week"}, following(facts("vouch.given"), weeks(1))),
        ({"before": "vouch.given", "width": "1 week"}, preceding(facts("vouch.given"), weeks(1))),
    ],
    ids=str,
)
def test_windows_are_told_apart_by_their_keys(within: Any, window: Any) -> None:
    """A width by itself, or a table: each way of writing one reads as what it is."""
    assert read_condition(counting(within=within)) == (count(REPORTS, within=window) >= 1)
