"""Time stretching and transposing: Signalsmith Stretch, led along a map from the recording's time to another."""

from importlib.util import find_spec
from itertools import pairwise
from types import ModuleType

import numpy as np

from hocket.audio.streams import Recording, Stored, Workspace
from hocket.errors import HocketError

MIN_RATIO, MAX_RATIO = 0.5, 2.0
"""Limits of how much longer any part may become; beyond them, stretched music falls to pieces."""

# Above this, sound is air and brightness rather than pitch, and stays nearer to where it is.
TONAL_HZ = 8_000.0

MAX_PIECE_SECONDS = 30.0
# What a piece is given beyond its ends (the library's window is 0.12 s), and how two pieces are joined: the fade ends
# just before the place where they meet, so that an attack there is heard once.
MARGIN_SECONDS = 0.2
FADE_SECONDS = 0.02
LEAD_SECONDS = 0.005
MAX_LAG_SECONDS = 0.005
LAG_COST = 0.1


def stretched(source: Recording, *, num_samples: int, workspace: Workspace, semitones: int = 0) -> Recording:
    """A recording stretched to `num_samples` and transposed, see `warped`; attacks keep their relative places."""
    places, new_places = np.array([0.0, source.num_samples]), np.array([0.0, num_samples])
    return warped(source, places=places, new_places=new_places, workspace=workspace, semitones=semitones)


def warped(
    source: Recording, *, places: np.ndarray, new_places: np.ndarray, workspace: Workspace, semitones: int = 0
) -> Recording:
    """Plays a recording so that what was at `places` (samples, ascending) comes at `new_places`, and transposes it.

    Between two places the ratio is constant. The result runs from the first to the last new place, `round(last -
    first)` samples; outside the recording there is silence. Pieces of at most 30 s are stretched by themselves and
    joined where they are most alike, within 5 ms, by fades of 20 ms. More than two channels are stretched two by two.
    The same samples give the same result.

    Raises:
        ValueError: a ratio is outside `MIN_RATIO` to `MAX_RATIO`.
        HocketError: the stretching library is not installed.
    """
    sample_rate = source.sample_rate
    places, new_places = _divided(
        np.asarray(places, dtype=np.float64), np.asarray(new_places) - new_places[0], sample_rate
    )
    ratios = np.diff(new_places) / np.diff(places)
    if ratios.min() < MIN_RATIO * 0.999 or ratios.max() > MAX_RATIO * 1.001:
        raise ValueError(f"ratios of {ratios.min():.3f} to {ratios.max():.3f} are outside 0.5 to 2")
    output = workspace.new(source.num_channels, round(new_places[-1]), sample_rate)
    for start, new_start, new_end, ratio in zip(places, new_places, new_places[1:], ratios, strict=False):
        before = min(round(MARGIN_SECONDS * sample_rate), round(new_start))
        after = round(MARGIN_SECONDS * sample_rate)
        first = start + (round(new_start) - before - new_start) / ratio
        length = round(new_end) - round(new_start) + before + after
        piece = _stretched(source, first=first, ratio=float(ratio), num_samples=length, semitones=semitones)
        _join(output, piece, place=round(new_start), before=before)
    return output


def _divided(places: np.ndarray, new_places: np.ndarray, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Adds places to a map between two that are far apart."""
    steps = [
        np.linspace(start, end, max(1, int(np.ceil((end - start) / (MAX_PIECE_SECONDS * sample_rate)))) + 1)
        for start, end in pairwise(new_places)
    ]
    new = np.concatenate([steps[0], *(step[1:] for step in steps[1:])])
    return np.interp(new, new_places, places), new


def _stretched(
    source: Recording, *, first: float, ratio: float, num_samples: int, semitones: int
) -> np.ndarray:
    """`[channels, num_samples]` of the recording from the place `first` on, `ratio` times as long as it was there."""
    rate = source.sample_rate
    margin = round(MARGIN_SECONDS * rate)
    start = int(np.floor(first)) - margin
    end = int(np.ceil(first + num_samples / ratio)) + margin
    part = np.zeros((source.num_channels, end - start), dtype=np.float32)
    inside = slice(max(0, start), max(0, min(end, source.num_samples)))
    if inside.start < inside.stop:
        part[:, inside.start - start : inside.stop - start] = source.read(inside.start, inside.stop)
    if semitones or abs(ratio - 1.0) * num_samples >= 0.5:
        part = _library_stretch(part, ratio, rate, semitones)
    skip = round((first - start) * ratio)
    return part[:, skip : skip + num_samples]


def _library_stretch(part: np.ndarray, ratio: float, rate: int, semitones: int) -> np.ndarray:
    """One call for each two channels, which are all that the library takes at once."""
    library = require_stretching()
    pairs = []
    for first in range(0, part.shape[0], 2):
        channels = np.ascontiguousarray(part[first : first + 2], dtype=np.float32)
        stretcher = library.Signalsmith.Stretch(0)
        stretcher.preset(channels.shape[0], rate)
        # The library's factor is one of speed: more than 1 is faster and shorter.
        stretcher.timeFactor = 1.0 / ratio
        if semitones:
            stretcher.setTransposeSemitones(semitones, TONAL_HZ / rate)
        pairs.append(np.array(stretcher.process(channels)))
    return np.concatenate(pairs)


def _join(output: Stored, piece: np.ndarray, *, place: int, before: int) -> None:
    """Writes a piece whose sample `before` belongs at `place`, over the end of the piece that is there already."""
    fade, lead, max_lag = (
        round(seconds * output.sample_rate) for seconds in (FADE_SECONDS, LEAD_SECONDS, MAX_LAG_SECONDS)
    )
    begin = place - lead - fade
    offset = before - lead - fade
    if begin < max_lag or offset < max_lag:
        # The first piece, or one that meets it too near the beginning for a fade.
        end = min(output.num_samples, place + piece.shape[1] - before)
        output.write(place, piece[:, before : before + end - place])
        return
    old = output.read(begin, min(begin + fade, output.num_samples))
    lag, likeness = _best_lag(old, piece, offset, max_lag)
    offset += lag
    end = min(output.num_samples, begin + piece.shape[1] - offset)
    rising = (np.arange(fade, dtype=np.float32) + 0.5) / fade
    # Equal gain for what is alike, equal power for what is not.
    norm = np.sqrt(rising**2 + (1 - rising) ** 2 + 2 * likeness * rising * (1 - rising))
    blend = (old * (1 - rising) + piece[:, offset : offset + fade] * rising) / norm
    joined = piece[:, offset : offset + end - begin].copy()
    joined[:, :fade] = blend[:, : output.num_samples - begin]
    output.write(begin, joined)


def _best_lag(old: np.ndarray, piece: np.ndarray, offset: int, max_lag: int) -> tuple[int, float]:
    """Lag in the piece of what it has in common with `old`, and the correlation there, in [0, 1]."""
    length = old.shape[1]
    wide = piece[:, offset - max_lag : offset + length + max_lag].astype(np.float64)
    product = sum(np.correlate(new, channel, "valid") for new, channel in zip(wide, old, strict=True))
    energy = np.concatenate([[0.0], np.cumsum((wide**2).sum(axis=0))])
    energy = energy[length:] - energy[:-length]
    likeness = product / np.sqrt(np.maximum(energy * float((old.astype(np.float64) ** 2).sum()), 1e-20))
    # Nearer is better where there is little to choose, as in silence or noise.
    distance = np.abs(np.arange(len(likeness)) - max_lag) / max_lag
    best = int(np.argmax(likeness - LAG_COST * distance))
    return best - max_lag, float(np.clip(likeness[best], 0.0, 1.0))


def require_stretching() -> ModuleType:
    """The stretching library.

    Raises:
        HocketError: it is not installed.
    """
    if find_spec("python_stretch") is None:
        raise HocketError("stretching needs python-stretch (not installed): run pip install python-stretch")
    import python_stretch

    return python_stretch
