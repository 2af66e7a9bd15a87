"""When a ledger that seals refuses a fact: about whom it erased, or a personal text that nobody would seal.

Recording is asked for these parts beside those of a fact's own rule, and only where they can matter: who was
erased where texts are sealed; whether the ledger seals where whoever records has no keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

from attrs import evolve

from reps_ledger.domain.entries import Entry, ledger_tag, people_in
from reps_ledger.domain.facts import (
    AccessGiven,
    EntryCorrected,
    EntryRetracted,
    Fact,
    FactType,
    LedgerDeclared,
    MemberErased,
    MembersUnmerged,
    Registry,
    RoleAsserted,
    TextRedacted,
    stated,
)
from reps_ledger.domain.rules.folds import DECLARATION, ERASED
from reps_ledger.domain.rules.parts import Known, Parts, Rule, Source
from reps_ledger.domain.rules.phrases import day_of, refuse
from reps_ledger.domain.sealed import Account, Sealed
from reps_ledger.domain.validation import MAX_NAME
from reps_ledger.errors import Refusal

ACCOUNTS: Final = Source(ledger_tag("accounts"))
"""All sealed facts of accounts. Each is judged by tokens that others may make meanwhile: so they exclude each
other."""

_DECLARED: Final = evolve(DECLARATION, timeless=True).part("ledger.declared")
"""What the ledger declared by now, whenever that was decided."""


def has_text(fact: Fact, registry: Registry, *, in_the_clear: bool = False) -> bool:
    """Whether a fact, or what takes the place of another, has a personal text that is not empty.

    Args:
        fact: the fact.
        registry: the facts that are known.
        in_the_clear: whether only one counts that is not sealed.
    """
    for name in registry.of(fact).personal:
        text = getattr(fact, name)
        if text and not (in_the_clear and isinstance(text, Sealed)):
            return True
    return isinstance(fact, EntryCorrected) and has_text(
        fact.replacement, registry, in_the_clear=in_the_clear
    )


def names_account(fact: Fact, registry: Registry) -> bool:
    """Whether a fact names an account by a token."""
    said = stated(fact)
    return any(isinstance(getattr(said, name), Account | Sealed) for name in registry.of(said).keyed)


def _may_follow(fact: Fact, registry: Registry) -> bool:
    """Whether a fact may be recorded of somebody who was erased: it has no text, and begins nothing."""
    if isinstance(fact, AccessGiven | MemberErased | RoleAsserted | TextRedacted):
        return True
    if isinstance(fact, MembersUnmerged):  # one of the two would no longer be known to be erased
        return False
    return registry.of(fact).kind.follows is not None and not has_text(fact, registry)


def erased_parts(fact: Fact, registry: Registry, about: str) -> Parts:
    """Return the parts that say whether anybody was erased of whom a fact may not be recorded then.

    Args:
        fact: the fact.
        registry: the facts that are known.
        about: whom the target of an amendment is about; "" where that is not known.
    """
    if isinstance(fact, EntryRetracted):
        people = [about] if about else []
    elif isinstance(fact, EntryCorrected):
        people = [*([about] if about else []), *people_in(fact.replacement, registry)]
    else:
        people = [] if _may_follow(fact, registry) else people_in(fact, registry)
    return tuple(ERASED.part(person) for person in dict.fromkeys(people))


def erased_refusals(parts: Parts, states: Iterator[Entry[MemberErased] | None]) -> Iterator[Refusal]:
    """Yield who was erased, of the parts that `erased_parts` named."""
    for part, erased in zip(parts, states, strict=True):
        if erased is not None:
            words = f"{part.key} was erased on {day_of(erased)}: nothing more is recorded of them"
            yield refuse("erased", words, erased)


_ADDRESS: Final = re.compile(r"[^\s@]@[^\s@]+\.[^\s@]")
_MADE_HERE: Final = frozenset({"application.filed", "member.joined", "notice.sent"})
"""Kinds that may be the first to name a person."""


_ENVELOPE: Final = ("by", "on_behalf_of", "command_id", "source")


@lru_cache(maxsize=256)
def _open_fields(cls: type[Fact]) -> tuple[str, ...]:
    """Return the fields of a kind whose texts stay in the clear, and may be new to a ledger."""
    described = FactType.of(cls)
    named = () if described.kind.name in _MADE_HERE else described.persons
    texts = (name for name, shape in described.shapes.items() if shape in {"list", "text"})
    return tuple(name for name in texts if name not in described.personal and name not in named)


def address_refusals(entry: Entry) -> Iterator[Refusal]:
    """Yield which texts look like an address, of those that would stay in the clear for ever.

    People who are there under such an identifier stay so: only a new one is refused.
    """
    fact = stated(entry.fact)
    texts = [(name, getattr(entry, name)) for name in _ENVELOPE]
    kind: Any = type(fact)
    for name in _open_fields(kind):
        value = getattr(fact, name)
        texts += [(name, each) for each in value] if isinstance(value, tuple) else [(name, value)]
    for name, text in texts:
        if isinstance(text, str) and "@" in text and len(text) <= MAX_NAME and _ADDRESS.search(text):
            words = (
                f"{name} looks like an address, and would stay in the clear for ever: use an identifier that "
                "says nothing, and record the address in a profile"
            )
            yield refuse("address", words)


def _unsealed_parts(_fact: Fact, _known: Known) -> Parts:
    return (_DECLARED,)


def _judge_unsealed(_entry: Entry, declared: Entry[LedgerDeclared] | None) -> Iterator[Refusal]:
    if declared is not None and declared.fact.seals:
        words = "this ledger seals personal texts: open it with its keys to record any (keys=…, --keys)"
        yield refuse("unsealed", words, declared)


UNSEALED: Final = Rule(name="", parts=_unsealed_parts, judge=_judge_unsealed)
"""The rule of every personal text that would be recorded in the clear."""


def erasure_stays(target: Entry) -> Refusal:
    """Return the refusal of what would take an erasure or a redaction back."""
    did, done = (
        ("erased somebody", "erased")
        if isinstance(target.fact, MemberErased)
        else ("redacted texts", "redacted")
    )
    return refuse("erasure_stays", f"entry {target.id} {did}, and what is {done} stays so", target)
