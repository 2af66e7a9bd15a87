"""Worked histories under the rules of Node.js, Rust, Python, Express and Kubernetes."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

import reps_ledger as rl
from policies.catalogue.worked import Says, Told, Worked, around, asked, at, reported, told

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["STORIES"]

DAY: Final = timedelta(days=1)


def _joined(*members: str, on: date = date(2015, 1, 1)) -> tuple[Told, ...]:
    return tuple(told(rl.MemberJoined(member=member), on) for member in members)


def _role(member: str, role: str, on: date, community: str | None = None) -> Told:
    return told(rl.RoleAssigned(member=member, role=role, community=community), on)


def _collaborator(width: str, lapses: datetime) -> Worked:
    says = ("collaborator", f"authored or approved a commit in the last {width}")
    emeritus = ("emeritus", f"no commit authored or approved in the last {width}")
    return Worked(
        rule="node-emeritus",
        policy=f"node-collaborator {width}",
        title="an approval after the last commit",
        history=(
            *_joined("ana"),
            *reported("authored commit", date(2017, 12, 1)),
            *reported("approved commit", date(2018, 1, 1)),
            *reported("comment", date(2018, 6, 1)),
        ),
        verdicts=around(lapses, says, emeritus, emeritus),
    )


NO_VOTE: Final[Says] = ("non-voting", "has no vote")
MISSED: Final[Says] = ("non-voting", "missed 3 votes in a row")
VOTING: Final[Says] = ("voting", "took part in at least one of the last 3 votes")
BALANCED: Final[Says] = ("balanced", "no company has more than a quarter of the voters")
UNBALANCED: Final[Says] = ("unbalanced", "one company has more than a quarter of the voters")


def _vote(number: int) -> Told:
    vote = rl.OpportunityHeld(opportunity=f"vote {number}", kind="vote", community="tsc")
    return told(vote, date(2018, 1 + number, 1))


def _voted(member: str, number: int) -> Told:
    taken = rl.OpportunityTaken(member=member, opportunity=f"vote {number}")
    return told(taken, date(2018, 1 + number, 1))


def _works(member: str, organisation: str) -> Told:
    works = rl.AffiliationStarted(member=member, organisation=organisation)
    return told(works, date(2015, 1, 1))


_VOTES = (
    *_joined("ana", "ben", "cat", "dan"),
    *(_role(member, "voter", date(2018, 1, 1), "tsc") for member in ("ana", "ben", "cat")),
    *(_vote(number) for number in range(1, 6)),
    told(
        rl.OpportunityHeld(opportunity="a vote elsewhere", kind="vote", community="board"), date(2018, 2, 15)
    ),
    _voted("ben", 2),
    told(rl.LeaveStarted(member="cat", expected_return=at(2018, 3, 10)), date(2018, 2, 10)),
    told(rl.RoleEnded(member="ana", role="voter", community="tsc", how="inactive"), date(2018, 4, 2)),
    _role("ana", "voter", date(2018, 4, 20), "tsc"),
)
_BALANCE = (
    *_joined("ana", "ben", "cat", "dan", "eve"),
    *(_role(m, "voter", date(2018, 1, 1), "tsc") for m in ("ana", "ben", "cat", "dan")),
    _works("ana", "acme"),
    _works("ben", "beta"),
    _works("cat", "core"),
    _works("eve", "acme"),
    _role("eve", "voter", date(2018, 2, 1), "tsc"),
    _role("eve", "observer", date(2018, 1, 1), "tsc"),
)

NODE_VOTING_STORIES = (
    Worked(
        rule="node-voting",
        policy="node-tsc-voting",
        title="three misses, and a new start",
        history=_VOTES,
        verdicts=(
            *around(at(2018, 1, 1), NO_VOTE, VOTING, VOTING),
            *around(at(2018, 4, 1), VOTING, MISSED, MISSED),
            *asked(date(2018, 4, 10), NO_VOTE),
            *around(at(2018, 5, 1), VOTING, VOTING, VOTING),
            *asked(date(2018, 7, 1), VOTING),
        ),
    ),
    Worked(
        rule="node-voting",
        policy="node-tsc-voting",
        title="one vote between",
        who="ben",
        history=_VOTES,
        verdicts=(
            *around(at(2018, 4, 1), VOTING, VOTING, VOTING),
            *around(at(2018, 6, 1), VOTING, MISSED, MISSED),
        ),
    ),
    Worked(
        rule="node-voting",
        policy="node-tsc-voting",
        title="a vote during leave is no miss",
        who="cat",
        history=_VOTES,
        verdicts=(
            *around(at(2018, 4, 1), VOTING, VOTING, VOTING),
            *around(at(2018, 5, 1), VOTING, MISSED, MISSED),
        ),
    ),
    Worked(
        rule="node-voting",
        policy="node-tsc-balance",
        title="a fifth voter from the company of the first",
        who="tsc",
        history=_BALANCE,
        verdicts=around(at(2018, 2, 1), BALANCED, UNBALANCED, UNBALANCED),
    ),
)

ALONE: Final[Says] = ("not yet", "fewer than 2 sponsors")
SAME: Final[Says] = ("not yet", "the sponsors are not from 2 different companies")
SPONSORED: Final[Says] = ("may become a member", "2 sponsors from different companies")
IN_12: Final[Says] = ("member", "contributed in the last 12 months")
IN_18: Final[Says] = ("member", "contributed in the last 18 months, as asked until 2023-06-29")
REMOVED: Final[Says] = ("to be removed", "no contribution in the last 12 months, or 18 until 2023-06-29")
_SPONSORS = (
    *_joined("ana", "ben", "cat", "dan", "eve"),
    _works("ben", "acme"),
    _works("ben", "another"),
    _works("cat", "acme"),
    _works("dan", "beta"),
    _works("eve", "core"),
    told(rl.AffiliationEnded(member="ben", organisation="another"), date(2018, 1, 15)),
    _role("ben", "reviewer", date(2017, 1, 1), "kubelet"),
    _role("cat", "approver", date(2017, 1, 1), "kubectl"),
    _role("dan", "reviewer", date(2017, 1, 1), "kubelet"),
    told(rl.Vouched(member="ana", voucher="ben"), date(2018, 1, 10)),
    told(rl.VouchWithdrawn(member="ana", voucher="ben"), date(2018, 1, 20)),
    told(rl.Vouched(member="ana", voucher="ben"), date(2018, 1, 21)),
    told(rl.Vouched(member="ana", voucher="eve"), date(2018, 1, 25)),
    told(rl.Vouched(member="ana", voucher="cat"), date(2018, 2, 1)),
    told(rl.Vouched(member="ana", voucher="dan"), date(2018, 3, 1)),
)

KUBERNETES_MEMBER_STORIES = (
    Worked(
        rule="kubernetes-members",
        policy="kubernetes-sponsors",
        title="two of one company, and a third",
        history=_SPONSORS,
        verdicts=(
            *asked(date(2018, 1, 12), ALONE),
            *around(at(2018, 1, 25), ALONE, ALONE, ALONE),
            *around(at(2018, 2, 1), ALONE, SAME, SAME),
            *around(at(2018, 3, 1), SAME, SPONSORED, SPONSORED),
        ),
    ),
    Worked(
        rule="kubernetes-members",
        policy="kubernetes-inactivity",
        title="on the day of the change",
        history=(*_joined("ana"), *reported("contribution", date(2022, 3, 1))),
        verdicts=(
            *around(at(2023, 3, 1), IN_12, IN_18, IN_18),
            *around(at(2023, 6, 30), IN_18, REMOVED, REMOVED),
        ),
    ),
    Worked(
        rule="kubernetes-members",
        policy="kubernetes-inactivity",
        title="18 months before the change",
        history=(*_joined("ana"), *reported("contribution", date(2020, 1, 1))),
        verdicts=around(at(2021, 7, 1), IN_18, REMOVED, REMOVED),
    ),
)


def _changes(activity: str, number: int, first: date) -> tuple[Told, ...]:
    days = [first + each * DAY for each in range(number)]
    return reported(activity, *days, community="kubelet")


_REVIEWER = (
    *_joined("ana"),
    _role("ana", "member", date(2018, 1, 1)),
    *_changes("primary review", 5, date(2018, 4, 10)),
    *_changes("review", 10, date(2018, 2, 1)),
    *_changes("change", 5, date(2018, 5, 1)),
    *reported("primary review", date(2018, 3, 1), community="kubectl"),
)
_APPROVER = (
    *_joined("ana"),
    _role("ana", "reviewer", date(2017, 1, 1), "kubectl"),
    _role("ana", "reviewer", date(2018, 1, 1), "kubelet"),
    *_changes("primary review", 10, date(2018, 4, 10)),
    *_changes("change", 20, date(2018, 5, 1)),
)


def _step(reason: str) -> Says:
    return ("not yet", reason)


R_TENURE: Final = _step("a member for less than 3 months")
R_PRIMARY: Final = _step("primary reviewer of fewer than 5 changes")
R_ALL: Final = _step("reviewer or author of fewer than 20 changes")
R_MAY: Final[Says] = (
    "may become a reviewer",
    "a member for 3 months, primary reviewer of 5 changes, and 20 in all",
)
A_TENURE: Final = _step("a reviewer here for less than 3 months")
A_PRIMARY: Final = _step("primary reviewer of fewer than 10 changes")
A_ALL: Final = _step("reviewer or author of fewer than 30 changes")
A_MAY: Final[Says] = (
    "may become an approver",
    "a reviewer for 3 months, primary reviewer of 10 changes, and 30 in all",
)

KUBERNETES_REVIEWER_STORIES = (
    Worked(
        rule="kubernetes-reviewers",
        policy="kubernetes-reviewer-kubelet",
        title="one requirement after another",
        history=_REVIEWER,
        verdicts=(
            *around(at(2018, 4, 1), R_TENURE, R_PRIMARY, R_PRIMARY),
            *around(at(2018, 4, 14), R_PRIMARY, R_ALL, R_ALL),
            *around(at(2018, 5, 5), R_ALL, R_MAY, R_MAY),
        ),
    ),
    Worked(
        rule="kubernetes-reviewers",
        policy="kubernetes-approver-kubelet",
        title="one requirement after another",
        history=_APPROVER,
        verdicts=(
            *around(at(2018, 4, 1), A_TENURE, A_PRIMARY, A_PRIMARY),
            *around(at(2018, 4, 19), A_PRIMARY, A_ALL, A_ALL),
            *around(at(2018, 5, 20), A_ALL, A_MAY, A_MAY),
        ),
    ),
)

NEITHER: Final[Says] = ("no owner", "in neither list")
CONTRIBUTES: Final[Says] = ("stays", "10 contributions or more in the last year")
COMMENTS: Final[Says] = ("stays", "10 comments or more in the last year")
EMERITUS: Final[Says] = ("emeritus approver", "an approver with too little activity in a year")
DROPPED: Final[Says] = ("dropped", "a reviewer with too little activity in a year")
_TEN = [date(2018, 1, number) for number in range(1, 11)]
_OWNERS = (
    *_joined("ana", "ben", "cat"),
    _role("ana", "approver", date(2017, 1, 1), "kubelet"),
    _role("ana", "reviewer", date(2017, 1, 1), "kubelet"),
    *reported("contribution", *_TEN),
    *reported("comment", *_TEN[:9]),
    _role("ben", "reviewer", date(2017, 1, 1), "kubelet"),
    *reported("comment", *_TEN, member="ben"),
    *reported("contribution", *_TEN[:9], member="ben"),
)

KUBERNETES_OWNER_STORIES = (
    Worked(
        rule="kubernetes-owners",
        policy="kubernetes-owners",
        title="an approver who contributed",
        history=_OWNERS,
        verdicts=(
            *around(at(2018, 1, 10), EMERITUS, CONTRIBUTES, CONTRIBUTES),
            *around(at(2019, 1, 1), CONTRIBUTES, EMERITUS, EMERITUS),
        ),
    ),
    Worked(
        rule="kubernetes-owners",
        policy="kubernetes-owners",
        title="a reviewer who commented",
        who="ben",
        history=_OWNERS,
        verdicts=(
            *around(at(2018, 1, 10), DROPPED, COMMENTS, COMMENTS),
            *around(at(2019, 1, 1), COMMENTS, DROPPED, DROPPED),
        ),
    ),
    Worked(
        rule="kubernetes-owners",
        policy="kubernetes-owners",
        title="no owner",
        who="cat",
        history=_OWNERS,
        verdicts=asked(date(2018, 6, 1), NEITHER),
    ),
)

ALUMNI: Final[Says] = ("alumni", "no answer to the ping, and no activity in the last 6 months")
TO_PING: Final[Says] = ("to be pinged", "not pinged in the last year")
TEAM: Final[Says] = (
    "team member",
    "answered the ping, was active in the last 6 months, or has time to answer",
)


def _pinged(member: str) -> Told:
    ping = rl.NoticeSent(
        member=member,
        notice=f"ping {member}",
        stage="yearly ping",
        policy="rust-alumni",
        deadline=at(2018, 2, 1),
    )
    return told(ping, date(2018, 1, 1))


_PINGS = (
    *_joined("ana", "ben", "cat"),
    *(_pinged(member) for member in ("ana", "ben", "cat")),
    *reported("commit", date(2017, 6, 1)),
    *reported("commit", date(2017, 9, 1), member="ben"),
    told(rl.NoticeAnswered(member="cat", notice="ping cat"), date(2018, 1, 20)),
)

RUST_STORIES = (
    Worked(
        rule="rust-alumni",
        policy="rust-alumni",
        title="silent, and inactive for long",
        history=_PINGS,
        verdicts=(
            *around(at(2018, 1, 1), TO_PING, TEAM, TEAM),
            *around(at(2018, 2, 1), TEAM, ALUMNI, ALUMNI),
        ),
    ),
    Worked(
        rule="rust-alumni",
        policy="rust-alumni",
        title="silent, active until lately",
        who="ben",
        history=_PINGS,
        verdicts=around(at(2018, 3, 1), TEAM, ALUMNI, ALUMNI),
    ),
    Worked(
        rule="rust-alumni",
        policy="rust-alumni",
        title="answered, and pinged again a year later",
        who="cat",
        history=_PINGS,
        verdicts=(*around(at(2018, 2, 1), TEAM, TEAM, TEAM), *around(at(2019, 1, 1), TEAM, TO_PING, TO_PING)),
    ),
)

CORE: Final[Says] = ("active", "contributed in the last 2 years")
WISHES: Final[Says] = ("active", "wished to stay, or to come back, in the last 2 years")
UNHEARD: Final[Says] = ("inactive", "asked, and nothing was heard; may come back at will")
TO_ASK: Final[Says] = ("to be asked", "no non-trivial contribution in the last 2 years")


def _question(member: str) -> Told:
    question = rl.NoticeSent(
        member=member,
        notice=f"question {member}",
        stage="question",
        policy="python-core-team",
        deadline=at(2018, 2, 10),
    )
    return told(question, date(2018, 1, 10))


_CORE_TEAM = (
    *_joined("ana", "ben"),
    *reported("non-trivial contribution", date(2016, 1, 1)),
    *reported("typo corrected", date(2017, 6, 1)),
    _question("ana"),
    told(rl.MemberRetired(member="ana", how="emeritus"), date(2018, 3, 1)),
    told(rl.MemberReturned(member="ana"), date(2018, 6, 1)),
    _question("ben"),
    told(rl.NoticeAnswered(member="ben", notice="question ben"), date(2018, 2, 1)),
)

PYTHON_STORIES = (
    Worked(
        rule="python-core",
        policy="python-core-team",
        title="silent, moved, and back at will",
        history=_CORE_TEAM,
        verdicts=(
            *around(at(2018, 1, 1), CORE, TO_ASK, TO_ASK),
            *around(at(2018, 2, 10), TO_ASK, UNHEARD, UNHEARD),
            *around(at(2018, 6, 1), UNHEARD, WISHES, WISHES),
        ),
    ),
    Worked(
        rule="python-core",
        policy="python-core-team",
        title="answered in time",
        who="ben",
        history=_CORE_TEAM,
        verdicts=(
            *around(at(2018, 2, 10), WISHES, WISHES, WISHES),
            *around(at(2020, 2, 1), WISHES, TO_ASK, TO_ASK),
        ),
    ),
)

RUNS: Final[Says] = ("active", "active in the last 6 months, declared leave not counted")
STOPPED: Final[Says] = ("inactive", "6 months of inactivity, declared leave not counted")
_PAUSES = (
    *_joined("ana", "ben", "cat"),
    *(
        each
        for member in ("ana", "ben", "cat")
        for each in reported("review", date(2018, 1, 1), member=member)
    ),
    told(rl.LeaveStarted(member="ben", expected_return=at(2018, 5, 1)), date(2018, 3, 1)),
    told(rl.LeaveStarted(member="cat"), date(2018, 3, 1)),
    told(rl.LeaveEnded(member="cat"), date(2020, 3, 1)),
)

EXPRESS_STORIES = (
    Worked(
        rule="express-inactivity",
        policy="express-inactivity",
        title="without leave",
        history=_PAUSES,
        verdicts=around(at(2018, 7, 1), RUNS, STOPPED, STOPPED),
    ),
    Worked(
        # 61 days of leave: as if they had last been active on 3 March.
        rule="express-inactivity",
        policy="express-inactivity",
        title="two months of leave",
        who="ben",
        history=_PAUSES,
        verdicts=around(at(2018, 9, 3), RUNS, STOPPED, STOPPED),
    ),
    Worked(
        # Two years of leave are skipped whole: as if they had last been active on 2 January 2020.
        rule="express-inactivity",
        policy="express-inactivity",
        title="leave of two years",
        who="cat",
        history=_PAUSES,
        verdicts=(*asked(date(2020, 2, 1), RUNS), *around(at(2020, 7, 2), RUNS, STOPPED, STOPPED)),
    ),
)

STORIES: Final = (
    _collaborator("12 months", at(2019, 1, 1)),
    _collaborator("18 months", at(2019, 7, 1)),
    *NODE_VOTING_STORIES,
    *KUBERNETES_MEMBER_STORIES,
    *KUBERNETES_REVIEWER_STORIES,
    *KUBERNETES_OWNER_STORIES,
    *RUST_STORIES,
    *PYTHON_STORIES,
    *EXPRESS_STORIES,
)
