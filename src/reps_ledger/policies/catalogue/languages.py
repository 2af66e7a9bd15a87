"""Programming languages and their tools: Node.js, Express, Rust, Python."""

from __future__ import annotations

from typing import Final

from reps_ledger.policies.catalogue.listed import Listed
from reps_ledger.policies.language import *
from reps_ledger.policies.policy import Policy, when

_GOVERNANCE = "nodejs/node GOVERNANCE.md"


def _collaborator(width: Width) -> Policy:
    return Policy(
        "node-collaborator",
        version=str(width),
        source=_GOVERNANCE,
        cases=[
            when(reports(activity=("authored commit", "approved commit"), within=width) >= 1).then(
                "collaborator", f"authored or approved a commit in the last {width}"
            )
        ],
        otherwise="emeritus",
        because=f"no commit authored or approved in the last {width}",
        scale=["collaborator", "emeritus"],
    )


_COLLABORATORS_RULE = Listed(
    name="node-emeritus",
    title="Node.js: when a collaborator becomes emeritus",
    source=_GOVERNANCE,
    policies=(_collaborator(months(18)), _collaborator(months(12))),
)

_CHARTER = "nodejs/TSC TSC-Charter.md"

_COMMITTEE_RULE = Listed(
    name="node-voting",
    title="Node.js: voting members of the technical steering committee",
    source=_CHARTER,
    policies=(
        Policy(
            "node-tsc-voting",
            version="2023",
            source=_CHARTER,
            cases=[
                when(~holds("voter", community="tsc")).then("non-voting", "has no vote"),
                when(missed("vote", community="tsc", role="voter") >= 3).then(
                    "non-voting", "missed 3 votes in a row"
                ),
            ],
            otherwise="voting",
            because="took part in at least one of the last 3 votes",
            scale=["voting", "non-voting"],
        ),
        Policy(
            "node-tsc-balance",
            version="2023",
            source=_CHARTER,
            of="community",
            cases=[
                when(largest_share(holds("voter", community="tsc")) <= 0.25).then(
                    "balanced", "no company has more than a quarter of the voters"
                )
            ],
            otherwise="unbalanced",
            because="one company has more than a quarter of the voters",
            scale=["balanced", "unbalanced"],
        ),
    ),
)

_ALUMNI = "rust-lang/leadership-council policies/membership/auto-alumni.md"

_PING = facts("notice.sent", policy="rust-alumni", stage="yearly ping")

_RUST_RULE = Listed(
    name="rust-alumni",
    title="Rust: pinged yearly, and alumni after silence",
    source=_ALUMNI,
    policies=(
        Policy(
            "rust-alumni",
            version="2023",
            source=_ALUMNI,
            cases=[
                when(
                    noticed("yearly ping", overdue=True)
                    & ~noticed("yearly ping", heard=True)
                    & (reports(within=months(6)) < 1)
                ).then("alumni", "no answer to the ping, and no activity in the last 6 months"),
                when(count(_PING, within=years(1)) < 1).then("to be pinged", "not pinged in the last year"),
            ],
            otherwise="team member",
            because="answered the ping, was active in the last 6 months, or has time to answer",
            scale=["team member", "to be pinged", "alumni"],
        ),
    ),
)

_CORE = "python/peps peps/pep-0013.rst"

_PYTHON_RULE = Listed(
    name="python-core",
    title="Python: inactive members of the core team",
    source=_CORE,
    policies=(
        Policy(
            "python-core-team",
            version="2018",
            source=_CORE,
            cases=[
                when(reports(activity="non-trivial contribution", within=years(2)) >= 1).then(
                    "active", "contributed in the last 2 years"
                ),
                when(count(facts("notice.answered", "member.returned"), within=years(2)) >= 1).then(
                    "active", "wished to stay, or to come back, in the last 2 years"
                ),
                when(noticed("question", overdue=True, heard=False)).then(
                    "inactive", "asked, and nothing was heard; may come back at will"
                ),
            ],
            otherwise="to be asked",
            because="no non-trivial contribution in the last 2 years",
            scale=["active", "to be asked", "inactive"],
        ),
    ),
)

_EXPRESS = "expressjs/discussions#378"

_EXPRESS_RULE = Listed(
    name="express-inactivity",
    title="Express: inactivity, with a clock that leave pauses",
    source=_EXPRESS,
    policies=(
        Policy(
            "express-inactivity",
            version="2025",
            source=_EXPRESS,
            cases=[
                when(time_since("report.filed", pausing=True) < months(6)).then(
                    "active", "active in the last 6 months, declared leave not counted"
                )
            ],
            otherwise="inactive",
            because="6 months of inactivity, declared leave not counted",
            scale=["active", "inactive"],
        ),
    ),
)

RULES: Final = (_COLLABORATORS_RULE, _COMMITTEE_RULE, _RUST_RULE, _PYTHON_RULE, _EXPRESS_RULE)
"""Rules of programming languages and their tools."""
