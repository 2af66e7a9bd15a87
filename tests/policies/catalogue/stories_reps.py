"""Worked histories under the rules of the Mozilla Reps."""

from __future__ import annotations

from datetime import date
from typing import Final

import reps_ledger as rl
from policies.catalogue.worked import TICK, Says, Told, Worked, around, asked, at, reported, told

__all__ = ["STORIES"]


def _rep(member: str, on: date) -> tuple[Told, ...]:
    joined = rl.MemberJoined(member=member)
    return (told(joined, on), told(rl.RoleAssigned(member=member, role="rep"), on))


def _sent(member: str, stage: str, policy: str, on: date) -> Told:
    notice = rl.NoticeSent(member=member, notice=f"{stage} {on}", stage=stage, policy=policy)
    return told(notice, on)


NOTHING: Final = "nothing is due"
FIRST: Final = ("first notice is due", "nothing within 4 weeks of today")
FIRST_AGAIN: Final = ("first notice is due", "nothing within 4 weeks of today, though there once was")
SECOND: Final = (
    "second notice is due",
    "nothing within 8 weeks of today, and first told at least 4 weeks ago",
)
NEW: Final = (NOTHING, "joined less than 4 weeks ago")
TOLD: Final = (NOTHING, "told already, or too soon to be told again")
BUSY: Final = (NOTHING, "a report, or something announced, within 4 weeks of today")

_NOTICED = (
    *_rep("ana", date(2018, 1, 1)),
    _sent("ana", "first notice", "reps-notices", date(2018, 1, 30)),
    _sent("ana", "second notice", "reps-notices", date(2018, 3, 1)),
    *reported("event", date(2018, 3, 10)),
)
_AHEAD = (
    *_rep("ana", date(2018, 1, 1)),
    told(rl.LeaveStarted(member="ana", expected_return=at(2018, 4, 1)), date(2018, 3, 1)),
    told(rl.ReportFiled(member="ana", activity="event", announced=True), date(2018, 6, 1)),
    told(rl.MemberJoined(member="ben"), date(2018, 1, 1)),
)
_PLANNED = (
    *_rep("ana", date(2018, 1, 1)),
    _sent("ana", "first notice", "reps-notices", date(2018, 1, 30)),
    told(rl.ReportFiled(member="ana", activity="event", announced=True), date(2018, 4, 24)),
)

REMINDER_STORIES = (
    Worked(
        rule="reps-reminders",
        policy="reps-notices",
        title="new, told twice, then a report",
        history=_NOTICED,
        verdicts=(
            *around(at(2018, 1, 29), NEW, FIRST, FIRST),
            *asked(date(2018, 1, 30), TOLD),
            *around(at(2018, 2, 27), TOLD, SECOND, SECOND),
            *asked(date(2018, 3, 1), TOLD),
            *around(at(2018, 3, 10), TOLD, BUSY, BUSY),
            *around(at(2018, 4, 7), BUSY, FIRST_AGAIN, FIRST_AGAIN),
        ),
    ),
    Worked(
        rule="reps-reminders",
        policy="reps-notices",
        title="leave, and something announced",
        history=_AHEAD,
        verdicts=(
            *around(at(2018, 3, 1), FIRST, (NOTHING, "on declared leave"), (NOTHING, "on declared leave")),
            *around(at(2018, 4, 1), (NOTHING, "on declared leave"), FIRST, FIRST),
            *around(at(2018, 5, 4), FIRST, BUSY, BUSY),
            *around(at(2018, 6, 1), BUSY, FIRST, FIRST),
        ),
    ),
    Worked(
        rule="reps-reminders",
        policy="reps-notices",
        title="something announced 8 weeks ahead",
        history=_PLANNED,
        verdicts=(
            *around(at(2018, 2, 27), TOLD, TOLD, TOLD),
            *asked(date(2018, 4, 1), BUSY),
            *asked(date(2018, 4, 24), SECOND),
        ),
    ),
    Worked(
        rule="reps-reminders",
        policy="reps-notices",
        title="not a Rep",
        who="ben",
        history=_AHEAD,
        verdicts=asked(date(2018, 5, 1), (NOTHING, "not a Rep")),
    ),
)

ACTIVE: Final = ("active", "a report in the last 4 weeks")
LOW: Final = ("low activity", "no report for over 4 weeks")
NONE: Final = ("no activity", "no report for over 8 weeks")
HALF: Final = ("quiet for 26 weeks", "no report for over 26 weeks")
FULL: Final = ("quiet for 52 weeks", "no report for over 52 weeks, or never one")

LAST_REPORT_STORIES = (
    Worked(
        rule="reps-last-report",
        policy="reps-activity-label",
        title="one report, a year of silence",
        history=(*_rep("ana", date(2017, 12, 1)), *reported("event", date(2018, 1, 1))),
        verdicts=(
            *around(at(2018, 1, 1), FULL, ACTIVE, ACTIVE),
            *around(at(2018, 1, 29), ACTIVE, ACTIVE, LOW),
            *around(at(2018, 2, 26), LOW, LOW, NONE),
            *around(at(2018, 7, 2), NONE, NONE, HALF),
            *around(at(2018, 12, 31), HALF, HALF, FULL),
        ),
    ),
)

LATE: Final = ("Rep", "joined during the campaign")
IN_TIME: Final = ("Rep", "reported during the campaign")
WAIT: Final = ("Rep", "nobody is moved before 31 December")
MOVED: Final = ("Alumni", "in the programme before the campaign, and no report during it")

_CAMPAIGN_2015 = (
    *_rep("ana", date(2015, 1, 1)),
    *reported("event", at(2015, 10, 1) - TICK),
    *reported("event", at(2016, 1, 1)),
    *_rep("ben", at(2015, 10, 4)),
    *_rep("cat", date(2015, 1, 1)),
    *reported("event", date(2015, 10, 1), member="cat"),
    *_rep("dan", date(2015, 1, 1)),
    *reported("event", at(2015, 12, 31, 12), member="dan"),
    *_rep("eve", at(2015, 10, 4) - TICK),
)

CAMPAIGN_2015_STORIES = (
    Worked(
        rule="reps-campaign-2015",
        policy="reps-campaign-2015",
        title="joined an instant before",
        who="eve",
        history=_CAMPAIGN_2015,
        verdicts=around(at(2015, 12, 31), WAIT, MOVED, MOVED),
    ),
    Worked(
        rule="reps-campaign-2015",
        policy="reps-campaign-2015",
        title="reports just before and just after",
        history=_CAMPAIGN_2015,
        verdicts=(
            *around(at(2015, 12, 31), WAIT, MOVED, MOVED),
            *around(at(2016, 1, 1), MOVED, MOVED, MOVED),
        ),
    ),
    Worked(
        rule="reps-campaign-2015",
        policy="reps-campaign-2015",
        title="joined on the first day too late",
        who="ben",
        history=_CAMPAIGN_2015,
        verdicts=asked(date(2016, 6, 1), LATE),
    ),
    Worked(
        rule="reps-campaign-2015",
        policy="reps-campaign-2015",
        title="reported on the first day",
        who="cat",
        history=_CAMPAIGN_2015,
        verdicts=asked(date(2016, 6, 1), IN_TIME),
    ),
    Worked(
        rule="reps-campaign-2015",
        policy="reps-campaign-2015",
        title="reported on the last day",
        who="dan",
        history=_CAMPAIGN_2015,
        verdicts=around(at(2015, 12, 31, 12), MOVED, IN_TIME, IN_TIME),
    ),
)

NOT_YET: Final = ("Rep", "the NDA has not come up for renewal yet")
RENEWED: Final = ("Rep", "had reported in the year before the NDA was renewed")
LEFT: Final = ("Alumni", "no report for a year when the NDA was renewed")


def _nda(member: str, *days: date) -> tuple[Told, ...]:
    accepted = rl.AgreementAccepted(member=member, agreement="nda")
    return tuple(told(accepted, day) for day in days)


_RENEWALS = (
    *_rep("ana", date(2016, 1, 1)),
    *_nda("ana", date(2016, 1, 1), date(2017, 6, 1)),
    *reported("event", at(2016, 6, 1), date(2017, 7, 1)),
    *_rep("ben", date(2016, 1, 1)),
    *_nda("ben", date(2016, 1, 1), date(2017, 6, 1), date(2018, 6, 1)),
    *reported("event", at(2016, 6, 1) + TICK, member="ben"),
)
_RETURNS = (
    *_rep("cat", date(2015, 1, 1)),
    told(rl.ApplicationFiled(member="cat", role="rep"), date(2014, 12, 1)),
    told(rl.RoleEnded(member="cat", role="rep", how="inactive"), date(2017, 1, 1)),
    told(rl.ApplicationFiled(member="cat", role="rep"), date(2018, 1, 1)),
    told(rl.MemberJoined(member="dan"), date(2018, 1, 1)),
    told(rl.ApplicationFiled(member="dan", role="rep"), date(2018, 2, 1)),
    told(rl.MemberJoined(member="fay"), date(2018, 1, 1)),
    told(rl.Vouched(member="dan", voucher="fay"), date(2018, 2, 10)),
    *_rep("eve", date(2015, 1, 1)),
    told(rl.Vouched(member="dan", voucher="eve"), date(2018, 3, 1)),
)
MAY_RETURN: Final = ("may be admitted", "applied again; no new vouches are asked for")
RETURNING: Final = ("must apply", "a returning Rep applies again")
NEW_REP: Final = ("may be admitted", "applied, and a Rep vouches for them")
UNVOUCHED: Final = ("needs a vouch", "applied for the first time, and no Rep vouches for them")

LEAVING_STORIES = (
    Worked(
        rule="reps-leaving",
        policy="reps-leaving",
        title="a report exactly one year before",
        history=_RENEWALS,
        verdicts=(*around(at(2017, 6, 1), NOT_YET, LEFT, LEFT), *asked(date(2017, 8, 1), LEFT)),
    ),
    Worked(
        rule="reps-leaving",
        policy="reps-leaving",
        title="a report an instant later, and the next renewal",
        who="ben",
        history=_RENEWALS,
        verdicts=(
            *around(at(2017, 6, 1), NOT_YET, RENEWED, RENEWED),
            *around(at(2018, 6, 1), RENEWED, LEFT, LEFT),
        ),
    ),
    Worked(
        rule="reps-leaving",
        policy="reps-admission",
        title="a returning Rep",
        who="cat",
        history=_RETURNS,
        verdicts=(
            *around(at(2017, 1, 1), ("Rep", "is a Rep now"), RETURNING, RETURNING),
            *around(at(2018, 1, 1), RETURNING, MAY_RETURN, MAY_RETURN),
        ),
    ),
    Worked(
        rule="reps-leaving",
        policy="reps-admission",
        title="a new applicant",
        who="dan",
        history=_RETURNS,
        verdicts=(
            *around(at(2018, 2, 1), ("must apply", "has not applied yet"), UNVOUCHED, UNVOUCHED),
            *asked(date(2018, 2, 20), UNVOUCHED),
            *around(at(2018, 3, 1), UNVOUCHED, NEW_REP, NEW_REP),
        ),
    ),
)

RECENT: Final = ("Rep", "reported in the last 12 months")
ANSWERED: Final = ("Rep", "answered a notice in the last 12 months, and so stays")
TO_ASK: Final = ("to be asked", "no report in the last 12 months")
SILENT: Final = ("Alumni", "nothing was heard after the question")


def _question(member: str, policy: str, on: date) -> Told:
    return told(
        rl.NoticeSent(
            member=member,
            notice=f"{policy} {member}",
            stage="question",
            policy=policy,
            deadline=at(2019, 2, 7),
        ),
        on,
    )


def _answer(member: str, policy: str, on: date) -> Told:
    return told(rl.NoticeAnswered(member=member, notice=f"{policy} {member}"), on)


_CAMPAIGN_2019 = (
    *_rep("ana", date(2017, 1, 1)),
    *reported("event", date(2018, 1, 1)),
    _question("ana", "reps-campaign-2019", date(2019, 1, 10)),
    _answer("ana", "reps-campaign-2019", date(2019, 3, 1)),
    *_rep("ben", date(2017, 1, 1)),
    _question("ben", "reps-campaign-2019", date(2019, 1, 10)),
    _answer("ben", "reps-campaign-2019", date(2019, 2, 1)),
)

CAMPAIGN_2019_STORIES = (
    Worked(
        rule="reps-campaign-2019",
        policy="reps-campaign-2019",
        title="silent for 4 weeks, then heard of",
        history=_CAMPAIGN_2019,
        verdicts=(
            *around(at(2019, 1, 1), RECENT, TO_ASK, TO_ASK),
            *around(at(2019, 2, 7), TO_ASK, SILENT, SILENT),
            *around(at(2019, 3, 1), SILENT, ANSWERED, ANSWERED),
        ),
    ),
    Worked(
        rule="reps-campaign-2019",
        policy="reps-campaign-2019",
        title="answered, and asked again a year later",
        who="ben",
        history=_CAMPAIGN_2019,
        verdicts=(
            *around(at(2019, 2, 1), TO_ASK, ANSWERED, ANSWERED),
            *around(at(2019, 2, 7), ANSWERED, ANSWERED, ANSWERED),
            *around(at(2020, 2, 1), ANSWERED, TO_ASK, TO_ASK),
        ),
    ),
)

FEW: Final = ("not yet", "active in fewer than 6 months")
SOON: Final = ("not yet", "began less than 6 months ago")
NOBODY: Final = ("not yet", "no Rep vouches for them")
SELECTED: Final = ("may be selected", "active for 6 months, and a Rep vouches for them")

_ACTIVE_MONTHS = [date(2018, month, 15) for month in range(1, 7)]
_SELECTION = (
    told(rl.MemberJoined(member="ana"), date(2018, 1, 1)),
    *reported("event", *_ACTIVE_MONTHS),
    *_rep("ben", date(2015, 1, 1)),
    told(rl.Vouched(member="ana", voucher="ben"), date(2018, 2, 1)),
    told(rl.MemberJoined(member="cat"), date(2018, 1, 1)),
    *reported("event", *_ACTIVE_MONTHS, member="cat"),
    *_rep("dan", date(2015, 1, 1)),
    told(rl.RoleEnded(member="dan", role="rep", how="resigned"), date(2018, 2, 1)),
    told(rl.Vouched(member="cat", voucher="dan"), date(2018, 2, 1)),
)

SELECTION_STORIES = (
    Worked(
        rule="reps-selection",
        policy="reps-selection",
        title="six months of activity, vouched for",
        history=_SELECTION,
        verdicts=(
            *around(at(2018, 6, 15), FEW, SOON, SOON),
            *around(at(2018, 7, 15), SOON, SELECTED, SELECTED),
        ),
    ),
    Worked(
        rule="reps-selection",
        policy="reps-selection",
        title="vouched for by who is a Rep no longer",
        who="cat",
        history=_SELECTION,
        verdicts=around(at(2018, 7, 15), SOON, NOBODY, NOBODY),
    ),
)

KEPT: Final[Says] = ("in the programme", "was in the programme before the role arrived")
FITS: Final[Says] = ("in the programme", "took the course, and fits the community coordinator role")
TAKE: Final[Says] = ("to take the course", "stays, and takes the onboarding course like everyone")
COURSE: Final[Says] = ("not admitted", "new applicants take the onboarding course first")
MUST_FIT: Final[Says] = ("not admitted", "new applicants must fit the community coordinator role")

_COORDINATOR = "community coordinator"
_PROGRAMME_2018 = (
    *_rep("ana", at(2018, 11, 1) - TICK),
    told(rl.CourseCompleted(member="ana", course="onboarding"), date(2019, 6, 1)),
    told(rl.MemberJoined(member="ben"), at(2018, 11, 1)),
    told(rl.CourseCompleted(member="ben", course="onboarding"), date(2018, 12, 1)),
    told(rl.ApplicationFiled(member="ben", role=_COORDINATOR), date(2018, 12, 2)),
    told(rl.ApplicationDecided(member="ben", role=_COORDINATOR, outcome="accepted"), date(2019, 1, 1)),
)

COORDINATOR_STORIES = (
    Worked(
        rule="reps-coordinators",
        policy="reps-2018",
        title="in the programme before",
        history=_PROGRAMME_2018,
        verdicts=(
            *around(at(2018, 11, 1), KEPT, KEPT, KEPT),
            *around(at(2019, 5, 1), KEPT, TAKE, TAKE),
            *around(at(2019, 6, 1), TAKE, KEPT, KEPT),
        ),
    ),
    Worked(
        rule="reps-coordinators",
        policy="reps-2018",
        title="joined on the day on which the role arrived",
        who="ben",
        history=_PROGRAMME_2018,
        verdicts=(
            *asked(at(2018, 11, 1), COURSE),
            *around(at(2018, 12, 1), COURSE, MUST_FIT, MUST_FIT),
            *around(at(2019, 1, 1), MUST_FIT, FITS, FITS),
        ),
    ),
)

STORIES: Final = (
    *REMINDER_STORIES,
    *LAST_REPORT_STORIES,
    *CAMPAIGN_2015_STORIES,
    *LEAVING_STORIES,
    *CAMPAIGN_2019_STORIES,
    *SELECTION_STORIES,
    *COORDINATOR_STORIES,
)
