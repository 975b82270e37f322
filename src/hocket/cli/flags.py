"""What the verbs' command lines have in common."""

import difflib
from collections.abc import Iterable, Sequence

from hocket.errors import ConfigError


def underscored(argv: Sequence[str]) -> list[str]:
    """Long flags with their hyphens as underscores, so that `--gan-weight` and `--gan_weight` are one."""
    return _with_sign(argv, "-", "_")


def hyphenated(argv: Sequence[str]) -> list[str]:
    """The other way round, for parsers that name their flags with hyphens: `--job_name=a_b` as `--job-name=a_b`."""
    return _with_sign(argv, "_", "-")


def _with_sign(argv: Sequence[str], old: str, new: str) -> list[str]:
    """One sign in the names of long flags as another; values stay as they are, and so does all behind `--`."""
    result: list[str] = []
    for index, word in enumerate(argv):
        if word == "--":
            return [*result, *argv[index:]]
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            word = "--" + name[2:].replace(old, new) + equals + value
        result.append(word)
    return result


def joined(argv: Sequence[str], names: Iterable[str]) -> list[str]:
    """`--name value` as `--name=value` for the given names, so that no value is taken for a positional argument."""
    known = {f"--{name}" for name in names}
    result: list[str] = []
    words = iter(argv)
    for word in words:
        value = next(words, None) if word in known else None
        result.append(word if value is None else f"{word}={value}")
    return result


def suggest(argv: Iterable[str], names: Iterable[str]) -> None:
    """Raises ConfigError for the first long flag that is none of the names, with the nearest right one."""
    known = list(names)
    for word in argv:
        name = word[2:].partition("=")[0]
        if word.startswith("--") and name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean --{close[0]}?" if close else "see --help."
            raise ConfigError(f"there is no flag --{name}: {hint}")
