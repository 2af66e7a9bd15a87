"""Wrong arguments everywhere: a typed error, of the public functions and methods, whatever is given."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from itertools import islice
from types import GeneratorType
from typing import TYPE_CHECKING, Final

import pytest

import reps_ledger as rl
from reps_ledger import audit, policies
from reps_ledger.domain.arguments import checked
from reps_ledger.log import Upcaster
from reps_ledger.policies import Policy, charter, reports, tenure, weeks, when

if TYPE_CHECKING:
    from pathlib import Path


class Strange:
    """A value of no type that anything takes."""


WRONG: Final[dict[str, object]] = {
    "None": None,
    "a lone surrogate": "\ud800",
    "a huge number": 10**5_000,
    "bytes": b"ana",
    "NaN": float("nan"),
    "an object": Strange(),
    "a list": [1],
}

POLICY: Final = Policy(
    "p",
    cases=[when(reports(within=weeks(4)) >= 1).then("active")],
    otherwise="inactive",
    scale=["active", "inactive"],
)

RIGHT: Final[dict[str, object]] = {
    "at": date(2018, 6, 1),
    "bundle": b"{}",
    "by": "council",
    "condition": tenure() > weeks(1),
    "dates": [date(2018, 6, 1)],
    "end": date(2018, 6, 1),
    "fact": rl.MemberJoined(member="ben"),
    "facts": [rl.MemberJoined(member="ben")],
    "first": date(2018, 1, 1),
    "last": date(2018, 6, 1),
    "member": "ana",
    "outcome": "active",
    "policy": POLICY,
    "position": 1,
    "rows": [],
    "source": [],
    "start": date(2018, 1, 1),
    "width": weeks(4),
    "within": weeks(4),
}
"""What is given for the other arguments, by name; text for any other."""

MODULES: Final = {"reps_ledger": rl, "policies": policies, "charter": charter, "audit": audit}
FUNCTIONS: Final = {
    f"{module}.{name}": getattr(package, name)
    for module, package in MODULES.items()
    for name in package.__all__
    if inspect.isfunction(getattr(package, name))
}
CLASSES: Final = {
    "Case": policies.Case,
    "Charter": charter.Charter,
    "Dossier": policies.Dossier,
    "Policy": Policy,
    "SQLiteRecorder": rl.SQLiteRecorder,
    "Upcaster": Upcaster,
} | {cls.__name__: cls for cls in (rl.MemberJoined, rl.RoleAssigned, rl.ReportFiled, rl.ReviewDecided)}
LEFT_OUT: Final = {"close", "follow", "subscribe"}
"""Methods that end what the others need, or wait."""


@pytest.fixture(scope="module")
def ledger() -> Iterator[rl.Ledger]:
    """A ledger in which ana has joined."""
    with rl.open() as opened:
        opened.record(rl.MemberJoined(member="ana"), by="council", occurred_at=date(2018, 1, 1))
        yield opened


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever takes a text for a path finds or writes it here."""
    monkeypatch.chdir(tmp_path)


def calls(function: Callable[..., object]) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield arguments with one that is wrong, for each argument and each wrong value, and their names."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    taken = [each for each in inspect.signature(function).parameters.values() if each.kind in kinds]
    needed = {each.name: RIGHT.get(each.name, "x") for each in taken if each.default is each.empty}
    for parameter in taken:
        for name, value in WRONG.items():
            yield f"{parameter.name} = {name}", {**needed, parameter.name: value}


def tried(function: Callable[..., object]) -> list[str]:
    """Call a function with wrong arguments; return those for which it raises what is no error of ours."""
    found = []
    for words, arguments in calls(function):
        try:
            answer = function(**arguments)
            if isinstance(answer, GeneratorType):
                list(islice(answer, 3))
            if hasattr(answer, "close"):
                answer.close()
        except rl.LedgerError as error:
            assert str(error).encode()  # noqa: PT017 — each says something that can be printed
        except Exception as error:  # noqa: BLE001 — what is looked for
            found.append(f"{words}: {type(error).__name__}")
    return found


@pytest.mark.parametrize("name", [*FUNCTIONS, *CLASSES])
def test_functions_and_classes(name: str) -> None:
    """Each raises errors of ours, or takes what it is given."""
    assert tried((FUNCTIONS | CLASSES)[name]) == []


def methods(cls: type) -> list[str]:
    """Return the names of the public methods of a class."""
    public = [name for name in vars(cls) if not name.startswith("_") and name not in LEFT_OUT]
    return [name for name in public if inspect.isfunction(inspect.unwrap(vars(cls)[name]))]


@pytest.mark.parametrize("name", methods(rl.Ledger))
def test_a_ledger(ledger: rl.Ledger, name: str) -> None:
    """So does every method of a ledger."""
    assert tried(getattr(ledger, name)) == []


@pytest.mark.parametrize("name", methods(rl.View))
def test_a_view(ledger: rl.Ledger, name: str) -> None:
    """And of a view."""
    assert tried(getattr(ledger.as_of(), name)) == []


def test_tables_of_state(ledger: rl.Ledger) -> None:
    """And of tables of state."""
    with ledger.state() as state:
        assert {name: tried(getattr(state, name)) for name in methods(type(state))} == {
            name: [] for name in methods(type(state))
        }


def test_a_policy(ledger: rl.Ledger) -> None:
    """And of a policy, and of a member at an instant."""
    member = ledger.as_of().member("ana")
    for value in (POLICY, member):
        for name in methods(type(value)):
            assert tried(getattr(value, name)) == []


@checked
def example(
    name: str, *, number: int | None = None, each: Iterable[str] = (), by: Mapping[str, float] | None = None
) -> int:
    """Do something that fails for whatever is wrong."""
    for item in each:
        item.encode()
    return len(name.encode()) + (number or 0) // 1 + len(f"{number}") + sum((by or {}).values()) // 1  # type: ignore[return-value]  # to fail


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"name": 7}, "name cannot be 7: it takes str"),
        ({"name": "\ud800"}, "name has a character that is no text"),
        ({"name": "a", "number": "b"}, "number cannot be 'b': it takes int | None"),
        ({"name": "a", "number": 10**5_000}, "number is too large a number: <a whole number of"),
        ({"name": "a", "each": 5}, "each cannot be 5"),
        ({"name": "a", "each": ["b", None]}, "each cannot be"),
        ({"name": "a", "each": ["b", "\ud800"]}, "each has a character that is no text"),
        ({"name": "a", "by": {"b": "c"}}, "by cannot be {'b': 'c'}"),
    ],
    ids=["type", "surrogate", "optional", "huge", "no list", "item", "text of an item", "value of a mapping"],
)
def test_an_argument_is_named(arguments: dict[str, object], named: str) -> None:
    """With what it is, and what should be there."""
    with pytest.raises(rl.InvalidInput) as raised:
        example(**arguments)  # type: ignore[arg-type]  # that is what is tried
    assert named in str(raised.value)
    assert raised.value.field == named.split(maxsplit=1)[0]


def test_other_errors_stay_as_they_are() -> None:
    """A call without what is needed, and a fault that no argument explains."""
    assert example("a", number=2, each=["b"], by={"c": 1.0}) == 5
    with pytest.raises(TypeError, match="missing 1 required"):
        example()  # type: ignore[call-arg]  # that is what is tried

    @checked
    def faulty(name: str) -> int:
        return {"a": 1}[name]

    with pytest.raises(KeyError):
        faulty("b")
