"""The guard that refuses a row which is no entry: no JSON object, too large, or under the wrong tags.

It asks what every entry of a ledger has, whoever wrote it: its stored bytes are a JSON object; its tags are
distinct texts; among them are those of its own id, of the member and the community that its fact names, and,
of a kind that concerns the whole ledger, that of the kind. Whether it is true is for the rules to say, and
for `check`.

The tables are also those of a recorder that keeps whatever events it is given. So only rows that are named
as facts are (words joined by dots) must be entries, and rows of other names are refused in a log that begins
with one that is named so.
"""

from __future__ import annotations

from typing import Final

from reps_ledger.domain.amendments import AMENDING
from reps_ledger.domain.entries import LEDGER_WIDE
from reps_ledger.domain.validation import MAX_ENTRY_BYTES

_TAGGED: Final = f" {' '.join(sorted(AMENDING | LEDGER_WIDE))} "
"""Stored names of kinds with a tag of their own, each between spaces."""

_WHOLE: Final = "CAST(NEW.data AS TEXT)"
_OPEN: Final = "CAST(substr(NEW.data, 1, instr(NEW.data, x'1e') - 1) AS TEXT)"
"""What is before a sealed part: see `reps_ledger.salted`."""

_FEW: Final = 12
"""Up to so many tags it is quicker to compare each with each: SQLite makes no table for that."""


def _is_named(kind: str) -> str:
    return f"{kind} GLOB '[a-z]*.[a-z]*' AND {kind} NOT GLOB '*[^a-z0-9._-]*'"


def _has_tag(prefix: str, text: str, path: str) -> str:
    """Whether the tags have one of a value, as JSON writes it; null where there is no value."""
    return f"instr(NEW.tags, json_quote('{prefix}' || json_extract({text}, '{path}')))"


def _may_have(prefix: str, text: str, path: str) -> str:
    """The same, where there need be no value, and a list of values is a service's own affair."""
    found = f"ifnull({_has_tag(prefix, text, path)}, 1)"
    return f"CASE {found} WHEN 0 THEN json_type({text}, '{path}') <> 'text' ELSE 1 END"


def _is_under_wrong_tags(text: str) -> str:
    return (
        f"CASE WHEN NOT ifnull({_has_tag('entry:', text, '$.id')}, 0) THEN 1"
        f" WHEN NOT ({_may_have('member:', text, '$.fact.member')}) THEN 1"
        f" WHEN NOT ({_may_have('community:', text, '$.fact.community')}) THEN 1 ELSE 0 END"
    )


# How many tags are texts that no other tag is.
_DISTINCT: Final = (
    f"CASE WHEN json_array_length(NEW.tags) <= {_FEW} THEN (SELECT count(*) FROM json_each(NEW.tags) i,"  # noqa: S608 — no text from outside
    " json_each(NEW.tags) j WHERE i.type = 'text' AND j.value = i.value)"
    " ELSE (SELECT count(DISTINCT value) FROM json_each(NEW.tags) WHERE type = 'text') END"
)

# Each is asked only where those before it say no: a text is looked into once it is known to be JSON. SQLite
# keeps what it parsed of the last few texts of a statement, so that asking several times costs little; a
# list of constants (IN) or DISTINCT would make a table each time.
NO_ENTRY: Final = (
    f"CASE WHEN length(NEW.data) > {MAX_ENTRY_BYTES} THEN 1"  # noqa: S608 — see above
    f" WHEN NOT ({_is_named('NEW.type')})"
    f" THEN EXISTS (SELECT 1 FROM events e WHERE e.position = 1 AND {_is_named('e.type')})"
    " WHEN NOT json_valid(NEW.tags) THEN 1"
    f" WHEN instr('{_TAGGED}', ' ' || NEW.type || ' ')"
    " AND NOT instr(NEW.tags, json_quote('ledger:' || NEW.type)) THEN 1"
    f" WHEN json_array_length(NEW.tags) <> {_DISTINCT} THEN 1"
    f" WHEN json_valid({_WHOLE}) AND NOT instr(NEW.data, x'00') THEN {_is_under_wrong_tags(_WHOLE)}"
    f" WHEN NOT instr(NEW.data, x'1e') OR instr({_OPEN}, char(0)) THEN 1"
    f" WHEN json_valid({_OPEN}) THEN {_is_under_wrong_tags(_OPEN)} ELSE 1 END"
)
"""When a new row of ``events`` is refused. (SQLite reads a text as JSON up to a NUL.)"""
