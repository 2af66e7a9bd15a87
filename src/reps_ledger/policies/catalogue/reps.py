"""The Mozilla Reps programme: its notices, its campaigns, how one leaves and comes back."""

from __future__ import annotations

from datetime import date
from typing import Final

from reps_ledger.policies.catalogue.listed import Listed
from reps_ledger.policies.language import *
from reps_ledger.policies.policy import Policy, notice, when

_NOTICES = "mozilla/remo remo/reports/tasks.py"
_FIRST = facts("notice.sent", policy="reps-notices", stage="first notice")
_SECOND = facts("notice.sent", policy="reps-notices", stage="second notice")

_REMINDERS_RULE = Listed(
    name="reps-reminders",
    title="Reps: reminders to report",
    source=_NOTICES,
    policies=(
        Policy(
            "reps-notices",
            version="2014",
            source=_NOTICES,
            cases=[
                when(~holds("rep")).then("nothing is due", "not a Rep"),
                when(on_leave()).then("nothing is due", "on declared leave"),
                when(tenure() < weeks(4)).then("nothing is due", "joined less than 4 weeks ago"),
                when(reports(within=weeks(4), ahead=weeks(4)) >= 1).then(
                    "nothing is due", "a report, or something announced, within 4 weeks of today"
                ),
                when(reports(within=since_last(_FIRST)) >= 1).then(
                    "first notice is due", "nothing within 4 weeks of today, though there once was"
                ),
                when(~noticed("first notice")).then("first notice is due", "nothing within 4 weeks of today"),
                when(
                    (count(_SECOND, within=since_last(_FIRST)) < 1)
                    & noticed("first notice", ago=weeks(4))
                    & (reports(within=weeks(8), ahead=weeks(8)) < 1)
                ).then(
                    "second notice is due",
                    "nothing within 8 weeks of today, and first told at least 4 weeks ago",
                ),
            ],
            otherwise="nothing is due",
            because="told already, or too soon to be told again",
            scale=["nothing is due", "first notice is due", "second notice is due"],
            notices=[
                notice("first notice is due", "first notice"),
                notice("second notice is due", "second notice"),
            ],
        ),
    ),
)

_LABELS = "mozilla/remo remo/profiles/templatetags, remo/dashboard/views.py"
_AGE = time_since("report.filed")

_LABELS_RULE = Listed(
    name="reps-last-report",
    title="Reps: activity by the age of the last report",
    source=_LABELS,
    policies=(
        Policy(
            "reps-activity-label",
            version="2019",
            source=_LABELS,
            cases=[
                when(weeks(4) >= _AGE).then("active", "a report in the last 4 weeks"),
                when(weeks(8) >= _AGE).then("low activity", "no report for over 4 weeks"),
                when(weeks(26) >= _AGE).then("no activity", "no report for over 8 weeks"),
                when(weeks(52) >= _AGE).then("quiet for 26 weeks", "no report for over 26 weeks"),
            ],
            otherwise="quiet for 52 weeks",
            because="no report for over 52 weeks, or never one",
            scale=["active", "low activity", "no activity", "quiet for 26 weeks", "quiet for 52 weeks"],
        ),
    ),
)

_CUT_OFFS = "discourse.mozilla.org/t/5671; remo commit d84efd80"

_CAMPAIGN_2015_RULE = Listed(
    name="reps-campaign-2015",
    title="Reps: the activity campaign of 2015",
    source=_CUT_OFFS,
    policies=(
        Policy(
            "reps-campaign-2015",
            version="2015",
            source=_CUT_OFFS,
            cases=[
                when(~joined(before=date(2015, 10, 4))).then("Rep", "joined during the campaign"),
                when(reports(within=since(date(2015, 10, 1), date(2015, 12, 31))) >= 1).then(
                    "Rep", "reported during the campaign"
                ),
                when(~on_or_after(date(2015, 12, 31))).then("Rep", "nobody is moved before 31 December"),
            ],
            otherwise="Alumni",
            because="in the programme before the campaign, and no report during it",
            scale=["Rep", "Alumni"],
        ),
    ),
)

_LEAVING = "discourse.mozilla.org/t/27800"
_NDA = facts("agreement.accepted", agreement="nda")
_APPLICATION = facts("application.filed", role="rep")
_AGAIN = count(_APPLICATION, within=since_last(facts("role.ended", "member.retired")))

_LEAVING_RULE = Listed(
    name="reps-leaving",
    title="Reps: leaving when the NDA is renewed, and coming back",
    source=_LEAVING,
    policies=(
        Policy(
            "reps-leaving",
            version="2018",
            source=_LEAVING,
            cases=[
                when(count(_NDA) < 2).then("Rep", "the NDA has not come up for renewal yet"),
                when(reports(within=preceding(_NDA, years(1))) >= 1).then(
                    "Rep", "had reported in the year before the NDA was renewed"
                ),
            ],
            otherwise="Alumni",
            because="no report for a year when the NDA was renewed",
            scale=["Rep", "Alumni"],
        ),
        Policy(
            "reps-admission",
            version="2018",
            source=_LEAVING,
            cases=[
                when(holds("rep")).then("Rep", "is a Rep now"),
                when(held("rep") & (_AGAIN >= 1)).then(
                    "may be admitted", "applied again; no new vouches are asked for"
                ),
                when(held("rep")).then("must apply", "a returning Rep applies again"),
                when(count(_APPLICATION) < 1).then("must apply", "has not applied yet"),
                when(vouches(voucher=holds("rep")) >= 1).then(
                    "may be admitted", "applied, and a Rep vouches for them"
                ),
            ],
            otherwise="needs a vouch",
            because="applied for the first time, and no Rep vouches for them",
            scale=["Rep", "may be admitted", "needs a vouch", "must apply"],
        ),
    ),
)

_CAMPAIGN = "mozilla/Reps#362, #375"

_CAMPAIGN_2019_RULE = Listed(
    name="reps-campaign-2019",
    title="Reps: the campaign of 2019, with a notice first",
    source=_CAMPAIGN,
    policies=(
        Policy(
            "reps-campaign-2019",
            version="2019",
            source=_CAMPAIGN,
            cases=[
                when(reports(within=months(12)) >= 1).then("Rep", "reported in the last 12 months"),
                when(count("notice.answered", within=months(12)) >= 1).then(
                    "Rep", "answered a notice in the last 12 months, and so stays"
                ),
            ],
            otherwise="to be asked",
            because="no report in the last 12 months",
            scale=["Rep", "to be asked", "Alumni"],
            notices=[notice("to be asked", "question", answer_within=weeks(4), unanswered="Alumni")],
        ),
    ),
)

_SELECTION = "Reps wiki, selection criteria"

_SELECTION_RULE = Listed(
    name="reps-selection",
    title="Reps: who may be selected",
    source=_SELECTION,
    policies=(
        Policy(
            "reps-selection",
            version="2016",
            source=_SELECTION,
            cases=[
                when(distinct("month", "report.filed") < 6).then("not yet", "active in fewer than 6 months"),
                when(time_since("report.filed", which="first") < months(6)).then(
                    "not yet", "began less than 6 months ago"
                ),
                when(vouches(voucher=holds("rep")) < 1).then("not yet", "no Rep vouches for them"),
            ],
            otherwise="may be selected",
            because="active for 6 months, and a Rep vouches for them",
            scale=["may be selected", "not yet"],
        ),
    ),
)

_DISCUSSION = "discourse.mozilla.org/t/32485"
_ARRIVES = date(2018, 11, 1)
_FOR_EVERYONE = date(2019, 5, 1)
_FITS = facts("application.decided", role="community coordinator", outcome="accepted")

_COORDINATORS_RULE = Listed(
    name="reps-coordinators",
    title="Reps: the community coordinator role arrives",
    source=_DISCUSSION,
    policies=(
        Policy(
            "reps-2018",
            version="2018",
            source=_DISCUSSION,
            cases=[
                when(joined(before=_ARRIVES) & ~on_or_after(_FOR_EVERYONE)).then(
                    "in the programme", "was in the programme before the role arrived"
                ),
                when(joined(before=_ARRIVES) & completed("onboarding")).then(
                    "in the programme", "was in the programme before the role arrived"
                ),
                when(joined(before=_ARRIVES)).then(
                    "to take the course", "stays, and takes the onboarding course like everyone"
                ),
                when(~completed("onboarding")).then(
                    "not admitted", "new applicants take the onboarding course first"
                ),
                when(count(_FITS) < 1).then(
                    "not admitted", "new applicants must fit the community coordinator role"
                ),
            ],
            otherwise="in the programme",
            because="took the course, and fits the community coordinator role",
            scale=["in the programme", "to take the course", "not admitted"],
        ),
    ),
)

RULES: Final = (
    _REMINDERS_RULE,
    _LABELS_RULE,
    _CAMPAIGN_2015_RULE,
    _LEAVING_RULE,
    _CAMPAIGN_2019_RULE,
    _SELECTION_RULE,
    _COORDINATORS_RULE,
)
"""Rules of the Mozilla Reps programme.

The discussion of ``reps-coordinators`` names no dates: those here are examples, and so is the
accepted application by which a new applicant is known to fit the role.
"""
