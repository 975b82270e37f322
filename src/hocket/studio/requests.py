"""A fusion that a page asks for, checked field by field before anything is done."""

from dataclasses import dataclass
from typing import Any

from hocket.errors import ConfigError
from hocket.hearing import MINIMUM_SECONDS
from hocket.options import Choice, FuseOptions, Number, make_options, table
from hocket.score.chords import Progression

ROLES = ("input", "target")
CHORDS, BARS = "target_chords", "bars_per_chord"
MAX_ID, MOST = 64, 1e9
# Pages round what a region's end is.
END_TOLERANCE_SECONDS = 0.05

Region = tuple[float, float]


class RequestError(Exception):
    """A request cannot be met; the message is a sentence that names the field."""


@dataclass(frozen=True)
class FuseRequest:
    """Two recordings by their ids, which parts of them (None: all), and how they are to be fused.

    The target may be typed chords instead.
    """

    input: str
    target: str | Progression
    input_region: Region | None
    target_region: Region | None
    options: FuseOptions

    @property
    def recordings(self) -> dict[str, str]:
        """The ids of the recordings by their roles."""
        ids = {"input": self.input, "target": self.target}
        return {role: id for role, id in ids.items() if isinstance(id, str)}

    def as_json(self) -> dict[str, Any]:
        """All but the recordings, as it is told with the result and could be asked for again."""
        regions = {f"{role}_region": getattr(self, f"{role}_region") for role in ROLES}
        chords = chords_json(self.target) if isinstance(self.target, Progression) else {}
        return (
            regions | chords | {option.name: getattr(self.options, option.name) for option in page_options()}
        )

    def region(self, role: str, seconds: float) -> Region | None:
        """The part of the recording of a role, `seconds` long, that is wanted.

        Raises:
            RequestError: it lies outside the recording.
        """
        region: Region | None = getattr(self, f"{role}_region")
        if region is None:
            return None
        start, end = region
        if end > seconds + END_TOLERANCE_SECONDS or min(end, seconds) - start < MINIMUM_SECONDS:
            raise RequestError(
                f"{role}_region is {start:.2f} to {end:.2f} s: give a part of the {seconds:.2f} s of the "
                f"recording, at least {MINIMUM_SECONDS:g} s long."
            )
        return start, min(end, seconds)


def page_options() -> list[Number | Choice]:
    """The options that a page shows and may ask for."""
    return [option for option in table() if option.on_page]


def parse_request(body: Any) -> FuseRequest:
    """The request that a JSON body holds.

    Raises:
        RequestError: a field is missing, unknown, of another type or out of its range.
    """
    if not isinstance(body, dict):
        raise RequestError("The request is not a JSON object: give one with input and target.")
    options = page_options()
    known = {
        *ROLES,
        CHORDS,
        BARS,
        *(f"{role}_region" for role in ROLES),
        *(option.name for option in options),
    }
    unknown = sorted(set(body) - known)
    if unknown:
        raise RequestError(f"There is no field {printable(unknown[0], 40)!r}: leave it out.")
    values = {option.name: _value(body, option) for option in options}
    try:
        wanted = make_options(values)
    except ConfigError as error:
        raise RequestError(f"{error}.") from error
    regions = {role: _region(body, f"{role}_region") for role in ROLES}
    target = parse_target(body)
    if isinstance(target, Progression) and regions["target"] is not None:
        raise RequestError("target_region is a part of a recording: leave it out with target_chords.")
    return FuseRequest(_id(body, "input"), target, regions["input"], regions["target"], options=wanted)


def parse_target(body: dict[str, Any]) -> str | Progression:
    """The id of a recording, or the chords that a JSON object has in its place.

    Raises:
        RequestError: there are both or none, or see `parse_chords`.
    """
    if body.get(CHORDS) is None:
        return _id(body, "target")
    if body.get("target") is not None:
        raise RequestError(f"There is a target and {CHORDS}: leave one of them out.")
    return parse_chords(body)


def parse_chords(body: dict[str, Any]) -> Progression:
    """The chords that a JSON object has.

    Raises:
        RequestError: they are no chords; the sentence says which is unknown, and the nearest one.
    """
    text, bars = body.get(CHORDS), body.get(BARS, 1)
    if not isinstance(text, str) or not _is_number(bars):
        raise RequestError(f"{CHORDS} is not text, or {BARS} not a number: give 'Am F C G' and 1, say.")
    try:
        return Progression(text, float(bars))
    except ConfigError as error:
        sentence = str(error)
        raise RequestError(
            sentence if sentence.startswith(BARS) else sentence[0].upper() + sentence[1:]
        ) from error


def chords_json(chords: Progression) -> dict[str, Any]:
    """Typed chords as they could be asked for again."""
    return {CHORDS: chords.name, BARS: chords.bars_per_chord}


def printable(text: str, limit: int) -> str:
    """A stranger's text on one line of at most `limit` characters, without what moves cursor or reading order."""
    kept = "".join(character for character in text if character.isprintable())
    return kept if len(kept) <= limit else f"{kept[: limit - 1]}…"


def _id(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ID:
        raise RequestError(f"{name} is missing or not an id: give the id of a recording.")
    return value


def _value(body: dict[str, Any], option: Number | Choice) -> Any:
    value = body.get(option.name, option.default)
    if isinstance(option, Number):
        if not _is_number(value) or not option.allows(value):
            raise RequestError(f"{option.name} is not a number from {option.values}: give one.")
        return option.type(value)
    if not option.allows(value):
        raise RequestError(f"{option.name} is not one of {option.values}: give one of these.")
    return value


def _region(body: dict[str, Any], name: str) -> Region | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 2 or not all(map(_is_number, value)):
        raise RequestError(f"{name} is not [start, end] in seconds: give two numbers, or null for all of it.")
    start, end = map(float, value)
    if not 0 <= start < end:
        raise RequestError(f"{name} ends before it starts, or starts before 0: give [start, end] in seconds.")
    return start, end


def _is_number(value: Any) -> bool:
    # Compared as it is, because an integer of JSON may be too large for a float; NaN is not below anything.
    return isinstance(value, int | float) and not isinstance(value, bool) and -MOST < value < MOST
