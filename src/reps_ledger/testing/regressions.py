"""Saved cases: situations as files, so that what was found once is checked for ever after."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Final

import msgspec
from attrs import frozen
from msgspec.structs import replace

from reps_ledger.domain.arguments import checked
from reps_ledger.domain.entries import Entry
from reps_ledger.domain.facts import Fact
from reps_ledger.domain.time import day_start, instant_of, zone_of
from reps_ledger.errors import InvalidInput, LedgerError
from reps_ledger.files import output_file
from reps_ledger.importers.rows import read_row
from reps_ledger.policies import Policy, dumps, loads
from reps_ledger.testing.history import History, Row, Told, entry_of
from reps_ledger.testing.laws import POLICY_LAWS, LawBroken
from reps_ledger.testing.laws.laws import NOTHING, Promises
from reps_ledger.testing.memory_log import codec_of
from reps_ledger.testing.situations import PolicyLike, Situation

_WRITTEN: Final = 1
"""The version of the format of saved cases."""


@frozen(kw_only=True)
class SavedCase:
    """A situation that was saved, with the law that was broken in it.

    Attributes:
        situation: the situation.
        law: the law's name; None where none was broken.
        policy: the policy that broke it, as it was then; None for a function.
    """

    situation: Situation
    law: str | None = None
    policy: Policy | None = None

    def check(self, policy: PolicyLike | None = None, promises: Promises = NOTHING) -> None:
        """Check the law again; every law where none is named.

        Args:
            policy: which policy; by default the one that was saved.
            promises: what it promises.

        Raises:
            LawBroken: it is still broken.
            InvalidInput: no policy is given, and none was saved.
        """
        judge = policy if policy is not None else self.policy
        if judge is None:
            raise InvalidInput("this case keeps no policy: pass the one to check", field="policy")
        for law in POLICY_LAWS:
            if self.law in {None, law.name} and not law.spared(judge, promises):
                law(judge, self.situation, promises)


@checked
def save_case(case: LawBroken | Situation, path: str | os.PathLike[str], *, replace: bool = False) -> None:
    """Save a case as JSON, with its history in the exchange format.

    Args:
        case: a broken law, as caught; or a situation.
        path: a new file.
        replace: whether a plain file that is there is to be replaced.

    Raises:
        InvalidInput: the law was broken in no single situation.
        PathTaken: something is there that would be lost.
        StorageError: the file cannot be written.
    """
    broken = case if isinstance(case, LawBroken) else None
    situation = case.situation if isinstance(case, LawBroken) else case
    if situation is None:
        raise InvalidInput(f"{case}: there is no history to keep", field="case")
    history = situation.history
    written: dict[str, object] = {
        "case": _WRITTEN,
        "who": situation.who,
        "at": situation.at,
        "known_at": situation.known_at,
        "zone": getattr(history.zone, "key", "UTC"),
    }
    if broken is not None:
        written["law"] = broken.law.name
        if isinstance(broken.judge, Policy):
            written["policy"] = msgspec.json.decode(dumps(broken.judge, "json"))
    written["history"] = history.rows()
    text = msgspec.json.format(msgspec.json.encode(written), indent=2)
    with output_file(path, replace=replace) as file:
        file.write(text + b"\n")


@checked
def load_case(path: str | os.PathLike[str], *, facts: Iterable[type[Fact]] = ()) -> SavedCase:
    """Read a case that was saved.

    Args:
        path: the file.
        facts: the service's own kinds of fact.

    Raises:
        InvalidInput: the file is no case, or holds a row that cannot be read.
    """
    own = tuple(facts)
    try:
        written = msgspec.json.decode(Path(path).read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        raise InvalidInput(f"{path} cannot be read as a case: {error}", field="path") from error
    if not isinstance(written, dict) or written.get("case") != _WRITTEN:
        raise InvalidInput(f"{path} is no case that this version can read", field="path")
    try:
        zone = zone_of(written["zone"])
        history = History(
            tuple(_entry(row, position, own, zone) for position, row in enumerate(written["history"], 1)),
            own,
            zone,
        )
        situation = Situation(
            history=history,
            who=written["who"],
            at=instant_of(msgspec.convert(written["at"], type=datetime)),
            known_at=written["known_at"],
        )
        policy = written.get("policy")
        document = None if policy is None else loads(msgspec.json.encode(policy).decode())
    except (KeyError, TypeError, msgspec.ValidationError, LedgerError) as error:
        raise InvalidInput(f"{path}: {type(error).__name__}: {error}", field="path") from error
    return SavedCase(situation=situation, law=written.get("law"), policy=document)


def _entry(row: Row, position: int, own: tuple[type[Fact], ...], zone: tzinfo) -> Entry:
    read = read_row(row, codec_of(own))
    at = read.occurred_at
    exact = at if isinstance(at, datetime) else None
    told = Told(
        read.fact,
        day_start(at, zone) if exact is None else instant_of(exact),
        read.by or "council",
        read.on_behalf_of,
        read.source,
    )
    entry = entry_of(told, position)
    return replace(entry, id=read.id, day=at if exact is None else None, command_id=read.command_id)
