"""The settings behind the figures, as they are written beside them."""

from hocket.audio.sound import SILENCE_DB
from hocket.evaluation import baselines, conventions, harmony, quality, rhythm, waveform

RECIPE = {
    "signals": f"mono, {conventions.SAMPLE_RATE_HZ} Hz, cut to the shortest of output, input and target",
    "rhythm": f"Pearson of librosa onset_strength, hop {rhythm.ONSET_HOP_SAMPLES}",
    "onset_f_measure": (
        f"mir_eval F-measure against the input's onsets, {rhythm.ONSET_WINDOW_SECONDS} s window"
    ),
    "harmony": (
        f"cosine per frame of librosa chroma_cqt, hop {harmony.CHROMA_HOP_SAMPLES}, "
        f"{harmony.SMOOTHING_FRAMES}-frame mean, centred; "
        f"whole and on librosa harmonic(margin={harmony.HARMONY_MARGIN:g})"
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
    "verdict": (
        f"silent: peak below {SILENCE_DB:g} dBFS; "
        f"unrelated: correlations and R² all below {waveform.UNRELATED}; "
        f"copying: one |correlation| more than {waveform.COPYING_RATIO:g} times the other; "
        f"else overlay: R² of {waveform.OVERLAY_R2} or more; else mixing"
    ),
    "baselines": (
        f"HPSS margin {baselines.MARGIN:g} on FFT {baselines.FFT_SAMPLES}, hop {baselines.HOP_SAMPLES}, "
        "parts at equal RMS"
    ),
    "real_time_factor": "seconds of output made in a second of wall time; more is faster",
}
