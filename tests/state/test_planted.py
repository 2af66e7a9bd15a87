"""Stories in which a bug of whoever keeps tables would show; then each bug is planted, and seen."""

from __future__ import annotations

import sqlite3
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pytest
from attrs import evolve

import reps_ledger as rl
from reps_ledger.domain.spans import ENDED, HOW_ENDED
from reps_ledger.domain.time import FIRST
from reps_ledger.policies import Policy, count, digest, dumps, facts, holds, reports, retired, weeks, when
from reps_ledger.policies.charter import Charter, Standing, eras
from reps_ledger.replay.everybody import Everybody
from reps_ledger.replay.kernel.arrays import FOREVER
from reps_ledger.replay.kernel.spans import Ends, next_alike
from reps_ledger.state import bulk, derive, schema, tables, touched
from scenarios import fixed_clock
from state.test_agreement import same_as_views

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.no_cover  # many examples run the same lines: see CONTRIBUTING.md

LEANING: Final = Policy(
    "leaning",
    cases=[
        when(count(facts("vouch.given", lasting=True, voucher=holds("lead"))) >= 1).then("vouched for"),
        when(count(facts("mentor.assigned", lasting=True, now={"mentor": retired()})) >= 1).then(
            "left alone"
        ),
    ],
    otherwise="neither",
)
BUSY: Final = Policy("busy", cases=[when(reports(within=weeks(4)) >= 1).then("active")], otherwise="inactive")
EAGER: Final = Policy(
    "busy", cases=[when(reports(within=weeks(1)) >= 1).then("active")], otherwise="inactive"
)
DAYS: Final = [date(2018, month, day) for month in (1, 2, 3, 6) for day in (1, 9, 20)] + [date(2020, 1, 1)]

Step = tuple[Any, date]


def joined(*people: str) -> list[Step]:
    """Let people join on the first day."""
    return [(rl.MemberJoined(member=person), date(2018, 1, 1)) for person in people]


def charter(policy: Policy) -> Charter:
    """Return a charter by which a policy says who is active."""
    return Charter(
        name="c",
        version="1",
        policies=(policy,),
        standing=Standing(policy="busy"),
        member=reports() >= 1,
        communities=(("docs", reports() >= 2),),
    )


STORIES: Final[dict[str, list[Step]]] = {
    "a voucher who was a lead, as is found later": [
        *joined("ana", "ben"),
        (rl.Vouched(member="ana", voucher="ben", reason="r"), date(2018, 2, 1)),
        (rl.RoleAssigned(member="ben", role="lead"), date(2018, 1, 9)),
    ],
    "a mentor who retires": [
        *joined("ana", "ben"),
        (rl.MentorAssigned(member="ana", mentor="ben"), date(2018, 2, 1)),
        (rl.MemberRetired(member="ben", how="died"), date(2018, 3, 1)),
    ],
    "a voucher who was somebody else": [
        *joined("ana", "ben", "cleo"),
        (rl.Vouched(member="ana", voucher="ben", reason="r"), date(2018, 2, 1)),
        (rl.Vouched(member="cleo", voucher="ben", reason="r"), date(2018, 2, 1)),
        (rl.MembersMerged(member="cleo", duplicate="ben"), date(2018, 3, 1)),
        (rl.MembersUnmerged(member="cleo", duplicate="ben"), date(2018, 3, 9)),
    ],
    "two charters, one after the other": [
        *joined("ana", "ben"),
        (rl.ReportFiled(member="ana", activity="talk"), date(2018, 2, 1)),
        (charter(BUSY), date(2018, 1, 20)),
        (charter(EAGER), date(2018, 3, 1)),
        (rl.ReportFiled(member="ana", activity="talk", areas=["web"]), date(2018, 3, 9)),
        (rl.CommunityJoined(member="ben", community="docs"), date(2018, 3, 9)),
    ],
    "reviews, notices and applications": [
        *joined("ana", "ben"),
        (
            rl.PolicyStated(policy="busy", version="1", document=dumps(BUSY, "json"), digest=digest(BUSY)),
            date(2018, 1, 1),
        ),
        (rl.ReviewOpened(member="ana", review="r1", policy="busy", digest=digest(BUSY)), date(2018, 1, 9)),
        (rl.ReviewOpened(member="ben", review="r2", policy="busy", digest=digest(BUSY)), date(2018, 1, 9)),
        (rl.NoticeSent(member="ana", notice="n1", stage="nudge"), date(2018, 2, 1)),
        (rl.ApplicationFiled(member="ana", role="lead"), date(2018, 2, 9)),
        (rl.LeaveStarted(member="ben"), date(2018, 2, 20)),
        (rl.ReviewDecided(member="ana", review="r1", outcome="active"), date(2018, 3, 1)),
        (rl.ApplicationDecided(member="ana", role="lead", outcome="accepted"), date(2018, 3, 1)),
    ],
    "accounts, linked and unlinked": [
        (rl.MemberJoined(member="ana", account="ana@site"), date(2018, 1, 1)),
        *joined("ben"),
        (rl.AccountLinked(member="ben", provider="forge", account="benny"), date(2018, 2, 1)),
        (rl.AccountLinked(member="ana", provider="forge", account="anna"), date(2018, 2, 9)),
        (rl.AccountUnlinked(member="ben", provider="forge", account="benny"), date(2018, 3, 1)),
    ],
    "roles that end, lapse and are given ahead": [
        *joined("ana", "ben"),
        (
            rl.RoleAssigned(member="ana", role="lead", community="docs", until=date(2018, 3, 1)),
            date(2018, 2, 1),
        ),
        (rl.RoleAssigned(member="ben", role="lead"), date(2018, 2, 9)),
        (rl.RoleEnded(member="ben", role="lead", how="resigned"), date(2018, 3, 20)),
        (rl.LeaveStarted(member="ben"), date(2018, 6, 1)),
        (rl.MemberRetired(member="ben", how="resigned"), date(2018, 6, 9)),
    ],
}
"""What happens, in the order in which it is recorded; tables are brought up to date after each."""


def told(story: str, target: str | None = None) -> None:
    """Tell a story, keeping tables up to date; then compare them with the log, and with views."""
    with rl.open(target, clock=fixed_clock) as ledger:
        state = ledger.state(policies=[LEANING])
        for what, day in STORIES[story]:
            if isinstance(what, Charter):
                ledger.adopt(what, by="council", occurred_at=day)
            else:
                ledger.record(what, by="council", occurred_at=day)
            state.refresh()
            assert state.check() == ()
        for at in (*DAYS, *(datetime(day.year, day.month, day.day, tzinfo=UTC) for day in DAYS)):
            same_as_views(ledger, state, at)
            for name in ("ana", "ben"):
                person, view = state.member(name), ledger.as_of(at)
                assert person is not None
                when_ = view.valid_at
                found = {
                    policy: outcome
                    for policy, rows in person.standing.items()
                    for outcome, start, end in rows
                    if start <= when_ and (end is None or when_ < end)
                }
                assert found["leaning"] == view.evaluate(LEANING, name).outcome
                assert found[""] == view.member(name).membership.standing


@pytest.mark.parametrize("many", [1, tables.MANY])
@pytest.mark.parametrize("story", sorted(STORIES))
def test_tables_follow_a_story(story: str, many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """After each of its entries they are what log and views say, derived alone or at once."""
    monkeypatch.setattr(tables, "MANY", many)
    told(story)


@pytest.mark.parametrize("story", ["a voucher who was somebody else", "reviews, notices and applications"])
def test_tables_that_are_kept_follow_a_story(story: str, shared_target: str) -> None:
    """So they do in a file, and in PostgreSQL; the machine of `test_machine` tells others."""
    told(story, shared_target)


def is_noticed(story: str) -> bool:
    """Whether a story goes wrong."""
    try:
        told(story)
    except (AssertionError, KeyError, rl.LedgerError, sqlite3.Error):
        return True
    return False


def _plant(target: Any, name: str, value: Any) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda patch: patch.setattr(target, name, value)


_derive: Final = tables.Tables._derive
_eras: Final = eras.eras_of
_project: Final = derive.project  # type: ignore[attr-defined]  # what it imports is what is patched

PLANTED: Final[dict[str, Callable[[pytest.MonkeyPatch], None]]] = {
    "forgets whom others lean on": _plant(touched, "_steps", lambda *_: 0),
    "forgets whom a merge's people stand beside": _plant(touched, "_beside", lambda *_: set()),
    "forgets what a charter concerns": _plant(touched, "_RULES", frozenset()),
    "forgets the rows of who was merged": _plant(
        tables.Tables,
        "_derive",
        lambda self, writer, deriver, reading, people, **alone: _derive(
            self, writer, deriver, reading, {*people} - {*reading.amendments().aliases}, **alone
        ),
    ),
    "takes the end of a span for its last instant": _plant(
        derive, "as_number", lambda end: schema.as_number(end) + (end is not None)
    ),
    "knows no charter's era but the last": _plant(
        derive, "eras_of", lambda adopted: (evolve(_eras(adopted)[-1], start=FIRST),)
    ),
    "ends reviews never": _plant(
        derive, "still_open", lambda still, e: {**still, e.id: e} if e.name == "review.opened" else still
    ),
    "ends notices never": _plant(derive, "acting", lambda _: None),
    "takes no leave for activity": _plant(
        derive, "project", lambda of, given: _project(of, [e for e in given if "leave" not in e.name])
    ),
}
"""Bugs in whoever keeps the tables up to date, or derives them."""


@pytest.mark.parametrize("bug", sorted(PLANTED))
def test_a_bug_is_noticed(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By one of the stories."""
    PLANTED[bug](monkeypatch)
    assert any(map(is_noticed, STORIES)), f"nobody noticed that it {bug}"


def _never(found: Any) -> Any:
    at, order = found
    return at * 0 + FOREVER, order * 0 - 1


PLANTED_AT_ONCE: Final[dict[str, Callable[[pytest.MonkeyPatch], None]]] = {
    "knows no charter's era but the last": _plant(
        bulk, "Everybody", lambda histories, eras: Everybody(histories, [evolve(eras[-1], start=FIRST)])
    ),
    "ends reviews never": _plant(
        bulk, "review_rows", lambda member, own: derive.review_rows(member, [*own][:1])
    ),
    "has acts answer no notice": _plant(
        bulk, "following", lambda size, *_: Ends.of(np.full(size, FOREVER), -1, ENDED)
    ),
    "ends applications never": _plant(bulk, "next_alike", lambda *rows: _never(next_alike(*rows))),
    "mistakes how spans end": _plant(bulk, "HOW_ENDED", (*HOW_ENDED[1:], HOW_ENDED[0])),
    "forgets accounts": _plant(bulk.Bulk, "_accounts", lambda _: iter(())),
    "derives everybody for whoever is touched": _plant(bulk.Bulk, "_wants", lambda _, member: member >= 0),
    "sees nobody in lists": _plant(Everybody, "_named", property(lambda _: [])),
}
"""Bugs in whoever derives rows at once."""


@pytest.mark.parametrize("bug", sorted(PLANTED_AT_ONCE))
def test_a_bug_of_many_at_once_is_noticed(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By one of the stories, where nobody is derived alone."""
    monkeypatch.setattr(tables, "MANY", 1)
    PLANTED_AT_ONCE[bug](monkeypatch)
    assert any(map(is_noticed, STORIES)), f"nobody noticed that it {bug}"
