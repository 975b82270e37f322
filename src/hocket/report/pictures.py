"""Pictures of one output next to its sources: stretchable SVG tracks that share one time axis.

The page colours and stretches them, so they are not one picture of fixed size. `hocket.pictures` computes what they
show, as for `hocket check --plot`.
"""

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from hocket.pictures.arrays import (
    LOWEST_HZ,
    MOST_GUIDES,
    PITCH_CLASSES,
    chroma_of,
    colour_by_source,
    find_attacks,
    frequency_ticks,
    onsets_of,
    png,
    thin,
)
from hocket.pictures.kept import KeptMasks

NUM_ROWS, NUM_COLUMNS = 160, 600
# Bright on black, and told apart by colour-blind people: input, target, output.
BRIGHT = {"input": (0.35, 0.72, 1.0), "target": (1.0, 0.6, 0.2), "output": (0.25, 0.9, 0.62)}
GUIDE_PLACES = {"input": ("0", "50%"), "target": ("50%", "100%")}


@dataclass(frozen=True)
class Track:
    """A strip of a picture: whose it is, and its SVG."""

    role: str
    svg: Markup


@dataclass(frozen=True)
class TrackGroup:
    """Tracks under one heading, with a sentence on how to read them."""

    title: str
    text: str
    tracks: tuple[Track, ...]


def groups_of(voices: Mapping[str, np.ndarray], rate: int, masks: KeptMasks | None) -> list[TrackGroup]:
    """All pictures of input, output and target (mono, equally long) by role, and of the masks where there are some."""
    sources = [] if masks is None else [_sources(voices["output"], rate, masks)]
    return [*sources, _onsets(voices, rate), _chroma(voices, rate)]


def time_ticks(seconds: float) -> Markup:
    """The axis below all tracks, in seconds."""
    rough = seconds / 8
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(
        factor * power for factor in (1.0, 2.0, 2.5, 5.0, 10.0) if factor * power >= rough * (1 - 1e-9)
    )
    marks = Markup("").join(
        Markup(
            '<line x1="{0}" x2="{0}" y1="0" y2="5"/><text x="{0}" y="18" text-anchor="middle">{1:.10g}</text>'
        ).format(_percent(index * step / seconds), index * step)
        for index in range(math.floor(seconds / step) + 1)
    )
    return Markup('<svg class="lane time" aria-hidden="true">{}</svg>').format(marks)


def data_uri(kind: str, content: bytes) -> str:
    """Bytes as an address that needs no network."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _sources(output: np.ndarray, rate: int, masks: KeptMasks) -> TrackGroup:
    """The output's spectrogram in the colours of its sources."""
    rows_hz = np.geomspace(LOWEST_HZ, rate / 2, NUM_ROWS)
    colours = colour_by_source(
        input_mask=masks.input,
        target_mask=masks.target,
        output=output,
        sample_rate=rate,
        frame_rate=masks.frame_rate,
        bin_hz=masks.bin_hz,
        rows_hz=rows_hz,
    )
    stride = max(1, round(colours.shape[1] / 700))
    width = colours.shape[1] // stride * stride
    narrowed = colours[:, :width].reshape(len(colours), -1, stride, 3).mean(axis=2)
    body = _image(narrowed) + _names(frequency_ticks(rows_hz, most=5))
    svg = _svg(body, "spectrogram of the output, coloured by source", "sources")
    return TrackGroup(
        "Which source each part of the output came from",
        "Blue is the input, orange the target, grey both or none; brighter = louder.",
        (Track("output", svg),),
    )


def _onsets(voices: Mapping[str, np.ndarray], rate: int) -> TrackGroup:
    """Onset strength over time; attacks of the sources are ticks in the output's track."""
    seconds = len(voices["output"]) / rate
    found = {role: onsets_of(voice, rate) for role, voice in voices.items()}
    guides = Markup("").join(
        Markup('<line class="guide-{}" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
            role, _percent(time / seconds), _percent(time / seconds), *GUIDE_PLACES[role]
        )
        for role in GUIDE_PLACES
        for time in found[role][0][find_attacks(*found[role])][:MOST_GUIDES]
    )
    curve = Markup(
        '<svg width="100%" height="100%" viewBox="0 0 1000 100" preserveAspectRatio="none">'
        '<polygon class="soft-{0}" points="0,100 {1} 1000,100"/><polyline class="stroke-{0}" points="{1}"/></svg>'
    )
    tracks = []
    for role, trace in found.items():
        columns, peaks = thin(*trace, num_columns=NUM_COLUMNS)
        points = zip(1000 * columns / seconds, 100 - 88 * peaks, strict=True)
        body = curve.format(role, " ".join(f"{x:.0f},{y:.0f}" for x, y in points))
        body += guides if role == "output" else Markup("")
        tracks.append(Track(role, _svg(body, f"onset strength of the {role}", "onsets")))
    return TrackGroup(
        "Onset strength",
        "Whose attacks does the output follow? Ticks in its track are attacks: the input's from above, the target's "
        "from below.",
        tuple(tracks),
    )


def _chroma(voices: Mapping[str, np.ndarray], rate: int) -> TrackGroup:
    """Strength of each pitch class over time, C at the bottom."""
    ticks = [(PITCH_CLASSES[index], (index + 0.5) / 12) for index in range(0, 12, 2)]
    tracks = []
    for role, voice in voices.items():
        strength = np.clip(chroma_of(voice, rate)[0], 0.0, 1.0)
        body = _image(strength[..., None] * np.array(BRIGHT[role])) + _names(ticks)
        tracks.append(Track(role, _svg(body, f"chroma of the {role}", "chroma")))
    return TrackGroup(
        "Chroma",
        "Whose notes does the output have? Brighter = stronger pitch class, relative to the frame's average.",
        tuple(tracks),
    )


def _percent(place: float) -> str:
    """A place in [0, 1] as SVG writes it."""
    return f"{100 * place:.2f}".rstrip("0").rstrip(".") + "%"


def _svg(body: Markup, words: str, kind: str) -> Markup:
    return Markup('<svg class="lane {}" role="img" aria-label="{}">{}</svg>').format(kind, words, body)


def _image(colours: np.ndarray) -> Markup:
    # 48 shades a channel: no eye sees the steps in a spectrogram, and the file is half as large.
    coarse = np.round(47 * np.clip(colours, 0.0, 1.0)) / 47
    return Markup('<image width="100%" height="100%" preserveAspectRatio="none" href="{}"/>').format(
        data_uri("image/png", png(coarse))
    )


def _names(ticks: Sequence[tuple[str, float]]) -> Markup:
    """Names at the left of a track; places from 0 at the bottom to 1 at the top."""
    return Markup("").join(
        Markup('<text class="at" x="-5" y="{}" dy="4" text-anchor="end">{}</text>').format(
            _percent(1 - place), name
        )
        for name, place in ticks
    )
