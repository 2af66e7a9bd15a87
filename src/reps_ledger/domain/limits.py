"""The limits of what a ledger accepts. Past them, input is refused with ``TooLarge``."""

from __future__ import annotations

from typing import Final

__all__ = [
    "MAX_BATCH",
    "MAX_DEPTH",
    "MAX_DOCUMENT",
    "MAX_ENTRY_BYTES",
    "MAX_ITEMS",
    "MAX_NAME",
    "MAX_ROW_BYTES",
    "MAX_TEXT",
]

MAX_NAME: Final = 200
"""Characters in an identifier: a member, role, community, actor, command id …"""

MAX_TEXT: Final = 10_000
"""Characters in free text: a reason, a link, an answer …"""

MAX_DOCUMENT: Final = 100_000
"""Characters in a charter's document."""

MAX_ITEMS: Final = 1_000
"""Items in a list: areas, references, evidence …"""

MAX_DEPTH: Final = 32
"""Levels of nesting in a document or a row."""

MAX_ENTRY_BYTES: Final = 1024 * 1024
"""Bytes of one entry as stored."""

MAX_ROW_BYTES: Final = 2 * 1024 * 1024
"""Bytes of one line of an imported file: enough for any entry, however it is escaped."""

MAX_BATCH: Final = 10_000
"""Facts in one call of ``record_all``."""
