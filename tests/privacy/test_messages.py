"""No message of ours quotes a personal text, however wrong what was given is, sealed or not."""

from __future__ import annotations

import csv
import json
import logging
import traceback
from contextlib import closing, suppress
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reps_ledger as rl
from histories import PEOPLE, REGISTRY, Offer, histories, open_ledger
from reps_ledger.domain.facts import BUILT_IN, EntryCorrected, Registry, kind_of
from reps_ledger.domain.validation import PERSONAL
from reps_ledger.errors import ImportStopped, Refused
from reps_ledger.log import Codec
from reps_ledger.privacy import KeyFile
from scale import examples
from strategies import facts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ZEBRA: Final = "zebra-4711"
"""Lower case, without spaces, so that it is an account too, and in no message by chance."""

WRONG: Final[dict[str, Any]] = {
    "too long": ZEBRA * 2_000,
    "a control character": f"{ZEBRA}\x00",
    "an invisible character": f"{ZEBRA}\u3164",
    "half a pair": f"{ZEBRA}\ud800",
    "a space before it": f" {ZEBRA}",
    "not composed": f"{ZEBRA}e\u0301",
    "bytes": ZEBRA.encode(),
    "a list": [ZEBRA],
    "a tuple": (ZEBRA, ZEBRA),
    "a mapping": {ZEBRA: {ZEBRA: [ZEBRA]}},
    "an object": attrs.make_class("Told", ["what"])(ZEBRA),
    "an error": ValueError(ZEBRA),
    "blank": " ",
}


def personal_fields(kind: type) -> list[str]:
    """Return the names of a kind's personal fields."""
    return sorted(REGISTRY.named(kind_of(kind).name).personal)  # type: ignore[union-attr]  # it is known


KINDS: Final = [kind for kind in BUILT_IN if personal_fields(kind)]


def said_by(error: BaseException) -> str:
    """Return all that is printed of an error, by whoever prints it, and what it carries."""
    carried = [*error.args, *(getattr(error, "refusals", ())), *(getattr(error, "reasons", ()))]
    return "\n".join([str(error), repr(error), *map(repr, carried), *traceback.format_exception(error)])


class Listening(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record's words."""
        self.said.append(record.getMessage())


@pytest.fixture(autouse=True)
def nothing_is_logged() -> Iterator[None]:
    """No log record has the text, whatever a test does."""
    listening = Listening()
    logging.getLogger().addHandler(listening)
    yield
    logging.getLogger().removeHandler(listening)
    assert not any(ZEBRA in each.lower() for each in listening.said)


def must_not_quote(error: BaseException) -> None:
    """Fail where an error says the text."""
    words = said_by(error)
    if ZEBRA in words.lower():
        pytest.fail(ascii(words[-2_000:]))


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
@examples(0.3)
@given(fact=st.sampled_from(KINDS).flatmap(facts))
def test_a_wrong_value_is_not_quoted(fact: Any, wrong: Any) -> None:
    """Neither as a fact is made, nor as it is recorded, nor in place of another, nor by a row of a file."""
    kind = type(fact)
    told = {field.name: getattr(fact, field.name) for field in attrs.fields(kind)}
    row = {"fact": kind_of(kind).name, "occurred_at": "2018-01-01", "by": "x", "member": "ana"}
    for name in personal_fields(kind):

        def made(name: str = name) -> Any:
            return kind(**told | {name: wrong})

        with open_ledger() as ledger:
            ledger.record(rl.MemberJoined(member="ana"), by="x", occurred_at=date(2018, 1, 1))
            for offered in (
                made,
                lambda made=made: ledger.record(made(), by="x"),
                lambda made=made: ledger.record(
                    EntryCorrected(target="e", replacement=made(), reason="r"), by="x"
                ),
            ):
                try:
                    offered()
                except Exception as error:  # noqa: BLE001 — whatever it is, people may see it
                    must_not_quote(error)
            report = ledger.import_history([{**row, name: wrong}])
            for refused in report.refused:
                assert ZEBRA not in f"{refused.codes} {refused.reasons}".lower()
            assert ZEBRA not in f"{report!r} {report}".lower()


def told_of(fact: Any) -> Any:
    """Return a fact whose personal texts are the secret, or in another spelling of it."""
    if isinstance(fact, EntryCorrected):
        fact = attrs.evolve(fact, replacement=told_of(fact.replacement))
    spellings = {name: ZEBRA for name in REGISTRY.of(fact).personal if getattr(fact, name)}
    return attrs.evolve(fact, **spellings) if spellings else fact


@pytest.mark.parametrize("seals", [False, True])
@examples(2)
@given(told=histories(max_size=40))
def test_no_refusal_quotes_a_text(seals: bool, told: list[Offer]) -> None:
    """Of whichever rule, also where accounts are somebody's already or read alike; nor a finding."""
    keys = {"keys": KeyFile.open(":memory:")} if seals else {}
    ids: list[str] = []
    with open_ledger(**keys) as ledger:
        for number, offer in enumerate(told):
            fact = told_of(offer.fact)
            if number % 3 == 1 and getattr(fact, "account", None):
                fact = attrs.evolve(fact, account=ZEBRA.upper())
            if offer.target is not None and ids:
                target = ids[offer.target % len(ids)]
                fact = (
                    rl.EntryRetracted(target=target, reason=ZEBRA)
                    if offer.retract
                    else EntryCorrected(target=target, replacement=fact, reason=ZEBRA)
                )
            try:
                ids.append(ledger.record(fact, occurred_at=offer.at, **offer.envelope).id)
            except Refused as error:
                must_not_quote(error)
        for found in ledger.reconcile():
            assert ZEBRA not in f"{found.kind} {found.words}".lower()
        for finding in ledger.check():
            assert ZEBRA not in f"{finding!r}".lower()
        if seals and ids and ledger.seals:  # a history may have begun in the clear
            for who in PEOPLE:
                with suppress(Refused, rl.NotFound):
                    report = ledger.erase(who, by="dpo")
                    assert ZEBRA not in f"{report!r} {report} {report.receipt}".lower()


@rl.fact("note.taken")
@attrs.frozen(kw_only=True, eq=False)
class NoteTaken:
    """A service's own fact, which is equal to none that is read back."""

    member: str
    note: str = attrs.field(metadata=PERSONAL)


@pytest.mark.parametrize("note", [ZEBRA, f"{ZEBRA}\ud800"])
def test_a_services_own_fact_is_not_quoted(note: str) -> None:
    """Not where it cannot be stored, or reads back as another."""
    with rl.open(facts=[NoteTaken]) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="x")
        with pytest.raises(rl.InvalidInput) as refused:
            ledger.record(NoteTaken(member="ana", note=note), by="x")
        must_not_quote(refused.value)


@pytest.mark.parametrize("given", WRONG.values(), ids=WRONG)
def test_no_argument_is_quoted(given: Any) -> None:
    """Nor what else is not what a method takes."""
    joined = rl.MemberJoined(member="ana")
    with open_ledger(keys=KeyFile.open(":memory:")) as ledger:
        ledger.record(joined, by="x")
        for call in (
            lambda: ledger.record(given, by="x"),
            lambda: ledger.record_all(given, by="x"),
            lambda: ledger.record_all([given], by="x"),
            lambda: ledger.record(rl.MemberJoined(member="ben"), by="x", waiver=given),
            lambda: ledger.decide("review", "outcome", given, by="x"),
            lambda: ledger.void(1, by="x", reason=given),
            lambda: ledger.erase("ana", given, by="x"),
            lambda: ledger.find(given),
            lambda: ledger.import_history({"rows": given}),
            lambda: ledger.import_history([given], on_refused="stop"),
        ):
            try:
                call()
            except Exception as error:  # noqa: BLE001 — whatever it is, people may see it
                must_not_quote(error)


@pytest.mark.parametrize("wrong", [each for each in WRONG.values() if isinstance(each, str)])
def test_no_row_of_a_file_is_quoted(tmp_path: Path, wrong: str) -> None:
    """In reasons of what is refused; the row itself is kept, for whose file it is."""
    replacement = json.dumps({"fact": "vouch.given", "member": "m", "voucher": "n", "reason": wrong})
    rows = [
        {"fact": "account.linked", "member": "ana", "provider": "git", "account": wrong},
        {"fact": "vouch.given", "member": "ana", "voucher": "ben", "reason": wrong, "occurred_at": "never"},
        {"fact": "entry.corrected", "target": "e", "replacement": replacement[:-1], "reason": "r"},
        {"fact": "entry.corrected", "target": "e", "replacement": replacement, "reason": wrong},
    ]
    path = tmp_path / "rows.csv"
    names = sorted({name for row in rows for name in row})
    with path.open("w", encoding="utf-8", errors="surrogatepass", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)
    with open_ledger() as ledger:
        report = ledger.import_history(path)
        for refused in report.refused:
            assert ZEBRA not in f"{refused.codes} {refused.reasons}".lower()
        with pytest.raises(ImportStopped) as stopped:
            ledger.import_history(path, on_refused="stop")
        must_not_quote(stopped.value)


@rl.fact("note.made")
@attrs.frozen(kw_only=True)
class NoteMade:
    """A service's own fact, of before."""

    member: str
    reason: str


@rl.fact("note.made", version=2)
@attrs.frozen(kw_only=True)
class NoteMadeAnew(NoteMade):
    """The same by now."""


def upset(fields: dict[str, Any]) -> dict[str, Any]:
    """Fail as somebody's upcaster might."""
    raise KeyError(fields["reason"])


@pytest.mark.parametrize(
    "stored",
    [
        {"member": "ana", "voucher": "ben", "reason": {"text": ZEBRA}},
        {"member": "ana", "voucher": "ben", "reason": [ZEBRA]},
        {"member": "ana", "voucher": "ben", "reason": {"sealed": ZEBRA, "key": ZEBRA, "other": ZEBRA}},
        {"member": "ana", "voucher": "ben", "reason": {"sealed": ZEBRA, "key": ZEBRA}},
        {"member": "ana", "voucher": ["ben"], "reason": ZEBRA},
    ],
)
def test_what_is_stored_wrongly_is_not_quoted(stored: dict[str, Any]) -> None:
    """In the error that says that it cannot be read."""
    entry: dict[str, Any] = {"id": "e", "fact": stored, "occurred_at": "2018-01-01T00:00:00Z", "by": "x"}
    entry |= {"recorded_at": "2018-01-01T00:00:00Z", "schema": 1}
    with pytest.raises(rl.errors.CodecError) as refused:
        Codec(Registry(BUILT_IN)).decode("vouch.given", json.dumps(entry).encode(), 1, ())
    assert ZEBRA not in str(refused.value)


def test_an_upcasters_own_error_is_not_quoted(tmp_path: Path) -> None:
    """It may say what it was given."""
    with closing(rl.open(tmp_path / "reps.db", facts=[NoteMade])) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="x")
        ledger.record(NoteMade(member="ana", reason=ZEBRA), by="x")
    upcaster = rl.Upcaster("note.made", 1, upset)
    with closing(rl.open(tmp_path / "reps.db", facts=[NoteMadeAnew], upcasters=[upcaster])) as ledger:
        with pytest.raises(rl.errors.CodecError) as refused:
            list(ledger.entries())
        assert ZEBRA not in str(refused.value)
