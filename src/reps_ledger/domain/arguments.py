"""Arguments that a function cannot use: one typed error that names them, wherever they are found out.

What a function takes is said once, in its signature. `checked` compares the arguments with it when a call has
failed, and only then, so that a call that succeeds costs nothing more. What is wrong may be the type, or a
value of the right type that no storage can hold: a lone surrogate, a number past 64 bits.
"""

from __future__ import annotations

import inspect
import math
import types
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import IO, Annotated, Final, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from reps_ledger.domain.shown import shown
from reps_ledger.errors import CodecError, InvalidInput, LedgerError, NotFound, StorageError, TooLarge

F = TypeVar("F", bound=Callable[..., object])
C = TypeVar("C", bound=type)

_FAILURES: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
_VAGUE: Final = (CodecError, NotFound, StorageError)
"""Errors of ours that say what went wrong, and not that an argument was no such thing at all."""

_PERSONAL: Final = frozenset({"fact", "facts", "reason", "source", "text", "waiver"})
"""Arguments that may have personal text, which no error quotes; a source may be rows."""

_LARGEST: Final = 1 << 63
_CALLABLE: Final = get_origin(Callable[..., object])
_LEVELS: Final = 3
"""How deep in lists and mappings what is wrong is looked for."""


def checked(function: F) -> F:
    """Have a function name the arguments that made it fail, where they are not what its signature says.

    Another error stays as it is: one of ours that already says what is wrong, or a fault in the code.

    Raises:
        InvalidInput: an argument has a wrong type, or holds what cannot be stored.
    """

    @wraps(function)
    def calling(*args: object, **kwargs: object) -> object:
        try:
            found = function(*args, **kwargs)
        except (*_FAILURES, *_VAGUE) as error:
            _explain(function, args, kwargs, error)
            raise
        return iterating(found, args, kwargs) if isinstance(found, types.GeneratorType) else found

    def iterating(
        found: Iterator[object], args: tuple[object, ...], kwargs: Mapping[str, object]
    ) -> Iterator[object]:
        try:
            yield from found
        except (*_FAILURES, *_VAGUE) as error:
            _explain(function, args, kwargs, error)
            raise

    return cast("F", calling)


def checked_methods(cls: C) -> C:
    """Apply `checked` to each public method of a class, and to how it is made."""
    for name, value in list(vars(cls).items()):
        if isinstance(value, types.FunctionType) and (name == "__init__" or not name.startswith("_")):
            setattr(cls, name, checked(value))
    return cls


def _explain(
    function: Callable[..., object], args: tuple[object, ...], kwargs: Mapping[str, object], error: Exception
) -> None:
    """Raise an error that names what is wrong with the arguments; return where nothing is.

    Raises:
        InvalidInput: a type is wrong, or a text or number cannot be stored.
        TooLarge: something is nested too deeply.
    """
    if isinstance(error, LedgerError) and not isinstance(error, _VAGUE):
        return
    signature = inspect.signature(function)
    try:
        given = signature.bind(*args, **kwargs).arguments
    except TypeError:
        return  # Python has said which argument is missing, or is one too many
    for name, value in given.items():
        parameter = signature.parameters[name]
        if parameter.kind in {parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL}:
            continue
        hint = _hint(parameter.annotation, function)
        personal = name in _PERSONAL
        if name != "self" and not _fits(value, hint, _LEVELS):
            what = type(value).__name__ if personal else shown(value)
            raise InvalidInput(f"{name} cannot be {what}: {_expected(parameter)}", field=name) from error
        problem = _problem(value, _LEVELS)
        if problem is not None:
            quoted = "" if personal else f": {shown(value)}"
            raise InvalidInput(f"{name} {problem}{quoted}", field=name) from error
    if isinstance(error, RecursionError):
        raise TooLarge("what was given is nested too deeply") from error


def _expected(parameter: inspect.Parameter) -> str:
    written = parameter.annotation
    return f"it takes {written if isinstance(written, str) else getattr(written, '__name__', written)}"


def _hint(written: object, function: Callable[..., object]) -> object:
    """Return what an annotation says; `object` where that is not known while running."""
    if not isinstance(written, str):
        return object if written is inspect.Parameter.empty else written
    asked = types.SimpleNamespace(__annotations__={"hint": written})
    try:
        return cast("object", get_type_hints(asked, getattr(function, "__globals__", {}))["hint"])
    except Exception:  # noqa: BLE001 — a name that only type checkers see
        return object


def _fits(value: object, hint: object, levels: int) -> bool:  # noqa: C901, PLR0911, PLR0912 — one return a form of hint
    """Whether a value is what a hint says; where a hint cannot be told while running, it is."""
    origin, inner = get_origin(hint), get_args(hint)
    if hint is None or hint is type(None):
        return value is None
    if origin in {Union, types.UnionType}:
        return any(_fits(value, each, levels) for each in inner)
    if origin is Literal:
        return value in inner
    if origin is Annotated:
        return _fits(value, inner[0], levels)
    if origin is IO or hint is IO:
        return hasattr(value, "read") or hasattr(value, "write")
    if (
        hint is Callable
        or origin is cast("object", Callable)
        or getattr(origin, "__name__", "") == "Callable"
    ):
        return callable(value)
    kind = origin or hint
    if kind is float:
        kind = (int, float)
    if not isinstance(kind, type | tuple):
        return True
    try:
        if not isinstance(value, kind):
            return False
    except TypeError:  # a protocol that is not checked while running
        return True
    if levels == 0 or not inner:
        return True
    if isinstance(value, Mapping):
        return len(inner) != 2 or all(  # noqa: PLR2004 — of keys and of values
            _fits(key, inner[0], levels - 1) and _fits(item, inner[1], levels - 1)
            for key, item in value.items()
        )
    if isinstance(value, str | bytes | list | tuple | set | frozenset):
        if origin is tuple and inner[-1] is not ...:
            return len(value) == len(inner)
        return all(_fits(item, inner[0], levels - 1) for item in value)
    return True


def _problem(value: object, levels: int) -> str | None:
    """Return what no storage can hold of a value of the right type."""
    if isinstance(value, str):
        return None if value.isascii() or _is_unicode(value) else "has a character that is no text"
    if isinstance(value, float):
        return None if math.isfinite(value) else "is not finite"
    if isinstance(value, int):
        return None if -_LARGEST <= value < _LARGEST else "is too large a number"
    if levels and isinstance(value, list | tuple | set | frozenset | dict):
        items = [*value, *value.values()] if isinstance(value, dict) else value
        return next((found for item in items if (found := _problem(item, levels - 1)) is not None), None)
    return None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
