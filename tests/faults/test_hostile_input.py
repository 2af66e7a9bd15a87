"""Input that is broken on purpose: errors of ours only, little memory and time, nothing run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from faults.harness import ran
from scale import LONG, times

if TYPE_CHECKING:
    from faults.harness import Tell

pytestmark = pytest.mark.no_cover  # many examples run the same lines: see CONTRIBUTING.md


KINDS: Final = ["bundles", "charters", "checkpoints", "codec", "importers", "policies"]


# One process for all in `make test`, as it takes longer to start than to search; one for each in
# the long run.
@pytest.mark.parametrize("kinds", [[kind] for kind in KINDS] if LONG else [KINDS], ids=str)
def test_mutated_input(kinds: list[str], tell: Tell) -> None:
    """It is read, or refused with an error of ours, in 2 GB of address space and bounded time."""
    examples = times(100, 20_000)
    for what, found in ran("fuzz", examples, *kinds).items():
        tell(f"{sum(found.values()):,} mutated inputs to {what}: {found}")
        assert sum(found.values()) >= examples / 2
        assert len(found) > 1  # some were read, and some refused


def test_hostile_names_and_documents(tell: Tell) -> None:
    """Whatever name a stored row or a document has: no import, no code, no file touched."""
    found = ran("hostile")
    tell(f"hostile stored names and documents: {found}")
    assert found["unexpected"] == []
    assert found["outcomes"]["UnknownFact"] > 0
    assert found["outcomes"].keys() >= {"InvalidPolicy", "Malformed"}


def test_an_import_would_be_seen() -> None:
    """What watches for imports sees one that is planted."""
    found = ran("hostile", "colorsys")
    assert any(event == "import" and "colorsys" in words for event, words in found["unexpected"])
