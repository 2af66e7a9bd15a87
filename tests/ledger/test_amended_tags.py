"""Under which tags amendments lie: those of what they amend, but not of how that was recorded."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

import pytest
from msgspec.structs import replace

import reps_ledger as rl
from reps_ledger.domain.entries import command_tag, entries_named, entry_tag, row_keys_in

JAN: Final = date(2018, 1, 1)
FEB: Final = date(2018, 2, 1)
MAR: Final = date(2018, 3, 1)


def report(activity: str, member: str = "ana") -> rl.ReportFiled:
    """Return a report."""
    return rl.ReportFiled(member=member, activity=activity)


def correct(ledger: rl.Ledger, target: str, fact: rl.Fact, **more: Any) -> rl.Entry:
    """Correct an entry; return the correction."""
    return ledger.record(
        rl.EntryCorrected(target=target, replacement=fact, reason="typo"), by="council", **more
    ).entry


def wrong_with(ledger: rl.Ledger) -> list[str]:
    """Return what a check finds, but for a zone that nobody declared."""
    return [finding.code for finding in ledger.check() if finding.code != "no_zone"]


def chain(ledger: rl.Ledger) -> list[rl.Entry]:
    """Record a report, five corrections, each of the one before, and a verification of the third."""
    for member in ("ana", "ben"):
        ledger.record(rl.MemberJoined(member=member), by="council", occurred_at=JAN)
    found = [ledger.record(report("0"), by="ana", occurred_at=FEB, command_id="filed").entry]
    for number in range(1, 6):
        found.append(correct(ledger, found[-1].id, report(str(number)), command_id=f"corrected {number}"))
        if number == 3:
            verified = rl.ReportVerified(member="ana", report=found[-1].id, verifier="ben")
            ledger.record(verified, by="ben", occurred_at=MAR)
    return found


def test_a_correction_names_its_target_and_the_first_entry() -> None:
    """And its own command: so the tags of a chain do not grow with it."""
    with rl.open() as ledger:
        first, *corrections = chain(ledger)
        for before, each in zip([first, *corrections], corrections, strict=False):
            assert set(entries_named(each.tags)) == {first.id, before.id, each.id}
            commands = [tag for tag in each.tags if tag.startswith(command_tag(""))]
            assert commands == [command_tag(str(each.command_id))]
        assert wrong_with(ledger) == []


def test_a_verification_of_a_correction_is_found_by_the_first_entry() -> None:
    """A later correction that takes the report from under it is refused."""
    with rl.open() as ledger:
        first, *corrections = chain(ledger)
        (verified,) = [entry for entry in ledger.entries() if entry.name == "report.verified"]
        assert set(entries_named(verified.tags)) == {first.id, corrections[2].id, verified.id}
        with pytest.raises(rl.Refused, match="contradict"):
            correct(ledger, corrections[-1].id, report("not hers", "ben"))
        correct(ledger, corrections[-1].id, report("hers"))


def as_told_before(entry: rl.Entry, links: list[rl.Entry]) -> rl.Entry:
    """Return an entry with the tags that releases before 0.2.0.dev3 gave it."""
    if entry.name == "report.verified":
        return replace(entry, tags=tuple(tag for tag in entry.tags if tag != entry_tag(links[0].id)))
    ids = [link.id for link in links]
    if entry.id not in ids[1:]:
        return entry
    before = links[: ids.index(entry.id)]
    handed_on = [tag for link in before for tag in (entry_tag(link.id), command_tag(str(link.command_id)))]
    return replace(entry, tags=tuple(dict.fromkeys([*entry.tags, *handed_on])))


def test_what_earlier_releases_recorded_goes_on() -> None:
    """Their chains are not wrong, and what names an entry in the middle of one still counts."""
    with rl.open() as new, rl.open() as old:
        links = chain(new)
        log = old._core.recording.log
        for entry in new.entries():
            log.append([as_told_before(entry, links)], (), entry.position - 1)
        assert wrong_with(old) == []
        with pytest.raises(rl.Refused, match="contradict"):
            correct(old, links[-1].id, report("not hers", "ben"))
        last = correct(old, links[-1].id, report("hers"))
        assert set(entries_named(last.tags)) == {links[0].id, links[-1].id, last.id}
        assert wrong_with(old) == []


def test_a_corrected_row_is_known_again() -> None:
    """Its correction is not of the row: the file is imported again, and nothing is wrong."""
    rows = [
        {"fact": "member.joined", "member": "ana", "occurred_at": "2018-01-01", "row_key": "1"},
        {
            "fact": "report.filed",
            "member": "ana",
            "activity": "x",
            "occurred_at": "2018-02-01",
            "row_key": "2",
        },
    ]
    with rl.open() as ledger:
        assert ledger.import_history(rows).recorded == 2
        filed = [entry for entry in ledger.entries() if entry.name == "report.filed"][-1]
        corrected = correct(ledger, filed.id, report("walk"))
        assert row_keys_in(filed.tags) == ["2"]
        assert row_keys_in(corrected.tags) == []
        again = ledger.import_history(rows)
        assert (again.known, len(again.refused)) == (2, 0)
        assert wrong_with(ledger) == []
