"""What a page may ask a fusion for, checked field by field before anything is done."""

from dataclasses import asdict, dataclass
from typing import Any

from hocket.hearing import MINIMUM_SECONDS

OPTIONS = {
    "align": ("none", "tempo", "beats"),
    "length": ("input", "target", "shortest", "longest"),
    "fit": ("loop", "stretch"),
}
RANGES = {
    "input_amount": {"min": 0.0, "max": 4.0, "default": 1.0},
    "target_amount": {"min": 0.0, "max": 4.0, "default": 1.0},
    "reattack": {"min": 0.0, "max": 4.0, "default": 0.0},
}
"""The same as those of `hocket.fusing`, which is not loaded when the page is served; a test holds them together."""

ROLES = ("input", "target")
FIELDS = {*ROLES, *(f"{role}_region" for role in ROLES), *OPTIONS, *RANGES}
MAX_ID, MOST = 64, 1e9
# Pages round what a region's end is.
END_TOLERANCE_SECONDS = 0.05

Region = tuple[float, float]


class WishError(Exception):
    """A wish cannot be met; the message is a sentence that names the field."""


@dataclass(frozen=True)
class Wish:
    """A fusion that is asked for: two recordings by their ids, which parts of them (None: all), and how."""

    input: str
    target: str
    input_region: Region | None
    target_region: Region | None
    input_amount: float
    target_amount: float
    reattack: float
    align: str
    length: str
    fit: str

    def options(self) -> dict[str, Any]:
        """What was asked for, to be told with the result."""
        return {name: value for name, value in asdict(self).items() if name not in ROLES}

    def region(self, role: str, seconds: float) -> Region | None:
        """The part of the recording of a role, `seconds` long, that is wanted.

        Raises:
            WishError: it lies outside the recording.
        """
        region: Region | None = getattr(self, f"{role}_region")
        if region is None:
            return None
        start, end = region
        if end > seconds + END_TOLERANCE_SECONDS or min(end, seconds) - start < MINIMUM_SECONDS:
            raise WishError(
                f"{role}_region is {start:.2f} to {end:.2f} s: give a part of the {seconds:.2f} s that are there, at "
                f"least {MINIMUM_SECONDS:g} s of it."
            )
        return start, min(end, seconds)


def parse_wish(body: Any) -> Wish:
    """The wish that a JSON body holds.

    Raises:
        WishError: a field is missing, unknown, of another type or out of its range.
    """
    if not isinstance(body, dict):
        raise WishError("The request is no JSON object: give one with input and target.")
    unknown = sorted(set(body) - FIELDS)
    if unknown:
        raise WishError(f"There is no field {printable(unknown[0], 40)!r}: leave it out.")
    amounts = {name: _number(body, name, limits) for name, limits in RANGES.items()}
    if amounts["input_amount"] == amounts["target_amount"] == 0:
        raise WishError("input_amount and target_amount are both 0: leave something to hear.")
    regions = {role: _region(body, f"{role}_region") for role in ROLES}
    return Wish(
        input=_id(body, "input"),
        target=_id(body, "target"),
        input_region=regions["input"],
        target_region=regions["target"],
        input_amount=amounts["input_amount"],
        target_amount=amounts["target_amount"],
        reattack=amounts["reattack"],
        align=_choice(body, "align"),
        length=_choice(body, "length"),
        fit=_choice(body, "fit"),
    )


def printable(text: str, limit: int) -> str:
    """A stranger's text on one line of at most `limit` characters, without what moves cursor or reading order."""
    kept = "".join(character for character in text if character.isprintable())
    return kept if len(kept) <= limit else f"{kept[: limit - 1]}…"


def _id(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ID:
        raise WishError(f"{name} is missing or no id: give the id of a recording.")
    return value


def _number(body: dict[str, Any], name: str, limits: dict[str, float]) -> float:
    value = body.get(name, limits["default"])
    if not _is_number(value) or not limits["min"] <= value <= limits["max"]:
        raise WishError(f"{name} is no number from {limits['min']:g} to {limits['max']:g}: give one.")
    return float(value)


def _region(body: dict[str, Any], name: str) -> Region | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 2 or not all(map(_is_number, value)):
        raise WishError(f"{name} is not [start, end] in seconds: give two numbers, or null for all of it.")
    start, end = map(float, value)
    if not 0 <= start < end:
        raise WishError(f"{name} ends before it starts, or starts before 0: give [start, end] in seconds.")
    return start, end


def _choice(body: dict[str, Any], name: str) -> str:
    allowed = OPTIONS[name]
    value = body.get(name, allowed[0])
    if not isinstance(value, str) or value not in allowed:
        raise WishError(f"{name} is none of {', '.join(allowed)}: give one of these.")
    return value


def _is_number(value: Any) -> bool:
    # Compared as it is, because an integer of JSON may be too large for a float; NaN is not below anything.
    return isinstance(value, int | float) and not isinstance(value, bool) and -MOST < value < MOST
