"""Everything the scores need of one waveform, computed when first asked for and then kept."""

from functools import cached_property

import numpy as np

from hocket.evaluation import harmony, musical_noise, notes, quality, realism, rhythm, tonality
from hocket.evaluation.conventions import is_silent


class Features:
    """The features of one mono waveform `[samples]` at 24 kHz.

    Lazy, because a source needs only some of them; kept, because a pair's sources are compared with every
    system's output. A waveform below -80 dBFS is measured as digital silence, so that rounding noise is not
    taken for music.
    """

    def __init__(self, waveform: np.ndarray) -> None:
        self.silent = is_silent(waveform)
        self.waveform = np.zeros_like(waveform) if self.silent else waveform

    @cached_property
    def onset_envelope(self) -> np.ndarray:
        """Onset strength `[frames]`, hop 256."""
        return rhythm.onset_envelope(self.waveform)

    @cached_property
    def onset_times(self) -> np.ndarray:
        """Times of the onsets in seconds."""
        return rhythm.onset_times(self.onset_envelope)

    @cached_property
    def beat_times(self) -> np.ndarray:
        """Times of the beats in seconds."""
        return rhythm.beat_times(self.onset_envelope)

    @cached_property
    def harmonic_onset_envelope(self) -> np.ndarray:
        """Onset strength `[frames]` of the harmonic part (margin 1): when the notes are struck."""
        return rhythm.onset_envelope(self._harmonic_parts[0])

    @cached_property
    def chroma_whole(self) -> np.ndarray:
        """Smoothed, centred chroma `[12, frames]` of everything that sounds."""
        return harmony.smoothed_chroma(self._chroma)

    @cached_property
    def chroma_harmonic(self) -> np.ndarray:
        """Smoothed, centred chroma `[12, frames]` of the harmonic part (margin 4)."""
        return harmony.smoothed_chroma(harmony.raw_chroma(self._harmonic_parts[1]))

    @cached_property
    def chords(self) -> np.ndarray:
        """The triad of each frame `[frames]`, as a number."""
        return tonality.chords(self._chroma)

    @cached_property
    def key(self) -> str | None:
        """The name of the key, if there is one."""
        return tonality.key(self._chroma)

    @cached_property
    def frame_statistics(self) -> quality.FrameStatistics:
        """Sums over the log-mel frames, for the Fréchet distance."""
        return quality.frame_statistics(self.waveform)

    @cached_property
    def musical_noise(self) -> musical_noise.MusicalNoise:
        """Isolated peaks and spectral kurtosis."""
        return musical_noise.musical_noise(self.waveform)

    @cached_property
    def notes(self) -> notes.Notes:
        """The notes that a network hears; it needs onnxruntime, see `notes.is_available`."""
        return notes.hear_notes(self.waveform)

    @cached_property
    def windows(self) -> np.ndarray:
        """Descriptions of three-second windows `[windows, 199]`, for the distance from whole mixes."""
        return realism.describe_windows(self.waveform)

    @cached_property
    def _chroma(self) -> np.ndarray:
        return harmony.raw_chroma(self.waveform)

    @cached_property
    def _harmonic_parts(self) -> list[np.ndarray]:
        margins = (harmony.ARTICULATION_MARGIN, harmony.HARMONY_MARGIN)
        return harmony.harmonic_parts(self.waveform, margins=margins)
