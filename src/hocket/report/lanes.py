"""What a recording looks like over time, as stretchable SVG lanes of one time axis."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from hocket.pictures.png import png
from hocket.pictures.traces import chroma_of, envelope, find_attacks, thin
from hocket.report.chart import percent
from hocket.report.scales import linear_axis, tick_text

NUM_COLUMNS = 600
MOST_GUIDES = 120
PITCH_CLASSES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")
TICKS_HZ = (100, 300, 1000, 3000, 10_000)
# Bright on black, and told apart by colour-blind people: input, target, output.
BRIGHT = {"input": (0.35, 0.72, 1.0), "target": (1.0, 0.6, 0.2), "output": (0.25, 0.9, 0.62)}

Guides = Sequence[tuple[str, np.ndarray]]


@dataclass(frozen=True)
class Lane:
    """A strip of a picture: whose it is, what it is called, its SVG, and whether names of ticks stand at its left."""

    role: str
    label: str
    svg: Markup
    has_names: bool = False


def waveform_lane(role: str, waveform: np.ndarray, sample_rate: int, *, highest: float) -> Lane:
    """The samples' extent over time; `highest` is the magnitude at the edge of the lane."""
    seconds, low, high = envelope(waveform, sample_rate, num_columns=NUM_COLUMNS)
    xs = 1000 * seconds / (len(waveform) / sample_rate)
    outline = [*zip(xs, 100 - 96 * high / highest, strict=True)]
    outline += [*zip(xs[::-1], 100 - 96 * low[::-1] / highest, strict=True)]
    path = " ".join(f"{x:.0f},{y:.0f}" for x, y in outline)
    body = _stretched(Markup('<polygon class="fill-{}" points="{}"/>').format(role, path), height=200)
    return Lane(role, role, _lane(body, f"waveform of the {role}", "wave"))


def onset_lane(
    role: str, times: np.ndarray, strength: np.ndarray, *, seconds: float, guides: Guides = ()
) -> Lane:
    """Onset strength over time in [0, 1]; `guides` are other roles with their attacks in seconds, as ticks."""
    columns, peaks = thin(times, strength, num_columns=NUM_COLUMNS)
    places = [
        f"{1000 * time / seconds:.0f},{100 - 88 * peak:.0f}"
        for time, peak in zip(columns, peaks, strict=True)
    ]
    lines = Markup("").join(
        Markup('<line class="guide-{}" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
            other, percent(time / seconds), percent(time / seconds), *_GUIDE_PLACES[other]
        )
        for other, attacks in guides
        for time in attacks[:MOST_GUIDES]
    )
    curve = Markup(
        '<polygon class="soft-{0}" points="0,100 {1} 1000,100"/><polyline class="stroke-{0}" points="{1}"/>'
    )
    body = _stretched(curve.format(role, " ".join(places)), height=100) + lines
    return Lane(role, role, _lane(body, f"onset strength of the {role}", "onsets"))


_GUIDE_PLACES = {"input": ("0", "50%"), "target": ("50%", "100%")}


def attacks_of(times: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """The moments of the attacks, in seconds."""
    return times[find_attacks(times, strength)]


def chroma_lane(role: str, waveform: np.ndarray, sample_rate: int) -> Lane:
    """How far each pitch class stands out, C at the bottom."""
    values, _ = chroma_of(waveform, sample_rate)
    ticks = [((index + 0.5) / 12, PITCH_CLASSES[index]) for index in range(0, 12, 2)]
    body = _image(in_role_colour(values, role)) + _ticks(ticks)
    return Lane(
        role,
        role,
        _lane(body, f"chroma of the {role}: the brighter, the further a note stands out", "chroma"),
        has_names=True,
    )


def heat_lane(
    role: str, label: str, words: str, colours: np.ndarray, rows_hz: np.ndarray | None, kind: str
) -> Lane:
    """A picture `[rows, columns, 3]` over time, low rows first, with frequencies where rows have them."""
    body = _image(_narrowed(colours))
    if rows_hz is not None:
        shown = [hz for hz in TICKS_HZ if rows_hz[0] <= hz <= rows_hz[-1]]
        places = np.interp(np.log(shown), np.log(rows_hz), np.linspace(0, 1, len(rows_hz)))
        names = [f"{hz // 1000} kHz" if hz >= 1000 else f"{hz} Hz" for hz in shown]
        body += _ticks(list(zip(places, names, strict=True)))
    return Lane(role, label, _lane(body, words, kind), has_names=True)


def in_role_colour(values: np.ndarray, role: str) -> np.ndarray:
    """Values `[rows, columns]` in [0, 1] from black to the role's bright colour."""
    return np.clip(values, 0.0, 1.0)[..., None] * np.array(BRIGHT[role])


def time_ticks(seconds: float) -> Markup:
    """The axis below all lanes, in seconds."""
    ticks = [tick for tick in linear_axis(0.0, seconds, num_ticks=8).ticks if tick <= seconds]
    marks = Markup("").join(
        Markup(
            '<line x1="{0}" x2="{0}" y1="0" y2="5"/><text x="{0}" y="18" text-anchor="middle">{1}</text>'
        ).format(percent(tick / seconds), tick_text(tick))
        for tick in ticks
    )
    return Markup('<svg class="lane time" aria-hidden="true">{}</svg>').format(marks)


def data_uri(kind: str, content: bytes) -> str:
    """Bytes as an address that needs no network."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _lane(body: Markup, words: str, kind: str) -> Markup:
    return Markup('<svg class="lane {}" role="img" aria-label="{}">{}</svg>').format(kind, words, body)


def _stretched(body: Markup, *, height: int) -> Markup:
    return Markup(
        '<svg width="100%" height="100%" viewBox="0 0 1000 {}" preserveAspectRatio="none">{}</svg>'
    ).format(height, body)


def _image(colours: np.ndarray) -> Markup:
    return Markup('<image width="100%" height="100%" preserveAspectRatio="none" href="{}"/>').format(
        data_uri("image/png", png(_coarse(colours)))
    )


def _coarse(colours: np.ndarray) -> np.ndarray:
    """48 shades a channel: no eye sees the steps in a spectrogram, and the file is half as large."""
    return np.round(47 * np.clip(colours, 0.0, 1.0)) / 47


def _narrowed(colours: np.ndarray) -> np.ndarray:
    """At most about 700 columns, each the mean of its neighbours."""
    stride = max(1, round(colours.shape[1] / 700))
    width = colours.shape[1] // stride * stride
    parts = colours[:, :width].reshape(len(colours), -1, stride, colours.shape[2])
    narrowed: np.ndarray = parts.mean(axis=2)
    return narrowed


def _ticks(ticks: Sequence[tuple[float, str]]) -> Markup:
    """Names at the left of a lane; places from 0 at the bottom to 1 at the top."""
    return Markup("").join(
        Markup('<text class="at" x="-5" y="{}" dy="4" text-anchor="end">{}</text>').format(
            percent(1 - place), name
        )
        for place, name in ticks
    )
