"""Common parts of the verbs' command lines: hyphens, plain help, and one-sentence errors."""

import argparse
import sys
import textwrap
from collections.abc import Sequence
from typing import Any, NoReturn

from hocket.devices import HELP, MPS_NOTE, parse_device
from hocket.errors import ConfigError
from hocket.typed import KINDS, nearest, one_of

INCLUDED = "the weights included in Hocket"
REQUIRED = "the following arguments are required"
FAULTS = {"expected": "needs a value", "ignored": "takes no value"}
"""The beginnings of argparse's messages on one flag, and ours."""


class VerbParser(argparse.ArgumentParser):
    """The parser of a verb: long flags are shown with hyphens, may have underscores, and are never shortened.

    A mistake raises ConfigError with one sentence, where argparse prints the usage and ends the process.
    """

    def __init__(self, verb: str, description: str, **options: Any) -> None:
        how: dict[str, Any] = {"allow_abbrev": False, "formatter_class": _Help, **options}
        super().__init__(prog=f"hocket {verb}", description=description, **how)
        self._positionals.title = "arguments"
        self._see_help = f"see '{self.prog} --help'."

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse does, which every other way to parse ends in."""
        words = sys.argv[1:] if args is None else list(args)
        for action in self._actions:
            action.option_strings = [_hyphened(name) for name in action.option_strings]
            self._option_string_actions |= dict.fromkeys(action.option_strings, action)
        self.usage = self.usage or self._brief_usage()
        self._require_known(words)
        return super().parse_known_args(with_hyphens(words), namespace)

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse does; a word that belongs to nothing is named."""
        found, rest = self.parse_known_args(args, namespace)
        for word in rest:
            is_flag = word.startswith("-")
            fault = f"there is no flag {word}" if is_flag else f"{word} is one argument too many"
            raise ConfigError(f"{fault}: {self._see_help if is_flag else self.usage}")
        return found

    def error(self, message: str) -> NoReturn:
        """Raises ConfigError: a flag lacks its value, or something required is missing."""
        name, _, fault = message.removeprefix("argument ").partition(": ")
        if name == REQUIRED:
            raise ConfigError(f"{fault} {'are' if ', ' in fault else 'is'} missing: {self.usage}")
        raise ConfigError(f"{name} {FAULTS.get(fault.partition(' ')[0], fault)}: {self._see_help}")

    def _brief_usage(self) -> str:
        show = self._get_formatter()._format_args
        words = [show(action, action.dest) for action in self._get_positional_actions()]
        flags = [action for action in self._get_optional_actions() if action.required]
        words += [f"{action.option_strings[0]} {action.metavar}" for action in flags]
        return " ".join([self.prog, *words, "[flags]"])

    def _require_known(self, words: Sequence[str]) -> None:
        known = {name for name in self._option_string_actions if name == _hyphened(name) and name[:2] == "--"}
        for word in words[: _end(words)]:
            name = word.partition("=")[0]
            # argparse takes what has a blank in it for a value.
            if name.startswith("--") and " " not in name and _hyphened(name) not in known:
                close = nearest(_hyphened(name), known)
                hint = f"did you mean {close}?" if close else self._see_help
                raise ConfigError(f"there is no flag {name}: {hint}")

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        try:
            return super()._get_value(action, arg_string)
        except argparse.ArgumentError as error:
            wanted = KINDS.get(action.type, "another value")
            raise ConfigError(f"{_name(action)} is {arg_string!r}: give {wanted}.") from error

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            raise ConfigError(f"{_name(action)} is {value!r}: {one_of(value, action.choices)}.")


def add_device(parser: argparse.ArgumentParser) -> None:
    """Adds `--device` to a verb that computes."""
    parser.add_argument("--device", type=parse_device, default="auto", metavar="D", help=HELP)


def with_note(device: str) -> str:
    """The device's name, after a note on stderr where it is one that lacks operators."""
    if device == "mps":
        print(MPS_NOTE, file=sys.stderr)
    return device


class _Help(argparse.HelpFormatter):
    """Lines are broken between words; a flag's help begins with a capital letter and ends with its default."""

    def _split_lines(self, text: str, width: int) -> list[str]:
        whole = " ".join(text.split()).replace("(default: ", "(default:\0").replace(" = ", "\0= ")
        # A flag or an address that is broken at one of its hyphens cannot be copied.
        lines = textwrap.wrap(whole, width, break_long_words=False, break_on_hyphens=False)
        return [line.replace("\0", " ") for line in lines]

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(indent + line for line in self._split_lines(text, width - len(indent)))

    def _format_usage(self, *arguments: Any) -> str:
        text = super()._format_usage(*arguments)
        return "\n        ".join(self._split_lines(text, self._width - 8)) + "\n\n"

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        # The value once, behind all names of a flag.
        return f"{', '.join(action.option_strings)} {self._format_args(action, action.dest.upper())}"

    def _expand_help(self, action: argparse.Action) -> str:
        text = super()._expand_help(action)
        has_default = (
            action.option_strings and isinstance(action.default, int | float | str) and action.nargs != 0
        )
        if has_default and action.default != argparse.SUPPRESS and "(default: " not in text:
            text += f" (default: {action.default})"
        return text[:1].upper() + text[1:]


def with_hyphens(argv: Sequence[str]) -> list[str]:
    """Writes the names of long flags with hyphens, so that `--gan_weight` and `--gan-weight` are the same.

    Values stay as they are, and so does all behind `--`.
    """
    end = _end(argv)
    return [*map(_hyphened, argv[:end]), *argv[end:]]


def _hyphened(word: str) -> str:
    name, equals, value = word.partition("=")
    return (name.replace("_", "-") if word.startswith("--") else name) + equals + value


def _end(argv: Sequence[str]) -> int:
    return argv.index("--") if "--" in argv else len(argv)


def _name(action: argparse.Action) -> str:
    return next((name for name in action.option_strings if name.startswith("--")), str(action.metavar))
