"""What the kit's strategies make: legal and raw histories, on edges, small, and on any type."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

import reps_ledger as rl
from processes import PATIENCE
from reps_ledger.domain.facts import BUILT_IN
from reps_ledger.policies import Policy, Width, count, facts, reports, weeks, when
from reps_ledger.policies.charter import Charter, RoleClause, dump_charter, read_charter
from reps_ledger.testing import History, situations, tell_all
from reps_ledger.testing.registering import register
from reps_ledger.testing.strategies import as_ofs, charters, corrections, histories, raw_histories, raw_rows
from reps_ledger.testing.strategies.vocabulary import matched
from scale import examples
from strategies import CUSTOM, MentoringHeld

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.no_cover  # many examples run the same lines: see CONTRIBUTING.md

ROOT: Final = Path(__file__).resolve().parents[2]
FEW: Final = examples(1.2, suppress_health_check=list(HealthCheck), derandomize=True)
MANY: Final = settings(FEW, max_examples=5_000, database=None)
FIRST: Final = settings(FEW, max_examples=5, phases=[Phase.generate])
ANY: Final = settings(MANY, phases=[Phase.generate])
"""To find one that need not be small."""


@FEW
@given(histories(min_size=3, max_size=9))
def test_legal_histories_are_legal(history: History) -> None:
    """A ledger records a legal history row by row, and refuses none; it is as long as asked."""
    assert 3 <= len(history) <= 9
    with rl.open(zone=history.zone) as ledger:
        report = ledger.import_history(history.rows())
        assert report.recorded == len(history)


@FEW
@given(histories(facts=CUSTOM))
def test_a_ledger_holds_a_history_as_it_is(history: History) -> None:
    """The ledger of a history has its entries, positions and ids, and what stands of them."""
    with history.ledger() as ledger:
        assert tuple(ledger.entries()) == history.entries
        assert [e.id for e in ledger.as_of(datetime.max.replace(tzinfo=UTC)).history()] == [
            e.id for e in history.standing
        ]


@FEW
@given(raw_histories(facts=CUSTOM), st.data())
def test_raw_histories_can_be_looked_at(history: History, data: st.DataObject) -> None:
    """Of any raw history, a ledger shows what it says that stands, as known at any position."""
    asof = data.draw(as_ofs(history))
    with history.ledger() as ledger:
        view = ledger.as_of(asof.valid_at, asof.known_at)
        known = history.known(asof.known_at).standing
        expected = [entry.id for entry in known if entry.occurred_at <= asof.valid_at]
        assert [entry.id for entry in view.history()] == expected


@FEW
@given(st.data())
def test_corrections_amend_what_is_there(data: st.DataObject) -> None:
    """A correction speaks of an entry of its history, and changes what stands."""
    history = data.draw(histories(min_size=1))
    told = data.draw(corrections(history))
    fact: Any = told.fact
    assert fact.target in {entry.id for entry in history}
    assert isinstance(fact, rl.EntryRetracted | rl.EntryCorrected)


CHARTER: Final = Charter(
    name="reps", version="1", roles=[RoleClause(role="rep", admission=count("report.filed") >= 1, seats=1)]
)


@FEW
@given(histories(charter=CHARTER))
def test_histories_under_a_charter_obey_it(history: History) -> None:
    """Nobody is given a role without what the charter asks, and no seat is given twice."""
    known = history.everybody()
    for entry in history:
        if isinstance(entry.fact, rl.RoleAssigned) and entry.fact.role == "rep":
            filed = known.member(entry.fact.member).own("report.filed")
            amended = any(e.name == "entry.retracted" for e in history)
            assert amended or any(e.occurred_at <= entry.occurred_at for e in filed)


def test_a_charter_lets_some_be_admitted() -> None:
    """Such histories are not empty: somebody is admitted under the charter."""
    found = find(
        histories(charter=CHARTER),
        lambda history: any(entry.name == "role.assigned" for entry in history),
        settings=ANY,
    )
    assert found.entries[0].name == "charter.adopted"


@FEW
@given(charters())
def test_charters_are_kept_as_documents(charter: Charter) -> None:
    """Any charter that is made reads back equal."""
    assert read_charter(dump_charter(charter)) == charter


@FEW
@given(raw_rows(facts=CUSTOM))
def test_raw_rows_are_recorded_or_refused(rows: list[dict[str, Any]]) -> None:
    """Every row of a dirty file is recorded, known already, or refused with a reason."""
    upcasters = [rl.Upcaster("mentoring.held", old, lambda fields: fields) for old in (1, 2)]
    with rl.open(facts=CUSTOM, upcasters=upcasters) as ledger:
        report = ledger.import_history(rows)
        assert report.recorded + report.known + len(report.refused) == len(rows)


@pytest.mark.parametrize(
    "condition",
    [
        lambda s: s.history.entries and s.history.entries[-1].occurred_at == s.at - timedelta(28),
        lambda s: any(e.occurred_at == s.at for e in s.history),
        lambda s: len({e.occurred_at for e in s.history}) < len(s.history) - 1,
        lambda s: any((e.occurred_at.month, e.occurred_at.day) == (2, 29) for e in s.history),
        lambda s: any(e.occurred_at.microsecond == 1 for e in s.history),
        lambda s: s.known_at < len(s.history),
    ],
    ids=["the end of a window", "the instant", "ties", "a leap day", "a microsecond", "unknown"],
)
def test_instants_fall_on_edges(condition: Callable[[Any], bool]) -> None:
    """Within a few hundred examples there is one of every kind of edge."""
    policy = Policy("p", cases=[when(reports(within=weeks(4)) >= 1).then("a")], otherwise="b")
    assert condition(find(situations(policy), condition, settings=settings(ANY, max_examples=400)))


@pytest.mark.parametrize(
    ("name", "size"), [("role.ended", 3), ("vouch.withdrawn", 4), ("report.verified", 4)]
)
def test_histories_shrink_to_a_whiteboard(name: str, size: int) -> None:
    """The smallest legal history in which something ends is who joined, its beginning, its end."""
    found = find(histories(), lambda history: any(e.name == name for e in history), settings=MANY)
    assert len(found) == size, repr(found)
    assert len(repr(found).splitlines()) == size


def test_types_are_registered() -> None:
    """Hypothesis makes facts, policies and charters of our types once they are registered."""
    register()
    for cls in (rl.Vouched, rl.RoleEnded, *BUILT_IN[:3]):
        assert isinstance(find(st.from_type(cls), lambda _: True, settings=FIRST), cls)
    for kind in (Width, Policy, Charter):
        assert isinstance(find(st.from_type(kind), lambda _: True, settings=FIRST), kind)


def _python(code: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(folder), *(path for path in sys.path if path)])
    environment = {**os.environ, "PYTHONPATH": paths, **more}
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


def test_hypothesis_loads_the_entry_point(tmp_path: Path) -> None:
    """Installed with its entry point, the kit tells Hypothesis of itself when that is imported."""
    document = tomllib.loads((ROOT / "pyproject.toml").read_text())
    points = document["project"]["entry-points"]["hypothesis"]
    info = tmp_path / "reps_ledger_kit-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: reps-ledger-kit\nVersion: 1\n")
    lines = [f"{name} = {target}" for name, target in points.items()]
    (info / "entry_points.txt").write_text("\n".join(["[hypothesis]", *lines, ""]))
    code = (
        "import hypothesis.strategies as st, reps_ledger as rl, hypothesis;"
        "print(hypothesis.find(st.from_type(rl.RoleEnded), lambda _: True).how)"
    )
    done = _python(code, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in {"resigned", "expired"}


def test_a_missing_extra_says_its_name(tmp_path: Path) -> None:
    """Without Hypothesis the kit says what to install; the rest works."""
    code = (
        "import importlib.util as u; true = u.find_spec;"
        "u.find_spec = lambda name, *a: None if name == 'hypothesis' else true(name, *a);"
        "import reps_ledger as rl; rl.open().close();\n"
        "try:\n    import reps_ledger.testing\n"
        "except rl.MissingExtra as error:\n    print(error.extra, error)\n"
    )
    done = _python(code, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("testing reps_ledger.testing needs an extra: pip install")


def test_a_service_names_its_kinds() -> None:
    """What a policy asks of a service's own facts happens in its histories."""
    policy = Policy(
        "mentoring",
        cases=[when(count(facts("mentoring.held", mood="good")) >= 2).then("good")],
        otherwise="bad",
    )
    found = find(
        situations(policy, facts=CUSTOM),
        lambda s: sum(isinstance(e.fact, MentoringHeld) for e in s.history) > 1,
        settings=settings(ANY, max_examples=200),
    )
    assert "mentoring.held" in repr(found)


@rl.fact("mentoring.cancelled", follows="mentoring.held", shared=("member", "minutes"))
@attrs.frozen(kw_only=True)
class MentoringCancelled:
    """A kind of a service's own that is said of another of its own."""

    member: str
    minutes: int


def test_what_follows_another_fact_is_said_of_it() -> None:
    """It takes what the two share from the last one of the same member, or of anybody."""
    held = [
        MentoringHeld(member=member, mentor="cleo", minutes=minutes)
        for member, minutes in (("ana", 5), ("ben", 7))
    ]
    entries = tell_all(*((fact, "2018-10-01") for fact in held), facts=CUSTOM).entries
    for member, expected in (("ana", held[0]), ("ben", held[1]), ("cleo", held[1])):
        found = matched(MentoringCancelled(member=member, minutes=1), entries, ("ana", "ben"))
        assert found == MentoringCancelled(member=expected.member, minutes=expected.minutes)
    cancelled = MentoringCancelled(member="ana", minutes=1)
    assert matched(cancelled, (), ("ana", "ben")) is None
    assert matched(held[0], entries, ("ana", "ben")) is None  # it follows nothing
