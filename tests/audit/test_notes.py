"""Keys, signed notes and checkpoints are read as C2SP says, and nothing else is accepted."""

from __future__ import annotations

import json
import sys
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

import reps_ledger as rl
from reps_ledger.audit import SigningKey, VerifyingKey, make_key, read_checkpoint, sign_checkpoint
from reps_ledger.audit.checkpoints import MAX_NOTE, MAX_SIGNATURES, canonical_base64, read_note, sign
from reps_ledger.audit.merkle import EMPTY
from reps_ledger.errors import InvalidNote, InvalidSignature, MissingExtra
from scale import examples

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLE: Final[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "vectors" / "notes.json").read_text(encoding="utf-8")
)
KEY: Final = SigningKey("example.org/reps", bytes(range(32)))
ROOT: Final = bytes(range(32))


def test_a_checkpoint_of_the_specification_is_read() -> None:
    """The specification's example is read as it says, and verifies with its key alone."""
    note = f"{EXAMPLE['text']}\n{EXAMPLE['signatures']}"
    found = read_checkpoint(note)
    assert (found.origin, found.size) == ("example.com/behind-the-sofa", 20_852_163)
    assert b64encode(found.root).decode() in EXAMPLE["text"]
    assert [each.name for each in read_note(note).signatures] == [found.origin] * 2
    with pytest.raises(InvalidSignature):
        found.verify(KEY.verifying)


def test_the_id_of_a_key() -> None:
    """A key's id is computed as the specification says; a key with another id is refused."""
    assert str(VerifyingKey.parse(EXAMPLE["key"])) == EXAMPLE["key"]
    with pytest.raises(InvalidNote):
        VerifyingKey.parse(EXAMPLE["key"].replace("530d903a", "530d903b"))


def test_keys_are_written_and_read() -> None:
    """Both keys read back as they were; the private one is not shown by accident."""
    assert SigningKey.parse(KEY.text + "\n") == KEY
    assert VerifyingKey.parse(str(KEY.verifying)) == KEY.verifying
    assert KEY.text.startswith("PRIVATE+KEY+example.org/reps+")
    assert b64encode(b"\1" + KEY.seed).decode() not in repr(KEY)
    assert make_key("example.org/reps") != KEY


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u2003b", "line\n", "x" * 2000])
def test_names_of_keys(name: str) -> None:
    """A key's name has no spaces and no plus, and is not empty."""
    with pytest.raises(InvalidNote):
        make_key(name)


def corrupted_keys() -> list[str]:
    """Texts that are no keys, each for another reason."""
    name, named, data = str(KEY.verifying).split("+", 2)
    other = b64encode(b"\2" + KEY.verifying.public).decode()
    return [
        "",
        name,
        f"{name}+{named}",
        f"{name}+{named.upper()}x+{data}",
        f"{name}+00000000+{data}",
        f"other+{named}+{data}",
        f"{name}+{named}+{data}=",
        f"{name}+{named}+{data[:-4]}",
        f"{name}+{named}+{other}",
        f"{name}+{named}+{data}" + "A" * 2000,
        KEY.text,
    ]


@pytest.mark.parametrize("text", corrupted_keys(), ids=range(len(corrupted_keys())))
def test_what_is_no_key(text: str) -> None:
    """What is not written as a key must be is refused."""
    with pytest.raises(InvalidNote):
        VerifyingKey.parse(text)


def test_a_verifying_key_signs_nothing() -> None:
    """Neither a public key nor a damaged private key is accepted as a private key."""
    with pytest.raises(InvalidNote, match="PRIVATE"):
        SigningKey.parse(str(KEY.verifying))
    named = KEY.text.removesuffix(b64encode(b"\1" + KEY.seed).decode())
    with pytest.raises(InvalidNote, match="id of the signing key"):
        SigningKey.parse(named + b64encode(b"\1" + bytes(32)).decode())


def test_several_sign_one_note() -> None:
    """Each of several signatures verifies; unknown ones are ignored, a wrong one is not."""
    other = make_key("example.org/witness")
    note = read_note(sign("text\n", [KEY, other]))
    note.verify(KEY.verifying)
    note.verify(other.verifying)
    with pytest.raises(InvalidSignature, match="not signed by"):
        note.verify(make_key("example.org/reps").verifying)
    forged = b64encode(KEY.verifying.id + bytes(64)).decode()
    both = f"{sign('text' + chr(10), [KEY])}— {KEY.name} {forged}\n"
    with pytest.raises(InvalidSignature, match="wrong"):
        read_note(both).verify(KEY.verifying)


@pytest.mark.parametrize(
    "note",
    [
        "",
        "text\n",
        "text\n\n",
        "\n\n— a AAAAAAAA\n",
        "text\n\n— a AAAAAAAA",
        "text\n\n- a AAAAAAAA\n",
        "text\n\n— a\n",
        "text\n\n— a AAAA\n",
        "text\n\n— a b AAAAAAAA\n",
        "text\n\n— a AAAAAAAB==\n",
        "te\txt\n\n— a AAAAAAAA\n",
        "te\rxt\n\n— a AAAAAAAA\n",
        "te\ud800xt\n\n— a AAAAAAAA\n",
        "text\n\n" + "— a AAAAAAAA\n" * (MAX_SIGNATURES + 1),
        "t" * MAX_NOTE + "\n\n— a AAAAAAAA\n",
    ],
)
def test_what_is_no_note(note: str) -> None:
    """What is not written as a note must be is refused."""
    with pytest.raises(InvalidNote):
        read_note(note)


def test_a_note_may_have_empty_lines() -> None:
    """The text ends at the last empty line."""
    note = read_note(sign("a\n\nb\n", [KEY]))
    assert note.text == "a\n\nb\n"
    note.verify(KEY.verifying)


def test_a_checkpoint_is_as_the_standard_shows_it() -> None:
    """Origin, size and root, each on its line, then the signature by a key of that name."""
    found = sign_checkpoint(12, ROOT, KEY)
    lines = str(found).splitlines()
    assert lines[:4] == ["example.org/reps", "12", b64encode(ROOT).decode(), ""]
    assert lines[4].startswith("— example.org/reps ")
    assert read_checkpoint(str(found)) == found
    found.verify(KEY.verifying)
    found.verify(str(KEY.verifying))


@pytest.mark.parametrize(
    "text",
    [
        "o\n12\n",
        "o\n12\n\nx\n",
        "\n12\nr\n",
        f"o\n012\n{b64encode(ROOT).decode()}\n",
        f"o\n-1\n{b64encode(ROOT).decode()}\n",
        f"o\n{2**63}\n{b64encode(ROOT).decode()}\n",
        f"o\n\N{ARABIC-INDIC DIGIT ONE}\n{b64encode(ROOT).decode()}\n",
        f"o\n12\n{b64encode(ROOT[:31]).decode()}\n",
        f"o\n12\n{b64encode(ROOT).decode()[:-1]}\n",
        f"o\n0\n{b64encode(ROOT).decode()}\n",
    ],
)
def test_what_is_no_checkpoint(text: str) -> None:
    """A signed note that is no checkpoint is refused."""
    with pytest.raises(InvalidNote):
        read_checkpoint(sign(text, [KEY]))


def test_the_empty_tree_has_one_root() -> None:
    """A checkpoint of no entries has the root of the empty tree; extension lines are ignored."""
    assert sign_checkpoint(0, EMPTY, KEY).size == 0
    text = f"{KEY.name}\n1\n{b64encode(ROOT).decode()}\nextension\n"
    read_checkpoint(sign(text, [KEY])).verify(KEY.verifying)


@examples(2)
@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda b: b.decode("latin-1")))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Any text given as a key, a note or a checkpoint is one, or gets a typed error."""
    for read in (VerifyingKey.parse, SigningKey.parse, read_note, read_checkpoint):
        try:
            read(text)
        except InvalidNote:
            continue


@given(st.data())
def test_any_changed_character_is_found(data: st.DataObject) -> None:
    """A checkpoint with any one character changed is refused."""
    note = str(sign_checkpoint(12, ROOT, KEY))
    place = data.draw(st.integers(0, len(note) - 1))
    other = data.draw(st.characters().filter(lambda character: character != note[place]))
    with pytest.raises((InvalidNote, InvalidSignature)):
        read_checkpoint(note[:place] + other + note[place + 1 :]).verify(KEY.verifying)


@given(st.binary(min_size=1, max_size=60))
def test_base64_has_one_form(data: bytes) -> None:
    """Whatever base64 is accepted encodes back to the same text."""
    text = b64encode(data).decode()
    assert canonical_base64(text, "it") == data
    for other in (text + "\n", text + "=", " " + text, text.rstrip("=") + "-"):
        with pytest.raises(InvalidNote):
            canonical_base64(other, "it")


def test_without_the_extra_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signing and verifying name the extra that they need; everything else works without it."""
    note, own = sign_checkpoint(0, EMPTY, KEY), KEY.verifying
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric", None)
    tries: list[Callable[[], object]] = [
        lambda: make_key("example.org/reps"),
        lambda: sign_checkpoint(0, EMPTY, KEY),
        lambda: note.verify(own),
    ]
    for attempt in tries:
        with pytest.raises(MissingExtra, match="audit"):
            attempt()
    with rl.open() as ledger:
        ledger.record(rl.MemberJoined(member="ana"), by="council")
        assert not ledger.verify(note).findings
        ledger.prove(1).verify()
