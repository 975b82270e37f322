"""All options of a fusion: one table for the command line, the studio's server and its page.

A new option is one field of `FuseOptions`, and the code that gives it its effect. Torch is not needed here.
"""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, fields, replace
from typing import Annotated, Any, Literal, get_type_hints

from hocket.errors import ConfigError
from hocket.keys import KEY_NAMES, key_name, parse_key

Align = Literal["none", "tempo", "beats", "bars"]
Length = Literal["input", "target", "shortest", "longest"]
Fit = Literal["loop", "stretch"]


@dataclass(frozen=True)
class Option:
    """A row of the table: `title` and `words` for people, `brief` for a list of what differs from the defaults.

    `name` and `default` are the field's own; `flag` is the command line's name where that is another. What is `live`
    can be changed while a fusion plays: it only turns the two voices up or down.
    """

    title: str
    words: str
    _: KW_ONLY
    brief: str = ""
    flag: str = ""
    on_page: bool = True
    live: bool = False
    name: str = ""
    default: Any = None

    @property
    def help(self) -> str:
        """One line for `--help`."""
        return f"{self.words} (default: {self.default})"

    def as_json(self) -> dict[str, Any]:
        """Everything that a page needs to show the option."""
        told = {name: getattr(self, name) for name in ("name", "title", "words", "brief", "default")}
        return told | ({"live": True} if self.live else {})


@dataclass(frozen=True)
class Number(Option):
    """A number from `minimum` to `maximum`; if the default is None, the input's value is used."""

    _: KW_ONLY
    minimum: float = 0.0
    maximum: float = 4.0
    type: type = float
    unit: str = ""
    metavar: str = "X"

    @property
    def values(self) -> str:
        """The values that may be given, in words."""
        return f"{self.minimum:g} to {self.maximum:g}{self.unit}"

    @property
    def help(self) -> str:
        """See `Option`."""
        if self.default is None:
            return f"{self.words} (default: the input's)"
        return f"{self.words}, max {self.maximum:g} (default: {self.default:g})"

    def allows(self, value: Any) -> bool:
        """True if a value is allowed; NaN never is."""
        return value is self.default is None or bool(self.minimum <= value <= self.maximum)

    def as_json(self) -> dict[str, Any]:
        """See `Option`."""
        return super().as_json() | {"minimum": self.minimum, "maximum": self.maximum}


@dataclass(frozen=True)
class Choice(Option):
    """One of a few words, each with its label on the page."""

    _: KW_ONLY
    labels: Mapping[str, str]

    @property
    def values(self) -> str:
        """The values that may be given, in words."""
        return ", ".join(self.labels)

    def allows(self, value: Any) -> bool:
        """True if a value may be given."""
        return isinstance(value, str) and value in self.labels

    def as_json(self) -> dict[str, Any]:
        """See `Option`."""
        return super().as_json() | {"choices": dict(self.labels)}


@dataclass(frozen=True)
class KeyChoice(Choice):
    """A key, which may be spelled in many ways, or one of a few words."""

    _: KW_ONLY
    metavar: str = "KEY"

    def read(self, value: Any) -> Any:
        """The value as it is in `labels`.

        Raises:
            ConfigError: it is not a key; the sentence names the nearest one.
        """
        word = value.strip().lower() if isinstance(value, str) else value
        if not isinstance(value, str) or word in self.labels:
            return word
        return key_name(*parse_key(value, others=[name for name in self.labels if name not in KEY_NAMES]))


@dataclass(frozen=True, kw_only=True)
class FuseOptions:
    """Options of a fusion: how its sources are aligned, mixed and written; `table` describes each field.

    Raises:
        ConfigError: a value is out of its range, or both amounts are 0.
    """

    blend: Annotated[
        float,
        Number(
            "Blend",
            "0 = the target's notes in the input's timing, 1 = more of the input's own sound",
            brief="blend",
            maximum=1.0,
            live=True,
        ),
    ] = 0.5
    input_amount: Annotated[
        float, Number("Input amount", "Input level: 0 = off, 1 = balanced", brief="input", live=True)
    ] = 1.0
    target_amount: Annotated[
        float, Number("Target amount", "Target level: 0 = off, 1 = balanced", brief="target", live=True)
    ] = 1.0
    reattack: Annotated[
        float,
        Number(
            "Re-attack",
            "Boost of the target at the input's onsets: 0 = model default, 1 = twice as loud",
            brief="re-attack",
        ),
    ] = 0.0
    align: Annotated[
        Align,
        Choice(
            "Align",
            "Stretch the target to the input's tempo, beats or bars, without changing its pitch",
            brief="aligned",
            labels={
                "none": "Off",
                "tempo": "To the tempo",
                "beats": "Beat by beat",
                "bars": "Bar by bar",
            },
        ),
    ] = "none"
    key: Annotated[
        str,
        KeyChoice(
            "Key",
            "Transpose the target: match = to the input's key, or a key such as Am, C or F#m",
            brief="key",
            labels={"none": "Off", "match": "To the input's key"} | {name: name for name in KEY_NAMES},
        ),
    ] = "none"
    length: Annotated[
        Length,
        Choice(
            "Length",
            "Length of the output",
            brief="length",
            labels={
                "input": "The input's",
                "target": "The target's",
                "shortest": "The shorter",
                "longest": "The longer",
            },
        ),
    ] = "input"
    fit: Annotated[
        Fit,
        Choice(
            "If one is shorter",
            "What to do with a source that is too short",
            brief="fit",
            labels={"loop": "Repeat it", "stretch": "Stretch it"},
        ),
    ] = "loop"
    sample_rate: Annotated[
        int | None,
        Number(
            "Sample rate",
            "Sample rate of the output",
            type=int,
            minimum=8_000,
            maximum=384_000,
            unit=" Hz",
            metavar="HZ",
            on_page=False,
        ),
    ] = None
    num_channels: Annotated[
        int | None,
        Number(
            "Channels",
            "Channels of the output",
            type=int,
            minimum=1,
            maximum=24,
            metavar="N",
            flag="channels",
            on_page=False,
        ),
    ] = None

    def __post_init__(self) -> None:
        for option in table(type(self)):
            value = getattr(self, option.name)
            if isinstance(option, KeyChoice):
                value = option.read(value)
                object.__setattr__(self, option.name, value)
            if not option.allows(value):
                raise ConfigError(f"{option.name} is {value}: give {option.values}")
        if self.input_amount == self.target_amount == 0:
            raise ConfigError("input_amount and target_amount are both 0: raise one of them")
        if not any(self.amounts):
            raise ConfigError("blend and target_amount are both 0: raise one of them")

    @property
    def amounts(self) -> tuple[float, float]:
        """Amounts of input and target, against how the model balances them: with `blend` 0 no input."""
        return self.input_amount * 2.0 * self.blend, self.target_amount * min(1.0, 1.5 - self.blend)

    def strike(self, own: float) -> float:
        """The re-attack of a model whose default is `own`, which counts twice with `blend` 0 and not at all with 1."""
        return own * 2.0 * (1.0 - self.blend) + self.reattack

    def as_json(self) -> dict[str, Any]:
        """The values as they are written next to an output; the numbers of the page stand under `controls`."""
        options = table(type(self))
        controls = [option.name for option in options if isinstance(option, Number) and option.on_page]
        values = {option.name: getattr(self, option.name) for option in options}
        return {"controls": {name: values.pop(name) for name in controls}} | values


PRESETS: Mapping[str, Mapping[str, Any]] = {
    "Balanced": {},
    "Drums forward": {"blend": 0.7},
    "Pumping chords": {"blend": 0.4, "reattack": 1.5},
    "Locked to the beat": {"align": "beats"},
    "Pads only": {"input_amount": 0.0},
}
"""Settings to start from, by names for musicians; fields that one does not name keep their defaults."""


def table(options: type[FuseOptions] | None = None) -> list[Number | Choice]:
    """All options in the order in which they are shown."""
    described = options or FuseOptions
    hints = get_type_hints(described, include_extras=True)
    return [
        replace(hints[row.name].__metadata__[0], name=row.name, default=row.default)
        for row in fields(described)
    ]


def make_options(values: Mapping[str, Any]) -> FuseOptions:
    """The options with these values, by name; others keep their defaults."""
    return FuseOptions(**values)
