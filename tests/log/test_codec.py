"""The codec: what is stored reads back equal, and what does not fit is refused, and where."""

from __future__ import annotations

import json
import sys
from base64 import b64decode
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reps_ledger as rl
from reps_ledger.domain.facts import BUILT_IN, EntryCorrected, EntryRetracted, Registry
from reps_ledger.domain.validation import MAX_ENTRY_BYTES
from reps_ledger.errors import CodecError, Malformed, TooLarge, UnknownFact, UnknownVersion
from reps_ledger.log import Codec, EventLog, Upcaster
from reps_ledger.salted import SALT_BYTES, SALTED, plain
from scale import examples
from strategies import CUSTOM, PLAIN, custom_facts, days, facts, moments, names, replacing, retracting

if TYPE_CHECKING:
    from collections.abc import Callable

    from reps_ledger.log import SQLiteRecorder

NO_STEPS: Final = [Upcaster("mentoring.held", version, dict) for version in (1, 2)]
CODEC: Final = Codec(Registry((*BUILT_IN, *CUSTOM)), NO_STEPS)
NOON: Final = datetime(2018, 3, 1, 12, tzinfo=UTC)


def entry_of(fact: rl.Fact, **more: Any) -> rl.Entry:
    """An entry of a fact, as the log would give it back from position 7."""
    given = {"id": "e1", "recorded_at": NOON, "occurred_at": NOON, "by": "council", **more}
    version = CODEC.registry.of(fact).kind.version
    return rl.Entry(**given, schema=version, fact=fact, position=7, origin=7)


def any_facts() -> st.SearchStrategy[rl.Fact]:
    """Facts of every kind that there is, corrections and a service's own too."""
    return facts() | custom_facts() | replacing("e0") | retracting("e0")


def entries() -> st.SearchStrategy[rl.Entry]:
    """Entries with any fact and anything that may be beside it."""
    maybe = st.none() | names()
    return st.builds(
        lambda fact, more: entry_of(fact, **more),
        any_facts(),
        st.fixed_dictionaries(
            {
                "id": names(),
                "recorded_at": moments(),
                "occurred_at": moments(),
                "day": st.none() | days(),
                "by": names(),
                "on_behalf_of": maybe,
                "command_id": maybe,
                "source": maybe,
            }
        ),
    )


def exactly(fact: rl.Fact) -> str:
    """A fact such that 1 is not 1.0 and one zone not another; a fold means nothing in UTC."""
    return repr(fact).replace(", fold=1", "")


@given(entries(), st.lists(names(), max_size=3).map(tuple))
@examples(3)
def test_entries_read_back_equal(entry: rl.Entry, tags: tuple[str, ...]) -> None:
    """An entry is stored and read back equal, its fact of the same class and equally typed."""
    again = CODEC.decode(entry.name, CODEC.encode(entry), 7, tags)
    assert again == msgspec.structs.replace(entry, tags=tags)
    assert type(again.fact) is type(entry.fact)
    assert exactly(again.fact) == exactly(entry.fact)


@given(entries())
@examples(3)
def test_the_careful_way_agrees(entry: rl.Entry) -> None:
    """The way that is taken for older and broken entries reads whole ones alike."""
    data = CODEC.encode(entry)
    careful = CODEC._decode_with_care(entry.name, data, 7)
    quick = CODEC.decode(entry.name, data, 7)
    assert msgspec.structs.replace(careful, position=7, origin=7) == quick == entry
    assert exactly(careful.fact) == exactly(quick.fact)


QUICK: Final = [cls for cls in (*PLAIN, *CUSTOM) if cls is not rl.LedgerDeclared]
"""Facts that nest none, and whose zone need not be known here."""


@pytest.mark.parametrize("cls", QUICK, ids=lambda cls: cls.__fact__.name)
def test_every_kind_takes_the_quick_way(cls: type[rl.Fact]) -> None:
    """Each kind of fact but two is decoded in a single step."""

    @given(facts(cls))
    @examples(0.2)
    def holds(fact: rl.Fact) -> None:
        name = CODEC.registry.of(fact).kind.name
        found = CODEC._shapes[name].decode(CODEC.encode(entry_of(fact)))
        assert found is not None
        assert found.fact == fact

    holds()


@given(any_facts())
def test_rereading(fact: rl.Fact) -> None:
    """A fact reads back equal also without an entry around it."""
    assert CODEC.reread(fact) == fact


@given(entries())
def test_where_an_entry_lies_is_not_stored(entry: rl.Entry) -> None:
    """The same entry at another position, under other tags, is the same bytes but for salt: one object."""
    elsewhere = msgspec.structs.replace(entry, position=99, origin=3, tags=("x:y",))
    data = CODEC.encode(elsewhere)
    assert plain(data) == plain(CODEC.encode(entry))
    assert not {"position", "origin", "tags"} & json.loads(data).keys()


def test_stored_bytes_are_plain() -> None:
    """What is stored are the names and values of the fact, without a class or a path."""
    data = CODEC.encode(entry_of(rl.MemberJoined(member="ana"), day=date(2018, 3, 1)))
    assert json.loads(data).keys() - json.loads(plain(data)).keys() == {"salt"}
    assert json.loads(plain(data)) == {
        "id": "e1",
        "recorded_at": "2018-03-01T12:00:00Z",
        "occurred_at": "2018-03-01T12:00:00Z",
        "day": "2018-03-01",
        "by": "council",
        "fact": {"member": "ana", "kind": "volunteer", "account": None, "inferred": False},
    }


@given(entries())
def test_each_entry_has_salt_of_its_own(entry: rl.Entry) -> None:
    """Stored twice, an entry has other bytes; of 16 random bytes nothing but the entry is read back."""
    one, other = CODEC.encode(entry), CODEC.encode(entry)
    assert one != other
    assert plain(one) == plain(other)
    assert len(one) == len(plain(one)) + SALTED
    assert len(b64decode(json.loads(one)["salt"] + "==")) == SALT_BYTES
    assert CODEC.decode(entry.name, one, 7) == CODEC.decode(entry.name, other, 7)


@given(entries())
def test_entries_of_the_first_format_are_read(entry: rl.Entry) -> None:
    """Bytes without salt, as releases before wrote them, are the same entry."""
    data = CODEC.encode(entry)
    assert CODEC.decode(entry.name, plain(data), 7) == CODEC.decode(entry.name, data, 7)
    assert CODEC.occurred_at(entry.name, plain(data), 7) == entry.occurred_at


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda data: data + b"\x1e", id="a separator"),
        pytest.param(lambda data: data + b'\x1e{"by":"mallory"}', id="something behind"),
        pytest.param(lambda data: data[:40] + b"\x1e" + data[40:], id="a separator in a text"),
        pytest.param(lambda data: data.replace(b",", b",\x1e", 2), id="a separator between parts"),
        pytest.param(lambda data: data.replace(b'","', b'=","', 1), id="longer salt"),
        pytest.param(lambda data: data[:12] + data[13:], id="shorter salt"),
        pytest.param(lambda data: b"{" + data[34:-1] + b"," + data[1:33] + b"}", id="salt at the end"),
        pytest.param(lambda data: data[:33] + data[:33].replace(b"{", b",", 1) + data[33:], id="twice"),
    ],
)
def test_salt_stands_in_front_alone(change: Callable[[bytes], bytes]) -> None:
    """Bytes that no release writes are refused: what is read is what the leaf was made of."""
    fact = rl.MemberJoined(member="ana")
    data = CODEC.encode(entry_of(fact))
    with pytest.raises(Malformed):
        CODEC.decode("member.joined", change(data), 7)


def test_corrections_nest() -> None:
    """A correction holds the name, version and fields of its replacement, and gives it back."""
    until = datetime(2019, 1, 1, tzinfo=UTC)
    fact = EntryCorrected(
        target="e0",
        replacement=rl.RoleAssigned(member="ana", role="mentor", until=until),
        reason="it was another role",
    )
    data = CODEC.encode(entry_of(fact))
    nested = json.loads(data)["fact"]["replacement"]
    assert (nested["fact"], nested["schema"]) == ("role.assigned", 1)
    assert nested["fields"]["until"] == "2019-01-01T00:00:00Z"
    assert CODEC.decode("entry.corrected", data, 7).fact == fact


def stored(**changes: Any) -> dict[str, Any]:
    """A stored entry of a role, with changes; a field of value None is left out."""
    whole = {
        "id": "e1",
        "recorded_at": "2018-03-01T12:00:00Z",
        "occurred_at": "2018-03-01T12:00:00Z",
        "by": "council",
        "fact": {"member": "ana", "role": "mentor"},
        **changes,
    }
    return {name: value for name, value in whole.items() if value is not None}


def role(**fields: Any) -> dict[str, Any]:
    """A stored entry of a role with these fields of the fact."""
    return stored(fact={"member": "ana", "role": "mentor", **fields})


def correction(replacement: Any, **more: Any) -> dict[str, Any]:
    """A stored correction."""
    return stored(fact={"target": "e0", "reason": "why", "replacement": replacement, **more})


def nested(name: str, version: Any = 1, **fields: Any) -> dict[str, Any]:
    """A nested fact as it is stored."""
    return {"fact": name, "schema": version, "fields": fields}


ROLE: Final = "role.assigned"
FIX: Final = "entry.corrected"

BROKEN: Final[list[tuple[str, dict[str, Any], type[CodecError], str]]] = [
    (ROLE, role(colour="red"), Malformed, "no field colour"),
    (ROLE, stored(fact={"member": "ana"}), Malformed, "required field `role`"),
    (ROLE, role(role=7), Malformed, "got `int`"),
    (ROLE, role(role=None), Malformed, "got `null`"),
    (ROLE, role(role=["mentor"]), Malformed, "got `array`"),
    (ROLE, role(until="2019-01-01"), Malformed, "datetime"),
    (ROLE, role(until="2019-01-01T00:00:00"), Malformed, "naive"),
    (ROLE, role(until=1.5), Malformed, "until"),
    (ROLE, stored(schema=2), UnknownVersion, "this code knows 1"),
    (ROLE, stored(schema=0), UnknownVersion, "version 0"),
    (ROLE, stored(schema=-1), UnknownVersion, "version -1"),
    ("mentoring.held", stored(schema=4), UnknownVersion, "this code knows 3"),
    (ROLE, stored(occurred_at="2018-03-01T12:00:00"), Malformed, "no time zone"),
    (ROLE, stored(recorded_at="2018-03-01T12:00:00"), Malformed, "no time zone"),
    (ROLE, stored(occurred_at="0001-01-01T00:00:00+10:00"), Malformed, "out of range"),
    ("role.gained", stored(), UnknownFact, "facts=["),
    ("", stored(), UnknownFact, "facts=["),
    ("report.filed", stored(fact={"member": "a", "activity": "b", "amount": "3"}), Malformed, ""),
    ("report.filed", stored(fact={"member": "a", "activity": "b", "passive": 1}), Malformed, ""),
    ("report.filed", stored(fact={"member": "a", "activity": "b", "areas": "x"}), Malformed, ""),
    (FIX, correction("role.assigned"), Malformed, "not a fact"),
    (FIX, correction(None), Malformed, "not a fact"),
    (FIX, correction({"fact": "x"}), Malformed, "not a fact"),
    (FIX, correction(nested(ROLE, "1", member="a", role="b")), Malformed, "not a fact"),
    (FIX, correction(nested(ROLE, member="a")), Malformed, "role"),
    (FIX, correction(nested(ROLE, 9, member="a", role="b")), UnknownVersion, "version 9"),
    (FIX, correction(nested("no.such", member="a")), UnknownFact, "no.such"),
    (FIX, correction(nested(ROLE, member="a", role="b"), target=5), Malformed, "target"),
    (FIX, correction(nested(ROLE, member="a", role="b"), reason=""), Malformed, "reason"),
    (FIX, correction(nested(ROLE, member="a", role="b"), more=1), Malformed, "no field more"),
    (FIX, stored(fact={"target": "e0", "reason": "why"}), Malformed, "not a fact"),
    (
        FIX,
        correction(nested(FIX, target="e", reason="r", replacement=nested("member.joined", member="a"))),
        Malformed,
        "cannot itself be a correction",
    ),
]


@pytest.mark.parametrize(("name", "document", "error", "words"), BROKEN)
def test_what_does_not_fit(name: str, document: dict[str, Any], error: type[CodecError], words: str) -> None:
    """What does not fit is refused by kind, with the words, the position and the entry's id."""
    with pytest.raises(error) as raised:
        CODEC.decode(name, json.dumps(document).encode(), 7)
    assert type(raised.value) is error
    assert (raised.value.position, raised.value.entry_id) == (7, "e1")
    assert words in str(raised.value)
    assert str(raised.value).startswith("position 7, entry e1: ")


UNREADABLE: Final[list[bytes]] = [
    b"",
    b"{",
    b"null",
    b"[]",
    b"\x00\x01",
    b'{"id": "\xff"}',
    b"\xef\xbb\xbf{}",
    json.dumps(stored()).encode("utf-16"),
    json.dumps(stored()).encode() + b"{}",
    json.dumps(stored(id=None)).encode(),
    json.dumps(stored(fact=[])).encode(),
    json.dumps(stored(schema=True)).encode(),
    json.dumps(stored(occurred_at=1_519_905_600)).encode(),
    json.dumps(stored(day="2018-02-30")).encode(),
    json.dumps(stored(evil=1)).encode(),
    json.dumps(stored(by="\ud800")).encode(),
    json.dumps(role(until=float("nan"))).encode(),
    json.dumps(role(reason=0)).replace("0}", "1e999}").encode(),
    b'{"fact":' * 100_000,
    json.dumps(role(reason="#")).encode().replace(b'"#"', b"[" * 200_000 + b"]" * 200_000),
    json.dumps(role(more="#")).encode().replace(b'"#"', b"[" * 200_000 + b"]" * 200_000),
    json.dumps(stored(evil="x" * MAX_ENTRY_BYTES)).encode(),
]


@pytest.mark.parametrize("data", UNREADABLE, ids=lambda data: repr(data[:24]))
def test_what_cannot_be_read(data: bytes) -> None:
    """What is no stored entry at all is malformed, and it is said where it lies."""
    with pytest.raises(Malformed) as raised:
        CODEC.decode(ROLE, data, 7)
    assert raised.value.position == 7
    assert raised.value.entry_id is None


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_noise(data: bytes) -> None:
    """Whatever bytes are there, reading them is an error of ours."""
    with pytest.raises(CodecError):
        CODEC.decode(ROLE, data, 7)


@given(entries(), st.data())
def test_a_flipped_byte(entry: rl.Entry, data: st.DataObject) -> None:
    """A stored entry with one byte changed is read or refused, and nothing else happens."""
    whole = bytearray(CODEC.encode(entry))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] = data.draw(st.integers(0, 255))
    try:
        again = CODEC.decode(entry.name, bytes(whole), 7)
    except CodecError as error:
        where = error.position
    else:
        where = again.position
        assert again.occurred_at.tzinfo is UTC
    assert where == 7


@pytest.mark.parametrize("name", ["os.system", "antigravity", "builtins.eval", "this"])
def test_a_stored_name_imports_nothing(name: str) -> None:
    """No name in stored bytes leads to an import: not the entry's, nor a nested one."""
    before = set(sys.modules)
    for document, stored_name in ((stored(), name), (correction(nested(name)), FIX)):
        with pytest.raises(UnknownFact):
            CODEC.decode(stored_name, json.dumps(document).encode(), 7)
    tagged = stored(fact={"_type_": f"{name}:x", "_data_": 1})
    with pytest.raises(Malformed):
        CODEC.decode(ROLE, json.dumps(tagged).encode(), 7)
    assert set(sys.modules) - before == set()


@pytest.mark.parametrize("name", ["occurred_at", "recorded_at"])
@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2018-03-01T12:00:00+02:00", datetime(2018, 3, 1, 10, tzinfo=UTC)),
        ("2018-03-01T12:00:00.000001-00:30", datetime(2018, 3, 1, 12, 30, 0, 1, tzinfo=UTC)),
    ],
)
def test_other_offsets_are_read_in_utc(name: str, text: str, instant: datetime) -> None:
    """An instant that was stored with another offset is the same instant, in UTC."""
    found = CODEC.decode(ROLE, json.dumps(stored(**{name: text})).encode(), 7)
    assert getattr(found, name) == instant
    assert getattr(found, name).tzinfo is UTC


def test_other_offsets_in_facts_are_read_in_utc() -> None:
    """An instant in a fact that was stored with another offset is read in UTC, too."""
    data = json.dumps(role(until="2018-03-01T12:00:00+02:00")).encode()
    until = CODEC.decode(ROLE, data, 7).fact.until
    assert until == datetime(2018, 3, 1, 10, tzinfo=UTC)
    assert until.tzinfo is UTC


def test_naive_instants_in_a_services_facts() -> None:
    """A naive instant in a stored fact of a service's own is malformed, as in ours."""
    fields = {"member": "a", "mentor": "b", "minutes": 1, "began": "2018-03-01T12:00:00"}
    with pytest.raises(Malformed):
        CODEC.decode("mentoring.held", json.dumps(stored(schema=3, fact=fields)).encode(), 7)


def test_too_large_to_read() -> None:
    """Stored bytes past the limit are refused, even where they would be an entry."""
    data = json.dumps(stored(by="x" * MAX_ENTRY_BYTES)).encode()
    with pytest.raises(Malformed, match="too many"):
        CODEC.decode(ROLE, data, 7)


def test_too_large_to_store() -> None:
    """An entry past the limit is refused before it is stored; one just below it is not."""
    fact = rl.MemberJoined(member="ana")
    room = MAX_ENTRY_BYTES - len(CODEC.encode(entry_of(fact, by="x"))) + 1
    assert len(CODEC.encode(entry_of(fact, by="x" * room))) == MAX_ENTRY_BYTES
    with pytest.raises(TooLarge, match="1,048,577 bytes"):
        CODEC.encode(entry_of(fact, by="x" * (room + 1)))


def test_errors_name_the_place_in_a_ledger(sqlite_recorder: SQLiteRecorder) -> None:
    """A ledger that meets an entry it cannot read says which one, and reads those before."""
    with rl.open(sqlite_recorder) as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council")
        log = EventLog(sqlite_recorder, CODEC)
        tags = ("member:ana", "entry:odd")
        log.append([entry_of(CUSTOM[1](member="ana", badge="b"), id="odd", tags=tags)], [], 2)  # type: ignore[call-arg]  # a kind made while running
        found = ledger.entries(after=1)
        assert next(found).fact == rl.MemberJoined(member="ana")
        with pytest.raises(UnknownFact) as raised:
            next(found)
    assert (raised.value.position, raised.value.entry_id) == (3, "odd")


def test_a_correction_and_a_retraction_take_their_ways() -> None:
    """Of the kinds of fact, only a correction and a declaration of a zone have no shape of their own."""
    kinds = {described.kind.name for described in CODEC.registry}
    assert kinds - CODEC._shapes.keys() == {"entry.corrected", "ledger.declared"}
    fact = EntryRetracted(target="e0", reason="never happened")
    assert CODEC.decode("entry.retracted", CODEC.encode(entry_of(fact)), 7).fact == fact
