"""A rule's no, as a value: gathered and shown together, not raised one by one."""

from __future__ import annotations

from attrs import frozen

__all__ = ["Refusal"]


@frozen(kw_only=True)
class Refusal:
    """Why a fact may not be recorded.

    Attributes:
        code: a stable name for programs, such as ``not_joined``.
        words: a sentence for the person who tried.
        entries: ids of the recorded entries that caused it.
        index: which fact of a batch, from 0.
        clause: the clause of the charter that refuses, which a waiver may lift; None where
            nothing can.
    """

    code: str
    words: str
    entries: tuple[str, ...] = ()
    index: int = 0
    clause: str | None = None
