"""The diagnosis of recordings from anywhere, on outputs whose nature is known because they were constructed."""

import csv
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from hocket.audio import Audio, load, resample
from hocket.diagnostics import Figures, Level, Verdict, level_of
from hocket.diagnostics import listening as listening_module
from hocket.diagnostics.delays import delayed
from hocket.diagnostics.listening import RATE_HZ, HeardFigures, diagnose_heard, listen
from hocket.errors import AudioError
from hocket.signal import harmonic_part


@dataclass(frozen=True)
class Example:
    """Two rendered songs, and the true fusion of them, mono `[samples]` at 24 kHz."""

    input: np.ndarray
    target: np.ndarray
    truth: np.ndarray

    def diagnose(self, output: np.ndarray) -> HeardFigures:
        return diagnose_heard(listen(audio(output), audio(self.input), audio(self.target)))


def audio(samples: np.ndarray, rate_hz: int = RATE_HZ) -> Audio:
    return Audio(np.atleast_2d(samples).astype(np.float32), rate_hz)


@pytest.fixture(scope="module")
def examples(corpus: Path) -> list[Example]:
    with (corpus / "pairs.csv").open(encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    return [
        Example(*(load(corpus / row[name]).samples[0] for name in ("input", "target", "truth")))
        for row in rows
    ]


@pytest.fixture(scope="module")
def example(examples: list[Example]) -> Example:
    """Two seconds of the first pair, at one level: enough for what waveforms say."""
    part = slice(RATE_HZ, 3 * RATE_HZ)
    whole = examples[0]
    sources = (voice[part] for voice in (whole.input, whole.target, whole.truth))
    return Example(*(0.1 * voice / np.std(voice) for voice in sources))


@pytest.fixture(scope="module")
def layerings(examples: list[Example]) -> list[np.ndarray]:
    """A layering of each pair."""
    return [layered(example) for example in examples]


def layered(example: Example) -> np.ndarray:
    """What is struck in the input beside what rings in the target, equally loud."""
    steady_input, steady_target = (
        harmonic_part(torch.from_numpy(source)[None], sample_rate=RATE_HZ)[0].numpy()
        for source in (example.input, example.target)
    )
    struck = example.input - steady_input
    return struck / np.std(struck) + steady_target / np.std(steady_target)


def through_mp3(samples: np.ndarray, folder: Path) -> np.ndarray:
    soundfile.write(folder / "coded.mp3", samples, RATE_HZ, format="MP3")
    return load(folder / "coded.mp3", sample_rate=RATE_HZ).samples[0]


def two_channels_at_44100(samples: np.ndarray) -> Audio:
    faster = resample(samples, from_hz=RATE_HZ, to_hz=44_100)
    return Audio(np.stack([0.7 * faster, 1.3 * faster]).astype(np.float32), 44_100)


DISGUISES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "as it is": lambda x: x,
    "polarity turned": lambda x: -x,
    "40 dB quieter": lambda x: 0.01 * x,
    "late by 80 ms": lambda x: delayed(x, 1920.0),
    "early by a fraction": lambda x: delayed(x, -601.36),
    "late, turned and clipped": lambda x: -np.clip(delayed(x, 400.0), -0.2, 0.2),
}


@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_disguised_copy_is_a_copy(example: Example, disguise: str) -> None:
    of_target = example.diagnose(DISGUISES[disguise](example.target))
    assert (of_target.verdict, of_target.level) == (Verdict.COPYING_TARGET, Level.COPY)
    assert of_target.overlay_r2 > 0.9
    of_input = example.diagnose(DISGUISES[disguise](example.input))
    assert (of_input.verdict, of_input.level) == (Verdict.COPYING_INPUT, Level.COPY)


def test_an_mp3_of_a_source_is_a_copy_and_an_mp3_of_an_overlay_an_overlay(
    example: Example, tmp_path: Path
) -> None:
    assert example.diagnose(through_mp3(example.target, tmp_path)).verdict is Verdict.COPYING_TARGET
    late = delayed(example.input + example.target, 1105.0)
    figures = example.diagnose(through_mp3(late, tmp_path))
    assert figures.verdict is Verdict.OVERLAY
    assert figures.lag_seconds == pytest.approx(1105 / RATE_HZ, abs=1e-4)


def test_rate_and_channels_do_not_matter(example: Example) -> None:
    mixed = 0.4 * example.input + 0.6 * example.target
    plain = example.diagnose(mixed)
    elsewhere = diagnose_heard(
        listen(two_channels_at_44100(mixed), audio(example.input), audio(example.target))
    )
    assert elsewhere.as_dict() == pytest.approx(plain.as_dict(), abs=0.03)


@pytest.mark.parametrize(
    ("share", "verdict"),
    [
        (1.0, Verdict.OVERLAY),
        (0.6, Verdict.OVERLAY),
        (1.6, Verdict.OVERLAY),
        (0.3, Verdict.COPYING_INPUT),
        (4.0, Verdict.COPYING_TARGET),
    ],
)
def test_overlays_at_several_ratios(example: Example, share: float, verdict: Verdict) -> None:
    figures = example.diagnose(example.input + np.float32(share) * example.target)
    assert figures.overlay_r2 > 0.99
    assert figures.verdict is verdict
    # Both songs are at one level, so the correlations are those of two independent signals.
    expected = 1.0 / np.hypot(1.0, share)
    assert figures.output_input_correlation == pytest.approx(expected, abs=0.05)


def test_an_overlay_with_one_late_source_is_an_overlay(example: Example) -> None:
    figures = example.diagnose(example.input + delayed(example.target, 1200.0))
    assert figures.verdict is Verdict.OVERLAY
    assert figures.input_lag_seconds == 0.0
    assert figures.target_lag_seconds == pytest.approx(0.05, abs=1e-4)
    assert figures.lag_seconds == figures.target_lag_seconds


def test_noise_is_unrelated(example: Example) -> None:
    noise = np.random.default_rng(5).standard_normal(len(example.input)).astype(np.float32)
    figures = example.diagnose(noise)
    assert (figures.verdict, figures.level, figures.lag_seconds) == (Verdict.UNRELATED, Level.NONE, 0.0)


def rung_by_margins(figures: Figures) -> Level:
    """The rung without regard to waveforms: a true fusion is played anew, so that its target's are not in it."""
    return level_of(
        verdict=Verdict.MIXING,
        overlay_r2=figures.overlay_r2,
        rhythm=figures.rhythm_margin,
        harmony=figures.harmony_margin,
        articulation=figures.articulation_margin,
    )


def test_margins_tell_true_fusions_from_layerings(
    examples: list[Example], layerings: list[np.ndarray]
) -> None:
    fusions = [example.diagnose(example.truth) for example in examples]
    layers = [example.diagnose(output) for example, output in zip(examples, layerings, strict=True)]
    for fusion, layer in zip(fusions, layers, strict=True):
        assert fusion.articulation_margin > layer.articulation_margin + 0.25
        assert fusion.rhythm_margin > 0.5
    assert np.mean([fusion.articulation_margin for fusion in fusions]) > 0.3
    assert [rung_by_margins(fusion) for fusion in fusions].count(Level.FUSION) >= 2
    assert Level.FUSION not in [rung_by_margins(layer) for layer in layers]


def test_honest_outputs_are_not_shifted(examples: list[Example], layerings: list[np.ndarray]) -> None:
    for example, layering in zip(examples, layerings, strict=True):
        for output in (example.truth, layering, example.input + example.target):
            heard = listen(audio(output), audio(example.input), audio(example.target))
            assert (heard.input_lag_seconds, heard.target_lag_seconds) == (0.0, 0.0)
            assert len(heard.output) == len(example.input)


def test_a_late_output_gets_the_figures_of_one_in_time(examples: list[Example]) -> None:
    example, lag_samples = examples[0], -2400.0
    in_time, late = example.diagnose(example.truth), example.diagnose(delayed(example.truth, lag_samples))
    assert late.lag_seconds == pytest.approx(lag_samples / RATE_HZ, abs=1e-4)
    plain, shifted = (
        {name: value for name, value in figures.as_dict().items() if "lag" not in name}
        for figures in (in_time, late)
    )
    # A tenth of a second is missing at one end.
    assert shifted == pytest.approx(plain, abs=0.08)


def test_a_delay_beyond_a_quarter_of_a_second_stays(example: Example) -> None:
    figures = example.diagnose(delayed(example.target, 0.4 * RATE_HZ))
    assert figures.lag_seconds == 0.0
    assert figures.verdict is not Verdict.COPYING_TARGET or figures.overlay_r2 < 0.5


def test_exchanged_sources_exchange_the_figures(example: Example) -> None:
    output = layered(example)
    one = example.diagnose(output)
    other = replace(example, input=example.target, target=example.input).diagnose(output)
    assert other.output_input_correlation == pytest.approx(one.output_target_correlation, abs=1e-5)
    assert other.rhythm_margin == pytest.approx(-one.rhythm_margin, abs=1e-5)
    assert other.harmony_margin == pytest.approx(-one.harmony_margin, abs=1e-5)
    assert other.overlay_r2 == pytest.approx(one.overlay_r2, abs=1e-5)


def test_recordings_are_cut_to_the_shortest_and_levelled(example: Example) -> None:
    short = example.truth[: RATE_HZ + 500]
    heard = listen(audio(0.02 * short), audio(3 * example.input), audio(example.target))
    for waveform in (heard.output, heard.input, heard.target):
        assert waveform.shape == (RATE_HZ + 500,)
        assert np.sqrt(np.mean(waveform**2)) == pytest.approx(0.1, rel=1e-4)


def test_long_recordings_are_diagnosed_in_parts(
    examples: list[Example], monkeypatch: pytest.MonkeyPatch
) -> None:
    example = examples[0]
    half = len(example.input) // 2
    output = np.concatenate([example.input[:half], example.target[half:]])
    halves = [
        Example(example.input[part], example.target[part], example.truth[part]).diagnose(output[part])
        for part in (slice(0, half), slice(half, None))
    ]
    monkeypatch.setattr(listening_module, "PART_SECONDS", half / RATE_HZ)
    whole = example.diagnose(output)
    for name in ("output_input_correlation", "rhythm_margin", "harmony_margin", "overlay_r2"):
        mean = np.mean([getattr(figures, name) for figures in halves])
        assert getattr(whole, name) == pytest.approx(mean, abs=0.02)


def test_a_part_in_which_one_rests_does_not_count(
    examples: list[Example], monkeypatch: pytest.MonkeyPatch
) -> None:
    example = examples[0]
    half = len(example.input) // 2
    monkeypatch.setattr(listening_module, "PART_SECONDS", half / RATE_HZ)
    resting = example.target.copy()
    resting[half:] = 0.0
    assert example.diagnose(resting).output_target_correlation == pytest.approx(1.0, abs=1e-3)


def test_too_short_or_silent_together_is_one_sentence(example: Example) -> None:
    source = audio(example.input)
    with pytest.raises(AudioError, match=r"the target is too short \(0\.5 s\)"):
        diagnose_heard(listen(source, source, audio(example.target[: RATE_HZ // 2])))
    late = np.concatenate([np.zeros_like(example.input), example.input])
    with pytest.raises(AudioError, match="the input is silent in the 2 s"):
        diagnose_heard(listen(source, audio(late), source))
    with pytest.raises(AudioError, match="the output is silent"):
        diagnose_heard(listen(audio(np.full_like(example.input, 0.5)), source, source))


@pytest.mark.music
def test_a_real_overlay_and_a_real_copy_after_a_delay(music: Path) -> None:
    one, other = (
        load(
            music / "val" / f"v01_{name}.flac", sample_rate=RATE_HZ, mono=True, duration_seconds=6.0
        ).samples[0]
        for name in "AB"
    )
    pair = Example(one, other, one)
    overlay = pair.diagnose(delayed(one / np.std(one) + other / np.std(other), 777.0))
    assert overlay.verdict is Verdict.OVERLAY
    assert pair.diagnose(delayed(other, 777.0)).verdict is Verdict.COPYING_TARGET
