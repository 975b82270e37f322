"""The settings behind the figures, as they are written next to them."""

from hocket.audio.sound import SILENCE_DB
from hocket.evaluation import (
    attack,
    baselines,
    conventions,
    harmony,
    mosaicing,
    musical_noise,
    notes,
    quality,
    realism,
    retiming,
    rhythm,
    summary,
    tonality,
    waveform,
)


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"


RECIPE = {
    "signals": f"mono, {conventions.SAMPLE_RATE_HZ} Hz, cut to the shortest of output, input, target and truth",
    "rhythm": f"Pearson of librosa onset_strength, hop {rhythm.ONSET_HOP_SAMPLES}",
    "onset_f_measure": (
        f"mir_eval F-measure against the input's onsets, {rhythm.ONSET_WINDOW_SECONDS} s window"
    ),
    "beat_f_measure": (
        "librosa beat_track on the onset envelope; mir_eval F-measure against the input's beats, "
        f"{rhythm.BEAT_WINDOW_SECONDS} s window, nothing trimmed"
    ),
    "harmony": (
        f"cosine per frame of librosa chroma_cqt, hop {harmony.CHROMA_HOP_SAMPLES}, {harmony.SMOOTHING_FRAMES}-frame "
        f"mean, centred; whole and on librosa harmonic(margin={harmony.HARMONY_MARGIN:g})"
    ),
    "harmony_margin": "mean of the margins of the harmonic part and of the whole signal",
    "chord_agreement": (
        f"share of frames in which output and target have the same of {2 * len(tonality.PITCH_CLASSES)} triads: "
        f"softmax of {tonality.SHARPNESS:g} times the cosine with chroma_cqt, librosa viterbi with a "
        f"self-transition of {tonality.SELF_TRANSITION}"
    ),
    "key_agreement": (
        "Krumhansl-Kessler profile that correlates best with the mean chroma_cqt; "
        "mir_eval weighted_score of the output's key against the target's"
    ),
    "articulation": (
        f"onset strength of the output's librosa harmonic(margin={harmony.ARTICULATION_MARGIN:g}): "
        "Pearson with the input's onset strength, and with that of the target's harmonic part"
    ),
    "overlay_r2": "share of the output's energy explained by least-squares a * input + b * target",
    "frechet": (
        f"Gaussians over frames of ln(power of {quality.NUM_BANDS} mel bands + {quality.POWER_FLOOR:g}), "
        f"FFT {quality.FFT_SAMPLES}, hop {quality.HOP_SAMPLES}, files at RMS {quality.LEVEL_RMS}"
    ),
    "isolated_peaks": (
        f"per second, in dB of (power + {musical_noise.POWER_FLOOR:g}), FFT {musical_noise.FFT_SAMPLES}, hop "
        f"{musical_noise.HOP_SAMPLES}, files at RMS {musical_noise.LEVEL_RMS}: maxima of "
        f"{_by(musical_noise.CORE)} (bins x frames) within {musical_noise.RANGE_DB:g} dB of the file's "
        f"maximum and {musical_noise.PROMINENCE_DB:g} dB above all else in "
        f"{_by(musical_noise.SURROUNDINGS)}; _sources: the mean of input and target"
    ),
    "spectral_kurtosis": (
        f"mean of ln(E[p^2] / E[p]^2) over bins {musical_noise.KURTOSIS_BINS.start} to "
        f"{musical_noise.KURTOSIS_BINS.stop - 1} of the same spectrogram; "
        "the output's minus the mean of input and target"
    ),
    "notes": (
        f"basic-pitch's posteriors (icassp_2022/nmp.onnx), files at RMS {notes.LEVEL_RMS}; recall, "
        f"precision: each of {notes.NUM_PITCHES} pitches in pools of {notes.POOL_FRAMES} frames, sounding "
        f"above {notes.SOUNDING}; margin: cosine per frame of the {notes.POOL_FRAMES}-frame mean, centred, "
        "weighted by the target's sum, the target's minus the input's; foreign: share of sounding "
        f"posteriors of pitch classes that the target does not sound within {notes.POOL_FRAMES} frames; "
        "timing: Pearson of the summed onset posteriors and the input's librosa onset_strength, "
        f"{notes.ONSET_SMOOTHING_FRAMES}-frame means, minus that with the target's posteriors"
    ),
    "mix_distance": (
        f"100 times the unbiased squared MMD of windows of {realism.WINDOW_FRAMES / realism.FRAME_RATE:g} s, Gaussian "
        f"kernel of median width; {realism.NUM_BANDS} mel bands' means, spreads, rises, modulation, coupling, ripples; "
        f"standardised, axes that hold {realism.KEPT_VARIANCE:.0%} of the reference's variance"
    ),
    "attack": (
        f"{attack.NUM_ONSETS} noise bursts over a held chord at {attack.RATE_HZ} Hz: when the target's voice alone "
        f"has a share of its peak, {1000 * attack.ENVELOPE_SECONDS:g} ms RMS, mean of the onsets"
    ),
    "intervals": f"middle 95 % of {summary.NUM_DRAWS} draws of the pairs ({summary.NUM_SET_DRAWS} for the distances)",
    "truth": (
        "against the true fusion: Pearson of the onset strengths (truth_rhythm); "
        "chroma cosine of the whole signals as in harmony (truth_harmony)"
    ),
    "verdict": (
        f"silent: peak below {SILENCE_DB:g} dBFS; unrelated: correlations and R² all below {waveform.UNRELATED}; "
        f"copying: one |correlation| more than {waveform.COPYING_RATIO:g} times the other; else overlay: R² of "
        f"{waveform.OVERLAY_R2} or more; else mixing"
    ),
    "baselines": (
        f"HPSS margin {baselines.MARGIN:g} (layering_margin_1: 1) on FFT {baselines.FFT_SAMPLES}, hop "
        f"{baselines.HOP_SAMPLES}, parts at equal RMS; gated_layering: held part times the input's envelope "
        f"(magnitudes smoothed by a Gaussian of {baselines.SMOOTHING_BINS} bins) over its "
        f"{baselines.GATE_PERCENTILE}th percentile, at most {baselines.GATE_CEILING}; cross_synthesis: the target "
        "times the input's envelope over its own; envelope_gating: the target times the input's mean magnitude, FFT "
        f"{baselines.LOUDNESS_FFT_SAMPLES}, hop {baselines.LOUDNESS_HOP_SAMPLES}, over the same percentile of it"
    ),
    "retiming": (
        f"Hockman et al. 2008, simplified: FFT {retiming.FFT_SAMPLES}, hop {retiming.HOP_SAMPLES}; librosa beats and "
        f"onsets, beat for beat, stretched by at most {retiming.MOST_STRETCH:g}"
    ),
    "nmf_mosaicing": (
        f"Driedger et al. 2015: FFT {mosaicing.FFT_SAMPLES}, hop {mosaicing.HOP_SAMPLES}, "
        f"{mosaicing.NUM_ITERATIONS} KL updates, repetition {mosaicing.REPETITION_FRAMES}, "
        f"polyphony {mosaicing.POLYPHONY}, continuity {mosaicing.CONTINUITY_FRAMES}; the target's own phases"
    ),
    "real_time_factor": "seconds of output made in a second of wall time; more is faster",
}
