"""Words of sentences: nouns for facts, names, roles, choices and numbers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Final

_WORD: Final = re.compile(r"\w(?:[\w.-]*\w)?")

_NOUNS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "account.linked": ("linked account", "linked accounts"),
        "affiliation.started": ("affiliation", "affiliations"),
        "agreement.accepted": ("accepted agreement", "accepted agreements"),
        "agreement.revoked": ("revoked agreement", "revoked agreements"),
        "application.decided": ("decision on an application", "decisions on applications"),
        "application.filed": ("application", "applications"),
        "community.founded": ("founding", "foundings"),
        "community.joined": ("joining of a community", "joinings of communities"),
        "course.completed": ("completed course", "completed courses"),
        "leave.started": ("leave", "leaves"),
        "member.joined": ("joining", "joinings"),
        "member.retired": ("retirement", "retirements"),
        "member.returned": ("return", "returns"),
        "mentor.assigned": ("mentor", "mentors"),
        "notice.answered": ("answer to a notice", "answers to notices"),
        "notice.sent": ("notice", "notices"),
        "opportunity.held": ("opportunity", "opportunities"),
        "opportunity.taken": ("opportunity taken", "opportunities taken"),
        "report.filed": ("report", "reports"),
        "report.verified": ("verification", "verifications"),
        "review.decided": ("review decision", "review decisions"),
        "role.assigned": ("role given", "roles given"),
        "role.ended": ("end of a role", "ends of roles"),
        "vouch.given": ("vouch", "vouches"),
    }
)


def noun(name: str, number: int = 2) -> str:
    """Return the noun for facts of a stored name, in the singular where there is one."""
    one, several = _NOUNS.get(name, (f"{named(name)} fact", f"{named(name)} facts"))
    return one if number == 1 else several


def quoted(values: tuple[object, ...]) -> str:
    """Say a choice of values: "event" or "talk"."""
    return " or ".join(_quoted(value) if isinstance(value, str) else str(value) for value in values)


def named(name: str) -> str:
    """Say a name: one word as it is, others in quotes, so that no name reads as a clause."""
    return name if _WORD.fullmatch(name) else _quoted(name)


def a_role(name: str) -> str:
    """Say a role with its article; the role "member" in quotes, as it is not membership."""
    article = "an" if name[0].lower() in "aeiou" else "a"
    return f"{article} {_quoted(name) if name == 'member' else named(name)}"


def policy_words(name: str | None) -> str:
    """Say the name of a policy; None for the one that is evaluated."""
    return "this policy" if name is None else named(name)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def percent(part: str) -> str:
    """Say a part of a whole, given as a decimal number: "25 %" for "0.25"."""
    return f"{(Decimal(part) * 100).normalize():f} %"


def number_words(value: float | Fraction) -> str:
    """Say a number that was measured, to four decimals, or four digits where those are all 0."""
    if isinstance(value, int):
        return f"{value:,}"
    rounded = f"{float(value):,.4f}".rstrip("0").rstrip(".")
    return f"{float(value):.4g}" if rounded in {"0", "-0"} else rounded
