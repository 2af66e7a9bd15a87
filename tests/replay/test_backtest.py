"""Backtests: tables, transitions, flips, agreement, sweeps, and files."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq
import pytest
from attrs import evolve

import reps_ledger as rl
from reps_ledger.policies import (
    Policy,
    count,
    days,
    has_account,
    in_outcome,
    largest_share,
    previously,
    reports,
    retired,
    vouches,
    weeks,
    when,
)
from reps_ledger.policies.documents.text import read_template
from reps_ledger.replay import daily, monthly, quarterly, yearly
from reps_ledger.replay.backtest import backtest, resolved
from reps_ledger.replay.kernel.run import MAX_DATES
from scenarios import fixed_clock

if TYPE_CHECKING:
    from pathlib import Path


def activity(width: int = 4, name: str = "activity") -> Policy:
    """A policy: active with a report in the last so many weeks."""
    return Policy(
        name,
        cases=[when(retired()).then("gone"), when(reports(within=weeks(width)) >= 1).then("active")],
        otherwise="inactive",
        scale=["active", "inactive", "gone"],
    )


DATES: Final = [date(2018, 1, 31), date(2018, 2, 28), date(2018, 3, 31), date(2018, 4, 30)]


@pytest.fixture
def ledger() -> rl.Ledger:
    """Ana reports each month; ben only in January; =cleo joins in March, and retires in April."""
    opened = rl.open(clock=fixed_clock)
    for member, day in [("ana", 1), ("ben", 1)]:
        joined = rl.MemberJoined(member=member)
        opened.record(joined, by="council", occurred_at=date(2018, 1, day))
    joined = rl.MemberJoined(member="=cleo")
    opened.record(joined, by="council", occurred_at=date(2018, 3, 10))
    for member, month in [("ana", 1), ("ana", 2), ("ana", 3), ("ana", 4), ("ben", 1)]:
        report = rl.ReportFiled(member=member, activity="talk")
        opened.record(report, by=member, occurred_at=date(2018, month, 20))
    gone = rl.MemberRetired(member="=cleo", how="resigned")
    opened.record(gone, by="council", occurred_at=date(2018, 4, 2))
    return opened


def test_outcomes_of_everyone_at_every_date(ledger: rl.Ledger) -> None:
    """Each member has the outcome that the reference gives; before joining, none."""
    found = ledger.backtest(activity(), at=DATES)
    names = [None, *found.policy.outcomes]
    told = {
        member: [names[code + 1] for code in codes]
        for member, codes in zip(found.people, found.codes.tolist(), strict=True)
    }
    assert told == {
        "=cleo": [None, None, "inactive", "gone"],
        "ana": ["active"] * 4,
        "ben": ["active", "inactive", "inactive", "inactive"],
    }
    for index, day in enumerate(DATES):
        verdicts = ledger.as_of(day).evaluate_all(activity())
        expected = {v.member: v.outcome for v in verdicts}
        assert {m: o[index] for m, o in told.items() if o[index] is not None} == expected
    assert found.counts()[2] == {"active": 1, "inactive": 2, "gone": 0}


def test_transitions_count_each_step(ledger: rl.Ledger) -> None:
    """From one date to the next: who stayed, who moved, who was new."""
    found = ledger.backtest(activity(), at=DATES).transitions()
    assert {(t.before, t.after): t.members for t in found} == {
        ("active", "active"): 3,
        ("active", "inactive"): 1,
        ("inactive", "inactive"): 2,
        (None, "inactive"): 1,
        ("inactive", "gone"): 1,
    }


def test_flips_are_where_two_policies_differ(ledger: rl.Ledger) -> None:
    """Each flip names member and date, and the reference explains both sides."""
    found = ledger.backtest(activity(4), at=DATES, against=activity(11, "longer"))
    flips = found.flips()
    assert [(flip.member, flip.at.month, flip.was, flip.now) for flip in flips] == [
        ("ben", 2, "active", "inactive"),
        ("ben", 3, "active", "inactive"),
    ]
    for flip in flips:
        view = ledger.as_of(flip.at)
        assert view.evaluate(activity(4), flip.member).outcome == flip.now
        assert view.evaluate(activity(11), flip.member).outcome == flip.was
    assert len(found.flips(1)) == 1
    assert ledger.backtest(activity(), at=DATES).flips() == ()


def test_survival_by_cohort(ledger: rl.Ledger) -> None:
    """Of those who were active first in a year, how many were at every date since."""
    found = ledger.backtest(activity(), at=DATES).survival(["active"])
    assert [(s.cohort, s.since, s.members, s.surviving) for s in found] == [
        (2018, 0, 2, 2),
        (2018, 1, 2, 1),
        (2018, 2, 2, 1),
        (2018, 3, 2, 1),
    ]
    with pytest.raises(rl.InvalidInput, match="no outcome"):
        ledger.backtest(activity(), at=DATES).survival(["away"])


def test_the_table_has_a_row_for_each_member_and_date(ledger: rl.Ledger) -> None:
    """Arrow takes it without a copy of ours: member, date, outcome, changed, against."""
    found = ledger.backtest(activity(4), at=DATES, against=activity(11, "longer"))
    table = pa.table(found)
    assert table.column_names == ["member", "date", "outcome", "changed", "against"]
    rows = table.to_pylist()
    assert len(rows) == 10
    assert [r["changed"] for r in rows if r["member"] == "ben"] == [True, True, False, False]
    assert rows[0]["member"] == "=cleo"
    assert pa.concat_tables(pa.Table.from_batches([b]) for b in found.batches(1)).num_rows == 10


def test_files_of_results(ledger: rl.Ledger, tmp_path: Path) -> None:
    """Parquet and Arrow read back the same; no cell of CSV begins a formula; no half of a file."""
    found = ledger.backtest(activity(), at=DATES)
    found.write(tmp_path / "a.parquet")
    assert pq.read_table(tmp_path / "a.parquet").to_pylist() == found.table.to_pylist()
    found.write(tmp_path / "a.arrow")
    with pa.ipc.open_file(str(tmp_path / "a.arrow")) as file:
        assert file.read_all().to_pylist() == found.table.to_pylist()
    found.write(tmp_path / "a.csv")
    text = (tmp_path / "a.csv").read_text()
    assert "'=cleo" in text
    assert pcsv.read_csv(tmp_path / "a.csv").num_rows == found.table.num_rows
    assert len(list(tmp_path.iterdir())) == 3
    with pytest.raises(rl.StorageError):
        found.write(tmp_path / "no" / "such" / "folder.csv")


def test_the_outcome_before_is_that_of_the_date_before(ledger: rl.Ledger) -> None:
    """Path-dependent policies run through the dates; the first has nothing before it."""
    kept = Policy(
        "kept",
        cases=[
            when(reports(within=weeks(4)) >= 1).then("active"),
            when(previously("active") & (in_outcome() < weeks(9))).then("active", "grace"),
        ],
        otherwise="inactive",
    )
    found = ledger.backtest(kept, at=DATES)
    ben = found.codes[found.people.index("ben")].tolist()
    assert [kept.outcomes[code] for code in ben] == ["active", "active", "active", "inactive"]


def test_what_comes_later_changes_nothing(ledger: rl.Ledger) -> None:
    """Facts, corrections and retractions after the basis leave a backtest as it was."""
    basis = ledger.position
    before = ledger.backtest(activity(), at=DATES, known_at=basis)
    first = next(e for e in ledger.entries() if e.name == "report.filed")
    late = rl.ReportFiled(member="ben", activity="late")
    ledger.record(late, by="ben", occurred_at=date(2018, 3, 20))
    ledger.record(rl.EntryRetracted(target=first.id, reason="never was"), by="council")
    again = ledger.backtest(activity(), at=DATES, known_at=basis)
    assert again.table.equals(before.table)
    assert not ledger.backtest(activity(), at=DATES).table.equals(before.table)


@pytest.mark.parametrize("chunk", [1, 2, 100])
def test_chunks_do_not_matter(ledger: rl.Ledger, chunk: int) -> None:
    """The same bytes of result, however members are divided."""
    dates = resolved(DATES, UTC)
    columns = ledger.columns()
    one = backtest(activity(), columns, dates, UTC).table
    assert backtest(activity(), columns, dates, UTC, chunk=chunk).table.equals(one)


def test_sweeps(ledger: rl.Ledger) -> None:
    """Each combination of parameters gives the counts that a backtest of it gives."""
    found = ledger.sweep(activity, {"width": [1, 4, 10]}, at=DATES)
    assert found.names == ("width",)
    for width in (1, 4, 10):
        counts = ledger.backtest(activity(width), at=DATES).counts()
        mine = [r for r in found.rows if r.parameters == (width,)]
        for index, day in enumerate(resolved(DATES, UTC)):
            assert {r.outcome: r.members for r in mine if r.at == day} == counts[index]
    assert found.curve("active") == (((1,), 0), ((4,), 1), ((10,), 1))
    assert found.table.num_rows == len(found.rows)
    with pytest.raises(rl.InvalidInput, match="parameter"):
        ledger.sweep(activity, {}, at=DATES)
    with pytest.raises(rl.InvalidInput, match="policy"):
        ledger.sweep(lambda n: n, {"n": [1]}, at=DATES)


def test_files_of_sweeps(ledger: rl.Ledger, tmp_path: Path) -> None:
    """Parquet, Arrow and CSV hold the rows; parameters of several kinds are text, and safe."""
    found = ledger.sweep(activity, {"width": [1, 4]}, at=DATES)
    for name in ("rows.parquet", "rows.arrow", "rows.csv"):
        found.write(tmp_path / name)
    assert pq.read_table(tmp_path / "rows.parquet").equals(found.table)
    with pa.ipc.open_file(tmp_path / "rows.arrow") as file:
        assert file.read_all().equals(found.table)
    rows = pcsv.read_csv(tmp_path / "rows.csv").to_pylist()
    assert [(r["width"], r["outcome"], r["members"]) for r in rows] == [
        (*row.parameters, row.outcome, row.members) for row in found.rows
    ]
    assert pa.table(found).equals(found.table)

    def named(name: Any) -> Policy:
        return activity(name=str(name))

    odd = ledger.sweep(named, {"name": ["=1+1", 4, weeks(2)]}, at=DATES[:1])
    odd.write(tmp_path / "odd.csv")
    cells = pcsv.read_csv(tmp_path / "odd.csv").column("name").unique().to_pylist()
    assert cells == ["'=1+1", "4", "2 weeks"]


def one_number(n: int) -> Policy:
    """Make a policy of one parameter."""
    return activity(n)


@pytest.mark.parametrize(
    ("make", "parameters", "words"),
    [
        (activity(), {"width": [4]}, "a sweep needs what makes a policy"),
        (activity, {"width": 4}, "the values of width are a list"),
        (activity, {"name": "activity"}, "the values of name are a list"),
        (activity, {"width": []}, "name a parameter"),
        (one_number, {"weeks": [4]}, "the policy's parameters: missing a required argument: 'n'"),
        (one_number, {"n": [4], "m": [4]}, "unexpected keyword argument 'm'"),
        (read_template('policy = "p"'), {"weeks": [4]}, r"no parameter \$weeks; it has none"),
    ],
)
def test_what_cannot_be_swept(ledger: rl.Ledger, make: Any, parameters: Any, words: str) -> None:
    """Each mistake is an error that says what is wrong with it."""
    with pytest.raises(rl.InvalidInput, match=words):
        ledger.sweep(make, parameters, at=DATES)


def test_a_sweep_knows_its_ledgers_facts(ledger: rl.Ledger) -> None:
    """A policy about an unknown kind of fact is refused; it does not just hold of nobody."""

    def unknown(n: int) -> Policy:
        return Policy("p", cases=[when(count("talk.given") >= n).then("x")], otherwise="y")

    with pytest.raises(rl.InvalidPolicy, match=r"knows no fact talk\.given"):
        ledger.sweep(unknown, {"n": [1]}, at=DATES)


def test_agreement_with_decisions(ledger: rl.Ledger) -> None:
    """What people decided beside what a policy comes to: counts, precision, recall, differences."""
    day = date(2018, 3, 31)
    docket = ledger.open_reviews(
        activity(), by="council", at=day, outcomes=["inactive", "active"], occurred_at=day
    )
    for item in docket:
        outcome = "inactive" if item.member == "=cleo" else "active"
        ledger.decide(item, outcome, "seen", by="council", occurred_at=day)
    found = ledger.agreement(activity())
    assert (len(found.compared), found.agreed) == (3, 2)
    assert [(d.member, d.decided, d.outcome) for d in found.disagreements] == [("ben", "active", "inactive")]
    assert (found.precision("inactive"), found.recall("inactive")) == (0.5, 1.0)
    assert (found.precision("gone"), found.recall("gone")) == (None, None)
    assert found.counts()["active", "inactive"] == 1


def test_a_backtest_against_decisions(ledger: rl.Ledger) -> None:
    """Each outcome has beside it what people had last decided by that date, or nothing."""
    day, later = date(2018, 3, 31), date(2018, 5, 2)
    for when_, outcome in ((day, "active"), (later, "inactive")):
        docket = ledger.open_reviews(
            activity(), by="council", at=when_, outcomes=["inactive", "active"], occurred_at=when_
        )
        for item in docket:
            if item.member == "ben":
                ledger.decide(item, outcome, "seen", by="council", occurred_at=when_)
    other = rl.ReviewOpened(member="ana", review="else", policy="something else")
    ledger.record(other, by="council", occurred_at=day)
    decided = rl.ReviewDecided(member="ana", review="else", outcome="gone")
    ledger.record(decided, by="council", occurred_at=day)
    dates = [date(2018, 3, 30), day, date(2018, 5, 1), later]
    found = ledger.backtest(activity(), at=dates, against="decisions")
    rows = found.table.to_pylist()
    assert [r["against"] for r in rows if r["member"] == "ben"] == [None, "active", "active", "inactive"]
    assert {r["against"] for r in rows if r["member"] != "ben"} == {None}
    assert {flip.member for flip in found.flips()} <= {"ben"}
    assert found.agreement is not None
    assert found.agreement.compared == ledger.agreement(activity()).compared


def test_a_flip_is_explained_by_the_reference(ledger: rl.Ledger) -> None:
    """The verdicts have the outcomes of the flip, also where the previous outcome matters."""
    sticky = Policy(
        "sticky",
        cases=[when(reports(within=weeks(4)) >= 1).then("active"), when(previously("active")).then("nudge")],
        otherwise="inactive",
    )
    found = ledger.backtest(activity(), at=DATES, against=sticky)
    flips = found.flips()
    assert flips
    for flip in flips:
        now, was = found.explain(flip)
        assert (was.outcome, now.outcome) == (flip.was, flip.now)
        assert now.findings
    with pytest.raises(rl.InvalidInput, match="run"):
        evolve(found, dates=()).explain(flips[0])


def test_a_run_that_is_interrupted_leaves_nothing_broken(ledger: rl.Ledger, tmp_path: Path) -> None:
    """After Ctrl-C in the middle, kept columns are whole and the backtest gives the same."""

    def interrupt(*_: int) -> None:
        raise KeyboardInterrupt

    with rl.open(tmp_path / "reps.db") as kept:
        ledger.export(tmp_path / "history.jsonl")
        kept.import_history(tmp_path / "history.jsonl")
        with pytest.raises(KeyboardInterrupt):
            kept.backtest(activity(), at=DATES, on_progress=interrupt)
        with pytest.raises(KeyboardInterrupt):
            kept.sweep(activity, {"width": [4, 8]}, at=DATES, on_progress=interrupt)
        again = kept.backtest(activity(), at=DATES)
    assert again.codes.tolist() == ledger.backtest(activity(), at=DATES).codes.tolist()


def test_review_dates() -> None:
    """Quarters, months, years and days; a date is the end of its day, each once and in order."""
    assert quarterly(2017, 2018)[:2] == [date(2017, 3, 31), date(2017, 6, 30)]
    assert len(quarterly(2017, 2018)) == 8
    assert monthly(2020, 2020)[1] == date(2020, 2, 29)
    assert yearly(2017, 2018) == [date(2017, 12, 31), date(2018, 12, 31)]
    assert len(daily(date(2018, 1, 1), date(2018, 1, 31))) == 31
    end = datetime(2018, 1, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    assert resolved([date(2018, 1, 31), end, date(2017, 1, 1)], UTC)[-1] == end
    assert len(resolved([date(2018, 1, 31), end], UTC)) == 1
    for wrong in ([], ["2018-01-01"], [datetime(2018, 1, 1)]):  # noqa: DTZ001 — that is wrong
        with pytest.raises(rl.InvalidInput):
            resolved(wrong, UTC)  # type: ignore[arg-type]  # that is the point
    with pytest.raises(rl.InvalidInput, match="a list"):
        resolved(date(2018, 1, 1), UTC)  # type: ignore[arg-type]  # that is the point
    for maker in (quarterly, monthly, yearly):
        wrong_years: list[Any] = [(2018, 2017), (0, 2018), (2018, 10_000), ("2018", 2018)]
        for first, last in wrong_years:
            with pytest.raises(rl.InvalidInput):
                maker(first, last)
    with pytest.raises(rl.InvalidInput):
        daily(date(2018, 1, 2), date(2018, 1, 1))
    start = datetime(2018, 1, 1, tzinfo=UTC)
    with pytest.raises(rl.TooLarge, match="dates"):
        resolved((start + timedelta(hours=n) for n in range(MAX_DATES + 1)), UTC)


@pytest.mark.parametrize("dates", [[date(1990, 1, 1)], [date(2900, 1, 1)], DATES * 2])
def test_odd_dates(ledger: rl.Ledger, dates: list[date]) -> None:
    """Before the first fact nobody has an outcome; long after the last, everybody has one."""
    found = ledger.backtest(activity(), at=dates)
    expected = [len(list(ledger.as_of(day).evaluate_all(activity()))) for day in sorted(set(dates))]
    assert [sum(counts.values()) for counts in found.counts()] == expected


def test_an_empty_ledger() -> None:
    """Nobody, and no error."""
    found = rl.open().backtest(activity(), at=DATES)
    assert (found.people, found.table.num_rows, found.transitions()) == ((), 0, ())


def test_many_dates(ledger: rl.Ledger) -> None:
    """Bitsets of three thousand dates, 47 words each, are right at every date."""
    days = daily(date(2015, 1, 1), date(2023, 3, 19))
    found = ledger.backtest(activity(), at=days)
    ana = found.codes[found.people.index("ana")].tolist()
    for index in range(0, len(days), 97):
        verdict = ledger.as_of(days[index]).evaluate(activity(), "ana")
        joined = days[index] >= date(2018, 1, 1)
        assert ana[index] == (found.policy.outcomes.index(verdict.outcome) if joined else -1)


@pytest.mark.parametrize("number", [128, 129, 300])
def test_many_outcomes(ledger: rl.Ledger, number: int) -> None:
    """A policy may have more outcomes than a byte can tell apart."""
    tiers = [when(reports() >= n).then(f"{n}") for n in range(number - 1, 0, -1)]
    many = Policy("many", cases=tiers, otherwise="none")
    found = ledger.backtest(many, at=DATES, against=activity())
    expected = {each.member: each.outcome for each in ledger.as_of(DATES[-1]).evaluate_all(many)}
    last = [row for row in found.table.to_pylist() if row["date"] == found.dates[-1]]
    assert {row["member"]: row["outcome"] for row in last} == expected
    assert {flip.member for flip in found.flips()} == set(expected)
    assert found.counts()[-1]["none"] == list(expected.values()).count("none")


def test_a_policy_of_communities_is_evaluated_otherwise(ledger: rl.Ledger) -> None:
    """It is refused with what to do instead."""
    body = Policy("b", cases=[when(reports() >= 1).then("x")], otherwise="y", of="community")
    with pytest.raises(rl.InvalidPolicy, match="communities"):
        ledger.backtest(body, at=DATES)


def test_no_policy_goes_by_personal_text() -> None:
    """It may be sealed or erased: a policy that filters by it is refused when it is made, and says why."""
    with pytest.raises(rl.InvalidPolicy, match="personal text"):
        reports(where={"link": "x"})


@pytest.mark.parametrize("inner", [previously("good"), in_outcome() >= days(1)], ids=str)
def test_what_others_came_to_before_is_not_answered_wrongly(ledger: rl.Ledger, inner: Any) -> None:
    """A run does not know the previous outcome of others: it is refused, and says what to do."""
    among = Policy("p", cases=[when(largest_share(among=inner) >= 1 / 10).then("good")], otherwise="bad")
    vouched = Policy("p", cases=[when(vouches(voucher=inner) >= 1).then("good")], otherwise="bad")
    vouch = rl.Vouched(member="ana", voucher="ben")
    ledger.record(vouch, by="ben", occurred_at=date(2018, 1, 2))
    for policy in (among, vouched):
        with pytest.raises(rl.InvalidPolicy, match="previous outcome of other people"):
            ledger.backtest(policy, at=DATES)


def test_templates() -> None:
    """A text that is only a parameter becomes its value; inside a longer text it is spelled out."""
    make = read_template(
        'policy = "p"\notherwise = "no"\n[[cases]]\noutcome = "yes"\n'
        'when = { count = { facts = "report.filed", within = "$weeks weeks" }, at_least = "$n" }'
    )
    expected: Any = Policy("p", cases=[when(reports(within=weeks(8)) >= 2).then("yes")], otherwise="no")
    assert make(weeks=8, n=2) == expected
    with pytest.raises(rl.InvalidPolicy, match="has no value"):
        make(weeks=8)


def test_who_had_an_account_is_known_of_codes() -> None:
    """Account names are in no column; who had an account, and when, is known by keyed codes of them."""
    ledger = rl.open(clock=fixed_clock)
    day = date(2018, 1, 1)
    joined = rl.MemberJoined(member="ana", account="ana@site")
    ledger.record_all([joined, rl.MemberJoined(member="ben")], by="x", occurred_at=day)
    link = {"member": "ben", "provider": "forge", "account": "benny"}
    ledger.record(rl.AccountLinked(**link), by="x", occurred_at=date(2018, 2, 10))
    ledger.record(rl.AccountUnlinked(**link), by="x", occurred_at=date(2018, 4, 10))

    def policy(provider: str | None = None) -> Policy:
        return Policy("p", cases=[when(has_account(provider)).then("yes")], otherwise="no")

    found = ledger.backtest(policy(), at=DATES, against=policy("forge"))
    assert found.codes.tolist() == [[0, 0, 0, 0], [1, 0, 0, 1]]
    assert found.others is not None
    assert found.others.tolist() == [[1, 1, 1, 1], [1, 0, 0, 1]]
    swept = ledger.sweep(policy, {"provider": ["forge", "chat"]}, at=DATES[1:2])
    assert swept.curve("yes") == ((("forge",), 1), (("chat",), 0))


def test_a_leave_that_begins_in_an_hour_that_the_clocks_repeat() -> None:
    """Until that hour is over, a window is the one without leave; the backtest sees it as a view does."""
    at = datetime(2018, 2, 18, 2, 30, tzinfo=UTC)
    with rl.open(zone="America/Sao_Paulo", clock=fixed_clock) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="x", occurred_at=date(2018, 1, 1))
        report = rl.ReportFiled(member="ana", activity="talk")
        ledger.record(report, by="x", occurred_at=datetime(2018, 2, 17, 2, tzinfo=UTC))
        ledger.record(rl.LeaveStarted(member="ana"), by="x", occurred_at=at)
        busy = when(count("report.filed", within=days(1), pausing=True) >= 1).then("busy")
        policy = Policy("p", cases=[busy], otherwise="idle")
        dates = [at - timedelta(hours=1), at, at + timedelta(minutes=30), at + timedelta(days=9)]
        seen = [ledger.as_of(date).evaluate(policy, "ana").outcome for date in dates]
        assert seen == ["busy", "busy", "idle", "idle"]
        run = ledger.backtest(policy, at=dates)
        assert [policy.outcomes[code] for code in run.codes[0].tolist()] == seen
