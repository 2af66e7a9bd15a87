"""The main job on a real history: import 28 years of Debian's membership, and ask about it.

Run by ``make demo``. The ledger is made afresh in .cache/demo.db; the data is described in
examples/data/README.md.
"""

from __future__ import annotations

import time
from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path

from attrs import evolve

import reps_ledger as rl
from reps_ledger.cli.output import reading, say, show_table
from reps_ledger.policies import Verdict, count, facts, load, when, years
from reps_ledger.replay import quarterly

HERE = Path(__file__).resolve().parent
DATA = HERE / "data"
LEDGER = HERE.parent / ".cache" / "demo.db"
FILES = ("debian-membership", "debian-vouches", "debian-rosters")
YEARS = range(1998, 2026, 3)
POLICY = HERE / "policies" / "debian-stewardship.toml"
VOUCHED = count(facts("vouch.given", person="voucher"), within=years(3)) >= 1
PATIENT = [when(VOUCHED).then("active", "vouched for somebody in three years")]
DUE = date(2026, 9, 1)
ROSTER_DAY = date(2026, 6, 27)


def main() -> None:
    """Import, then ask."""
    LEDGER.parent.mkdir(exist_ok=True)
    for name in (LEDGER.name, f"{LEDGER.name}-wal", f"{LEDGER.name}-shm"):
        LEDGER.with_name(name).unlink(missing_ok=True)
    with rl.open(LEDGER) as ledger:
        import_all(ledger)
        view = ledger.as_of(ROSTER_DAY)
        current_roster(view)
        census_through_time(view)
        returned_member(view)
        reconciliation(ledger)
        review(ledger)
        replay(ledger)
    say(f"The ledger is {LEDGER.relative_to(HERE.parent)}; ask it more:")
    say(f"  .venv/bin/reps-ledger census -l {LEDGER.relative_to(HERE.parent)} --by role")


def import_all(ledger: rl.Ledger) -> None:
    """Import the three files, and show what became of every row."""
    reports = []
    reasons: Counter[tuple[str, str]] = Counter()
    began = time.perf_counter()
    for name in FILES:
        path = DATA / f"{name}.jsonl.gz"
        with reading(path) as on_progress:
            report = ledger.import_history(path, on_progress=on_progress)
        reports.append((name, report.rows, report.recorded, report.known, len(report.refused)))
        for row in report.refused:
            reasons[row.codes[0], row.reasons[0]] += 1
    seconds = time.perf_counter() - began
    rows = sum(report[1] for report in reports)
    refused = sum(report[4] for report in reports)
    show_table("Imported", ("file", "rows", "recorded", "known already", "refused"), reports)
    say(f"{rows:,} rows in {seconds:.1f} s; {refused:,} refused, {refused / rows:.2%}")
    kinds: dict[str, tuple[int, str]] = {}
    for (code, words), number in reasons.items():
        before = kinds.get(code, (0, words))
        kinds[code] = (before[0] + number, before[1])
    show_table(
        "Refused, and one reason of each kind",
        ("code", "rows", "for example"),
        [(code, number, words) for code, (number, words) in sorted(kinds.items())],
    )


def current_roster(view: rl.View) -> None:
    """Show how many hold each role now, and how many of them are active."""
    people = view.roster(community="debian")
    roles = sorted({role for person in people for role in person.roles})
    rows = []
    for role in roles:
        holders = [person for person in people if role in person.roles]
        active = sum(person.active for person in holders)
        newest = max(holders, key=lambda person: (str(person.since), person.member))
        rows.append((role, len(holders), active, len(holders) - active, newest.member))
    show_table(
        f"Who holds which role on {ROSTER_DAY}",
        ("role", "people", "active", "inactive", "the newest of them"),
        rows,
    )


def census_through_time(view: rl.View) -> None:
    """Count members through the years: nobody is ever lost, and the active are told apart."""
    days = [date(year, 12, 31) for year in YEARS]
    counts: dict[str, Counter[str]] = {}
    for row in view.census(by="standing", at=days):
        counts.setdefault(str(view.day(row.at)), Counter())[row.group[0]] = row.members
    show_table(
        "Members through the years: once a member, for ever a member",
        ("at the end of", "members", "active", "inactive"),
        [(day, c.total(), c["active"], c["inactive"]) for day, c in counts.items()],
    )


def returned_member(view: rl.View) -> None:
    """Tell the life of somebody who left and came back."""
    person = view.member(longest_away(view))
    told = [line for line in person.timeline if not line.words.startswith(("reported", "vouched"))]
    show_table(
        f"{person.member}: left, came back, a member all along",
        ("day", "what happened", "recorded by"),
        [(line.day, line.words, line.by) for line in told],
    )
    show_table(
        "Their spells of activity and absence",
        ("", "from", "to"),
        [
            ("active" if spell.active else "absent", spell.start, spell.end)
            for spell in person.membership.spells
        ],
    )


def longest_away(view: rl.View) -> str:
    """Find who came back after the longest time away."""
    left: dict[str, datetime] = {}
    away: dict[str, timedelta] = {}
    for entry in view.history():
        if isinstance(entry.fact, rl.MemberRetired):
            left[entry.fact.member] = entry.occurred_at
        elif isinstance(entry.fact, rl.MemberReturned):
            member = entry.fact.member
            away[member] = max(entry.occurred_at - left[member], away.get(member, timedelta()))
    return max(away, key=lambda member: (away[member], member))


def review(ledger: rl.Ledger) -> None:
    """Review everybody under a stated policy: the docket's head, a verdict, a shortfall."""
    policy = load(POLICY)
    say(f"A review under a policy, which says of itself:\n{policy.words()}")
    view = ledger.as_of(ROSTER_DAY)
    counts = Counter(verdict.outcome for verdict in view.evaluate_all(policy))
    show_table(
        f"What it comes to on {ROSTER_DAY}",
        ("outcome", "members"),
        [(outcome, counts[outcome]) for outcome in policy.outcomes],
    )
    docket = ledger.open_reviews(
        policy, by="council", at=ROSTER_DAY, due=DUE, outcomes=["nudge"], occurred_at=ROSTER_DAY
    )
    show_table(
        f"The head of the docket: {len(docket)} reviews, due {DUE}",
        ("member", "recommended", "why", "what would change it"),
        [
            (item.member, item.recommended, item.verdict.reason, str(item.ways[0]))
            for item in docket.reviews[:5]
            if item.verdict is not None
        ],
    )
    item = docket.reviews[0]
    say(f"Why {item.member}?\n{item.words()}")
    for way in view.evaluate(policy, item.member).shortfalls("active"):
        say(f"  to be active: {way}")
    ledger.decide(item, "active", "reviews other work too", by="council", occurred_at=DUE)
    say(ledger.replay_decision(item.review).words())


def replay(ledger: rl.Ledger) -> None:
    """Ask of all of history what two policies would have said, by quarter, and where they part."""
    policy = load(POLICY)
    patient = evolve(policy, name="patient", cases=[*policy.cases[:2], *PATIENT, *policy.cases[3:]])
    began = time.perf_counter()
    found = ledger.backtest(policy, at=quarterly(1998, 2025), against=patient)
    seconds = time.perf_counter() - began
    say(
        f"{policy.name} and {patient.name}, of {len(found.people):,} members at "
        f"{len(found.dates)} quarters: {seconds:.2f} s"
    )
    show_table(
        "From one quarter to the next, over 28 years",
        ("from", "to", "members"),
        [(t.before or "(new)", t.after, t.members) for t in found.transitions()[:8]],
    )
    flips = found.flips()
    firsts = {flip.member: flip for flip in reversed(flips)}
    most = Counter(flip.member for flip in flips).most_common(10)
    show_table(
        f"{len(flips):,} times otherwise than {patient.name}, which waits three years: who most",
        ("member", "quarters", "first on", f"{policy.name}, and why", f"{patient.name}, and why"),
        [
            (member, number, firsts[member].at, *map(why, found.explain(firsts[member])))
            for member, number in most
        ],
    )
    verdict, _ = found.explain(firsts[most[0][0]])
    say(f"The first of them in full:\n{verdict.words()}")


def why(verdict: Verdict) -> str:
    """Say an outcome with its reason, or with what decided it."""
    return f"{verdict.outcome}: {verdict.reason or verdict.findings[-1].words()}"


def reconciliation(ledger: rl.Ledger) -> None:
    """Compare the record with the rosters that four releases really held."""
    found = ledger.reconcile(complete_rosters=True)
    counts = Counter((str(ledger.day(item.at)), item.kind) for item in found)
    show_table(
        "Reconciled with the rosters of four releases",
        ("roster of", "finding", "people"),
        [(day, kind, number) for (day, kind), number in sorted(counts.items())],
    )
    last = [item for item in found if ledger.day(item.at) == ROSTER_DAY]
    examples = [item for item in last if item.kind == "assertion_failed"]
    examples += [item for item in last if item.kind == "unlisted"][:3]
    show_table("For example", ("finding", "what"), [(item.kind, item.words) for item in examples])


if __name__ == "__main__":
    main()
