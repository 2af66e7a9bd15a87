"""Policies as documents: nothing lost, one digest, and every mistake named with its place."""

from __future__ import annotations

import json
import pickle
import re
import tomllib
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from reps_ledger.domain.validation import MAX_DEPTH, MAX_DOCUMENT, MAX_NESTING
from reps_ledger.errors import InvalidInput, InvalidPolicy, NotFound, StorageError, TooLarge
from reps_ledger.policies import *
from reps_ledger.policies.charter import read_charter
from reps_ledger.policies.documents.read import read_condition, read_policy
from reps_ledger.policies.documents.write import condition_table, policy_table
from reps_ledger.policies.language.facts import Facts, Filter
from reps_ledger.policies.language.kinds import CONDITIONS, MEASURES
from reps_ledger.testing.strategies import conditions, policies
from scale import examples

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.no_cover  # many examples run the same lines: see CONTRIBUTING.md


def named_policies() -> st.SearchStrategy[Policy]:
    """Make policies whose names, reasons and filters hold anything that they may."""
    name = st.text(st.characters(exclude_categories=("C", "Z", "M")), min_size=1, max_size=5).filter(
        lambda text: text.isprintable() and text.isascii()
    )
    reason = st.sampled_from(["", 'a "quoted" reason', "two\nlines", "tab\tand\\", "é 日本 🧭", "''' \"\"\""])

    def made(who: str, what: str, why: str) -> Policy:
        condition = (reports(activity=(what, why + "x")) >= 1) | holds(who, community=what)
        return Policy(who, cases=(when(condition).then(what, why),), otherwise=who, source=why, version=what)

    return st.builds(made, name, name, reason)


@given(policies() | named_policies(), st.sampled_from(["toml", "json"]))
@examples(2)
def test_a_policy_comes_back_equal_from_its_document(policy: Policy, form: str) -> None:
    """Written and read again, in either form, it is the same policy with the same digest."""
    text = dumps(policy, form)
    again = loads(text)
    assert again == policy
    assert hash(again) == hash(policy)
    assert digest(again) == digest(policy)
    assert dumps(again, form) == text
    assert again.words() == policy.words()


@given(conditions(), conditions())
@examples(2)
def test_equal_conditions_have_equal_tables_and_others_do_not(a: Condition, b: Condition) -> None:
    """What is written tells conditions apart exactly as `==` does."""
    assert (condition_table(a) == condition_table(b)) == (a == b)
    assert read_condition(condition_table(a)) == a


def shuffled(value: Any, random_: random.Random) -> Any:
    """Return the same tables with their keys in another order."""
    if isinstance(value, dict):
        keys = list(value)
        random_.shuffle(keys)
        return {key: shuffled(value[key], random_) for key in keys}
    return [shuffled(item, random_) for item in value] if isinstance(value, list) else value


def dated(value: Any) -> Any:
    """Return the same tables with their days as TOML's own dates."""
    if isinstance(value, dict):
        return {key: dated(item) for key, item in value.items()}
    if isinstance(value, list):
        return [dated(item) for item in value]
    is_day = isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value)
    return date.fromisoformat(value) if is_day else value


@given(policies(), st.randoms(use_true_random=False))
def test_a_digest_is_of_the_meaning(policy: Policy, random_: random.Random) -> None:
    """The order of keys, the form, and how days are written do not matter to it."""
    table = shuffled(policy_table(policy), random_)
    for text in (json.dumps(table, indent=2), tomli_w.dumps(table), tomli_w.dumps(dated(table))):
        assert digest(loads(text)) == digest(policy)


@given(policies(), policies())
def test_different_policies_have_different_digests(a: Policy, b: Policy) -> None:
    """Digests agree exactly where policies do."""
    assert (digest(a) == digest(b)) == (a == b)


def test_a_digest_never_changes() -> None:
    """What decisions were recorded under must stay: this digest is written down."""
    policy = Policy("p", cases=(when(reports(within=weeks(4)) >= 1).then("active"),), otherwise="no")
    assert dumps(policy, "json") == (
        '{"cases":[{"outcome":"active","when":{"at_least":1,"count":{"facts":"report.filed",'
        '"within":"4 weeks"}}}],"format":1,"otherwise":"no","policy":"p"}'
    )
    assert digest(policy) == ("73a13c6ef65d56fc822046fc8f17f59a16847cbd6b3b7122658f23ce01f765bc")


def test_numbers_that_are_equal_are_written_the_same() -> None:
    """2 and 2.0 are one threshold, and one value of a filter: so they have one digest."""
    for one, other in (
        (reports() >= 2, reports() >= 2.0),
        (reports(amount=2) >= 1, reports(amount=2.0) >= 1),
    ):
        assert one == other
        assert json.dumps(condition_table(one)) == json.dumps(condition_table(other))


def test_filters_built_by_hand_are_read_back_in_one_order() -> None:
    """The order in which filters were given is no part of the meaning."""
    a, b = Filter("activity", ("event",)), Filter("community", ("paris",))
    one, other = Facts(("report.filed",), (a, b)), Facts(("report.filed",), (b, a))
    assert one == other


HEAD: Final = {"policy": "p", "otherwise": "bad"}


def with_when(table: Any) -> dict[str, Any]:
    """Return a policy of two cases, the second with this condition."""
    first = {"when": {"on_leave": {}}, "outcome": "good"}
    return {**HEAD, "cases": [first, {"when": table, "outcome": "good"}]}


def counting(**changes: Any) -> dict[str, Any]:
    """Return a condition that counts reports, with changes."""
    return {"count": {"facts": "report.filed", **changes}, "at_least": 1}


WRONG: Final[list[tuple[Any, str, str]]] = [
    ({"all": [counting(within="4 fortnights"), {"on_leave": {}}]}, "all[0].count.within", "width"),
    (counting(within="0 weeks"), "count.within", "1"),
    (counting(within="4 weeks", colour="red"), "count.colour", "unknown key"),
    (counting(within={"width": "4 weeks", "since": "2018-10-01"}), "count.within.since", "unknown"),
    (counting(within={"since": "2018-13-01"}), "count.within.since", "date"),
    (counting(within={"since": 2018}), "count.within.since", "date"),
    (counting(within={"since": "2018-10-01", "until": "2018-09-01"}), "count.within", "before"),
    (counting(within={"period": "fortnight"}), "count.within", "fortnight"),
    (counting(within={"ahead": "4 weeks"}), "count.within", "window"),
    (counting(within=4), "count.within", "table"),
    (counting(facts={"kinds": "vouch.given", "who": 3}), "count.facts.who", "table, not 3"),
    (counting(facts={"kinds": "vouch.given", "where": 3}), "count.facts.where", "table, not 3"),
    (
        counting(facts={"kinds": "report.filed", "where": {"activty": "x"}}),
        "count.facts",
        "no field 'activty'",
    ),
    (counting(facts={"kinds": []}), "count.facts", "name the facts"),
    (counting(facts={"where": {}}), "count.facts", "kinds is missing"),
    (counting(facts={"kinds": "report.filed", "where": []}), "count.facts.where", "table"),
    (
        counting(facts={"kinds": "report.filed", "where": {"activity": {}}}),
        "count.facts.where.activity",
        "filter",
    ),
    (
        counting(facts={"kinds": "vouch.given", "who": {"voucher": {"holds": {}}}}),
        "count.facts.who.voucher.holds",
        "role is missing",
    ),
    ({"count": {"facts": "report.filed"}}, "", "must be compared"),
    ({"count": {"facts": "report.filed"}, "at_least": 1, "at_most": 3}, "", "must be compared"),
    ({"count": {"facts": "report.filed"}, "about": 1}, "about", "no comparison"),
    ({"count": {"facts": "report.filed"}, "at_least": "1 week"}, "at_least", "number"),
    ({"count": {"facts": "report.filed"}, "at_least": [1]}, "at_least", "number"),
    ({"tenure": {}, "at_least": 4}, "at_least", "width"),
    ({"tenure": {}, "exactly": "4 weeks"}, "exactly", "exact"),
    ({"tenure": {"role": "rep", "community": {}}, "at_least": "1 week"}, "tenure", "community"),
    ({"tenure": {}, "missed": {}}, "", "must be compared"),
    ({"share": {"own": {"tenure": {}}, "of": "report.filed"}, "at_least": 0}, "share", "count"),
    ({"share": {"own": {}, "of": "report.filed"}, "at_least": 0}, "share.own", "measure"),
    ({"holds": {"role": "rep", "community": 4}}, "holds", "community"),
    ({"holds": "rep"}, "holds", "table"),
    ({"holds": {"role": ["rep", "mentor"]}}, "holds", "role"),
    ({"on_leave": {}, "is_member": {}}, "", "no condition"),
    ({"on_leaf": {}}, "", "no condition"),
    ({"os.system": {"command": "true"}}, "", "no condition"),
    ({"__class__": {}}, "", "no condition"),
    ({"reps_ledger.policies.language.people.OnLeave": {}}, "", "no condition"),
    ({}, "", "nothing is no condition"),
    ([], "", "table"),
    ("on_leave", "", "table"),
    ({"not": []}, "not", "table"),
    ({"all": []}, "all", "two conditions"),
    ({"all": [{"on_leave": {}}]}, "all", "two conditions"),
    ({"any": {"on_leave": {}}}, "any", "list"),
    ({"at_least": 3, "of": [{"on_leave": {}}, {"is_member": {}}]}, "", "from 1 to 2"),
    ({"at_least": {}, "of": [{"on_leave": {}}, {"is_member": {}}]}, "", "from 1 to 2"),
    ({"previously": {"outcomes": "good", "since": "x"}}, "previously.since", "unknown"),
    ({"previously": {"outcomes": []}}, "previously", "outcome"),
    ({"noticed": {"heard": 0}}, "noticed", "heard"),
    ({"noticed": {"ago": "soon"}}, "noticed.ago", "width"),
    ({"joined": {}}, "joined", "which day"),
    ({"on_or_after": {"day": "9999-12-31"}}, "on_or_after", "calendar"),
    ({"members": {"among": {"on_leaf": {}}}, "at_least": 1}, "members.among", "no condition"),
]


@pytest.mark.parametrize(("table", "place", "words"), WRONG, ids=lambda value: str(value)[:60])
def test_a_mistake_in_a_condition_is_named_with_its_place(table: Any, place: str, words: str) -> None:
    """The error says where in the document, as a path, and what is wrong there."""
    at = "cases[1].when" + (f".{place}" if place else "")
    with pytest.raises(InvalidPolicy) as caught:
        read_policy(with_when(table))
    assert caught.value.place == at
    assert words in caught.value.words
    assert str(caught.value) == f"{at}: {caught.value.words}"


@pytest.mark.parametrize(
    ("table", "place", "words"),
    [
        ({}, "", "policy is missing"),
        ({"policy": "p", "otherwise": "x"}, "cases", "needs a case"),
        ({**HEAD, "cases": {}}, "cases", "list"),
        ({**HEAD, "cases": [4]}, "cases[0]", "table"),
        ({**HEAD, "cases": [{"outcome": "good"}]}, "cases[0]", "when is missing"),
        ({**HEAD, "cases": [{"when": {"on_leave": {}}}]}, "cases[0]", "outcome is missing"),
        ({**HEAD, "cases": [{"when": {"on_leave": {}}, "outcome": 4}]}, "cases[0]", "outcome must be text"),
        (
            {**HEAD, "cases": [{"when": {"on_leave": {}}, "outcome": "a", "weight": 4}]},
            "cases[0].weight",
            "unknown key",
        ),
        ({**with_when({"is_member": {}}), "name": "p"}, "name", "unknown key"),
        ({**with_when({"is_member": {}}), "format": 2}, "format", "not known"),
        ({**with_when({"is_member": {}}), "scale": ["good"]}, "scale", "lacks 'bad'"),
        ({**with_when({"is_member": {}}), "scale": "good"}, "scale", "lacks 'bad'"),
        ({**with_when({"is_member": {}}), "scale": [{}]}, "", "scale"),
        ({**with_when({"is_member": {}}), "version": 1}, "", "version must be text"),
        ({**with_when({"is_member": {}}), "of": "dogs"}, "", "member, community"),
        (
            {**with_when({"is_member": {}}), "notices": [{"outcome": "ugly", "stage": "nudge"}]},
            "notices",
            "never comes",
        ),
        (
            {
                **with_when({"is_member": {}}),
                "notices": [{"outcome": "bad", "stage": "nudge", "answer_within": "soon"}],
            },
            "notices[0].answer_within",
            "width",
        ),
    ],
)
def test_a_mistake_in_a_policy_is_named_with_its_place(table: Any, place: str, words: str) -> None:
    """So are mistakes outside of conditions."""
    with pytest.raises(InvalidPolicy) as caught:
        read_policy(table)
    assert caught.value.place == place
    assert words in caught.value.words


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "policy",
        "policy = ",
        '{"policy": "p", "policy": "q"}',
        '{"policy": NaN}',
        '{"policy": "p"',
        "[]",
        "null",
        'policy = "p"\npolicy = "q"',
        "\0",
        "\ufeff",
        '{"policy": "p", "cases": [' + "1" * 5000 + "]}",
        json.dumps(with_when({"total": {"name": "amount", "facts": "report.filed"}, "at_least": 1})).replace(
            '"at_least": 1', '"at_least": Infinity'
        ),
    ],
    ids=lambda text: repr(text[:30]),
)
def test_what_is_no_document_is_refused(text: str) -> None:
    """Broken TOML and JSON, duplicate keys and numbers that are none: one kind of error."""
    with pytest.raises(InvalidPolicy):
        loads(text)


@pytest.mark.parametrize("wrong", ["nan", "inf", "-inf", "1e999"])
def test_numbers_of_toml_that_are_none_are_refused(wrong: str) -> None:
    """TOML knows nan and inf; a policy knows neither, as a threshold or in a filter."""
    head = 'policy = "p"\notherwise = "bad"\n[[cases]]\noutcome = "good"\n[cases.when]\n'
    threshold = f'at_least = {wrong}\ntotal = {{ name = "amount", facts = "report.filed" }}'
    value = (
        'at_least = 1\n[cases.when.count.facts]\nkinds = "report.filed"\n'
        f"[cases.when.count.facts.where]\namount = {wrong}"
    )
    for text in (head + threshold, head + value):
        with pytest.raises(InvalidPolicy, match=r"cases\[0\]\.when"):
            loads(text)


def nested(levels: int) -> Condition:
    """Return a condition nested so deep."""
    condition: Condition = on_leave()
    for _ in range(levels):
        condition = ~condition
    return condition


@pytest.mark.parametrize("levels", [MAX_DEPTH, MAX_NESTING - 1, MAX_NESTING, 20_000])
def test_what_is_too_deep_is_refused_in_both_directions(levels: int) -> None:
    """Too deep to write is too deep to read; what is deeper still is not made, and no depth crashes."""
    if levels < MAX_NESTING:
        policy = Policy("p", cases=(when(nested(levels)).then("good"),), otherwise="bad")
        assert str(policy)
        assert repr(policy)
        for write in (dumps, digest):
            with pytest.raises(TooLarge, match="deep"):
                write(policy)
    else:
        with pytest.raises(TooLarge, match=f"more than {MAX_NESTING} deep"):
            nested(levels)
    start, end = '{"not":' * levels, "}" * levels
    text = '{"policy":"p","cases":[{"outcome":"good","when":' + start + "{}" + end + "}]}"
    with pytest.raises(InvalidInput):
        loads(text)


def test_any_way_of_nesting_has_the_limit() -> None:
    """Joined, alternately, and through the people of people."""
    ways: list[Callable[[Condition], Condition]] = [
        lambda inner: (inner & retired()) | retired(),
        lambda inner: at_least(1, inner, retired()),
        lambda inner: count(facts("mentor.assigned", where={"mentor": inner})) >= 1,
    ]
    for way in ways:
        condition: Condition = on_leave()
        with pytest.raises(TooLarge, match="deep"):  # noqa: PT012 — at some depth
            for _ in range(MAX_NESTING):
                condition = way(condition)
        assert str(condition)
        assert repr(condition)
        assert condition == pickle.loads(pickle.dumps(condition))  # noqa: S301 — our own


def test_what_is_too_long_is_refused_in_both_directions(tmp_path: Path) -> None:
    """A document longer than the limit is neither written nor read."""
    long = tuple(when(completed(f"course {n}")).then("good", "because " * 9) for n in range(990))
    policy = Policy("p", cases=long, otherwise="bad")
    with pytest.raises(TooLarge):
        dumps(policy)
    with pytest.raises(TooLarge):
        loads("#" * (MAX_DOCUMENT + 1))
    path = tmp_path / "long.toml"
    path.write_text("#" * (MAX_DOCUMENT + 1))
    with pytest.raises(TooLarge):
        load(path)


def test_what_is_written_can_be_read() -> None:
    """A policy that as JSON is just short enough and as TOML too long is refused as TOML."""
    inner = at_least(1, *(at_least(1, *[completed("abc")] * 30) for _ in range(104)))
    policy = Policy("p", cases=(when(inner).then("good"),), otherwise="bad")
    assert loads(dumps(policy, "json")) == policy
    with pytest.raises(TooLarge, match="TOML"):
        dumps(policy, "toml")


def test_files_say_by_their_names_what_they_are(tmp_path: Path) -> None:
    """``.json`` is JSON, anything else TOML; both come back equal."""
    policy = Policy("p", cases=(when(on_leave()).then("good"),), otherwise="bad")
    for name in ("p.toml", "p.json", "p.JSON", "p"):
        save(policy, tmp_path / name)
        assert load(tmp_path / name) == policy
    assert (tmp_path / "p.JSON").read_text().startswith("{")
    assert tomllib.loads((tmp_path / "p").read_text())["policy"] == "p"


def test_files_that_cannot_be_read_are_errors(tmp_path: Path) -> None:
    """A missing file, a folder and bytes that are no text have typed errors."""
    with pytest.raises(NotFound):
        load(tmp_path / "none.toml")
    with pytest.raises(NotFound):
        load(tmp_path)
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidPolicy, match="UTF-8"):
        load(tmp_path / "bytes.toml")


def test_files_that_cannot_be_written_are_errors(tmp_path: Path) -> None:
    """Nothing is left of them, and what was there before stays."""
    policy = Policy("p", cases=(when(on_leave()).then("good"),), otherwise="bad")
    with pytest.raises(StorageError, match="cannot be written"):
        save(policy, tmp_path / "none" / "p.toml")
    (tmp_path / "p.toml").mkdir()
    with pytest.raises(StorageError, match="cannot be written"):
        save(policy, tmp_path / "p.toml")
    assert [path.name for path in tmp_path.iterdir()] == ["p.toml"]


@pytest.mark.parametrize("wrong", [b"policy = 'p'", None, 4, {"policy": "p"}])
def test_what_is_no_text_is_refused(wrong: Any) -> None:
    """Bytes and tables are no text; and nothing but a policy is kept as one."""
    for read in (loads, read_charter):
        with pytest.raises(InvalidPolicy, match="text"):
            read(wrong)
    for keep in (dumps, digest):
        with pytest.raises(InvalidPolicy, match="a policy is kept"):
            keep(wrong)


def test_an_unknown_form_is_refused() -> None:
    """There are two forms."""
    policy = Policy("p", cases=(when(on_leave()).then("good"),), otherwise="bad")
    with pytest.raises(InvalidPolicy, match="yaml"):
        dumps(policy, "yaml")


WORDS: Final = [*CONDITIONS, *MEASURES, "all", "any", "not", "at_least", "of", "less_than"]
KEYS: Final = [
    *WORDS,
    "facts",
    "kinds",
    "within",
    "width",
    "since",
    "where",
    "who",
    "own",
    "among",
    "policy",
    "cases",
    "when",
    "outcome",
    "otherwise",
    "scale",
    "notices",
    "stage",
    "role",
]
VALUES: Final = ["4 weeks", "report.filed", "vouch.given", "2018-10-01", "good", "os.system", ""]
plain = (
    st.none()
    | st.booleans()
    | st.integers(-2, 2**70)
    | st.floats()
    | st.sampled_from(VALUES)
    | st.text(max_size=4)
    | st.dates()
)
anything = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(anything)
@examples(1.5)
def test_anything_at_all_is_read_or_refused(value: Any) -> None:
    """No tables, however odd, raise anything but InvalidInput."""
    for read in (read_condition, read_policy, lambda it: read_policy(with_when(it))):
        try:
            made = read(value)
        except InvalidInput:
            continue
        assert isinstance(made, Condition | Policy)


@given(policies(), st.data())
@examples(1.5)
def test_a_document_with_a_mistake_is_read_or_refused(policy: Policy, data: st.DataObject) -> None:
    """A valid document with one part replaced by anything is refused, or is a policy again."""
    table = json.loads(dumps(policy, "json"))
    here, left = table, 9
    while left:
        left -= 1
        keys = list(here) if isinstance(here, dict) else list(range(len(here)))
        if not keys:
            break
        key = data.draw(st.sampled_from(keys))
        inner = here[key]
        if not isinstance(inner, dict | list) or data.draw(st.integers(0, 3)) == 0:
            if isinstance(here, dict) and data.draw(st.booleans()):
                here[data.draw(st.sampled_from(KEYS))] = here.pop(key)
            else:
                here[key] = data.draw(anything)
            break
        here = inner
    try:
        again = read_policy(table)
    except InvalidInput:
        return
    try:
        assert loads(dumps(again)) == again
    except TooLarge:
        return


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text raises anything but InvalidInput."""
    with pytest.raises(InvalidInput):
        loads(text)


def test_every_kind_of_value_can_be_written() -> None:
    """A policy that uses everything at once comes back from both forms."""
    everything = (
        (share(reports(within=weeks(4), ahead=weeks(4), pausing=True), "report.filed") >= 0.25)
        & (members(holds("rep", community="")) >= 3)
        & (total("amount", "report.filed", within=since(date(2018, 1, 1))) > 2.5)
        & (reports(within=following(facts("member.joined"), weeks(2), "last")) < 3)
        & at_least(2, on_leave(), joined(kind="staff"), on_or_after(date(2018, 10, 1)))
        & ~(tenure("rep", community="paris") < weeks(4))
    )
    policy = Policy(
        "p",
        cases=(when(everything).then("good", "why"),),
        otherwise="bad",
        version="2018-10",
        scale=("good", "bad", "out"),
        notices=(notice("bad", "nudge", answer_within=weeks(4), unanswered="out"),),
        of="community",
        source="https://example.org",
    )
    assert loads(dumps(policy)) == loads(dumps(policy, "json")) == policy


def test_dots_in_a_reason_are_no_deep_key() -> None:
    """A reason may trail off as long as it likes: what is saved can be loaded."""
    policy = Policy("p", cases=[when(on_leave()).then("a", "well" + "." * 60)], otherwise="b")
    assert loads(dumps(policy)) == policy
