"""Everything that a fusion can be asked for: one table for the command line, the studio's server and its page.

A new option is one field of `FuseOptions`, and the code that gives it its effect. Torch is not needed here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, ClassVar, Literal, get_type_hints

from hocket.errors import ConfigError

Align = Literal["none", "tempo", "beats"]
Length = Literal["input", "target", "shortest", "longest"]
Fit = Literal["loop", "stretch"]


@dataclass(frozen=True, kw_only=True)
class Option:
    """An option's words: `title` and `words` for people, `brief` for a list of what differs from the defaults."""

    title: str
    words: str
    brief: str = ""
    flag: str = ""
    on_page: bool = True
    name: str = ""
    default: Any = None

    @property
    def values(self) -> str:
        """The values that may be given, in words."""
        raise NotImplementedError

    @property
    def help(self) -> str:
        """One line for `--help`."""
        return f"{self.words} (default: {self.default})"

    def allows(self, value: Any) -> bool:
        """Tells whether a value may be given."""
        raise NotImplementedError

    def as_json(self) -> dict[str, Any]:
        """What a page needs to show the option."""
        return {name: getattr(self, name) for name in ("name", "title", "words", "brief", "default")}


@dataclass(frozen=True, kw_only=True)
class Number(Option):
    """A number between two others, both included."""

    minimum: float
    maximum: float
    unit: str = ""
    metavar: str = "X"
    type: ClassVar[type] = float

    @property
    def values(self) -> str:
        """See `Option`."""
        return f"{self.minimum:g} to {self.maximum:g}{self.unit}"

    @property
    def help(self) -> str:
        """See `Option`."""
        return f"{self.words}, max {self.maximum:g} (default: {self.default:g})"

    def allows(self, value: Any) -> bool:
        """See `Option`; NaN lies between no two numbers."""
        return bool(self.minimum <= value <= self.maximum)

    def as_json(self) -> dict[str, Any]:
        """See `Option`."""
        return super().as_json() | {"minimum": self.minimum, "maximum": self.maximum}


@dataclass(frozen=True, kw_only=True)
class Whole(Number):
    """A whole number that follows the input where it is None."""

    type: ClassVar[type] = int

    @property
    def help(self) -> str:
        """See `Option`."""
        return f"{self.words} (default: the input's)"

    def allows(self, value: Any) -> bool:
        """See `Option`."""
        return value is None or super().allows(value)


@dataclass(frozen=True, kw_only=True)
class Choice(Option):
    """One of a few words, each with its label on the page."""

    labels: Mapping[str, str]

    @property
    def values(self) -> str:
        """See `Option`."""
        return ", ".join(self.labels)

    def allows(self, value: Any) -> bool:
        """See `Option`."""
        return isinstance(value, str) and value in self.labels

    def as_json(self) -> dict[str, Any]:
        """See `Option`."""
        return super().as_json() | {"choices": dict(self.labels)}


@dataclass(frozen=True, kw_only=True)
class FuseOptions:
    """How two recordings are brought together, mixed and written; `table` describes each field.

    Raises:
        ConfigError: a value is out of its range, or both amounts are 0.
    """

    input_amount: Annotated[
        float,
        Number(
            minimum=0.0,
            maximum=4.0,
            title="Input amount",
            words="Input level: 0 = off, 1 = balanced",
            brief="input",
        ),
    ] = 1.0
    target_amount: Annotated[
        float,
        Number(
            minimum=0.0,
            maximum=4.0,
            title="Target amount",
            words="Target level: 0 = off, 1 = balanced",
            brief="target",
        ),
    ] = 1.0
    reattack: Annotated[
        float,
        Number(
            minimum=0.0,
            maximum=4.0,
            title="Re-attack",
            words="Boost of the target at the input's onsets: 0 = model default, 1 = twice as loud",
            brief="re-attack",
        ),
    ] = 0.0
    align: Annotated[
        Align,
        Choice(
            labels={"none": "No, as it is", "tempo": "To the tempo", "beats": "Beat by beat"},
            title="Align",
            words="Stretch the target to the input's tempo, or beat by beat; its pitch is kept",
            brief="aligned",
        ),
    ] = "none"
    length: Annotated[
        Length,
        Choice(
            labels={
                "input": "The input's",
                "target": "The target's",
                "shortest": "The shorter",
                "longest": "The longer",
            },
            title="Length",
            words="Which source's length the output has",
            brief="length",
        ),
    ] = "input"
    fit: Annotated[
        Fit,
        Choice(
            labels={"loop": "Repeat it", "stretch": "Stretch it"},
            title="If one is shorter",
            words="How a source that is too short is filled up",
            brief="fit",
        ),
    ] = "loop"
    sample_rate: Annotated[
        int | None,
        Whole(
            minimum=8_000,
            maximum=384_000,
            unit=" Hz",
            metavar="HZ",
            title="Sample rate",
            words="Sample rate of the output",
            on_page=False,
        ),
    ] = None
    num_channels: Annotated[
        int | None,
        Whole(
            minimum=1,
            maximum=24,
            metavar="N",
            flag="channels",
            title="Channels",
            words="Channels of the output",
            on_page=False,
        ),
    ] = None

    def __post_init__(self) -> None:
        for row in table(type(self)):
            value = getattr(self, row.name)
            if not row.allows(value):
                raise ConfigError(f"{row.name} is {value}: give {row.values}")
        if self.input_amount == self.target_amount == 0:
            raise ConfigError("input_amount and target_amount are both 0: leave something to hear")

    def as_json(self) -> dict[str, Any]:
        """The values as they are written next to an output: plain numbers stand under `controls`."""
        controls: dict[str, Any] = {}
        others: dict[str, Any] = {}
        for row in table(type(self)):
            (controls if type(row) is Number else others)[row.name] = getattr(self, row.name)
        return {"controls": controls} | others


def table(options: type[FuseOptions] | None = None) -> list[Option]:
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
