"""Templates: documents of policies with parameters, to be tried with many values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from reps_ledger.domain.documents import read_table
from reps_ledger.errors import InvalidPolicy
from reps_ledger.policies.documents.reading import at_place, read_policy
from reps_ledger.policies.documents.texts import read_text

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping

    from reps_ledger.policies.policy import Policy

__all__ = ["load_template", "read_template"]

_NAME: Final = re.compile(r"\$([a-z][a-z0-9_]*)")


def load_template(path: str | os.PathLike[str]) -> Callable[..., Policy]:
    """Read a template from a file; see `read_template`.

    Raises:
        NotFound: there is no such file, or it cannot be read.
        InvalidPolicy: it is neither TOML nor JSON.
    """
    return read_template(read_text(path))


def read_template(text: str) -> Callable[..., Policy]:
    """Read a document with parameters, and return what makes a policy of their values.

    A parameter is a ``$name`` in any text of the document: ``within = "$weeks weeks"``. Where
    it is the whole text, the value itself stands in its place: ``at_least = "$number"``.

    Raises:
        InvalidPolicy: it is neither TOML nor JSON.
    """
    with at_place(""):
        table = read_table(text)

    known = set(_named(table))

    def make(**values: Any) -> Policy:
        if unknown := sorted(values.keys() - known):
            has = ", ".join(f"${name}" for name in sorted(known)) or "none"
            raise InvalidPolicy(f"the document has no parameter ${unknown[0]}; it has {has}")
        return read_policy(_filled(table, values))

    return make


def _named(value: Any) -> Iterator[str]:
    """Yield the name of each parameter."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _named(item)
    elif isinstance(value, str):
        yield from _NAME.findall(value)


def _filled(value: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(item, values) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, values) for item in value]
    if not isinstance(value, str):
        return value
    whole = _NAME.fullmatch(value)
    if whole is not None:
        return _value(whole[1], values)
    return _NAME.sub(lambda found: str(_value(found[1], values)), value)


def _value(name: str, values: Mapping[str, Any]) -> Any:
    if name not in values:
        told = ", ".join(values) or "none"
        raise InvalidPolicy(f"the parameter ${name} has no value; those given are: {told}")
    return values[name]
