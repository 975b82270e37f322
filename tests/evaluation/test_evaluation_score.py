"""The figures of a triple on copies, fusions and mixes whose answer is known."""

from dataclasses import dataclass

import numpy as np
import pytest
from evaluation_signals import (
    C_MAJOR_TO_A_MINOR,
    EVEN,
    F_SHARP_TO_E_FLAT,
    ODD,
    chords,
    clicks,
    noise,
    struck,
)

from hocket.errors import AudioError
from hocket.evaluation.features import Features
from hocket.evaluation.score import score_features, score_triple

SECONDS = 3.0
MARGINS = ("rhythm_margin", "harmony_margin_harmonic", "harmony_margin_whole")


@dataclass(frozen=True)
class Pieces:
    """Two pieces whose features are measured once for all tests."""

    input: Features
    target: Features

    def score(self, output: np.ndarray) -> dict[str, float]:
        return score_features(output=Features(output), input=self.input, target=self.target)

    @property
    def waveforms(self) -> dict[str, np.ndarray]:
        return {"input": self.input.waveform, "target": self.target.waveform}


def piece(harmony: tuple[tuple[int, ...], ...], rhythm: tuple[float, ...], seed: int) -> np.ndarray:
    """Chords that are struck, and clicks, in one rhythm."""
    return struck(chords(harmony, SECONDS), rhythm) + clicks(rhythm, SECONDS, seed)


@pytest.fixture(scope="module")
def sources() -> Pieces:
    """Two pieces that differ in rhythm and in harmony."""
    first, second = piece(C_MAJOR_TO_A_MINOR, EVEN, 0), piece(F_SHARP_TO_E_FLAT, ODD, 1)
    return Pieces(Features(first), Features(second))


@pytest.fixture(scope="module")
def fusion() -> np.ndarray:
    """The target's chords in the input's rhythm."""
    return piece(F_SHARP_TO_E_FLAT, EVEN, 2)


def test_a_copy_of_the_input_has_its_rhythm_and_not_the_harmony(sources: Pieces) -> None:
    figures = sources.score(sources.input.waveform)
    for name in (
        "rhythm_input",
        "harmony_input_whole",
        "harmony_input_harmonic",
        "onset_f_measure",
        "beat_f_measure",
    ):
        assert figures[name] == pytest.approx(1.0, abs=1e-6)
    assert figures["output_input_correlation"] == pytest.approx(1.0)
    assert figures["overlay_r2"] == pytest.approx(1.0)
    assert figures["rhythm_margin"] > 0.5
    assert figures["harmony_margin_whole"] < -0.5
    assert figures["chord_agreement"] < 0.1
    assert figures["key_agreement"] == 0.0


def test_a_fusion_has_all_margins(sources: Pieces, fusion: np.ndarray) -> None:
    figures = sources.score(fusion)
    assert figures["rhythm_margin"] > 0.6
    assert figures["harmony_margin_harmonic"] > 0.8
    assert figures["harmony_margin_whole"] > 0.6
    parts = figures["harmony_margin_harmonic"], figures["harmony_margin_whole"]
    assert figures["harmony_margin"] == pytest.approx(np.mean(parts))
    assert figures["chord_agreement"] > 0.8
    assert figures["beat_f_measure"] > 0.9
    assert figures["articulation_margin"] > 0.4


def test_layers_lack_the_articulation(sources: Pieces, fusion: np.ndarray) -> None:
    """Clicks of the input over the target's chords in the target's own rhythm: only articulation tells."""
    layers = struck(chords(F_SHARP_TO_E_FLAT, SECONDS), ODD) + 2 * clicks(EVEN, SECONDS, seed=2)
    figures = sources.score(layers)
    assert figures["rhythm_margin"] > 0.3
    assert figures["harmony_margin_harmonic"] > 0.8
    fused = sources.score(fusion)
    assert figures["articulation_margin"] < fused["articulation_margin"] - 0.4


def test_exchanged_sources_exchange_the_margins(sources: Pieces, fusion: np.ndarray) -> None:
    figures = sources.score(fusion)
    exchanged = Pieces(input=sources.target, target=sources.input).score(fusion)
    for name in MARGINS:
        assert exchanged[name] == pytest.approx(-figures[name], abs=1e-9)
    assert exchanged["output_input_correlation"] == figures["output_target_correlation"]
    assert exchanged["overlay_r2"] == pytest.approx(figures["overlay_r2"])


def test_level_and_polarity_are_not_heard(sources: Pieces, fusion: np.ndarray) -> None:
    figures = sources.score(fusion)
    turned = sources.score(-0.1 * fusion)
    for name, value in figures.items():
        sign = -1 if name in ("output_input_correlation", "output_target_correlation") else 1
        assert turned[name] == pytest.approx(sign * value, abs=0.01), name


def test_the_more_of_the_input_the_more_of_its_rhythm(sources: Pieces) -> None:
    mixes = [
        sources.score(share * sources.input.waveform + (1 - share) * sources.target.waveform)
        for share in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    for name in ("rhythm_input", "rhythm_margin", "harmony_input_whole", "output_input_correlation"):
        series = [figures[name] for figures in mixes]
        assert series == sorted(series), name


def test_noise_has_neither(sources: Pieces) -> None:
    figures = sources.score(noise(5, SECONDS))
    assert abs(figures["rhythm_margin"]) < 0.3
    assert abs(figures["harmony_margin_harmonic"]) < 0.5
    assert figures["overlay_r2"] < 0.01


def test_all_is_cut_to_the_shortest(sources: Pieces, fusion: np.ndarray) -> None:
    num_samples = 30_000
    cut = {name: wave[:num_samples] for name, wave in sources.waveforms.items()}
    expected = score_triple(output=fusion[:num_samples], **cut)
    assert score_triple(output=fusion[:num_samples], **sources.waveforms) == expected
    assert score_triple(output=fusion, input=cut["input"], target=sources.target.waveform) == expected


@pytest.mark.parametrize("level", [0.0, 1e-6])
def test_a_silent_output_scores_nothing(sources: Pieces, level: float) -> None:
    figures = sources.score(level * sources.input.waveform)
    of_sources = {name: figures.pop(name) for name in ("isolated_peaks_sources", "spectral_kurtosis")}
    assert set(figures.values()) == {0.0}
    kurtoses = [source.musical_noise.spectral_kurtosis for source in (sources.input, sources.target)]
    assert of_sources["spectral_kurtosis"] == pytest.approx(-np.mean(kurtoses))


def test_a_click_is_scored_without_a_warning(sources: Pieces) -> None:
    click = np.zeros_like(sources.input.waveform)
    click[30_000] = 1.0
    assert all(np.isfinite(value) for value in sources.score(click).values())


def test_too_short_and_silent_sources_are_refused() -> None:
    second, half = noise(0, 1.0), noise(1, 0.5)
    with pytest.raises(AudioError, match=r"the output is too short \(0\.5 s\)"):
        score_triple(output=half, input=second, target=second)
    with pytest.raises(AudioError, match="the target is silent"):
        score_triple(output=second, input=second, target=0 * second)
    with pytest.raises(AudioError, match="the input is too short"):
        score_triple(output=second, input=half, target=second)
