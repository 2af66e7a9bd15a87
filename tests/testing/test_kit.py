"""Cases that are kept, tests that are pasted, stories, and the machine on real stores."""

from __future__ import annotations

import unittest
from contextlib import ExitStack
from datetime import date
from itertools import count as counting
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st

import reps_ledger as rl
from quality.planted import REPORTS, SOUND, hindsight
from reps_ledger.errors import InvalidInput
from reps_ledger.testing import (
    POLICY_LAWS,
    LawBroken,
    Promises,
    check_policy,
    entry_id,
    find_disagreement,
    given,
    judged,
    ledger_machine,
    load_case,
    moment,
    save_case,
    situated,
    tell,
)
from reps_ledger.testing.laws import no_hindsight, totality
from scale import examples
from servers import new_database
from strategies import CUSTOM, MentoringHeld

if TYPE_CHECKING:
    from collections.abc import Callable

SURE: Final[dict[str, Any]] = {"suppress_health_check": list(HealthCheck), "derandomize": True}
FEW: Final = examples(1.2, **SURE)
STORY: Final = situated(
    (rl.MemberJoined(member="ana"), "2018-01-01"),
    tell(rl.ReportFiled(member="ana", activity="talk", areas=("web",)), "2018-09-01", source="mail"),
    (rl.ReportFiled(member="ana", activity="talk"), "2018-10-02 12:00"),
    (MentoringHeld(member="ana", mentor="ben", minutes=5), "2018-03-04"),
    (
        rl.EntryCorrected(
            target=entry_id(1), replacement=rl.MemberJoined(member="ana", kind="staff"), reason="r"
        ),
        "2018-01-02",
    ),
    (rl.LeaveStarted(member="ana", expected_return=moment("2018-12-01")), "2018-11-01"),
    at="2018-10-01",
    known_at=5,
    zone=ZoneInfo("Europe/Paris"),
    facts=CUSTOM,
)


def test_a_case_is_kept_and_asked_again(tmp_path: Path) -> None:
    """A situation reads back equal; a broken law is asked again of what broke it, or of another."""
    save_case(STORY, tmp_path / "story.json")
    assert load_case(tmp_path / "story.json", facts=CUSTOM).situation == STORY
    with pytest.raises(LawBroken) as caught:
        no_hindsight(hindsight, STORY)
    save_case(caught.value, tmp_path / "broken.json")
    kept = load_case(tmp_path / "broken.json", facts=CUSTOM)
    assert (kept.law, kept.policy) == ("no_hindsight", None)
    with pytest.raises(LawBroken, match="what happened later changes it"):
        kept.check(hindsight)
    kept.check(SOUND)
    with pytest.raises(InvalidInput, match="pass the one to check"):
        kept.check()


def test_a_kept_history_is_in_the_exchange_format(tmp_path: Path) -> None:
    """What a case keeps can be imported as it is."""
    save_case(STORY, tmp_path / "story.json")
    rows = load_case(tmp_path / "story.json", facts=CUSTOM).situation.history.rows()
    with rl.open(
        facts=CUSTOM, upcasters=[rl.Upcaster("mentoring.held", old, lambda fields: fields) for old in (1, 2)]
    ) as ledger:
        report = ledger.import_history(rows)
        assert report.recorded >= 4


@pytest.mark.parametrize("text", ["", "{", "[]", '{"case": 9}', '{"case": 1}', '{"case": 1, "zone": "UTC"}'])
def test_a_broken_file_is_no_case(tmp_path: Path, text: str) -> None:
    """A file that is no case is an error that names it."""
    path = tmp_path / "case.json"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=r"case\.json"):
        load_case(path)
    with pytest.raises(InvalidInput, match="cannot be read"):
        load_case(tmp_path / "none.json")


def test_what_is_pasted_runs() -> None:
    """The regression test of a broken law is Python, and makes the very situation again."""
    names: dict[str, Any] = {
        **{name: globals()[name] for name in ("rl", "situated", "tell", "entry_id", "moment")},
        **{cls.__name__: cls for cls in CUSTOM},
        "ZoneInfo": ZoneInfo,
        "no_hindsight": no_hindsight,
        "policy": hindsight,
    }
    made = eval(STORY.code(), names)  # noqa: S307 — the code is our own
    assert made == STORY
    with pytest.raises(LawBroken) as caught:
        no_hindsight(hindsight, STORY)
    exec(caught.value.regression_test(), names)  # noqa: S102 — the code is our own
    with pytest.raises(LawBroken):
        names["test_no_hindsight_of_hindsight"]()


def test_a_difference_can_be_pasted() -> None:
    """A difference comes with a test of what each comes to."""
    found = find_disagreement(SOUND, lambda _: "active", about=REPORTS, settings=FEW)
    assert found is not None
    names: dict[str, Any] = {"rl": rl, "situated": situated, "judged": judged}
    names |= {"before": SOUND, "after": lambda _: "active"}
    exec(found.regression_test(), names)  # noqa: S102 — the code is our own
    (test,) = [value for name, value in names.items() if name.startswith("test_")]
    test()


@pytest.mark.parametrize("law", POLICY_LAWS, ids=str)
def test_every_law_is_described(law: Any) -> None:
    """The page on testing states each law in its own sentence."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "testing.md").read_text()
    assert f"| `{law.name}` | {law.says} |" in page


@pytest.mark.parametrize("law", POLICY_LAWS, ids=str)
def test_a_law_can_be_asked_alone(law: Any) -> None:
    """Laws serve to parametrise tests: each is asked of a policy by itself."""
    promises = Promises(more=["report.filed"], keeps=(date(2000, 1, 1), "active"))
    checked = check_policy(SOUND, laws=[law], promises=promises, settings=examples(0.4, **SURE))
    assert {*checked.laws, *checked.spared} == {law.name}


def test_what_is_no_law_is_refused() -> None:
    """An exception from a law that there is not is a mistake."""
    with pytest.raises(InvalidInput, match="there is no law isolatoin"):
        check_policy(SOUND, except_for={"isolatoin": "a slip"})


def test_histories_of_ones_own() -> None:
    """Laws are asked of whatever histories are given, and of examples before them."""
    looked_at: list[Any] = []

    def judge(subject: Any) -> str:
        looked_at.append(subject.dossier.entries)
        return "active"

    check_policy(
        judge,
        histories=st.just(STORY.history),
        examples=[STORY],
        laws=[totality],
        promises=Promises(outcomes=["active"]),
        settings=FEW,
        facts=CUSTOM,
    )
    assert looked_at[0] == STORY.subject(judge).dossier.entries


def test_a_story_says_what_is_wrong() -> None:
    """A story that does not go as told fails with what happened instead."""
    joined = rl.MemberJoined(member="ana")
    story = given((joined, date(2018, 1, 1)))
    assert story.when(rl.LeaveStarted(member="ana")).then(rl.LeaveStarted(member="ana")).ids
    with pytest.raises(AssertionError, match="refused \\(already_joined\\)"):
        story.when(joined).then(joined)
    with pytest.raises(AssertionError, match="refused for already_joined, not not_joined"):
        story.when(joined).then_refused("not_joined")
    with pytest.raises(AssertionError, match="nothing refused"):
        story.when(rl.ReportFiled(member="ana", activity="a")).then_refused("not_joined")


def run(make: Callable[[], Callable[[], rl.Ledger]], share: float) -> None:
    """Run the machine on a store; the share is of the usual number of examples."""
    case = ledger_machine(make).TestCase
    case.settings = examples(share, stateful_step_count=12, phases=[Phase.generate], **SURE)
    result = unittest.TestResult()
    case("runTest").run(result)
    assert result.testsRun == 1
    assert result.wasSuccessful(), "".join(text for _, text in [*result.errors, *result.failures])


def test_the_machine_on_sqlite_files(tmp_path: Path) -> None:
    """A ledger on a file does what the rules say, opened twice, reopened and raced."""
    numbers = counting()

    def make() -> Callable[[], rl.Ledger]:
        path = tmp_path / f"{next(numbers)}.db"
        return lambda: rl.open(path)

    run(make, 0.16)


def test_the_machine_on_postgres(postgres_server: Any) -> None:
    """So does a ledger on PostgreSQL."""
    with ExitStack() as databases:

        def make() -> Callable[[], rl.Ledger]:
            dsn = databases.enter_context(new_database(postgres_server))
            return lambda: rl.open(dsn)

        run(make, 0.06)
