"""The bundled history of Debian: what is shipped is what its README says."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter, defaultdict
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from reps_ledger.domain.facts import BUILT_IN, Registry
from reps_ledger.domain.facts.registry import RESERVED

FOLDER: Final = Path(__file__).parents[2] / "examples" / "data"
FILES: Final = ("debian-membership", "debian-vouches", "debian-rosters")
REGISTRY: Final = Registry(BUILT_IN)

Row = dict[str, Any]


@cache
def rows(name: str) -> tuple[Row, ...]:
    """Read a bundled file once."""
    with gzip.open(FOLDER / f"{name}.jsonl.gz", "rt", encoding="utf-8") as lines:
        return tuple(map(json.loads, lines))


def everything() -> list[Row]:
    """All rows, in the order of import."""
    return [row for name in FILES for row in rows(name)]


def readme() -> str:
    """What the README says."""
    return (FOLDER / "README.md").read_text(encoding="utf-8")


def table(heading: str) -> list[list[str]]:
    """Return the cells of the README's first table whose heading starts like that."""
    lines = iter(readme().splitlines())
    for line in lines:
        if line.startswith(heading):
            break
    next(lines)
    cells = []
    for line in lines:
        if not line.startswith("|"):
            break
        cells.append([cell.strip().strip("`") for cell in line.strip("|").split("|")])
    return cells


def number(text: str) -> int:
    """Read a number written for people."""
    return int(text.replace(",", ""))


@pytest.mark.parametrize("name", FILES)
def test_rows_are_of_the_exchange_format(name: str) -> None:
    """Every row holds a known fact, its fields, and reserved names only."""
    unknown = {
        (row["fact"], key)
        for row in rows(name)
        for key in row
        if (described := REGISTRY.named(row["fact"])) is None or key not in described.names | RESERVED
    }
    assert unknown == set()


@pytest.mark.parametrize("name", FILES)
def test_rows_build_their_facts(name: str) -> None:
    """Every row's values make a fact."""
    for row in rows(name):
        described = REGISTRY.named(row["fact"])
        assert described is not None
        described.cls(**{key: row[key] for key in row if key not in RESERVED})


@pytest.mark.parametrize("name", FILES)
def test_rows_start_alike(name: str) -> None:
    """What, when, who recorded and whom it is about come first, in this order."""
    assert {tuple(row)[:4] for row in rows(name)} == {("fact", "occurred_at", "by", "member")}
    assert {tuple(row)[-1] for row in rows(name)} == {"source"}


@pytest.mark.parametrize("name", FILES)
def test_no_row_has_words_about_a_person(name: str) -> None:
    """No reasons, links or other personal texts are shipped; persons are pseudonyms."""
    for row in rows(name):
        described = REGISTRY.named(row["fact"])
        assert described is not None
        assert not described.personal & row.keys()
        for key in described.persons:
            assert re.fullmatch(r"p_[0-9a-f]{12}", row[key])
        assert re.fullmatch(r"p_[0-9a-f]{12}|debian-keyring", row["by"])


@pytest.mark.parametrize("name", FILES)
def test_rows_are_sorted_by_whole_days(name: str) -> None:
    """Rows come in the order of their dates, which are days."""
    days = [row["occurred_at"] for row in rows(name)]
    assert days == sorted(days)
    assert [date.fromisoformat(day).isoformat() for day in days] == days


def test_files_are_as_the_readme_counts_them() -> None:
    """Rows, people and first and last day of each file are those in the README."""
    stated = table("| File ")
    assert [cells[0] for cells in stated] == [f"{name}.jsonl.gz" for name in FILES]
    for (_, count, people, first, last), name in zip(stated, FILES, strict=True):
        found = rows(name)
        named = {row[key] for row in found for key in ("member", "voucher") if key in row}
        assert (len(found), len(named)) == (number(count), number(people))
        assert (found[0]["occurred_at"], found[-1]["occurred_at"]) == (first, last)


def test_facts_are_as_the_readme_counts_them() -> None:
    """The rows of each fact are as many as the README says."""
    stated = {cells[0]: number(cells[1]) for cells in table("| Fact | Rows | What")}
    assert Counter(row["fact"] for row in everything()) == stated


def test_inferred_joinings_are_as_many_as_stated() -> None:
    """Members from before the first record are marked, and counted in the README."""
    assert "the 338 who were there before" in readme()
    assert sum(row.get("inferred", False) for row in everything()) == 338


def test_every_pair_has_one_vouch() -> None:
    """One vouch stands per pair, and nobody vouches for themselves."""
    pairs = Counter((row["member"], row["voucher"]) for row in rows("debian-vouches"))
    assert set(pairs.values()) == {1}
    assert not [pair for pair in pairs if pair[0] == pair[1]]


def test_rules_refuse_what_the_readme_says() -> None:
    """Told once, the history breaks the rules of membership as often as the README says."""
    stated = {cells[0]: number(cells[1]) for cells in table("| Fact | Rows | Why")}
    different = {json.dumps(row): row for row in everything()}
    assert f"{len(different):,} of the {len(everything()):,} rows are different" in readme()
    refused = refusals(different.values())
    assert refused == stated
    assert refused.total() * 100 < len(everything())


def refusals(history: Any) -> Counter[str]:
    """Count what breaks a rule, by fact, in a reading of the rules that stands on its own."""
    joined: set[str] = set()
    retired: set[str] = set()
    held: defaultdict[str, set[str]] = defaultdict(set)
    refused: Counter[str] = Counter()
    since: dict[str, str] = {}
    for row in history:
        name, member = row["fact"], row["member"]
        people = {member, row.get("voucher", member)}
        legal = people <= joined and all(since[who] <= row["occurred_at"] for who in people)
        match name:
            case "role.asserted":
                legal = True
            case "member.joined":
                legal = member not in joined
                joined.add(member)
                since[member] = row["occurred_at"]
            case "member.retired":
                legal &= member not in retired
                retired.add(member)
                held[member].clear()
            case "member.returned":
                legal &= member in retired
                retired.discard(member)
            case "role.assigned":
                legal &= row["role"] not in held[member]
                held[member].add(row["role"])
                retired.discard(member)
            case "role.ended":
                legal &= row["role"] in held[member]
                held[member].discard(row["role"])
        refused[name] += not legal
    return +refused
