"""Documents at their limits: as long and as deep as may be written may be read, and no more."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, Final

import pytest

from reps_ledger.domain.validation import MAX_DEPTH, MAX_DOCUMENT, MAX_ITEMS
from reps_ledger.errors import InvalidPolicy, NotFound, StorageError, TooLarge
from reps_ledger.policies import Policy, completed, dumps, load, loads, notice, on_leave, save, when
from reps_ledger.policies.charter import Charter, load_charter, save_charter
from reps_ledger.policies.documents.read import read_condition
from reps_ledger.policies.documents.text import canonical, read_table, read_text, text_of, write_document
from reps_ledger.policies.documents.write import condition_table, policy_table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

POLICY: Final = Policy("p", cases=[when(on_leave()).then("good")], otherwise="bad")
WRAPS: Final[list[Callable[[Any], Any]]] = [lambda inner: {"a": inner}, lambda inner: [inner]]
LEAVES: Final[list[tuple[Any, int]]] = [({}, 1), ([], 1), (1, 0), ("text", 0)]


def wrapped(wrap: Callable[[Any], Any], leaf: object, levels: int) -> dict[str, Any]:
    """Return a table with a value that is wrapped so many times."""
    for _ in range(levels):
        leaf = wrap(leaf)
    return {"a": leaf}


@pytest.mark.parametrize(("leaf", "own"), LEAVES, ids=repr)
@pytest.mark.parametrize("wrap", WRAPS, ids=["tables", "lists"])
def test_what_is_as_deep_as_may_be_is_written_and_read(
    wrap: Callable[[Any], Any], leaf: object, own: int
) -> None:
    """Lists count as tables do, empty ones too; one level more is refused on both ways."""
    deepest = wrapped(wrap, leaf, MAX_DEPTH - 1 - own)
    text = canonical(deepest)
    assert read_table(text) == deepest
    with pytest.raises(TooLarge, match=f"deeply.* {MAX_DEPTH} levels"):
        canonical({"a": deepest})
    with pytest.raises(TooLarge, match=f"more than {MAX_DEPTH} deep"):
        read_table('{"a":' + text + "}")


@pytest.mark.parametrize("form", ["json", "toml"])
def test_what_is_as_long_as_may_be_is_written_and_read(form: str, tmp_path: Path) -> None:
    """In either form; one character more is refused, and the limit is named."""
    spare = MAX_DOCUMENT - len(text_of({"a": "", "b": [1, 2]}, form))
    longest = {"a": "x" * spare, "b": [1, 2]}
    text = text_of(longest, form)
    assert len(text) == MAX_DOCUMENT
    path = tmp_path / "long"
    path.write_text(text, encoding="utf-8")
    assert read_table(read_text(path)) == longest
    path.write_text(text + " ", encoding="utf-8")
    with pytest.raises(TooLarge, match=f"{MAX_DOCUMENT:,}"):
        read_text(path)
    with pytest.raises(TooLarge, match=f"{MAX_DOCUMENT:,}"):
        text_of({**longest, "a": "x" * (spare + 1)}, form)


def test_the_same_meaning_is_the_same_text() -> None:
    """As JSON, keys are in order, without spaces, and letters stay what they are."""
    assert canonical({"b": [1, 2], "a": {"é": "日本"}}) == '{"a":{"é":"日本"},"b":[1,2]}'


def test_cases_and_notices_are_written_last() -> None:
    """People read first what a policy is called, what else it comes to, and where it is from."""
    policy = Policy(
        "p",
        cases=POLICY.cases,
        otherwise="bad",
        version="2",
        scale=["good", "bad"],
        notices=[notice("bad", "nudge")],
        source="a meeting",
        because="nothing was heard",
    )
    text = dumps(policy)
    keys = ("format", "policy", "otherwise", "version", "scale", "source", "because", "cases")
    places = [text.index(key) for key in (*keys, "notices")]
    assert places == sorted(places)
    assert loads(text) == policy
    assert read_table(text) == policy_table(policy)


def test_a_list_may_be_as_long_as_may_be() -> None:
    """One item more is refused, at the place of the list."""
    items = [{"completed": {"course": f"c{n}"}} for n in range(MAX_ITEMS)]
    assert condition_table(read_condition({"any": items})) == {"any": items}
    with pytest.raises(InvalidPolicy, match=f"^any: {MAX_ITEMS + 1:,} items.* {MAX_ITEMS:,}"):
        read_condition({"any": [*items, items[0]]})


def test_letters_of_any_language_are_kept_in_files(tmp_path: Path) -> None:
    """Files are in UTF-8, and nothing is left beside them."""
    policy = Policy("p", cases=[when(completed("日本")).then("good", "é 🧭")], otherwise="bad")
    save(policy, tmp_path / "p.toml")
    assert (tmp_path / "p.toml").read_bytes().decode("utf-8") == dumps(policy)
    assert load(tmp_path / "p.toml") == policy
    assert [path.name for path in tmp_path.iterdir()] == ["p.toml"]


def test_files_are_named_in_errors(tmp_path: Path) -> None:
    """With what is wrong with them, and nothing of how they are written."""
    lost = tmp_path / "none" / "p.toml"
    with pytest.raises(StorageError, match=r"p\.toml cannot be written: No such file") as caught:
        save(POLICY, lost)
    assert "partial" not in str(caught.value)
    assert "Errno" not in str(caught.value)
    with pytest.raises(NotFound, match=r"p\.toml cannot be read: No such file"):
        load(lost)
    odd = tmp_path / "odd.toml"
    odd.write_bytes(b"\xff")
    with pytest.raises(InvalidPolicy, match=r"odd\.toml is no text in UTF-8"):
        load(odd)
    odd.write_text("#" * (MAX_DOCUMENT + 1))
    with pytest.raises(TooLarge, match=rf"odd\.toml has more than {MAX_DOCUMENT:,}"):
        load(odd)


def test_a_charter_is_kept_in_either_form(tmp_path: Path) -> None:
    """As a policy is: by the name of its file."""
    charter = Charter(name="reps", version="1", policies=(POLICY,))
    for name in ("c.toml", "c.json"):
        save_charter(charter, tmp_path / name)
        assert load_charter(tmp_path / name) == charter
    assert (tmp_path / "c.json").read_text(encoding="utf-8").startswith("{")
    assert (tmp_path / "c.toml").read_text(encoding="utf-8").startswith("format = 1")


def test_no_more_of_a_file_is_read_than_tells_that_it_is_too_long(tmp_path: Path) -> None:
    """What is broken further on is not even looked at."""
    path = tmp_path / "long"
    path.write_bytes(b"a" * (MAX_DOCUMENT + 1) + b"\xff")
    with pytest.raises(TooLarge):
        read_text(path)


def test_documents_are_utf8_whatever_the_locale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A policy is shared between machines."""
    monkeypatch.setattr(io, "text_encoding", lambda encoding, _=2: encoding or "latin-1")
    path = tmp_path / "p.toml"
    write_document(path, {"a": "é"})
    assert path.read_bytes() == 'a = "é"\n'.encode()
    assert read_text(path) == 'a = "é"\n'
