"""Upcasters: how a fact that was stored under an older schema version is read today."""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest

import reps_ledger as rl
from processes import Program
from reps_ledger.domain.facts import BUILT_IN, Registry
from reps_ledger.errors import ConfigurationError, UnknownVersion, UpcasterGap
from reps_ledger.log import Codec
from reps_ledger.log.codec import Upcasters

if TYPE_CHECKING:
    from collections.abc import Callable


ROOT: Final = Path(__file__).parents[2]


@rl.fact("talk.given")
@attrs.frozen(kw_only=True)
class Talk1:
    """A talk, as it was stored at first."""

    member: str
    hours: float


@rl.fact("talk.given", version=2)
@attrs.frozen(kw_only=True)
class Talk2:
    """A talk, with minutes in place of hours."""

    member: str
    minutes: int


@rl.fact("talk.given", version=3)
@attrs.frozen(kw_only=True)
class Talk3:
    """A talk, with where it was."""

    member: str
    minutes: int
    place: str


def to_minutes(fields: dict[str, Any]) -> dict[str, Any]:
    """From version 1 to 2; takes the fields it is given apart, as it may."""
    return {"minutes": int(fields.pop("hours") * 60), **fields}


def to_places(fields: dict[str, Any]) -> dict[str, Any]:
    """From version 2 to 3."""
    return {**fields, "place": "unknown"}


FIRST: Final = rl.Upcaster("talk.given", 1, to_minutes)
SECOND: Final = rl.Upcaster("talk.given", 2, to_places)


def codec(cls: type[rl.Fact], *steps: rl.Upcaster) -> Codec:
    """A codec that knows one version of a talk."""
    return Codec(Registry((*BUILT_IN, cls)), steps)


def test_an_old_file_is_read_today(sqlite_path: Path) -> None:
    """Entries written under each older class read as facts of the newest, through the chain."""
    chain: list[tuple[type[rl.Fact], rl.Fact, list[rl.Upcaster]]] = [
        (Talk1, Talk1(member="ana", hours=1.5), []),
        (Talk2, Talk2(member="ana", minutes=30), [FIRST]),
        (Talk3, Talk3(member="ana", minutes=10, place="Jakarta"), [SECOND, FIRST]),
    ]
    for cls, fact, steps in chain:
        with rl.open(sqlite_path, facts=[cls], upcasters=steps) as ledger:
            if cls is Talk1:
                ledger.record(rl.MemberJoined(member="ana"), by="council")
            ledger.record(fact, by="ana")
    before = sqlite_path.read_bytes()
    with rl.open(sqlite_path, facts=[Talk3], upcasters=[FIRST, SECOND]) as ledger:
        talks = [e for e in ledger.history("ana") if e.name == "talk.given"]
        assert [entry.fact for entry in talks] == [
            Talk3(member="ana", minutes=90, place="unknown"),
            Talk3(member="ana", minutes=30, place="unknown"),
            Talk3(member="ana", minutes=10, place="Jakarta"),
        ]
        assert [entry.schema for entry in talks] == [1, 2, 3]
    assert sqlite_path.read_bytes() == before  # stored bytes are never written again


def test_an_old_correction_is_read_today(sqlite_path: Path) -> None:
    """The fact within a correction that was stored by an older class is upgraded as well."""
    with rl.open(sqlite_path, facts=[Talk1]) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council")
        wrong = ledger.record(Talk1(member="ana", hours=1), by="ana")
        right = Talk1(member="ana", hours=2)
        ledger.record(rl.EntryCorrected(target=wrong.id, replacement=right, reason="longer"), by="ana")
    with rl.open(sqlite_path, facts=[Talk2], upcasters=[FIRST]) as ledger:
        assert [e.fact for e in ledger.history("ana")][1:] == [Talk2(member="ana", minutes=120)]
        assert list(ledger.entries())[3].fact.replacement == Talk2(member="ana", minutes=120)


def test_a_newer_file_is_not_read_by_old_code(sqlite_path: Path) -> None:
    """A version newer than the class is an error that says so and where, never a guess."""
    with rl.open(sqlite_path, facts=[Talk2], upcasters=[FIRST]) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council")
        ledger.record(Talk2(member="ana", minutes=30), by="ana")
    with rl.open(sqlite_path, facts=[Talk1]) as ledger:
        with pytest.raises(UnknownVersion, match="version 2; this code knows 1") as raised:
            ledger.as_of().member("ana")
        assert raised.value.position == 3


def test_every_version_in_between_is_upgraded() -> None:
    """A chain starts at the stored version, and steps before it are not taken."""
    steps = codec(Talk3, FIRST, SECOND)
    assert steps.structure("talk.given", 1, {"member": "a", "hours": 2}) == Talk3(
        member="a", minutes=120, place="unknown"
    )
    assert steps.structure("talk.given", 2, {"member": "a", "minutes": 2}) == Talk3(
        member="a", minutes=2, place="unknown"
    )


def test_a_step_may_change_what_it_is_given() -> None:
    """The fields that a caller passes are not changed, whatever a step does with its own."""
    fields = {"member": "a", "hours": 2}
    upcasters = Upcasters([FIRST, SECOND], Registry([Talk3]))
    upcasters.upgrade("talk.given", 1, 3, fields)
    assert fields == {"member": "a", "hours": 2}


@pytest.mark.parametrize(
    ("cls", "steps", "missing"), [(Talk2, [], 1), (Talk3, [FIRST], 2), (Talk3, [SECOND], 1), (Talk3, [], 1)]
)
def test_gaps(cls: type[rl.Fact], steps: list[rl.Upcaster], missing: int) -> None:
    """A version that cannot be brought up to date is found when the ledger is opened."""
    with pytest.raises(UpcasterGap, match=f"no upcaster takes version {missing}"):
        rl.open(facts=[cls], upcasters=steps)


@pytest.mark.parametrize(
    ("cls", "steps", "words"),
    [
        (Talk3, [FIRST, SECOND, FIRST], "two upcasters take talk.given version 1"),
        (Talk1, [FIRST], "no such older version"),
        (Talk2, [FIRST, SECOND], "no such older version"),
        (Talk2, [FIRST, rl.Upcaster("talk.given", 0, to_minutes)], "no such older version"),
        (Talk1, [rl.Upcaster("no.fact", 1, to_minutes)], "no.fact version 1"),
        (Talk1, [rl.Upcaster("member.joined", 1, to_minutes)], "member.joined version 1"),
    ],
)
def test_doubled_and_stray_steps(cls: type[rl.Fact], steps: list[rl.Upcaster], words: str) -> None:
    """Two steps from one version, or one from none, are found when the ledger is opened."""
    with pytest.raises(ConfigurationError, match=words) as raised:
        rl.open(facts=[cls], upcasters=steps)
    assert not isinstance(raised.value, UpcasterGap)


def times(factor: int) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """A step that closes over a number."""
    return lambda fields: {"minutes": int(fields.pop("hours") * factor), **fields}


def scaled(factor: int, fields: dict[str, Any], *, places: tuple[str, ...] = ()) -> dict[str, Any]:
    """A step that is told a number."""
    return {"minutes": int(fields.pop("hours") * factor) + len(places), **fields}


def by_default(fields: dict[str, Any], factor: int = 60) -> dict[str, Any]:
    """A step with a default."""
    return {**fields, "minutes": factor}


def by_another_default(fields: dict[str, Any], factor: int = 61) -> dict[str, Any]:
    """The same with another."""
    return {**fields, "minutes": factor}


class Scale:
    """A step with a method, which reads what no digest of its code sees."""

    factor = 60

    def step(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Multiply hours."""
        return {"minutes": int(fields.pop("hours") * Scale.factor), **fields}


STEPS: Final[dict[str, Callable[[dict[str, Any]], dict[str, Any]]]] = {
    "a function": to_minutes,
    "another": to_places,
    "60 in a closure": times(60),
    "61 in a closure": times(61),
    "60 in a partial": partial(scaled, 60),
    "61 in a partial": partial(scaled, 61),
    "60 and a keyword": partial(scaled, 60, places=("a",)),
    "a constant": lambda fields: {**fields, "minutes": 1},
    "another constant": lambda fields: {**fields, "minutes": 2},
    "a set": lambda fields: {**fields, "minutes": fields["hours"] in {"a", "b", "c"}},
    "nested": lambda fields: {name: next(each for each in (1,) if name) for name in fields},
    "nested otherwise": lambda fields: {name: next(each for each in (2,) if name) for name in fields},
    "a default": by_default,
    "another default": by_another_default,
    "a method": Scale().step,
    "a class": dict,
}
"""Steps of every kind of callable, no two of which do the same."""


def revisions() -> dict[str, str]:
    """The revision of each."""
    return {name: rl.Upcaster("talk.given", 1, step).revision for name, step in STEPS.items()}


def test_other_code_has_another_revision() -> None:
    """A step is told from others by its code, its constants, and what it closes over or was given."""
    assert len({*revisions().values()}) == len(STEPS)
    assert rl.Upcaster("talk.given", 1, to_minutes, revision="7").revision == "7"


@pytest.mark.parametrize("seed", ["0", "1", "99"])
def test_the_same_code_has_the_same_revision_in_every_process(seed: str) -> None:
    """It does not depend on addresses, on the order of sets, or on where the file lies."""
    code = f"import json; from {__name__} import revisions; print(json.dumps(revisions()))"
    places = os.pathsep.join(str(place) for place in (ROOT, ROOT / "tests"))
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": places}
    with Program("-c", code, env=environment) as program:
        assert json.loads(program.hear()) == revisions()


@pytest.mark.parametrize("named", [False, True], ids=["by its code", "by name"])
def test_what_is_kept_is_made_anew_where_a_step_was_put_right(
    sqlite_path: Path, monkeypatch: pytest.MonkeyPatch, named: bool
) -> None:
    """Columns and tables of state depend on how older entries are read, and follow when that changes."""

    def minutes(factor: int) -> tuple[object, object, bool]:
        monkeypatch.setattr(Scale, "factor", factor)
        step = rl.Upcaster("talk.given", 1, times(factor))
        if named:
            step = rl.Upcaster("talk.given", 1, Scale().step, revision=f"times {factor}")
        with rl.open(sqlite_path, facts=[Talk2], upcasters=[step]) as ledger, ledger.state() as state:
            *_, entry = ledger.entries()
            column = ledger.columns().tables["talk.given"].fields["minutes"]
            return column.values, entry.fact.minutes, state.opened.rebuilt

    with rl.open(sqlite_path, facts=[Talk1]) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council")
        ledger.record(Talk1(member="ana", hours=2), by="ana")
    assert minutes(60) == ((120,), 120, True)
    assert minutes(60) == ((120,), 120, False)
    assert minutes(30) == ((60,), 60, True)
    assert minutes(30) == ((60,), 60, False)


def _nothing(_fields: dict[str, Any]) -> dict[str, Any]:
    return {}


def _fails(fields: dict[str, Any]) -> dict[str, Any]:
    return {"minutes": fields["seconds"]}


@pytest.mark.parametrize("upgrade", [_nothing, _fails])
def test_a_step_that_is_wrong(sqlite_path: Path, upgrade: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """What a step returns is checked as what is stored is: an error says where."""
    with rl.open(sqlite_path, facts=[Talk1]) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council")
        ledger.record(Talk1(member="ana", hours=1), by="ana")
    step = rl.Upcaster("talk.given", 1, upgrade)
    with rl.open(sqlite_path, facts=[Talk2], upcasters=[step]) as ledger:
        with pytest.raises(rl.CodecError) as raised:
            list(ledger.entries())
        assert raised.value.position == 3
