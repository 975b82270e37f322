"""The figures of one (output, input, target) triple."""

import numpy as np

from hocket.evaluation import notes
from hocket.evaluation.conventions import cut_source, require_length
from hocket.evaluation.features import Features
from hocket.evaluation.harmony import chroma_cosine
from hocket.evaluation.rhythm import beat_f_measure, onset_f_measure
from hocket.evaluation.tonality import chord_agreement, key_agreement
from hocket.evaluation.waveform import correlation, overlay_r2


def score_triple(*, output: np.ndarray, input: np.ndarray, target: np.ndarray) -> dict[str, float]:
    """Scores one output against its two sources: mono waveforms `[samples]` at 24 kHz, cut to the shortest.

    A margin is how much more the output agrees with the source that it should follow than with the other one,
    in [-2, 2]. A silent output scores 0 in all but `isolated_peaks_sources`, which is the sources' own, and the
    spectral kurtosis, told as a difference from theirs. Raises AudioError when the shortest has less than 1 s
    or a source is silent.
    """
    num_samples = min(len(output), len(input), len(target))
    require_length(output, name="the output")
    return score_features(
        output=Features(output[:num_samples]),
        input=Features(cut_source(input, num_samples, name="the input")),
        target=Features(cut_source(target, num_samples, name="the target")),
    )


def score_features(*, output: Features, input: Features, target: Features) -> dict[str, float]:
    """Scores one output as `score_triple` does, from features of three waveforms of one length."""
    return {
        **_rhythm(output, input, target),
        **_harmony(output, input, target),
        **_articulation(output, input, target),
        **_tonality(output, target),
        **_musical_noise(output, input, target),
        **(_notes(output, input, target) if notes.is_available() else {}),
        "output_input_correlation": correlation(output=output.waveform, reference=input.waveform),
        "output_target_correlation": correlation(output=output.waveform, reference=target.waveform),
        "overlay_r2": overlay_r2(output=output.waveform, input=input.waveform, target=target.waveform),
    }


def _rhythm(output: Features, input: Features, target: Features) -> dict[str, float]:
    with_input = correlation(output=output.onset_envelope, reference=input.onset_envelope)
    with_target = correlation(output=output.onset_envelope, reference=target.onset_envelope)
    return {
        "rhythm_input": with_input,
        "rhythm_target": with_target,
        "rhythm_margin": with_input - with_target,
        "onset_f_measure": onset_f_measure(output=output.onset_times, reference=input.onset_times),
        "beat_f_measure": beat_f_measure(output=output.beat_times, reference=input.beat_times),
    }


def _harmony(output: Features, input: Features, target: Features) -> dict[str, float]:
    figures = {}
    for part in ("harmonic", "whole"):
        chromas = [getattr(features, f"chroma_{part}") for features in (output, input, target)]
        with_input = chroma_cosine(output=chromas[0], reference=chromas[1])
        with_target = chroma_cosine(output=chromas[0], reference=chromas[2])
        figures[f"harmony_input_{part}"] = with_input
        figures[f"harmony_target_{part}"] = with_target
        figures[f"harmony_margin_{part}"] = with_target - with_input
    margins = figures["harmony_margin_harmonic"], figures["harmony_margin_whole"]
    return {**figures, "harmony_margin": sum(margins) / 2}


def _articulation(output: Features, input: Features, target: Features) -> dict[str, float]:
    struck = output.harmonic_onset_envelope
    with_input = correlation(output=struck, reference=input.onset_envelope)
    with_target = correlation(output=struck, reference=target.harmonic_onset_envelope)
    return {
        "articulation_input": with_input,
        "articulation_target": with_target,
        "articulation_margin": with_input - with_target,
    }


def _tonality(output: Features, target: Features) -> dict[str, float]:
    return {
        "chord_agreement": chord_agreement(output=output.chords, reference=target.chords),
        "key_agreement": key_agreement(output=output.key, reference=target.key),
    }


def _notes(output: Features, input: Features, target: Features) -> dict[str, float]:
    return notes.score_notes(output=output.notes, input=input.notes, target=target.notes)


def _musical_noise(output: Features, input: Features, target: Features) -> dict[str, float]:
    noise, *sources = (features.musical_noise for features in (output, input, target))
    usual_peaks = sum(source.isolated_peaks for source in sources) / 2
    usual_kurtosis = sum(source.spectral_kurtosis for source in sources) / 2
    return {
        "isolated_peaks": noise.isolated_peaks,
        "isolated_peaks_sources": usual_peaks,
        "spectral_kurtosis": noise.spectral_kurtosis - usual_kurtosis,
    }
