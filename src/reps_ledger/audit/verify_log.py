"""Verifying a log: is it still what a checkpoint signed?

The whole log is read once, in bounded memory, and hashed anew: no cached hash is trusted. The
tree's cache only helps to say where the first difference is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import Final

from attrs import define, field, frozen

from reps_ledger.audit.checkpoints import SignedCheckpoint, VerifyingKey, read_checkpoint
from reps_ledger.audit.merkle import Frontier
from reps_ledger.audit.tree import Block, blocks_of
from reps_ledger.audit.tree_cache import BLOCK, TreeCache, Unusable
from reps_ledger.domain.arguments import checked
from reps_ledger.errors import Busy, Closed, InvalidInput, InvalidSignature, LedgerError
from reps_ledger.log import EventLog, Reading
from reps_ledger.log.codec import UNREADABLE
from reps_ledger.log.sealing import may_be_sealed, seal_problems
from reps_ledger.log.storage import Stored
from reps_ledger.log.tag_fingerprint import TagFingerprint

CODES: Final = {
    "signature_invalid": "the checkpoint is not signed by the key, or signed wrongly",
    "other_origin": "the checkpoint is of another log than the key signs for",
    "truncated": "the log has fewer entries than it had",
    "root_mismatch": "the entries are not those that the checkpoint was made of",
    "seal_mismatch": "what is sealed beside an entry is not what it commits to",
    "entry_differs": "an entry is not what the tree's cache says that it was",
    "unreadable": "the log cannot be read to its end",
    "database": "the database itself finds something wrong",
}
"""What each code of a finding means."""


@frozen(kw_only=True)
class AuditFinding:
    """One thing that is wrong.

    Attributes:
        code: one of `CODES`.
        words: the same in words, with details.
        position: the first position that is wrong, where that is known.
    """

    code: str
    words: str
    position: int | None = None

    def __str__(self) -> str:
        return self.words


@frozen(kw_only=True)
class Verification:
    """The result of verifying a log against a checkpoint.

    Attributes:
        checkpoint: the checkpoint.
        entries: how many entries the log has.
        root: the root of the first entries, as many as the checkpoint has; None if there are
            fewer.
        signed: whether the signature is right; None where no key was given, so that anybody may
            have made the checkpoint.
        zone: the time zone that the log declares for its days; None where it declares none, so that
            they are read in the zone with which it is opened, or where that cannot be read.
        database: whether the database's own check found nothing wrong; None where it has none.
        findings: all that is wrong.
    """

    checkpoint: SignedCheckpoint
    entries: int
    root: bytes | None
    signed: bool | None
    zone: str | None
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
        """Say it in words, a line for each finding."""
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


@checked
def verify_log(
    log: EventLog,
    checkpoint: SignedCheckpoint | str,
    *,
    key: VerifyingKey | str | None = None,
    cache: TreeCache | None = None,
) -> Verification:
    """Read and hash a whole log, and compare it with a checkpoint.

    Args:
        log: the log.
        checkpoint: one that was kept elsewhere.
        key: the public key that should have signed it.
        cache: the cache of the log's tree, to find the first difference.

    Raises:
        InvalidNote: the checkpoint, or the key, is not written as such.
        Busy: another process held the log for too long.
    """
    found = read_checkpoint(checkpoint)
    findings: list[AuditFinding] = []
    signed = None if key is None else _is_signed(found, key, findings)
    reading = _Reading(found)
    tags = TagFingerprint()
    seals: list[AuditFinding] = []
    with ThreadPoolExecutor(1) as aside:
        # The database checks itself while the log is read, where it has more than one connection:
        # only a file has, and on others the two would wait for each other.
        alone = log.path is None
        checked = None if alone else aside.submit(log.structure_problems)
        try:
            _read(log, reading, cache, lambda rows: _look_at(rows, tags, seals))
        except (Busy, Closed):
            raise
        except LedgerError as error:
            words = f"the log cannot be read past position {reading.last}: {error}"
            unread = AuditFinding(code="unreadable", words=words, position=reading.last + 1)
            findings.append(unread)
        else:
            findings += reading.compared()
        findings += seals
        structure = log.structure_problems if checked is None else checked.result
        whole = _check_database([structure, lambda: log.index_problems(tags)], findings)
    return Verification(
        checkpoint=found,
        entries=reading.entries,
        root=reading.root,
        signed=signed,
        zone=_declared_zone(log),
        database=whole,
        findings=tuple(findings),
    )


def _declared_zone(log: EventLog) -> str | None:
    try:
        declared = Reading(log=log, known_at=log.head()).ledger_wide("ledger.declared")
    except LedgerError:  # what cannot be read is a finding already
        return None
    return declared[-1].fact.zone if declared else None


def _is_signed(checkpoint: SignedCheckpoint, key: VerifyingKey | str, findings: list[AuditFinding]) -> bool:
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
    """A log while it is read, compared with a checkpoint and with the tree's cache.

    Attributes:
        checkpoint: the checkpoint.
        entries: how many entries were read so far.
        last: the position of the last of them.
        root: the root of as many entries as the checkpoint has, once they were read.
        first_change: the first position whose entry is not what the cache says that it was.
    """

    checkpoint: SignedCheckpoint
    entries: int = 0
    last: int = 0
    root: bytes | None = None
    first_change: int | None = None
    _frontier: Frontier = field(factory=Frontier)

    def add(self, block: Block, cached: bytes | None) -> None:
        """Take the next block, and its cached fingerprints."""
        if self.root is None and self.checkpoint.size < self.entries + BLOCK:
            rest = block.hashes[: self.checkpoint.size - self.entries]
            if self.entries + len(rest) == self.checkpoint.size:
                self.root = self._frontier.root(rest)
        if self.first_change is None and cached is not None:
            self.first_change = block.first_change(cached, self.last)
        if block.full:
            self._frontier.push(block.root)
        self.entries += len(block.hashes)
        self.last = block.positions[-1] if block.positions else self.last

    def compared(self) -> list[AuditFinding]:
        """Return what is wrong, once all was read."""
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
        if self.first_change is not None:
            words = (
                f"position {self.first_change} is the first whose entry is not what the tree's "
                "cache says that it was: it was changed, or one before it was added or removed"
            )
            found = AuditFinding(code="entry_differs", words=words, position=self.first_change)
            findings.append(found)
        return findings


def _look_at(rows: Sequence[Stored], tags: TagFingerprint, findings: list[AuditFinding]) -> None:
    """Take the tags of rows, and add where what is sealed beside one is not what it commits to."""
    tags.add(rows)
    for position, _, data, _ in rows:
        if may_be_sealed(data):
            with suppress(*UNREADABLE):  # what is no entry has no seals
                for problem in seal_problems(data):
                    words = f"position {position}: {problem}"
                    findings.append(AuditFinding(code="seal_mismatch", words=words, position=position))


def _read(
    log: EventLog, reading: _Reading, cache: TreeCache | None, look: Callable[[Sequence[Stored]], None]
) -> None:
    with ExitStack() as stack:
        cached: Callable[[int], bytes | None] = _nothing
        if cache is not None and cache.exists:
            with suppress(Unusable, Busy, InvalidInput):
                cached = stack.enter_context(cache.fingerprints())
        for number, block in enumerate(blocks_of(log, on_block=look)):
            reading.add(block, cached(number))


def _nothing(_: int) -> None:
    return None


def _check_database(
    checks: Iterable[Callable[[], list[str] | None]], findings: list[AuditFinding]
) -> bool | None:
    """Run the database's own checks, and add what they find.

    Returns:
        Whether they found nothing wrong; None where no check could be run.
    """
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
