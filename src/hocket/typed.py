"""Dataclasses of plain values that come from files or flags, checked field by field."""

import difflib
import inspect
import json
import math
import re
import types
from collections.abc import Iterable, Sequence
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from hocket.errors import ConfigError

LARGEST_INTEGER = 2**63 - 1
KINDS: dict[object, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
}
"""The kinds of value in words."""


def field_help(kind: type) -> dict[str, str]:
    """Returns what the `Args` of a dataclass's docstring say of each field, on one line."""
    described = inspect.cleandoc(kind.__doc__ or "").partition("\nArgs:\n")[2]
    found = re.findall(r"^ {4}(\w+): (.+(?:\n {8}.+)*)", described, re.MULTILINE)
    return {name: " ".join(words.split()) for name, words in found}


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Returns the known name that a mistyped or shortened one most likely means, or None."""
    names = sorted(known)
    longer = [name for name in names if name.startswith(word)]
    return next(
        iter(longer if len(longer) == 1 else difflib.get_close_matches(word, names, n=1, cutoff=0.7)), None
    )


def one_of(value: object, choices: Iterable[str]) -> str:
    """Returns the advice for a value that is none of the choices, with the nearest one first."""
    choices = list(choices)
    close, listed = nearest(str(value), choices), ", ".join(choices)
    return f"did you mean {close}? Give one of {listed}" if close else f"give one of {listed}"


def read_value(text: str, kind: Any) -> Any:
    """Reads a text as a value of a field; a text that is none comes back, and `check_types` says what is wanted."""
    try:
        if kind in (int, float):
            return kind(text)
        # The rest is written as in TOML: true, false, and lists.
        return text if kind is str or get_origin(kind) is Literal else json.loads(text)
    except (ValueError, RecursionError):
        return text


def check_types(values: Any, *, finite: bool = True) -> None:
    """Compares each field of a dataclass with its annotation; whole numbers count as numbers, flags as neither.

    Raises:
        ConfigError: a field holds another kind of value, an integer beyond 64 bits, or, where all are to be `finite`,
            a number that is not.
    """
    for name, kind in get_type_hints(type(values)).items():
        value = getattr(values, name)
        if not _is_a(value, kind) or (finite and isinstance(value, float) and not math.isfinite(value)):
            shown = repr(value)
            wanted = f"give {KINDS.get(kind, f'a value of type {kind}')}"
            if get_origin(kind) is Literal:
                wanted = one_of(value, get_args(kind))
            raise ConfigError(f"{name} is {shown[:60]}{'…' * (len(shown) > 60)}: {wanted}")


def check_range(values: Any, least: float, most: float, *names: str) -> None:
    """Checks that the named fields of a dataclass are numbers from `least` to `most`.

    Raises:
        ConfigError: one is not. NaN never is.
    """
    for name in names:
        value = getattr(values, name)
        if not least <= value <= most:
            wanted = f"at most {most}" if value > most else f"at least {least}"
            raise ConfigError(f"{name} is {value}: give {wanted}")


def _is_a(value: Any, kind: Any) -> bool:
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Literal:
        return isinstance(value, str) and value in inner
    if origin in (Union, types.UnionType):
        return any(_is_a(value, one) for one in inner)
    if origin in (list, tuple):
        return isinstance(value, origin) and _are(value, inner[0])
    if origin is dict:
        return (
            isinstance(value, dict) and _are(list(value), inner[0]) and _are(list(value.values()), inner[1])
        )
    if kind in (int, float):
        is_number = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST_INTEGER
        return is_number or (kind is float and isinstance(value, float))
    return kind is Any or isinstance(value, kind)


def _are(values: Sequence[Any], kind: Any) -> bool:
    return all(_is_a(value, kind) for value in values)
