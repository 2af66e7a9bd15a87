"""Personal texts are kept as long as the charter says, and no longer."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final

import pytest

import reps_ledger as rl
from histories import open_ledger
from reps_ledger.domain.sealed import ERASED
from reps_ledger.errors import ConfigurationError, InvalidPolicy, Refused
from reps_ledger.ledger.retention import Due
from reps_ledger.policies import months, years
from reps_ledger.policies.charter import Charter, Retention, read_charter
from reps_ledger.privacy import KeyFile

if TYPE_CHECKING:
    from collections.abc import Iterator

CHARTER: Final = read_charter(
    """
    charter = "reps"
    version = "1"
    [retention."notice.answered"]
    keep = "2 years"
    [retention."member.profiled"]
    keep = "6 months"
    """
)


@pytest.fixture
def ledger() -> Iterator[rl.Ledger]:
    """A ledger that seals, with the answers of two people in three years, and a profile."""
    with open_ledger(keys=KeyFile.open(":memory:"), clock=lambda: datetime(2020, 6, 1, tzinfo=UTC)) as ledger:
        ledger.adopt(CHARTER, by="council", occurred_at=date(2016, 1, 1))
        for name in ("ana", "ben"):
            ledger.record(rl.MemberJoined(member=name), by="council", occurred_at=date(2016, 1, 1))
            for year in (2016, 2017, 2019):
                notice = f"{name}-{year}"
                sent = rl.NoticeSent(member=name, notice=notice, stage="nudge")
                ledger.record(sent, by="council", occurred_at=date(year, 5, 1))
                answer = rl.NoticeAnswered(member=name, notice=notice, answer=f"answer of {notice}")
                ledger.record(answer, by=name, occurred_at=date(year, 12, 31))
        ledger.record(
            rl.MemberProfiled(member="ana", field="name", value="Name One"),
            by="ana",
            occurred_at=date(2019, 1, 1),
        )
        yield ledger


def answers(ledger: rl.Ledger, name: str) -> list[str]:
    """Return what somebody answered, as it reads now."""
    return [e.fact.answer for e in ledger.history(name) if e.name == "notice.answered"]


def test_what_is_due_is_erased_and_no_more(ledger: rl.Ledger) -> None:
    """Two years after the end of the year of each answer; whatever else there is stays."""
    assert ledger.due_erasures(date(2018, 12, 30)) == ()
    due = ledger.due_erasures(date(2019, 1, 1))
    assert due == tuple(
        Due(member=name, kind="notice.answered", year=2016, texts=1) for name in ("ana", "ben")
    )
    report = ledger.erase_due(date(2020, 1, 2))
    assert [(each.member, each.year) for each in report.erased] == [
        ("ana", 2016),
        ("ana", 2017),
        ("ben", 2016),
        ("ben", 2017),
    ]
    assert (report.keys, report.pending) == (4, ())
    assert answers(ledger, "ben") == [ERASED, ERASED, "answer of ben-2019"]
    assert (ledger.due_erasures(date(2020, 1, 2)), ledger.check()) == ((), ())
    assert ledger.find("name") != ()


def test_who_is_kept_no_longer_is_not_found_either(ledger: rl.Ledger) -> None:
    """The index of names follows; and so does a text that takes the place of another."""
    told = next(e for e in ledger.entries() if e.name == "member.profiled")
    new = rl.MemberProfiled(member="ana", field="name", value="Name Two")
    ledger.record(rl.EntryCorrected(target=told.id, replacement=new, reason="misspelt"), by="ana")
    assert ledger.names(["ana"]) == {"ana": "Name Two"}
    assert {each.kind for each in ledger.due_erasures(date(2020, 7, 2))} == {
        "member.profiled",
        "notice.answered",
    }
    ledger.erase_due(date(2020, 7, 2))
    assert (ledger.find("name"), ledger.names(["ana"])) == ((), {})
    assert ledger.as_of().member("ana").profile["name"] == ERASED
    ledger.record(rl.MemberProfiled(member="ana", field="name", value="Name Three"), by="ana")
    assert ledger.names(["ana"]) == {"ana": "Name Three"}


@pytest.mark.parametrize("fact", ["account.linked", "role.asserted", "no.fact"])
def test_only_kinds_with_texts_have_a_retention(ledger: rl.Ledger, fact: str) -> None:
    """Not those that name accounts, which tell people apart; and not those that nobody knows."""
    charter = Charter(name="reps", version="2", retention=(Retention(fact=fact, keep=years(1)),))
    with pytest.raises((InvalidPolicy, Refused), match=fact):
        ledger.adopt(charter, by="council")


def test_a_kind_has_one_retention() -> None:
    """Two clauses would contradict each other."""
    clauses = [Retention(fact="vouch.given", keep=width) for width in (years(1), months(1))]
    with pytest.raises(InvalidPolicy, match=r"vouch\.given is there twice"):
        Charter(name="reps", version="1", retention=tuple(clauses))


def test_a_ledger_that_does_not_seal_erases_nothing() -> None:
    """It says so, rather than that nothing is due."""
    with open_ledger() as plain, pytest.raises(ConfigurationError, match="keys"):
        plain.due_erasures()
