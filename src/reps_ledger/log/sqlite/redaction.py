"""The one change of an entry that a ledger file allows: a ciphertext that lies beside it becomes null.

All else of the row stays byte for byte: position, name, tags, and the stored bytes up to and with the
separator (`reps_ledger.salted`), of which the entry's leaf is made. What follows the separator is again
an object with the same fields in the same order, written as `reps_ledger.log.sealing` writes it; each
ciphertext is what it was or null, null stays null, and at least one became null.
"""

from __future__ import annotations

from typing import Final

_CUT: Final = "instr(OLD.data, x'1e')"
_OLD: Final = f"CAST(substr(OLD.data, {_CUT} + 1) AS TEXT)"
_NEW: Final = f"CAST(substr(NEW.data, {_CUT} + 1) AS TEXT)"
_FRONT: Final = b'{"salt":"'.hex()
_BACK: Final = b'",'.hex()

_NULL_NOW: Final = f"EXISTS (SELECT 1 FROM json_each({_NEW}) n WHERE n.key = o.key AND n.type = 'null')"  # noqa: S608 — no text from outside

# What must follow the separator: the fields that were there, with null where it is now or was before.
_WRITTEN: Final = (
    "(SELECT '{' || group_concat(json_quote(o.key) || ':'"  # noqa: S608 — see above
    f" || CASE WHEN o.type = 'null' OR {_NULL_NOW} THEN 'null' ELSE json_quote(o.value) END) || '}}'"
    f" FROM json_each({_OLD}) o)"
)
_SOME_NEW: Final = f"EXISTS (SELECT 1 FROM json_each({_OLD}) o WHERE o.type = 'text' AND {_NULL_NOW})"  # noqa: S608 — see above
_ODD_VALUE: Final = f"EXISTS (SELECT 1 FROM json_each({_OLD}) o WHERE o.type NOT IN ('text', 'null'))"  # noqa: S608 — see above
_REPEATED: Final = f"(SELECT count(*) <> count(DISTINCT o.key) FROM json_each({_OLD}) o)"  # noqa: S608 — see above

# Each is asked only where those before it say no, so that only JSON is read as JSON. A NUL would end a text
# for SQLite, and so would one that is escaped: texts of ours have no backslash. Where anything is null that
# should be a truth, the change is refused.
REDACTION: Final = (
    "ifnull(CASE"
    " WHEN NEW.position IS NOT OLD.position OR NEW.type IS NOT OLD.type OR NEW.tags IS NOT OLD.tags THEN 0"
    " WHEN typeof(NEW.position) <> 'integer' OR typeof(NEW.type) <> 'text' OR typeof(NEW.tags) <> 'text'"
    " OR typeof(OLD.data) <> 'blob' OR typeof(NEW.data) <> 'blob' THEN 0"
    f" WHEN substr(OLD.data, 1, 9) <> x'{_FRONT}' OR substr(OLD.data, 32, 2) <> x'{_BACK}' THEN 0"
    f" WHEN {_CUT} = 0 OR substr(NEW.data, 1, {_CUT}) <> substr(OLD.data, 1, {_CUT}) THEN 0"
    f" WHEN instr(OLD.data, x'00') OR instr(NEW.data, x'00') OR instr({_OLD}, char(92)) THEN 0"
    f" WHEN NOT json_valid({_OLD}) OR NOT json_valid({_NEW}) THEN 0"
    f" WHEN json_type({_OLD}) <> 'object' OR json_type({_NEW}) <> 'object' THEN 0"
    f" WHEN {_ODD_VALUE} OR {_REPEATED} THEN 0"
    f" ELSE {_NEW} = {_WRITTEN} AND {_SOME_NEW} END, 0)"
)
"""Whether a change of a row of ``events`` only takes ciphertexts away."""
