"""What the verbs' command lines have in common."""

import argparse
import difflib
from collections.abc import Iterable, Sequence
from typing import Any

from hocket.errors import ConfigError


class VerbParser(argparse.ArgumentParser):
    """The parser of a verb: long flags may be written with hyphens or underscores, but never shortened.

    Args:
        sign: what stands in the names of this verb's own flags, "_" or "-".
    """

    def __init__(self, verb: str, description: str, *, sign: str = "_", **options: Any) -> None:
        super().__init__(prog=f"hocket {verb}", description=description, allow_abbrev=False, **options)
        self._sign = sign

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse does, which every other way to parse ends in."""
        return super().parse_known_args(with_sign(args, self._sign), namespace)


def with_sign(argv: Sequence[str], sign: str) -> list[str]:
    """Writes the names of long flags with one sign, so that `--gan-weight` and `--gan_weight` are the same.

    Values stay as they are, and so does all behind `--`.
    """
    end = argv.index("--") if "--" in argv else len(argv)
    result = []
    for word in argv[:end]:
        name, equals, value = word.partition("=")
        if word.startswith("--"):
            name = "--" + name[2:].replace("-", sign).replace("_", sign)
        result.append(name + equals + value)
    return [*result, *argv[end:]]


def suggest(argv: Iterable[str], names: Iterable[str]) -> None:
    """Raises ConfigError for the first long flag that is none of the names, with the nearest right one."""
    known = list(names)
    for word in argv:
        name = word[2:].partition("=")[0]
        if word.startswith("--") and name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean --{close[0]}?" if close else "see --help."
            raise ConfigError(f"there is no flag --{name}: {hint}")
