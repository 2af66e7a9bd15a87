"""Policies as documents: TOML or JSON, with a digest, and nothing in them that can run."""

from __future__ import annotations

from reps_ledger.policies.documents.text import digest, dumps, load, load_template, loads, read_template, save
from reps_ledger.policies.language.kinds import CONDITIONS, MEASURES

__all__ = [
    "CONDITIONS",
    "MEASURES",
    "digest",
    "dumps",
    "load",
    "load_template",
    "loads",
    "read_template",
    "save",
]
