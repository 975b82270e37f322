"""Long recordings from files and into files, block by block, by the same rules as `load` and `save`."""

from pathlib import Path

import numpy as np

from hocket.audio.decoding import opened
from hocket.audio.reading import load, read_blocks
from hocket.audio.resampling import fit, resampled_length
from hocket.audio.sound import peak
from hocket.audio.streams import Recording, Stored, Workspace
from hocket.errors import AudioError


def decode(path: str | Path, workspace: Workspace) -> Stored:
    """Reads a whole recording into a workspace, at its own rate and in all its channels; the samples are `load`'s.

    Raises:
        AudioError: what `load` raises for, or there is no room for it.
    """
    path, num_frames = Path(path), 0
    with opened(path) as (sound, container):
        stored = workspace.new(sound.channels, sound.frames, sound.samplerate)
        for block in read_blocks(sound, path, container):
            stored.write(num_frames, block)
            num_frames += block.shape[1]
    stored.cut(num_frames)
    if num_frames == 0:
        raise AudioError(f"{path} holds no sound (0 samples): give a recording.")
    return stored


class Encoded(Recording):
    """A recording that stays in its file: at `sample_rate`, each span decoded as `load` gives it.

    All of the file is decoded once to begin with, of which nothing is kept but `peak`, the largest magnitude.

    Raises:
        AudioError: what `load` raises for.
    """

    def __init__(self, path: str | Path, *, sample_rate: int) -> None:
        self._path, self.sample_rate = Path(path), sample_rate
        num_frames, self.peak = 0, 0.0
        with opened(self._path) as (sound, container):
            own_rate, self.num_channels = sound.samplerate, sound.channels
            for block in read_blocks(sound, self._path, container):
                num_frames += block.shape[1]
                self.peak = max(self.peak, peak(block))
        if num_frames == 0:
            raise AudioError(f"{self._path} holds no sound (0 samples): give a recording.")
        self.num_samples = resampled_length(num_frames, from_hz=own_rate, to_hz=sample_rate)

    def read(self, start: int, stop: int) -> np.ndarray:
        """See `Recording`."""
        length = min(stop, self.num_samples) - start
        if length <= 0:
            return np.zeros((self.num_channels, 0), dtype=np.float32)
        excerpt = load(
            self._path,
            sample_rate=self.sample_rate,
            start_seconds=start / self.sample_rate,
            duration_seconds=length / self.sample_rate,
        )
        # A sample or two may lie beyond the last frame.
        return fit(excerpt.samples, length)
