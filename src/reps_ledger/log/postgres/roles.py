"""Guards and roles: the SQL by which PostgreSQL itself refuses what a ledger never does.

Triggers refuse to change or remove an entry or a row of its index, and to insert what is no entry (as in a
file: see `reps_ledger.log.sqlite.sound`), whoever asks. The one change that they allow is a redaction (see
`reps_ledger.log.sqlite.redaction`), which only the owner of the tables may make. A *writer* may
read, and append by two functions and no other way; a *reader* may only read.

Why functions: an append must hold a lock on the table, or a reader could miss an entry that
commits late, and PostgreSQL gives that lock only to who may also UPDATE, DELETE or TRUNCATE. The
functions therefore run with the rights of the owner (``SECURITY DEFINER``) and a fixed search
path, and lock before they append. So a writer needs not even INSERT, with which it could append
without the lock.

Making the roles on a server.
"""

from __future__ import annotations

import re
from typing import Final

from reps_ledger.domain.amendments import AMENDING
from reps_ledger.domain.entries import LEDGER_WIDE
from reps_ledger.domain.shown import shown
from reps_ledger.domain.validation import MAX_ENTRY_BYTES
from reps_ledger.errors import ConfigurationError, InvalidInput, MissingExtra, ReadOnly, StorageError

SCHEMA: Final = "public"
"""The schema of a ledger's tables."""

EVENTS: Final = "reps_events_tt_main"
"""The table of entries."""

TAGS: Final = "reps_events_tt_tag"
"""The table of tags: the index by which entries are found."""

SOUND: Final = "reps_events_sound"
"""The trigger that refuses what is no entry."""

KEEP: Final = "reps_events_keep"
"""The trigger that refuses to change an entry."""

GUARDS: Final = {KEEP: EVENTS, "reps_events_stay": EVENTS, SOUND: EVENTS, "reps_tags_stay": TAGS}
"""The triggers, and the tables that they guard."""

FORMAT: Final = 4
"""The version of the guards, which a comment on the table of entries says; one without is older.

One of version 3 refuses what is no entry; one of version 4 lets ciphertexts be redacted.
"""

FORMAT_OF: Final = f"""
SELECT coalesce(substring(obj_description(c.oid, 'pg_class') FROM 'reps-ledger format ([0-9]+)')::int, 2)
        AS version,
    pg_has_role(c.relowner, 'USAGE') AS owns
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname = '{EVENTS}' AND n.nspname = '{SCHEMA}'
"""  # noqa: S608 — no text from outside
"""Asks for the version, and whether whoever asks may make what is missing."""

APPEND: Final = "dcb_conditional_append_tt"
"""The library's function that appends unless something matches."""

APPEND_AT_HEAD: Final = "reps_append_at_head"
"""Our function that appends unless there is anything new at all."""

_MOST: Final = 63  # bytes of a name in PostgreSQL
_NAME: Final = re.compile(f"[a-z_][a-z0-9_]{{0,{_MOST - 1}}}")
_EVENTS: Final = f"{SCHEMA}.dcb_event_tt[]"

_GUARDS: Final = """\
CREATE OR REPLACE FUNCTION {schema}.reps_refuse() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'entries are never changed or removed: % on %', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$$;
CREATE OR REPLACE FUNCTION {schema}.reps_redacts() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    cut CONSTANT int := position('\\x1e'::bytea IN OLD.data);
    was text;
    is_now text;
    written text;
    sound bool;
    some_new bool;
BEGIN
    -- Salted, sealed, and the same but for what follows the separator.
    IF NEW.id = OLD.id AND NEW.type = OLD.type AND NEW.tags = OLD.tags AND cut > 0
        AND substr(OLD.data, 1, 9) = convert_to('{{"salt":"', 'UTF8')
        AND substr(OLD.data, 32, 2) = convert_to('",', 'UTF8')
        AND substr(NEW.data, 1, cut) = substr(OLD.data, 1, cut)
    THEN
        was := convert_from(substr(OLD.data, cut + 1), 'UTF8');
        is_now := convert_from(substr(NEW.data, cut + 1), 'UTF8');
        -- No text that is sealed has a backslash; so no name is written in two ways.
        IF strpos(was, chr(92)) = 0
            AND json_typeof(was::json) = 'object' AND json_typeof(is_now::json) = 'object'
        THEN
            SELECT '{{' || string_agg(
                    to_json(o.key)::text || ':' || CASE WHEN gone THEN 'null' ELSE o.value::text END,
                    ',' ORDER BY o.place
                ) || '}}',
                count(*) = count(DISTINCT o.key) AND bool_and(json_typeof(o.value) IN ('string', 'null')),
                bool_or(gone AND json_typeof(o.value) = 'string')
            INTO written, sound, some_new
            FROM json_each(was::json) WITH ORDINALITY AS o (key, value, place),
                LATERAL (SELECT json_typeof(o.value) = 'null' OR EXISTS (
                    SELECT FROM json_each(is_now::json) n
                    WHERE n.key = o.key AND json_typeof(n.value) = 'null'
                ) AS gone) AS g;
            IF sound AND some_new AND is_now = written THEN
                RETURN NEW;
            END IF;
        END IF;
    END IF;
    RAISE EXCEPTION 'entries are never changed or removed: % on %', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END
$$;
CREATE OR REPLACE FUNCTION {schema}.reps_sound() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    named CONSTANT text := '^[a-z][a-z0-9_-]*([.][a-z][a-z0-9_-]*)+$';
    sealed int;
    said jsonb;
    own text;
BEGIN
    IF octet_length(NEW.data) > {most} THEN
        RAISE EXCEPTION 'this is no entry of a ledger: it is too large' USING ERRCODE = 'data_exception';
    ELSIF NEW.type !~ named THEN
        IF (SELECT e.type ~ named FROM {schema}.{events} e ORDER BY e.id LIMIT 1) THEN
            RAISE EXCEPTION 'this is no entry of a ledger: no fact is named so'
                USING ERRCODE = 'data_exception';
        END IF;
        RETURN NEW;
    END IF;
    sealed := position('\\x1e'::bytea IN NEW.data);
    -- What a text holds is no matter here, and PostgreSQL knows no NUL in one.
    said := replace(
        convert_from(CASE sealed WHEN 0 THEN NEW.data ELSE substr(NEW.data, 1, sealed - 1) END, 'UTF8'),
        '\\u0000', '\\ufffd'
    )::jsonb;
    -- Nothing but an object has an id.
    IF (('entry:' || (said ->> 'id')) = ANY (NEW.tags)) IS NOT TRUE
        OR (NEW.type IN ({tagged}) AND NOT ('ledger:' || NEW.type) = ANY (NEW.tags))
        OR (jsonb_typeof(said #> '{{fact,member}}') = 'string'
            AND NOT ('member:' || (said #>> '{{fact,member}}')) = ANY (NEW.tags))
        OR (jsonb_typeof(said #> '{{fact,community}}') = 'string'
            AND NOT ('community:' || (said #>> '{{fact,community}}')) = ANY (NEW.tags)) THEN
        RAISE EXCEPTION 'this is no entry of a ledger: its name and tags do not belong to it'
            USING ERRCODE = 'data_exception';
    END IF;
    FOREACH own IN ARRAY NEW.tags LOOP
        IF own IS NULL OR cardinality(array_positions(NEW.tags, own)) > 1 THEN
            RAISE EXCEPTION 'this is no entry of a ledger: its tags are not distinct'
                USING ERRCODE = 'data_exception';
        END IF;
    END LOOP;
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER {sound}
BEFORE INSERT ON {schema}.{events}
FOR EACH ROW EXECUTE FUNCTION {schema}.reps_sound();
CREATE OR REPLACE TRIGGER reps_events_stay
BEFORE DELETE OR TRUNCATE ON {schema}.{events}
FOR EACH STATEMENT EXECUTE FUNCTION {schema}.reps_refuse();
CREATE OR REPLACE TRIGGER {keep}
BEFORE UPDATE ON {schema}.{events}
FOR EACH ROW EXECUTE FUNCTION {schema}.reps_redacts();
CREATE OR REPLACE TRIGGER reps_tags_stay
BEFORE UPDATE OR DELETE OR TRUNCATE ON {schema}.{tags}
FOR EACH STATEMENT EXECUTE FUNCTION {schema}.reps_refuse();
CREATE OR REPLACE FUNCTION {schema}.reps_append_at_head(
    after_id bigint, new_events {schema}.dcb_event_tt[]
) RETURNS SETOF bigint LANGUAGE plpgsql AS $$
BEGIN
    SET LOCAL lock_timeout = '10s';
    LOCK TABLE {schema}.{events} IN EXCLUSIVE MODE;
    IF NOT EXISTS (SELECT FROM {schema}.{events} WHERE id > coalesce(after_id, 0)) THEN
        RETURN QUERY SELECT * FROM {schema}.dcb_unconditional_append_tt(new_events);
    END IF;
END
$$;
COMMENT ON TABLE {schema}.{events} IS 'reps-ledger format {format}';
"""

_ROLES: Final = """\
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {writer_text}) THEN
        CREATE ROLE {writer} NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {reader_text}) THEN
        CREATE ROLE {reader} NOLOGIN;
    END IF;
END
$$;
REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC, {writer}, {reader};
REVOKE ALL ON {schema}.{events}, {schema}.{tags} FROM PUBLIC, {writer}, {reader};
REVOKE ALL ON SEQUENCE {schema}.{events}_id_seq FROM PUBLIC, {writer}, {reader};
REVOKE ALL ON FUNCTION
    {append},
    {schema}.dcb_unconditional_append_tt({schema}.dcb_event_tt[]),
    {append_at_head}
    FROM PUBLIC, {writer}, {reader};
{definers}GRANT USAGE ON SCHEMA {schema} TO {writer}, {reader};
GRANT SELECT ON {schema}.{events}, {schema}.{tags} TO {writer}, {reader};
GRANT EXECUTE ON FUNCTION
    {append},
    {append_at_head}
    TO {writer};
"""


_DEFINERS: Final = """\
ALTER FUNCTION
    {append}
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION
    {append_at_head}
    SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
"""
_SIGNATURES: Final = {
    "append": f"{SCHEMA}.{APPEND}(\n        {SCHEMA}.dcb_query_item_tt[], bigint, {_EVENTS})",
    "append_at_head": f"{SCHEMA}.{APPEND_AT_HEAD}(bigint, {_EVENTS})",
}


def definers_sql() -> str:
    """Return the SQL by which the functions that append run with the rights of their owner."""
    return _DEFINERS.format(**_SIGNATURES)


def guards_sql() -> str:
    """Return the SQL that guards the tables: run by their owner, as often as one likes.

    Making a ledger runs it, as does the first append to an older one by its owner; opening one finds what is
    not as it makes it.
    """
    tagged = ", ".join(f"'{name}'" for name in sorted(AMENDING | LEDGER_WIDE))
    return _GUARDS.format(
        schema=SCHEMA,
        events=EVENTS,
        tags=TAGS,
        sound=SOUND,
        keep=KEEP,
        tagged=tagged,
        most=MAX_ENTRY_BYTES,
        format=FORMAT,
    )


def roles_sql(writer: str = "reps_writer", reader: str = "reps_reader") -> str:
    """Return the SQL that makes a writer and a reader: run by the owner of the tables.

    It can be run again, and must be after an upgrade of the ``eventsourcing`` library that
    changes its functions. The roles cannot log in; grant them to those that can.

    Args:
        writer: the role that may append.
        reader: the role that may read.

    Raises:
        InvalidInput: no role may have that name, or both are one.
    """
    if writer == reader:
        raise InvalidInput("the writer and the reader are two roles", field="reader")
    return guards_sql() + _ROLES.format(
        schema=SCHEMA,
        events=EVENTS,
        tags=TAGS,
        writer=_identifier(writer, "writer"),
        reader=_identifier(reader, "reader"),
        writer_text=f"'{writer}'",
        reader_text=f"'{reader}'",
        definers=definers_sql(),
        **_SIGNATURES,
    )


def _identifier(name: str, field: str) -> str:
    if not _NAME.fullmatch(name) or name in {"public", "none"}:
        raise InvalidInput(
            f"{shown(name)} is no name of a role: small letters, digits and _, at most {_MOST}", field=field
        )
    return f'"{name}"'  # also a word that means something


def apply_roles(url: str, writer: str = "reps_writer", reader: str = "reps_reader") -> None:
    """Make the writer and the reader of a ledger, in one transaction: all of it or nothing.

    Args:
        url: ``postgresql://…`` of a ledger that was opened before, as the owner of its tables.
        writer: the role that may append.
        reader: the role that may read.

    Raises:
        InvalidInput: no role may have that name.
        ReadOnly: this role may not do it.
        StorageError: the server cannot be reached, or there is no ledger.
        MissingExtra: the extra ``postgres`` is not installed.
    """
    try:
        import psycopg  # noqa: PLC0415 — an extra
    except ImportError as error:
        raise MissingExtra("postgres", "a ledger on PostgreSQL") from error
    statements = roles_sql(writer, reader)
    if not url.startswith(("postgresql://", "postgres://")):
        raise ConfigurationError("roles are made on PostgreSQL: give a postgresql://… address")
    try:
        with psycopg.connect(url) as connection:
            connection.execute(statements.encode())
    except psycopg.errors.InsufficientPrivilege as error:
        raise ReadOnly(f"only the owner of the tables makes its roles: {error}") from error
    except psycopg.errors.UndefinedTable as error:
        raise StorageError("there is no ledger there; open it once, as its owner") from error
    except psycopg.Error as error:
        raise StorageError(f"the roles cannot be made: {error}") from error
