"""Whether a ledger's tables in PostgreSQL, and what acts on them, are those that this project makes.

As in a file (`reps_ledger.log.sqlite.guards`), nothing may be missing, changed or foreign: triggers, rules,
policies of rows, columns, indexes, and the functions that guard and append.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Mapping
from typing import Final

from reps_ledger.log.postgres.roles import (
    EVENTS,
    FORMAT,
    FORMAT_OF,
    GUARDS,
    KEEP,
    SCHEMA,
    SOUND,
    TAGS,
    guards_sql,
)

Rows = Callable[[str], Iterable[tuple[object, ...]]]
"""From a statement to its rows."""

_OF_TABLES: Final = f"n.nspname = '{SCHEMA}' AND g.relname IN ('{EVENTS}', '{TAGS}')"
_COLUMNS: Final = f"""
SELECT g.relname, a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a
JOIN pg_class g ON g.oid = a.attrelid JOIN pg_namespace n ON n.oid = g.relnamespace
WHERE {_OF_TABLES} AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""  # noqa: S608 — no text from outside
_TRIGGERS: Final = f"""
SELECT t.tgname, g.relname, t.tgtype, t.tgenabled, p.proname, pn.nspname, t.tgqual IS NULL AND t.tgnargs = 0
FROM pg_trigger t JOIN pg_class g ON g.oid = t.tgrelid JOIN pg_namespace n ON n.oid = g.relnamespace
JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_namespace pn ON pn.oid = p.pronamespace
WHERE {_OF_TABLES} AND NOT t.tgisinternal ORDER BY t.tgname
"""  # noqa: S608 — see above
_RULES: Final = f"""
SELECT r.rulename, g.relname, 'rule' FROM pg_rewrite r JOIN pg_class g ON g.oid = r.ev_class
JOIN pg_namespace n ON n.oid = g.relnamespace WHERE {_OF_TABLES}
UNION ALL SELECT p.polname, g.relname, 'policy' FROM pg_policy p JOIN pg_class g ON g.oid = p.polrelid
JOIN pg_namespace n ON n.oid = g.relnamespace WHERE {_OF_TABLES}
UNION ALL SELECT '', g.relname, 'row level security' FROM pg_class g
JOIN pg_namespace n ON n.oid = g.relnamespace WHERE {_OF_TABLES} AND g.relrowsecurity
"""  # noqa: S608 — see above
_INDEXES: Final = f"""
SELECT c.relname, i.indisvalid AND i.indisready FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_class g ON g.oid = i.indrelid JOIN pg_namespace n ON n.oid = g.relnamespace WHERE {_OF_TABLES}
"""  # noqa: S608 — see above
_FUNCTIONS: Final = f"""
SELECT p.proname, p.prosrc FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = '{SCHEMA}'
"""  # noqa: S608 — see above

_OUR_COLUMNS: Final = {
    EVENTS: ["id bigint", "type text", "data bytea", "tags text[]"],
    TAGS: ["tag text", "main_id bigint"],
}
_BEFORE_ANY_CHANGE: Final = 2 | 8 | 16 | 32
"""``tgtype``: before a statement that deletes, updates or truncates."""
_BEFORE_REMOVAL: Final = 2 | 8 | 32
"""``tgtype``: before a statement that deletes or truncates."""
_BEFORE_A_ROW: Final = 1 | 2 | 4
"""``tgtype``: before a row is inserted."""
_BEFORE_A_CHANGE: Final = 1 | 2 | 16
"""``tgtype``: before a row is updated."""

_ACTS: Final = {
    KEEP: (_BEFORE_A_CHANGE, "reps_redacts"),
    "reps_events_stay": (_BEFORE_REMOVAL, "reps_refuse"),
    "reps_tags_stay": (_BEFORE_ANY_CHANGE, "reps_refuse"),
    SOUND: (_BEFORE_A_ROW, "reps_sound"),
}
"""When each trigger acts, and by which function."""

_BEFORE: Final[dict[int, dict[str, tuple[int, str] | None]]] = {
    3: {SOUND: None, "reps_sound": None},
    4: {KEEP: None, "reps_redacts": None, "reps_events_stay": (_BEFORE_ANY_CHANGE, "reps_refuse")},
}
"""What a version of the guards changed: how a trigger acted before it, None for what was not there."""

_MADE: Final = re.compile(
    r'CREATE OR REPLACE FUNCTION\s+(?:"?\w+"?\.)?"?(\w+)"?\s*\(.*?\$\$(.*?)\$\$', re.DOTALL
)
_INDEX: Final = re.compile(r'INDEX IF NOT EXISTS\s+"?(\w+)"?')
_LIMIT: Final = re.compile(r"lock_timeout = '\w+'")


def altered(rows: Rows, library: Iterable[str]) -> list[str]:
    """Return what is missing, changed or foreign, in words; of an older schema, what it should have had.

    Args:
        rows: asks the server.
        library: the statements by which the library's recorder makes its tables.
    """
    library = list(library)
    ((version, _),) = [*rows(FORMAT_OF)] or [(FORMAT, False)]
    older: dict[str, tuple[int, str] | None] = {}
    for later in sorted(_BEFORE, reverse=True):
        if isinstance(version, int) and version < later:
            older |= _BEFORE[later]
    found = _columns(rows) + _triggers(rows, older)
    found += [f"the {kind} {name} on {table} is foreign" for name, table, kind in rows(_RULES)]
    wanted = _index_names(library)
    present = {str(name): valid for name, valid in rows(_INDEXES)}
    found += [f"the index {name} is missing" for name in sorted(wanted - present.keys())]
    for name, valid in sorted(present.items()):
        if name not in wanted:
            found.append(f"the index {name} is foreign")
        elif not valid:
            found.append(f"the index {name} is not valid")
    return found + _functions(rows, bodies([*library, guards_sql()]), older)


def removing(rows: Rows, library: Iterable[str]) -> list[str]:
    """Return the statements that remove what is foreign, and enable guards."""
    wanted = _index_names(library)
    statements = []
    for name, table, *_ in rows(_TRIGGERS):
        ours = GUARDS.get(str(name)) == table
        where = f"{SCHEMA}.{table}"
        statements.append(
            f"ALTER TABLE {where} ENABLE TRIGGER {_quoted(name)}"
            if ours
            else f"DROP TRIGGER {_quoted(name)} ON {where}"
        )
    for name, table, kind in rows(_RULES):
        where = f"{SCHEMA}.{table}"
        statements.append(
            f"ALTER TABLE {where} DISABLE ROW LEVEL SECURITY"
            if kind == "row level security"
            else f"DROP {kind} {_quoted(name)} ON {where}"
        )
    statements += [f"DROP INDEX {SCHEMA}.{_quoted(name)}" for name, _ in rows(_INDEXES) if name not in wanted]
    return statements


def _index_names(statements: Iterable[str]) -> set[str]:
    return {name for statement in statements for name in _INDEX.findall(statement)}


def _quoted(name: object) -> str:
    return '"' + str(name).replace('"', '""') + '"'


def bodies(statements: Iterable[str]) -> dict[str, str]:
    """Return the bodies of the functions that statements make, by name."""
    return {name: _plain(body) for text in statements for name, body in _MADE.findall(text)}


def _plain(body: str) -> str:
    """Return a function's body, whatever its limit of waiting: that is a setting."""
    return _LIMIT.sub("lock_timeout", body)


def _columns(rows: Rows) -> list[str]:
    present: dict[object, list[str]] = {}
    for table, name, kind in rows(_COLUMNS):
        present.setdefault(table, []).append(f"{name} {kind}")
    return [
        f"the table {table} has {', '.join(present.get(table, [])) or 'no columns'}"
        for table, columns in _OUR_COLUMNS.items()
        if present.get(table) != columns
    ]


def _triggers(rows: Rows, older: Mapping[str, tuple[int, str] | None]) -> list[str]:
    found = []
    present: set[object] = set()
    for name, table, kind, enabled, function, schema, plain in rows(_TRIGGERS):
        if GUARDS.get(str(name)) != table:
            found.append(f"the trigger {name} on {table} is foreign")
            continue
        present.add(name)
        if enabled not in {"O", "A"}:
            found.append(f"{name} is disabled")
        elif (kind, function, schema, plain) != (*(older.get(str(name)) or _ACTS[str(name)]), SCHEMA, True):
            found.append(f"{name} is changed")
    needed = [name for name in GUARDS if older.get(name, ()) is not None]
    return found + [f"{name} is missing" for name in needed if name not in present]


def _functions(rows: Rows, wanted: Mapping[str, str], older: Container[str]) -> list[str]:
    present: dict[str, list[str]] = {}
    for name, body in rows(_FUNCTIONS):
        present.setdefault(str(name), []).append(_plain(str(body)))
    found = []
    for name, body in wanted.items():
        if name not in present:
            if name in older:
                continue
            found.append(f"the function {name} is missing")
        elif present[name] != [body]:
            found.append(f"the function {name} is changed")
    return found
