"""What the documents show is what happens: their code blocks are run."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

from reps_ledger.domain import validation
from reps_ledger.domain.facts import BUILT_IN, RESERVED, Registry
from reps_ledger.policies.documents import CONDITIONS, MEASURES
from reps_ledger.state import FOREVER, TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sybil.document import Document

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
NONE = "\u2013"
SHELL = re.compile(r"```sh\n(.*?)```", re.DOTALL)


def _examples(page: Path) -> Document:
    return Sybil(parsers=[PythonCodeBlockParser()]).parse(page)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_pages_show_is_what_happens(page: Path) -> None:
    """Every block of Python runs as written, in order, and prints what the page says."""
    for example in _examples(page).examples():
        example.evaluate()


def test_the_readme_shows_something() -> None:
    """The README has blocks to run: the test above cannot pass by finding none."""
    assert len(list(_examples(ROOT / "README.md").examples())) >= 5


def test_the_two_commands_come_first() -> None:
    """Before anything else the README says make demo and make test, and both are targets."""
    first = SHELL.search((ROOT / "README.md").read_text())
    assert first is not None
    commands = [line.split("#")[0].strip() for line in first.group(1).splitlines() if line]
    assert commands == ["make demo", "make test"]
    targets = (ROOT / "Makefile").read_text()
    assert "\ndemo:" in targets
    assert "\ntest:" in targets


def test_every_fact_is_described() -> None:
    """The page of facts names every stored name and every field, and no other stored name."""
    page = (ROOT / "docs" / "facts.md").read_text()
    rows = {row[0]: row[1] for row in re.findall(r"^\| `([a-z.]+)` \|([^|]*)\|", page, re.MULTILINE)}
    registry = Registry(BUILT_IN)
    assert rows.keys() == {described.kind.name for described in registry}
    for described in registry:
        told = set(re.findall(r"`(\w+)`", rows[described.kind.name]))
        assert told == described.names, described.kind.name


def test_every_limit_and_reserved_name_is_described() -> None:
    """The page of the format names each limit with its value, and each reserved name."""
    page = (ROOT / "docs" / "exchange-format.md").read_text()
    for name in (each for each in vars(validation) if each.startswith("MAX_")):
        assert f"| `{name}` | {getattr(validation, name):,} |" in page
    for name in RESERVED:
        assert f"`{name}`" in page


@pytest.mark.parametrize("names", [MEASURES, CONDITIONS], ids=["measures", "conditions"])
def test_every_part_of_the_language_is_described(names: Mapping[str, type]) -> None:
    """The page of policies lists each measure and condition, with its fields and its meaning."""
    page = (ROOT / "docs" / "policies.md").read_text()
    for name, kind in names.items():
        fields = [
            f"`{field.name}`" if field.default is attrs.NOTHING else f"[`{field.name}`]"
            for field in attrs.fields(kind)
        ]
        meaning = (inspect.getdoc(kind) or "").splitlines()[0]
        assert f"| `{name}` | {', '.join(fields) or NONE} | {meaning} |" in page
    told = set(re.findall(r"^\| `([a-z_]+)` \| [^|]*\| [^|]*\|$", page, re.MULTILINE))
    assert told == MEASURES.keys() | CONDITIONS.keys()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every link to a file of the project leads to one."""
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_table_of_state_is_described() -> None:
    """The page of tables has each with its columns, in the words of their declaration."""
    page = (ROOT / "docs" / "state.md").read_text()
    for table in TABLES:
        columns = "; ".join(f"`{column.name}`: {column.words}" for column in table.columns)
        assert f"| `{table.name}` | {table.words} | {columns} |" in page
    rows = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    assert rows == [table.name for table in TABLES]
    assert f"`until` is {FOREVER}" in page
