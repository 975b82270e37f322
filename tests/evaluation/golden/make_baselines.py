"""Makes baselines.json: the baselines' figures on a development pair, by the recipe written out plainly.

Imports nothing of hocket, so that it can disagree with it. Run from the checkout, with the development
recordings' folder as the argument:  python tests/evaluation/golden/make_baselines.py MUSIC_DIR
"""

import csv
import json
import sys
from pathlib import Path

import librosa
import numpy as np
import soundfile
import soxr
from scipy.linalg import sqrtm
from scipy.ndimage import gaussian_filter1d, uniform_filter1d

RATE = 24_000
PAIRS = ("008",)


def read(path):
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return soxr.resample(samples.mean(axis=1), rate, RATE, quality="VHQ")


def normalised(y):
    return y / np.sqrt(np.mean(y**2)) * 0.1


def overlay(a, b):
    return normalised(a) + normalised(b)


def layers(a, b, gated):
    first, second = librosa.stft(a), librosa.stft(b)
    percussive = librosa.decompose.hpss(first, margin=(1, 3))[1]
    harmonic = librosa.decompose.hpss(second, margin=(3, 1))[0]
    if gated:
        magnitude = gaussian_filter1d(np.abs(first), 40, axis=0)
        harmonic *= np.minimum(magnitude / np.percentile(magnitude, 95, axis=1, keepdims=True), 1.5)
    return overlay(*(librosa.istft(part, length=len(a)) for part in (percussive, harmonic)))


def pearson(x, y):
    return np.corrcoef(x, y)[0, 1]


def onsets(y):
    return librosa.onset.onset_strength(y=y, sr=RATE, hop_length=256)


def cosine(x, y):
    chromas = []
    for wave in (x, y):
        chroma = uniform_filter1d(librosa.feature.chroma_cqt(y=wave, sr=RATE), 23, axis=1, mode="nearest")
        chromas.append(chroma - chroma.mean(axis=0))
    dots = (chromas[0] * chromas[1]).sum(axis=0)
    return np.mean(dots / np.prod([np.linalg.norm(chroma, axis=0) for chroma in chromas], axis=0))


def figures(out, a, b):
    tonal = [librosa.effects.harmonic(wave, margin=4) for wave in (out, a, b)]
    held = librosa.effects.harmonic(out)
    return {
        "rhythm_margin": pearson(onsets(out), onsets(a)) - pearson(onsets(out), onsets(b)),
        "articulation_margin": pearson(onsets(held), onsets(a))
        - pearson(onsets(held), onsets(librosa.effects.harmonic(b))),
        "harmony_margin_harmonic": cosine(tonal[0], tonal[2]) - cosine(tonal[0], tonal[1]),
        "harmony_margin_whole": cosine(out, b) - cosine(out, a),
        "output_input_correlation": pearson(out, a),
        "output_target_correlation": pearson(out, b),
    }


def frames(waves):
    options = {"sr": RATE, "n_fft": 2048, "hop_length": 512, "n_mels": 32}
    parts = [librosa.feature.melspectrogram(y=normalised(wave), **options) for wave in waves]
    return np.log(np.concatenate(parts, axis=1) + 1e-5).astype(float)


def frechet(outputs, sources):
    x, y = frames(outputs), frames(sources)
    first, second = np.cov(x), np.cov(y)
    spread = np.trace(first + second - 2 * sqrtm(first @ second).real)
    return np.sum((x.mean(axis=1) - y.mean(axis=1)) ** 2) + spread


def main(music):
    rows = list(csv.DictReader((music / "pairs.csv").open()))
    systems = {
        "overlay": overlay,
        "layering": lambda a, b: layers(a, b, gated=False),
        "gated_layering": lambda a, b: layers(a, b, gated=True),
    }
    golden = {name: {"pairs": {}, "frechet": 0.0} for name in systems}
    sources = []
    for pair in PAIRS:
        a, b = (read(music / rows[int(pair)][column]) for column in ("input", "target"))
        sources.append((a[: len(b)], b[: len(a)]))
    for name, fuse in systems.items():
        outputs = [fuse(*pair) for pair in sources]
        for pair, out, (a, b) in zip(PAIRS, outputs, sources, strict=True):
            golden[name]["pairs"][pair] = {k: round(float(v), 4) for k, v in figures(out, a, b).items()}
        distance = frechet(outputs, [wave for pair in sources for wave in pair])
        golden[name]["frechet"] = round(float(distance), 2)
    golden["librosa"] = librosa.__version__
    Path(__file__).with_name("baselines.json").write_text(json.dumps(golden, indent=2) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
