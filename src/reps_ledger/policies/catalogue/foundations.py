"""Foundations and distributions: Apache NiFi, Fedora, GNOME, Debian."""

from __future__ import annotations

from typing import Final

from reps_ledger.policies.catalogue.listed import Listed
from reps_ledger.policies.language import *
from reps_ledger.policies.policy import Policy, notice, when

_NIFI = "cwiki NIFI, Policy for Inactive Committers"
_REQUEST = facts("application.filed", role="committer")
_VOTE = facts("application.decided", role="committer", outcome="accepted")
_IN_TIME = reports(within=preceding(_REQUEST, years(2))) >= 1
_MADE_EMERITUS = facts("review.decided", outcome="emeritus")

_NIFI_RULE = Listed(
    name="nifi-committers",
    title="Apache NiFi: inactive and emeritus committers, and how each comes back",
    source=_NIFI,
    policies=(
        Policy(
            "nifi-committers",
            version="2019",
            source=_NIFI,
            cases=[
                when(previously("emeritus") & (count(_VOTE, within=since_last(_MADE_EMERITUS)) < 1)).then(
                    "emeritus", "made emeritus, and comes back by a vote"
                ),
                when(time_since("report.filed") < years(1)).then("active", "active in the last year"),
                when(time_since(_VOTE) < years(1)).then("active", "a vote brought them back"),
                when((time_since(_REQUEST) < years(1)) & _IN_TIME).then(
                    "active", "asked to come back before 2 years had passed"
                ),
                when(
                    (time_since("report.filed") < years(2))
                    | (time_since(_VOTE) < years(2))
                    | ((time_since(_REQUEST) < years(2)) & _IN_TIME)
                ).then("inactive", "quiet for 1 year; comes back on request"),
            ],
            otherwise="emeritus",
            because="quiet for 2 years; comes back by a vote",
            scale=["active", "inactive", "emeritus"],
        ),
    ),
)

_PACKAGERS = "docs.fedoraproject.org"
_SYSTEMS: Final = ("dist-git", "koji", "bodhi", "bugzilla", "mailing lists")
_SILENT = [reports(source=system, within=months(12)) < 1 for system in _SYSTEMS]

_FEDORA_RULE = Listed(
    name="fedora-packagers",
    title="Fedora: inactive packagers, asked of at each Beta freeze",
    source=_PACKAGERS,
    policies=(
        Policy(
            "fedora-packagers",
            version="2022",
            source=_PACKAGERS,
            cases=[
                when(_SILENT[0] & _SILENT[1] & _SILENT[2] & _SILENT[3] & _SILENT[4]).then(
                    "inactive", "silent for 12 months in all of 5 systems"
                )
            ],
            otherwise="packager",
            because="seen in at least one of the 5 systems in the last 12 months",
            scale=["packager", "inactive"],
        ),
    ),
)

_GNOME = "handbook.gnome.org"
_ACCEPTED = facts("application.decided", role="foundation member", outcome="accepted")

_GNOME_RULE = Listed(
    name="gnome-membership",
    title="GNOME Foundation: a term of two years",
    source=_GNOME,
    policies=(
        Policy(
            "gnome-foundation",
            version="2024",
            source=_GNOME,
            cases=[
                when(count(_ACCEPTED) < 1).then("never a member", "no application was accepted"),
                when(time_since(_ACCEPTED) < years(2)).then(
                    "member", "an application was accepted in the last 2 years"
                ),
            ],
            otherwise="emeritus",
            because="the term of 2 years is over; a new application renews it",
            scale=["member", "emeritus", "never a member"],
        ),
    ),
)

_DEBIAN = "debian-news.net 2007-07-13"
_SENT = facts("notice.sent", policy="debian-mia-2007", stage="ping")
_SIGNED = facts("notice.answered", source="signed mail")

_DEBIAN_RULE = Listed(
    name="debian-2007",
    title="Debian 2007: who is pinged, and what clears it",
    source=_DEBIAN,
    policies=(
        Policy(
            "debian-mia-2007",
            version="2007",
            source=_DEBIAN,
            cases=[
                when(count(_SIGNED, within=since_last(_SENT)) >= 1).then(
                    "active", "answered the ping with a signed mail"
                ),
                when(
                    (missed("leader election") >= 1)
                    | (reports(activity="upload", within=months(6)) < 1)
                    | ~holds("package maintainer")
                ).then("pinged", "no vote in the last leader election, no upload in 6 months, or no package"),
            ],
            otherwise="active",
            because="voted, uploaded in the last 6 months, and maintains a package",
            scale=["active", "pinged"],
            notices=[notice("pinged", "ping")],
        ),
    ),
)

RULES: Final = (_NIFI_RULE, _FEDORA_RULE, _GNOME_RULE, _DEBIAN_RULE)
"""Rules of foundations and distributions. When to ask is a review's date, not the policy's."""
