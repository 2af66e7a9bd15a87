"""The page of the catalogue, and the golden text of its sentences, as the policies make them.

``PYTHONPATH=tests python -m policies.catalogue.page`` brings both up to date; read the difference.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from reps_ledger.policies.catalogue import CATALOGUE

if TYPE_CHECKING:
    from reps_ledger.policies.catalogue import Listed

__all__ = ["GOLDEN", "PAGE", "opening", "renewed", "said", "sentences"]

PAGE: Final = Path(__file__).resolve().parents[3] / "docs" / "catalogue.md"
GOLDEN: Final = Path(__file__).with_name("sentences.txt")

_SECTION: Final = re.compile(r"^## [^\n]+\n\nName: `([\w-]+)`\..*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_OPENING: Final = re.compile(r"^## .*?\n\nName: .*?\n\n(```text\n.*?```\n\n)+", re.DOTALL)


def said(rule: Listed) -> list[str]:
    """Say a rule: each of its policies, and each of its definitions."""
    words = [policy.words() for policy in rule.policies]
    return words + [f"Who {name}: {condition.words()}." for name, condition in rule.definitions]


def sentences() -> str:
    """Return the golden text."""
    rules = [f"{rule.title} ({rule.name})\n\n" + "\n\n".join(said(rule)) for rule in CATALOGUE]
    return "\n\n\n".join(rules) + "\n"


def opening(rule: Listed) -> str:
    """Return how the page's section of a rule begins; what it notes of it comes after."""
    blocks = "".join(f"```text\n{words}\n```\n\n" for words in said(rule))
    return f"## {rule.title}\n\nName: `{rule.name}`. Source: {rule.source}\n\n{blocks}"


def renewed(page: str) -> str:
    """Return a page with the sentences as they are now, and its notes as they were."""
    rules = {rule.name: rule for rule in CATALOGUE}

    def section(found: re.Match[str]) -> str:
        notes = _OPENING.sub("", found[0])
        return opening(rules[found[1]]) + notes

    return _SECTION.sub(section, page)


if __name__ == "__main__":
    GOLDEN.write_text(sentences(), encoding="utf-8")
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
