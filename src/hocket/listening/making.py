"""Makes one page that plays every system's output blind, and the key that says which system made which sound."""

import base64
import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from hocket import files
from hocket.audio import Audio, require_sound, resample
from hocket.audio.writing import encode_mp3
from hocket.data.pairs import Pair
from hocket.evaluation.baselines import BASELINES
from hocket.evaluation.conventions import MIN_SECONDS, SAMPLE_RATE_HZ, read_folded
from hocket.fusing import Fuser
from hocket.fusing.loudness import CEILING_DB, loudness_lufs, true_peak_db
from hocket.listening import QUESTIONS
from hocket.version import __version__

PAGE, KEY = "index.html", "key.json"
OURS = "hocket"
"""The name of the model's output among the systems."""

LOUDEST_LUFS = -23.0
"""Loudness that EBU R 128 asks of programmes: most sounds have room for it, so that trials are equally loud as well."""

FADE_SECONDS = 0.02
MP3_QUALITY, MP3_RATE_HZ = 0.85, 48_000
"""At 24 kHz the encoder changes the loudness of noise by 0.3 LU, at 48 kHz by 0.03."""
NEAR_BEST = 0.8  # 1 dB

Sounds = dict[str, np.ndarray]
"""By role or system, `[samples]` each, at 24 kHz."""


@dataclass(frozen=True)
class Excerpt:
    """The stretch of a pair that listeners hear: `[samples]` each, equal lengths, one channel at 24 kHz."""

    pair: Pair
    input: np.ndarray
    target: np.ndarray


@dataclass(frozen=True)
class Trial:
    """One pair's sounds as MP3s, equally loud at `lufs`: its sources by role, and the outputs by system."""

    pair: Pair
    lufs: float
    sources: Mapping[str, bytes]
    outputs: Mapping[str, bytes]


def read_excerpts(pairs: Sequence[Pair], *, seconds: float) -> list[Excerpt]:
    """Reads the same stretch of both recordings of each pair: the first in which both sound, at most `seconds` long.

    One channel at 24 kHz is what all systems can work on, so that neither width nor treble tells them apart.

    Raises:
        AudioError: a recording cannot be read, is silent there, or shorter than 1 s; the sentence names it.
    """
    return [_excerpt(pair, round(seconds * SAMPLE_RATE_HZ)) for pair in pairs]


def _excerpt(pair: Pair, most_samples: int) -> Excerpt:
    paths = (pair.input, pair.target)
    voices = [read_folded(path) for path in paths]
    num_samples = min(most_samples, *map(len, voices))
    start = _place(voices, num_samples)
    input, target = (voice[start : start + num_samples] for voice in voices)
    for path, cut in zip(paths, (input, target), strict=True):
        name = f"{path} (the {num_samples / SAMPLE_RATE_HZ:.1f} s that would be played)"
        require_sound(Audio(cut[None], SAMPLE_RATE_HZ), name, minimum_seconds=MIN_SECONDS)
    return Excerpt(pair, input, target)


def _place(voices: Sequence[np.ndarray], num_samples: int) -> int:
    """The first stretch, by whole seconds, in which the less present of two recordings is nearly at its best."""
    begins = np.arange(0, min(map(len, voices)) - num_samples + 1, SAMPLE_RATE_HZ)
    shares = []
    for voice in voices:
        energy = np.concatenate([[0.0], np.cumsum(np.square(voice, dtype=np.float64))])
        shares.append((energy[begins + num_samples] - energy[begins]) / max(energy[-1], 1e-30))
    lesser = np.minimum(*shares)
    return int(begins[np.argmax(lesser >= NEAR_BEST * lesser.max())])


def make_trials(excerpts: Sequence[Excerpt], *, fuser: Fuser, baselines: Sequence[str]) -> Iterator[Trial]:
    """Makes the model's output and those of the `baselines` (names of `BASELINES`) for each pair, equally loud."""
    for excerpt in excerpts:
        yield _trial(excerpt, _outputs(excerpt, fuser, baselines))


def _outputs(excerpt: Excerpt, fuser: Fuser, baselines: Sequence[str]) -> Sounds:
    input, target = excerpt.input, excerpt.target
    fused = fuser.fuse(Audio(input[None], SAMPLE_RATE_HZ), Audio(target[None], SAMPLE_RATE_HZ)).audio
    return {
        OURS: fused.samples[0],
        **{name: BASELINES[name](input, target, SAMPLE_RATE_HZ) for name in baselines},
    }


def _trial(excerpt: Excerpt, outputs: Sounds) -> Trial:
    sources = {"rhythm": excerpt.input, "harmony": excerpt.target}
    sounds = [_played(samples) for samples in (sources | outputs).values()]
    gains, lufs = equal_gains(sounds)
    encoded = [
        encode_mp3(Audio(sound.samples * np.float32(gain), MP3_RATE_HZ), quality=MP3_QUALITY)
        for sound, gain in zip(sounds, gains, strict=True)
    ]
    return Trial(
        excerpt.pair,
        lufs,
        sources=dict(zip(sources, encoded, strict=False)),
        outputs=dict(zip(outputs, encoded[len(sources) :], strict=True)),
    )


def equal_gains(sounds: Sequence[Audio]) -> tuple[list[float], float]:
    """Gains that make sounds equally loud, and their loudness in LUFS: as high as the spikiest allows, -23 at most.

    A silent sound stays silent.
    """
    own = [loudness_lufs(sound) for sound in sounds]
    headroom = [
        lufs + CEILING_DB - true_peak_db(sound)
        for sound, lufs in zip(sounds, own, strict=True)
        if math.isfinite(lufs)
    ]
    common = min([LOUDEST_LUFS, *headroom])
    return [10 ** ((common - lufs) / 20) if math.isfinite(lufs) else 1.0 for lufs in own], common


def _played(samples: np.ndarray) -> Audio:
    """Faded in and out, at the rate of the MP3s."""
    ramp = np.ones_like(samples)
    num_samples = round(FADE_SECONDS * SAMPLE_RATE_HZ)
    ramp[:num_samples] = np.sin(np.linspace(0.0, np.pi / 2, num_samples)) ** 2
    faded = (samples * ramp * ramp[::-1])[None]
    return Audio(resample(faded, from_hz=SAMPLE_RATE_HZ, to_hz=MP3_RATE_HZ), MP3_RATE_HZ)


def write_test(folder: Path, trials: Sequence[Trial], *, seed: int, about: Mapping[str, Any]) -> None:
    """Writes `index.html` and `key.json` together; `about` is told in the key as well.

    The page holds its sounds, and needs no network. It does not know the systems: opaque names, drawn by the seed,
    stand for them, which only the key explains.

    Raises:
        DataError: the folder cannot be written to.
    """
    page, key = _blind(trials, seed)
    with files.FileGroup() as group:
        files.write_all(group.open(folder / KEY), json.dumps({**about, **key}, indent=2).encode())
        files.write_all(group.open(folder / PAGE), render(page).encode())


def _blind(trials: Sequence[Trial], seed: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Makes the contents of the page, and those of the key."""
    shown, told = [], []
    for trial in trials:
        opaque = {system: _opaque(seed, trial.pair.name, system) for system in trial.outputs}
        outputs = {opaque[system]: content for system, content in trial.outputs.items()}
        identity = _opaque(seed, trial.pair.name)
        # Sorted, or the order in the file would tell the systems.
        sounds = {"sources": _as_texts(trial.sources), "sounds": _as_texts(dict(sorted(outputs.items())))}
        shown.append({"trial": identity, **sounds})
        told.append(
            {
                "trial": identity,
                "pair": trial.pair.name,
                "input": str(trial.pair.input),
                "target": str(trial.pair.target),
                "lufs": round(trial.lufs, 2),
                "sounds": {name: system for system, name in opaque.items()},
            }
        )
    test = _digest(json.dumps([QUESTIONS, shown]))[:12]
    page = {"listening_test": test, "questions": QUESTIONS, "trials": shown}
    key = {"listening_test": test, "hocket": __version__, "seed": seed, "questions": QUESTIONS}
    return page, {**key, "systems": list(trials[0].outputs), "trials": told}


def render(page: Mapping[str, Any]) -> str:
    """The page as one HTML text with its style, script and sounds."""
    template, style, script = (
        (resources.files("hocket.listening") / "page" / name).read_text(encoding="utf-8")
        for name in (PAGE, "page.css", "page.js")
    )
    script_hash = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    # Nothing of a user's is in it, so that there is nothing to escape.
    return jinja2.Template(template, keep_trailing_newline=True).render(
        style=style, script=script, script_hash=script_hash, test=json.dumps(page)
    )


def _as_texts(sounds: Mapping[str, bytes]) -> dict[str, str]:
    return {name: base64.b64encode(content).decode() for name, content in sounds.items()}


def _opaque(*parts: object) -> str:
    return _digest("/".join(map(str, parts)))[:8]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
