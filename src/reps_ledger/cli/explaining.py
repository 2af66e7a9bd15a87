"""Explanations and audits of decisions, as JSON and in words; the command audit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from reps_ledger.cli.options import AsJson, Target, Zone, opened
from reps_ledger.cli.output import entry_row, say, show_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from reps_ledger.audit import Admission, Explanation, Link
    from reps_ledger.domain.entries import Entry
    from reps_ledger.policies import Verdict

    Told = Callable[[Verdict], dict[str, Any]]

__all__ = ["audit_command", "show_explanation"]


def show_explanation(found: Explanation, told: Told, *, as_json: bool) -> None:
    """Show an explanation.

    Args:
        found: which.
        told: gives a verdict as plain values.
        as_json: as JSON, or in words.
    """
    if not as_json:
        _say(found.words())
        return
    show_json(
        {
            "member": found.member,
            "about": found.about,
            "subject": found.subject,
            "holds": found.holds,
            "statement": found.statement,
            "valid_at": found.valid_at,
            "known_at": found.known_at,
            "charter": found.charter,
            "verdict": None if found.verdict is None else told(found.verdict),
            "omitted": found.omitted,
            "chain": [_link(link, told) for link in found.links],
        }
    )


def _say(words: str) -> None:
    for line in words.splitlines():
        say(line)


def _entry(entry: Entry) -> dict[str, Any]:
    more = {"on_behalf_of": entry.on_behalf_of, "source": entry.source}
    return entry_row(entry) | more


def _link(link: Link, told: Told) -> dict[str, Any]:
    return {
        "words": link.words,
        "said": link.said,
        "recorded": _entry(link.entry),
        "reads": None if link.reads is None else _entry(link.reads),
        "known": link.known,
        "charter": link.charter,
        "authority": link.authority,
        "admission": None if link.admission is None else _admission(link.admission, told),
        "amended": [_entry(each) for each in link.amended],
    }


def _admission(admission: Admission, told: Told) -> dict[str, Any]:
    return {
        "clause": admission.clause,
        "says": admission.says,
        "held": admission.held,
        "excepted": admission.excepted,
        "waived_in": admission.waived_in,
        "waiver": admission.waiver,
        "verdict": None if admission.verdict is None else told(admission.verdict),
    }


def audit_command(told: Told) -> Callable[..., None]:
    """Return the command that audits a decision."""

    def audit(
        review: Annotated[str, typer.Argument(help="The review's identifier.")],
        ledger: Target,
        zone: Zone = "UTC",
        as_json: AsJson = False,
    ) -> None:
        """Say what a decision went by, as it stood then, and whether it would differ now."""
        with opened(ledger, zone) as open_ledger:
            found = open_ledger.audit_decision(review)
        if not as_json:
            _say(found.words())
            return
        replayed = found.replayed
        show_json(
            {
                "review": found.review,
                "member": found.member,
                "decided": found.decided,
                "reason": found.reason,
                "by": found.by,
                "decision": _entry(found.decision),
                "at": found.at,
                "basis": found.basis,
                "recommended": None if replayed is None else replayed.recommended,
                "reproduced": None if replayed is None else replayed.reproduced,
                "followed": None if replayed is None else replayed.followed,
                "replayed": None if replayed is None else told(replayed.verdict),
                "evidence": [
                    {**_link(each.link, told), "since": [_entry(e) for e in each.since]}
                    for each in found.evidence
                ],
                "learned": [_link(link, told) for link in found.learned],
                "now": None if found.now is None else told(found.now),
                "would_differ": found.would_differ,
            }
        )

    return audit
