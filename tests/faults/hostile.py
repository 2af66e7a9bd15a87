"""Hostile stored names and documents: ``python -m faults.hostile [planted]``.

Python's own audit hook tells what a process does: here, while a ledger reads rows and documents
that would like it to do more. Prints every event that is not expected, as JSON.

Source: https://docs.python.org/3/library/audit_events.html.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import reps_ledger as rl
from reps_ledger.log.sqlite.file import INSERT_EVENT, OBJECTS, SOUND
from reps_ledger.policies import load, loads
from reps_ledger.policies.charter import load_charter

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES: Final = (
    "os:system",
    "builtins:exec",
    "antigravity",
    "antigravity:fly",
    "this",
    "subprocess:Popen",
    "../../../etc/passwd",
    "reps_ledger.domain.facts.people:MemberJoined",
    "member.joined:__class__",
    "__import__('antigravity')",
    "file:///etc/passwd",
    "",
    "a" * 10_000,
)
"""What the stored name of a row might say, for a reader that would import or open it."""

DOCUMENTS: Final = (
    '{{"_type_": "{name}", "_data_": 1}}',
    '{{"__class__": "{name}", "py/object": "{name}", "py/reduce": ["{name}", ["true"]]}}',
    '!!python/object/apply:{name} ["true"]',
    'policy = "p"\nversion = "1"\notherwise = "a"\nextends = "{name}"\n',
    'policy = "p"\notherwise = "a"\n[[cases]]\nwhen = {{ "{name}" = {{}} }}\nthen = "b"\n',
    'charter = "c"\nversion = "1"\n[authorities."{name}"]\nactors = ["{name}"]\n',
    '[policy]\n"{name}" = "{name}"\n',
)

_EXPECTED: Final = ("builtins.id", "sqlite3.", "object.__", "gc.", "sys._getframe", "code.__new__")
"""Kinds of event that reading a ledger, or raising an error of ours, brings with it."""


_READERS: Final = frozenset({"get_type_hints", "get_class_annotations"})
"""What evaluates the annotations of classes, of which each ledger that is opened has some."""


class Watch:
    """Gathers what a process does, but for what is expected."""

    def __init__(self, allowed: str) -> None:
        self.found: list[list[str]] = []
        self.watching = False
        self._allowed = allowed
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.watching or event.startswith(_EXPECTED):
            return
        if event == "open" and str(arguments[0]).startswith(self._allowed):
            return
        if event in {"compile", "exec"} and _reading_hints():
            return  # the annotations of this project's own classes, when a ledger is opened
        self.found.append([event, repr(arguments)[:200]])


def _reading_hints() -> bool:
    frame = sys._getframe(2)
    while frame.f_back is not None:
        if frame.f_code.co_name in _READERS:
            return True
        frame = frame.f_back
    return False


def tried(work: Callable[[], object]) -> str:
    """Do something, and say which error of ours it ended with; another error is raised."""
    try:
        work()
    except rl.LedgerError as error:
        return type(error).__name__
    return "read"


def stored(path: Path, name: str, data: str | None) -> None:
    """Put a row into a ledger's file as only somebody with the file in hand can.

    Without data of its own it is a sound entry in all but its name.
    """
    with sqlite3.connect(path) as connection:
        head, sound = connection.execute("SELECT max(position), data FROM events").fetchone()
        written = sound if data is None else data.encode()
        connection.execute(f"DROP TRIGGER {SOUND}")
        connection.execute(INSERT_EVENT, (head + 1, name, written, "[]"))
        connection.execute(OBJECTS[SOUND])
    connection.close()


def read(path: Path) -> list[rl.Entry]:
    """Read everything."""
    with rl.open(path) as ledger:
        ledger.reconcile()
        return list(ledger.entries())


def main(planted: str = "") -> None:
    """Try every name in every place; with a module's name, import that in the midst of it."""
    outcomes: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        paths: list[tuple[Path, Path]] = []
        for number, name in enumerate(NAMES):
            for place, template in enumerate(DOCUMENTS):
                path = Path(folder) / f"{number}-{place}.db"
                with rl.open(path) as ledger:
                    ledger.record(rl.MemberJoined(member="ana"), by="x")
                document = template.format(name=name)
                stored(path, name, document if place else None)
                text = path.with_suffix(".toml")
                text.write_text(document)
                paths.append((path, text))
        first, text = paths[0]
        for warm in (lambda: read(first), lambda: load(text), lambda: load_charter(text)):
            tried(warm)  # what is loaded late by ourselves is loaded now
        ledger = rl.open()
        tried(lambda: ledger.import_history([{"fact": "os:system"}]))
        watch = Watch(folder)
        for path, text in paths:
            document = text.read_text()
            row = {"fact": document[:200], "member": document, "occurred_at": "2018-01-01"}
            watch.watching = True
            for work in (
                lambda: read(path),  # noqa: B023 — done at once
                lambda: load(text),  # noqa: B023 — called at once
                lambda: loads(document),  # noqa: B023 — called at once
                lambda: load_charter(text),  # noqa: B023 — called at once
                lambda: ledger.import_history([row]),  # noqa: B023 — called at once
            ):
                said = tried(work)
                outcomes[said] = outcomes.get(said, 0) + 1
            if planted:
                __import__(planted)
            watch.watching = False
    sys.stdout.write(json.dumps({"outcomes": outcomes, "unexpected": watch.found[:20]}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
