"""The pictures of one output next to its sources: stretchable SVG tracks that share one time axis.

The page colours, stretches and seeks in them, so they are drawn for it rather than as one picture of fixed size; what
they show is computed by `hocket.pictures`, as for `hocket check --plot`.
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
    envelope,
    find_attacks,
    frequency_ticks,
    mask_rows,
    onsets_of,
    png,
    spectrogram,
    thin,
)
from hocket.pictures.kept import KeptMasks

NUM_ROWS, NUM_COLUMNS = 160, 600
# Bright on black, and told apart by colour-blind people: input, target, output.
BRIGHT = {"input": (0.35, 0.72, 1.0), "target": (1.0, 0.6, 0.2), "output": (0.25, 0.9, 0.62)}
GUIDE_PLACES = {"input": ("0", "50%"), "target": ("50%", "100%")}

Ticks = Sequence[tuple[str, float]]


@dataclass(frozen=True)
class Track:
    """A strip of a picture: whose it is, its label, its SVG, and whether names of ticks are at its left."""

    role: str
    label: str
    svg: Markup
    has_names: bool = False


@dataclass(frozen=True)
class TrackGroup:
    """Tracks under one heading, with a sentence on how to read them."""

    title: str
    text: str
    tracks: tuple[Track, ...]


def groups_of(voices: Mapping[str, np.ndarray], rate: int, masks: KeptMasks | None) -> list[TrackGroup]:
    """All pictures of input, output and target (mono, equally long) by role, and of the masks where there are some."""
    rows_hz = np.geomspace(LOWEST_HZ, rate / 2, NUM_ROWS)
    ticks = frequency_ticks(rows_hz, most=5)
    spectra = {
        role: _in_role_colour(spectrogram(voice, rate, rows_hz), role) for role, voice in voices.items()
    }
    return [
        _waveforms(voices, rate),
        _onsets(voices, rate),
        _chroma(voices, rate),
        TrackGroup(
            "Spectrograms",
            "The brighter, the louder; 66 dB from black to full.",
            tuple(
                _image_track(role, role, f"spectrogram of the {role}", "spectrum", colours, ticks)
                for role, colours in spectra.items()
            ),
        ),
        *([] if masks is None else _mask_groups(voices["output"], rate, masks, rows_hz)),
    ]


def percent(place: float) -> str:
    """A place in [0, 1] as SVG writes it."""
    return f"{100 * place:.2f}".rstrip("0").rstrip(".") + "%"


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
        ).format(percent(index * step / seconds), index * step)
        for index in range(math.floor(seconds / step) + 1)
    )
    return Markup('<svg class="lane time" aria-hidden="true">{}</svg>').format(marks)


def data_uri(kind: str, content: bytes) -> str:
    """Bytes as an address that needs no network."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _waveforms(voices: Mapping[str, np.ndarray], rate: int) -> TrackGroup:
    """The samples' extent over time, all to the same scale."""
    highest = max(float(np.abs(voice).max()) for voice in voices.values()) or 1.0
    tracks = []
    for role, voice in voices.items():
        seconds, low, high = envelope(voice, rate, num_columns=NUM_COLUMNS)
        xs = 1000 * seconds / (len(voice) / rate)
        outline = [*zip(xs, 100 - 96 * high / highest, strict=True)]
        outline += [*zip(xs[::-1], 100 - 96 * low[::-1] / highest, strict=True)]
        path = " ".join(f"{x:.0f},{y:.0f}" for x, y in outline)
        body = _stretched(Markup('<polygon class="fill-{}" points="{}"/>').format(role, path), height=200)
        tracks.append(Track(role, role, _svg(body, f"waveform of the {role}", "wave")))
    return TrackGroup(
        "Waveforms", "All at the same loudness: whose shape does the output have?", tuple(tracks)
    )


def _onsets(voices: Mapping[str, np.ndarray], rate: int) -> TrackGroup:
    """Onset strength over time; attacks of the sources are ticks in the output's track."""
    seconds = len(voices["output"]) / rate
    found = {role: onsets_of(voice, rate) for role, voice in voices.items()}
    guides = Markup("").join(
        Markup('<line class="guide-{}" x1="{}" x2="{}" y1="{}" y2="{}"/>').format(
            role, percent(time / seconds), percent(time / seconds), *GUIDE_PLACES[role]
        )
        for role in GUIDE_PLACES
        for time in found[role][0][find_attacks(*found[role])][:MOST_GUIDES]
    )
    curve = Markup(
        '<polygon class="soft-{0}" points="0,100 {1} 1000,100"/><polyline class="stroke-{0}" points="{1}"/>'
    )
    tracks = []
    for role, trace in found.items():
        columns, peaks = thin(*trace, num_columns=NUM_COLUMNS)
        points = zip(1000 * columns / seconds, 100 - 88 * peaks, strict=True)
        body = _stretched(curve.format(role, " ".join(f"{x:.0f},{y:.0f}" for x, y in points)), height=100)
        body += guides if role == "output" else Markup("")
        tracks.append(Track(role, role, _svg(body, f"onset strength of the {role}", "onsets")))
    return TrackGroup(
        "Onset strength",
        "Whose attacks does the output follow? Ticks in its track are attacks: the input's from above, the target's "
        "from below.",
        tuple(tracks),
    )


def _chroma(voices: Mapping[str, np.ndarray], rate: int) -> TrackGroup:
    """How far each pitch class stands out, C at the bottom."""
    ticks = [(PITCH_CLASSES[index], (index + 0.5) / 12) for index in range(0, 12, 2)]
    tracks = []
    for role, voice in voices.items():
        colours = _in_role_colour(chroma_of(voice, rate)[0], role)
        words = f"chroma of the {role}: the brighter, the further a note stands out"
        body = _image(colours) + _names(ticks)
        tracks.append(Track(role, role, _svg(body, words, "chroma"), has_names=True))
    return TrackGroup(
        "Chroma",
        "Whose notes does the output sound? The brighter, the further a note stands out.",
        tuple(tracks),
    )


def _mask_groups(output: np.ndarray, rate: int, masks: KeptMasks, rows_hz: np.ndarray) -> list[TrackGroup]:
    """The output in the colours of its sources, and both masks."""
    colours = colour_by_source(
        input_mask=masks.input,
        target_mask=masks.target,
        output=output,
        sample_rate=rate,
        frame_rate=masks.frame_rate,
        bin_hz=masks.bin_hz,
        rows_hz=rows_hz,
    )
    ticks = frequency_ticks(rows_hz, most=5)
    # Of excerpts that are shown in part, the masks are too.
    num_frames = max(1, round(len(output) / rate * masks.frame_rate) + 1)
    by_role = {"input": masks.input, "target": masks.target}
    means = {role: float(mask.mean()) for role, mask in by_role.items()}
    tracks = []
    for role, mask in by_role.items():
        rows = mask[:, :num_frames]
        if masks.bin_hz is not None:
            rows = mask_rows(rows, masks.bin_hz, rows_hz, sample_rate=rate)
        shown = ticks if masks.bin_hz is not None else ()
        image = _in_role_colour(rows, role)
        tracks.append(_image_track(role, f"{role} mask", f"mask of the {role}", "mask", image, shown))
    words = "spectrogram of the output, coloured by source"
    return [
        TrackGroup(
            "Which source each place of the output came from",
            "Blue is the input, orange the target, grey both or none; the brighter, the louder.",
            (_image_track("output", "output", words, "sources", colours, ticks),),
        ),
        TrackGroup(
            "Masks",
            "The brighter, the more is let through; full from 1 on. "
            f"Means: input {means['input']:.2f}, target {means['target']:.2f}.",
            tuple(tracks),
        ),
    ]


def _in_role_colour(values: np.ndarray, role: str) -> np.ndarray:
    """Values `[rows, columns]` in [0, 1] from black to the role's bright colour."""
    return np.clip(values, 0.0, 1.0)[..., None] * np.array(BRIGHT[role])


def _image_track(role: str, label: str, words: str, kind: str, colours: np.ndarray, ticks: Ticks) -> Track:
    """A picture `[rows, columns, 3]` over time, low rows first, of about 700 columns at most."""
    stride = max(1, round(colours.shape[1] / 700))
    width = colours.shape[1] // stride * stride
    narrowed = colours[:, :width].reshape(len(colours), -1, stride, 3).mean(axis=2)
    return Track(role, label, _svg(_image(narrowed) + _names(ticks), words, kind), has_names=True)


def _svg(body: Markup, words: str, kind: str) -> Markup:
    return Markup('<svg class="lane {}" role="img" aria-label="{}">{}</svg>').format(kind, words, body)


def _stretched(body: Markup, *, height: int) -> Markup:
    return Markup(
        '<svg width="100%" height="100%" viewBox="0 0 1000 {}" preserveAspectRatio="none">{}</svg>'
    ).format(height, body)


def _image(colours: np.ndarray) -> Markup:
    # 48 shades a channel: no eye sees the steps in a spectrogram, and the file is half as large.
    coarse = np.round(47 * np.clip(colours, 0.0, 1.0)) / 47
    return Markup('<image width="100%" height="100%" preserveAspectRatio="none" href="{}"/>').format(
        data_uri("image/png", png(coarse))
    )


def _names(ticks: Ticks) -> Markup:
    """Names at the left of a track; places from 0 at the bottom to 1 at the top."""
    return Markup("").join(
        Markup('<text class="at" x="-5" y="{}" dy="4" text-anchor="end">{}</text>').format(
            percent(1 - place), name
        )
        for name, place in ticks
    )
