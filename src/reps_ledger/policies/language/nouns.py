"""What facts are called in a sentence: one of them, and several."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["noun", "quoted"]

_NOUNS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "account.linked": ("linked account", "linked accounts"),
        "affiliation.started": ("affiliation", "affiliations"),
        "agreement.accepted": ("accepted agreement", "accepted agreements"),
        "application.filed": ("application", "applications"),
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
        "vouch.given": ("vouch", "vouches"),
    }
)


def noun(name: str, number: int = 2) -> str:
    """Return the noun for facts of a stored name, in the singular where there is one."""
    one, several = _NOUNS.get(name, (f"{name} fact", f"{name} facts"))
    return one if number == 1 else several


def quoted(values: tuple[object, ...]) -> str:
    """Say a choice of values: "event" or "talk"."""
    return " or ".join(f'"{value}"' if isinstance(value, str) else str(value) for value in values)
