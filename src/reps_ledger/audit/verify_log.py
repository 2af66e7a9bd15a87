"""Verifying: is the log still what a checkpoint says it was?

The whole log is read once, in bounded memory, and hashed anew: nothing that is kept beside it is
believed. What is kept serves only to say where the first difference is.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Final

from attrs import define, field, frozen

from reps_ledger.audit.checkpoints import SignedCheckpoint, VerifyingKey, read_checkpoint
from reps_ledger.audit.merkle import Frontier
from reps_ledger.audit.tree import blocks_of
from reps_ledger.audit.tree_cache import BLOCK, Unusable
from reps_ledger.errors import Busy, Closed, InvalidInput, InvalidSignature, LedgerError
from reps_ledger.log.tag_fingerprint import TagFingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from reps_ledger.audit.tree import Block
    from reps_ledger.audit.tree_cache import Shelf
    from reps_ledger.log import EventLog

__all__ = ["CODES", "AuditFinding", "Verification", "verify_log"]

CODES: Final = {
    "signature_invalid": "the checkpoint is not signed by the key, or signed wrongly",
    "other_origin": "the checkpoint is of another log than the key signs for",
    "truncated": "the log has fewer entries than it had",
    "root_mismatch": "the entries are not those that the checkpoint was made of",
    "entry_differs": "an entry is not what was kept of it",
    "unreadable": "the log cannot be read to its end",
    "database": "the database itself finds something wrong",
}
"""Codes of findings, and what they mean."""


@frozen(kw_only=True)
class AuditFinding:
    """One thing that is wrong.

    Attributes:
        code: one of `CODES`.
        words: what, for people.
        position: the first position where it is so, where that can be told.
    """

    code: str
    words: str
    position: int | None = None

    def __str__(self) -> str:
        return self.words


@frozen(kw_only=True)
class Verification:
    """What came of verifying a log against a checkpoint.

    Attributes:
        checkpoint: which.
        entries: how many entries the log has.
        root: the root of as many of them as the checkpoint has; None where there are not.
        signed: whether the signature holds; None where no key was given, so that anybody may
            have made the checkpoint.
        database: whether the database was asked, and found itself whole; None where it cannot.
        findings: all that is wrong.
    """

    checkpoint: SignedCheckpoint
    entries: int
    root: bytes | None
    signed: bool | None
    database: bool | None
    findings: tuple[AuditFinding, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of the findings, in order."""
        return tuple(found.code for found in self.findings)

    def words(self) -> str:
        """Say it, a line for each thing."""
        size = self.checkpoint.size
        if not self.ok:
            return "\n".join(str(found) for found in self.findings)
        lines = [f"The first {size:,} of {self.entries:,} entries are what the checkpoint signed."]
        if self.signed is None:
            lines.append("The signature was not checked: no key was given.")
        if self.database is None:
            lines.append("This database has no check of its own that could be asked.")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.words()


def verify_log(
    log: EventLog,
    checkpoint: SignedCheckpoint | str,
    *,
    key: VerifyingKey | str | None = None,
    shelf: Shelf | None = None,
) -> Verification:
    """Read and hash a whole log, and compare it with a checkpoint.

    Args:
        log: which.
        checkpoint: one that was kept elsewhere.
        key: the public key that should have signed it.
        shelf: where inner hashes are kept, to find the first difference.

    Raises:
        InvalidNote: the checkpoint, or the key, cannot be read.
        Busy: others work on the log for too long.
    """
    found = read_checkpoint(checkpoint)
    findings: list[AuditFinding] = []
    signed = None if key is None else _is_signed(found, key, findings)
    reading = _Reading(found)
    said = TagFingerprint()
    with ThreadPoolExecutor(1) as aside:
        # Only a file's connections are many: for another log's the two would wait in turn.
        alone = log.path is None
        asked = None if alone else aside.submit(log.structure_problems)
        try:
            _read(log, reading, shelf, said)
        except (Busy, Closed):
            raise
        except LedgerError as error:
            words = f"the log cannot be read past position {reading.last}: {error}"
            unread = AuditFinding(code="unreadable", words=words, position=reading.last + 1)
            findings.append(unread)
        else:
            findings += reading.compared()
        structure = log.structure_problems if asked is None else asked.result
        whole = _database([structure, lambda: log.index_problems(said)], findings)
    return Verification(
        checkpoint=found,
        entries=reading.entries,
        root=reading.root,
        signed=signed,
        database=whole,
        findings=tuple(findings),
    )


def _is_signed(
    checkpoint: SignedCheckpoint, key: VerifyingKey | str, findings: list[AuditFinding]
) -> bool:
    key = VerifyingKey.parse(key) if isinstance(key, str) else key
    try:
        checkpoint.verify(key)
    except InvalidSignature as error:
        other = checkpoint.origin != key.name
        code = "other_origin" if other else "signature_invalid"
        findings.append(AuditFinding(code=code, words=str(error)))
        return False
    return True


@define
class _Reading:
    """A log as it is read, compared with a checkpoint and with what was kept.

    Attributes:
        checkpoint: with what.
        entries: how many were read.
        last: the last position.
        root: the root of the entries of the checkpoint, once they were read.
        differs: the first position that is not what was kept of it.
    """

    checkpoint: SignedCheckpoint
    entries: int = 0
    last: int = 0
    root: bytes | None = None
    differs: int | None = None
    _frontier: Frontier = field(factory=Frontier)

    def add(self, block: Block, kept: bytes | None) -> None:
        """Take the next block, and what was kept of it."""
        if self.root is None and self.checkpoint.size < self.entries + BLOCK:
            rest = block.hashes[: self.checkpoint.size - self.entries]
            if self.entries + len(rest) == self.checkpoint.size:
                self.root = self._frontier.root(rest)
        if self.differs is None and kept is not None:
            self.differs = block.differs(kept, self.last)
        if block.full:
            self._frontier.push(block.root)
        self.entries += len(block.hashes)
        self.last = block.positions[-1] if block.positions else self.last

    def compared(self) -> list[AuditFinding]:
        """Say what is wrong, once all was read."""
        size = self.checkpoint.size
        if self.root == self.checkpoint.root:
            return []
        findings = []
        if self.root is None:
            words = f"the checkpoint has {size:,} entries, the log only {self.entries:,}"
            found = AuditFinding(code="truncated", words=words, position=self.last + 1)
            findings.append(found)
        else:
            words = f"the first {size:,} entries are not those that the checkpoint was made of"
            findings.append(AuditFinding(code="root_mismatch", words=words))
        if self.differs is not None:
            words = (
                f"position {self.differs} is the first that is not what was kept of it: it was "
                "changed, or something before it was put in or removed"
            )
            found = AuditFinding(code="entry_differs", words=words, position=self.differs)
            findings.append(found)
        return findings


def _read(log: EventLog, reading: _Reading, shelf: Shelf | None, said: TagFingerprint) -> None:
    with ExitStack() as stack:
        kept: Callable[[int], bytes | None] = _nothing
        if shelf is not None and shelf.exists:
            with suppress(Unusable, Busy, InvalidInput):
                kept = stack.enter_context(shelf.looked_at())
        for number, block in enumerate(blocks_of(log, seen=said.add)):
            reading.add(block, kept(number))


def _nothing(_: int) -> None:
    return None


def _database(
    checks: Iterable[Callable[[], list[str] | None]], findings: list[AuditFinding]
) -> bool | None:
    """Ask the database; return whether it is whole, or None where it cannot be asked."""
    whole: bool | None = None
    for check in checks:
        try:
            problems = check()
        except (Busy, Closed):
            raise
        except LedgerError as error:
            problems = [str(error)]
        if problems is not None:
            whole = whole is not False and not problems
            findings += [AuditFinding(code="database", words=words) for words in problems]
    return whole
