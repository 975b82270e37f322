"""`python -m corpus.survey CORPUS --music DIR`: what a corpus is like beside recordings, as one picture and a table.

The recordings are only measured: nothing of them goes into the corpus.
"""

import argparse
import shlex
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import librosa
import numpy as np

from hocket import audio, files
from hocket.errors import DataError, HocketError

RATE = 24_000
FFT_SIZE, HOP = 2048, 512
HPSS_FRAMES = 400  # the middle 8.5 s: separating takes longer than everything else
NUM_MELS = 64
SILENT_DB = -80.0
KEY_NAMES = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
# Krumhansl and Kessler (1982): how well each note fits a major and a minor key.
KEY_PROFILES = (
    (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
)
MEASURES = {
    "level_db": "level (dBFS RMS)",
    "range_db": "loud to soft moments (dB)",
    "crest_db": "peak above RMS (dB)",
    "percussive": "percussive share of energy",
    "onsets": "onsets a second",
    "tempo_bpm": "tempo (bpm)",
    "clarity": "clarity of the chroma",
    "centroid_hz": "spectral centroid (Hz)",
    "low_share_db": "below 150 Hz (dB of all)",
    "high_share_db": "above 5 kHz (dB of all)",
    "tuning_cents": "tuning (cents)",
}


@dataclass(frozen=True)
class Measured:
    """One recording's figures by the names of `MEASURES`, its key, and its mean log-mel spectrum in dB."""

    figures: dict[str, float]
    key: str
    spectrum: np.ndarray


def measure(path: Path) -> Measured:
    """Measures a recording as the model hears it: mono at 24 kHz."""
    loaded = audio.load(path, sample_rate=RATE, mono=True)
    samples = loaded.samples[0].astype(np.float32)
    rms = float(np.sqrt(np.mean(samples**2)))
    if rms == 0:
        raise DataError(f"{path} is silent: leave it out.")
    magnitude = np.abs(librosa.stft(samples, n_fft=FFT_SIZE, hop_length=HOP))
    power = magnitude**2
    first = max(0, (magnitude.shape[1] - HPSS_FRAMES) // 2)
    middle = magnitude[:, first : first + HPSS_FRAMES]
    harmonic, percussive = (np.sum(part**2) for part in librosa.decompose.hpss(middle))
    mel = librosa.feature.melspectrogram(S=power, sr=RATE, n_mels=NUM_MELS)
    strength = librosa.onset.onset_strength(S=librosa.power_to_db(mel), sr=RATE)
    onsets = librosa.onset.onset_detect(onset_envelope=strength, sr=RATE, hop_length=HOP)
    chroma = librosa.feature.chroma_stft(S=power, sr=RATE, tuning=0.0, norm=1)
    frames_db = 10 * np.log10(power.mean(axis=0) + 1e-12)
    frequency = librosa.fft_frequencies(sr=RATE, n_fft=FFT_SIZE)
    shares = power.sum(axis=1) / power.sum()
    with np.errstate(divide="ignore"):
        low, high = (10 * np.log10(shares[band].sum() + 1e-9) for band in (frequency < 150, frequency > 5000))
    figures = {
        "level_db": 20 * np.log10(rms),
        "range_db": float(np.subtract(*np.percentile(frames_db, (95, 20)))),
        "crest_db": 20 * np.log10(np.abs(samples).max() / rms),
        "percussive": float(percussive / (harmonic + percussive)),
        "onsets": len(onsets) / (len(samples) / RATE),
        "tempo_bpm": float(librosa.feature.tempo(onset_envelope=strength, sr=RATE, hop_length=HOP)[0]),
        "clarity": float(np.mean(np.max(chroma, axis=0) - np.median(chroma, axis=0))),
        "centroid_hz": float(np.sum(frequency * np.sqrt(shares)) / np.sum(np.sqrt(shares))),
        "low_share_db": float(low),
        "high_share_db": float(high),
        "tuning_cents": 100 * float(librosa.estimate_tuning(S=magnitude, sr=RATE, n_fft=FFT_SIZE)),
    }
    spectrum = 10 * np.log10(mel.mean(axis=1) / mel.mean() + 10 ** (SILENT_DB / 10))
    return Measured(
        {name: float(value) for name, value in figures.items()}, _key(chroma.mean(axis=1)), spectrum
    )


def _key(chroma: np.ndarray) -> str:
    """The key whose profile correlates best, such as `Eb minor`."""
    scores = {
        f"{name} {mode}": float(np.corrcoef(np.roll(profile, tonic), chroma)[0, 1])
        for mode, profile in zip(("major", "minor"), KEY_PROFILES, strict=True)
        for tonic, name in enumerate(KEY_NAMES)
    }
    return max(scores, key=lambda key: scores[key])


def coverage(corpus: Sequence[Measured], music: Sequence[Measured]) -> float:
    """The share of recordings that have a song as near as 19 in 20 songs have one, in standardised figures.

    Level and tuning are left out: training changes the level, and a tuning says nothing of the music.
    """
    names = [name for name in MEASURES if name not in ("level_db", "tuning_cents")]
    songs, recordings = (np.array([[m.figures[n] for n in names] for m in side]) for side in (corpus, music))
    spread = songs.std(axis=0) + 1e-9
    between = np.linalg.norm((recordings[:, None] - songs) / spread, axis=-1).min(axis=1)
    within = np.linalg.norm((songs[:, None] - songs) / spread, axis=-1)
    np.fill_diagonal(within, np.inf)
    return float(np.mean(between <= np.percentile(within.min(axis=1), 95)))


def table(corpus: Sequence[Measured], music: Sequence[Measured]) -> str:
    """Low, middle and high of each figure on both sides, and how many recordings lie in the corpus's range."""
    lines = [
        "| | corpus: 5 % · median · 95 % | recordings: 5 % · median · 95 % | recordings inside the corpus |",
        "|---|---|---|---|",
    ]
    for name, title in MEASURES.items():
        ours, theirs = (np.array([m.figures[name] for m in side]) for side in (corpus, music))
        inside = np.mean((theirs >= ours.min()) & (theirs <= ours.max()))
        cells = [
            " · ".join(f"{value:.3g}" for value in np.percentile(side, (5, 50, 95)))
            for side in (ours, theirs)
        ]
        lines.append(f"| {title} | {cells[0]} | {cells[1]} | {inside:.0%} |")
    keys = [len({m.key for m in side}) for side in (corpus, music)]
    lines.append(f"| keys heard (of 24) | {keys[0]} | {keys[1]} | |")
    distance = np.abs(_mean_spectrum(corpus) - _mean_spectrum(music)).mean()
    lines.append(f"| mean spectra, mean distance of {NUM_MELS} mel bands (dB) | | | {distance:.1f} |")
    return "\n".join(lines) + "\n"


def _mean_spectrum(side: Sequence[Measured]) -> np.ndarray:
    return np.mean([m.spectrum for m in side], axis=0)


def instruments(songs: list[dict[str, Any]]) -> Counter[str]:
    """In how many songs each group of sounds plays."""
    return Counter(
        group for song in songs for group in {part["sound"].rsplit("-", 1)[0] for part in song["parts"]}
    )


def draw(
    path: Path, corpus: Sequence[Measured], music: Sequence[Measured], songs: list[dict[str, Any]]
) -> None:
    """The picture: spectra, histograms of the figures, keys and instruments."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, grid = plt.subplots(3, 4, figsize=(16, 10.5), layout="constrained")
    axes = list(grid.flat)
    mel_hz = librosa.mel_frequencies(NUM_MELS + 2, fmin=0, fmax=RATE / 2)[1:-1]
    for side, colour, name in ((corpus, "tab:blue", "corpus"), (music, "tab:orange", "recordings")):
        low, middle, high = np.percentile([m.spectrum for m in side], (10, 50, 90), axis=0)
        axes[0].fill_between(mel_hz, low, high, color=colour, alpha=0.2)
        axes[0].plot(mel_hz, middle, color=colour, label=f"{name} ({len(side)})")
    axes[0].set(title="Spectrum (dB; median, 10 to 90 %)", xscale="log", xlabel="Hz")
    axes[0].legend()
    shown = [name for name in MEASURES if name not in ("crest_db", "tuning_cents")]
    for axis, name in zip(axes[1:], shown, strict=False):
        values = [np.array([m.figures[name] for m in side]) for side in (corpus, music)]
        low, high = np.percentile(np.concatenate(values), (0.5, 99.5))
        for heights, colour in zip(values, ("tab:blue", "tab:orange"), strict=True):
            weights = np.full(len(heights), 1 / len(heights))
            axis.hist(heights, np.linspace(low, high, 25), weights=weights, color=colour, alpha=0.5)
        axis.set(title=MEASURES[name])
    order = [f"{name} {mode}" for mode in ("major", "minor") for name in KEY_NAMES]
    for side, colour, shift in ((corpus, "tab:blue", -0.2), (music, "tab:orange", 0.2)):
        counts = Counter(m.key for m in side)
        axes[-2].bar(np.arange(24) + shift, [counts[key] / len(side) for key in order], 0.4, color=colour)
    axes[-2].set(title="key heard (share)")
    axes[-2].set_xticks(
        range(24), [k.replace(" major", "").replace(" minor", "m") for k in order], rotation=90, fontsize=7
    )
    counted = instruments(songs).most_common(40)
    axes[-1].barh(
        [name for name, _ in counted][::-1], [n / len(songs) for _, n in counted][::-1], color="tab:blue"
    )
    axes[-1].set(title="corpus: share of songs with each group")
    axes[-1].tick_params(axis="y", labelsize=5)
    figure.savefig(path, dpi=70)
    plt.close(figure)


def main(argv: list[str]) -> int:
    """Measures both sides, draws, and prints the table."""
    parser = argparse.ArgumentParser(prog="python -m corpus.survey", description=__doc__)
    parser.add_argument("corpus", type=Path, help="folder of `python -m corpus`")
    parser.add_argument("--music", type=Path, required=True, help="folder of recordings to compare with")
    parser.add_argument(
        "--num-songs", type=int, default=300, help="songs to measure, spread evenly (default: 300)"
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("corpus.png"), help="the picture (default: corpus.png)"
    )
    arguments = parser.parse_args(argv)
    try:
        description = arguments.corpus / "corpus.json"
        songs = files.parse_json(files.read_bytes(description, max_bytes=2**28), description)["songs"]
        chosen = np.unique(np.linspace(0, len(songs) - 1, min(arguments.num_songs, len(songs))).astype(int))
        corpus = [measure(arguments.corpus / songs[n]["file"]) for n in chosen]
        music = [measure(path) for path in audio.find_audio_files(arguments.music)]
    except HocketError as error:
        print(f"corpus.survey: error: {error}", file=sys.stderr)
        return 2
    draw(arguments.output, corpus, music, songs)
    print(f"`{shlex.join(['python', '-m', 'corpus.survey', *argv])}`\n")
    print(table(corpus, music))
    print(f"Recordings with a song as near as 19 in 20 songs have one: {coverage(corpus, music):.0%}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
