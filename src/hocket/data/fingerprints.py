"""What a recording sounds like in 32 bits a moment, so that its copies in other formats are known again.

Each bit is the sign of a change over time of the difference of two neighbouring bands (Haitsma and Kalker 2002: "A
highly robust audio fingerprinting system"); gain, encoders and resampling leave most of them as they are.
"""

import base64
from dataclasses import dataclass, field

import numpy as np

from hocket.data.measures import RATE_HZ
from hocket.data.spectra import LONG_HOP, LONG_WINDOW, log_bands, log_edges, power_spectra

NUM_BITS = 32
LOWEST_HZ, HIGHEST_HZ = 250.0, 2_800.0  # what a telephone's 8 kHz still hold
STEP_FRAMES = 3  # changes over half a second are far above an encoder's noise
NUM_WEAK = 3
FRAMES_A_SECOND = RATE_HZ / LONG_HOP
_FLOOR = 1e-3
_HEARD = 1e-1  # the power of a sine at about -80 dBFS in these windows


@dataclass(frozen=True, eq=False)
class Fingerprint:
    """`words` uint32 `[frames]`, 5.9 a second; `weak` uint32 `[frames]` marks the three bits likeliest to flip.

    `weak` is 0 for a moment of silence, whose word says nothing.
    """

    words: np.ndarray
    weak: np.ndarray

    def encode(self) -> str:
        """Both arrays as base64, for a line of text."""
        return base64.b64encode(np.stack([self.words, self.weak]).astype("<u4").tobytes()).decode("ascii")

    @classmethod
    def decode(cls, text: str) -> "Fingerprint":
        """The inverse of `encode`; raises ValueError where the text is none of its."""
        values = np.frombuffer(base64.b64decode(text, validate=True), dtype="<u4")
        words, weak = values.reshape(2, -1)
        return cls(words, weak)


@dataclass
class Fingerprinter:
    """Makes the fingerprint of a recording that comes in blocks, as if it came in one."""

    _rest: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    _levels: list[np.ndarray] = field(default_factory=list)

    def add(self, block: np.ndarray) -> None:
        """Takes the next `[samples]`, mono at 24 kHz."""
        waveform = np.concatenate([self._rest, block])
        edges = log_edges(LOWEST_HZ, HIGHEST_HZ, NUM_BITS + 2, LONG_WINDOW, RATE_HZ)
        power = power_spectra(waveform, window=LONG_WINDOW, hop=LONG_HOP)
        self._levels.append(log_bands(power, edges))
        self._rest = waveform[power.shape[1] * LONG_HOP :]

    def fingerprint(self) -> Fingerprint:
        """That of all that was added; without frames where it was shorter than a second and a quarter."""
        power = np.concatenate(self._levels, axis=1)
        level = np.log(power + _FLOOR)
        contrast = level[1:] - level[:-1]
        change = (contrast[:, STEP_FRAMES:] - contrast[:, :-STEP_FRAMES]).T
        bits = np.uint32(1) << np.arange(NUM_BITS, dtype=np.uint32)
        words = ((change > 0) * bits).sum(axis=1, dtype=np.uint32)
        weakest = np.argsort(np.abs(change), axis=1, kind="stable")[:, :NUM_WEAK]
        weak = bits[weakest].sum(axis=1, dtype=np.uint32)
        heard = power.max(axis=0) > _HEARD
        heard = heard[STEP_FRAMES:] & heard[: max(0, len(heard) - STEP_FRAMES)]
        return Fingerprint(words, np.where(heard, weak, 0).astype(np.uint32))
