"""Plan of a run of the benchmark, which all its sections share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from hocket import audio
from hocket.audio import Audio
from hocket.data.synthetic.corpus import render_corpus
from hocket.data.synthetic.render import render_song
from hocket.data.synthetic.songs import make_song

SEED = 6
DELAY_SAMPLES = 24


@dataclass(frozen=True)
class Plan:
    """Amount of work, its subject, and the folder for scratch files.

    Args:
        folder: an empty folder that is deleted afterwards.
        quick: small sizes and few rounds, for a look and for automatic checks.
        long: the lengths and the training that take minutes as well.
        music: recordings to train on; None renders some.
        pairs: a CSV of recordings to compare with peers on; None renders some.
        device: what the section on GPUs measures; a dry run takes the CPU.
        time_limit: seconds that reaching the criterion may take.
        say: is told where the work is.
    """

    folder: Path
    quick: bool = False
    long: bool = False
    music: Path | None = None
    pairs: Path | None = None
    device: str = "cuda"
    time_limit: float = 600.0
    say: Callable[[str], None] = field(default=lambda _: None)

    @property
    def rounds(self) -> int:
        """Number of times that each work is timed."""
        return 3 if self.quick else 9

    @property
    def pair_seconds(self) -> float:
        """Length of the pair that is fused."""
        return 5.0 if self.quick else 60.0

    def pair(self, seconds: float, *, sample_rate: int = 44_100) -> tuple[Path, Path]:
        """Drums and chords of so many seconds as stereo WAV files of 16 bits; rendered when first asked for."""
        paths = []
        for index, name in enumerate(("drums", "chords")):
            path = self.folder / f"{name}_{seconds:g}_{sample_rate}.wav"
            if not path.exists():
                rendered = loop(index, seconds, sample_rate)
                shifted = np.concatenate(
                    [np.zeros(DELAY_SAMPLES, np.float32), 0.9 * rendered[:-DELAY_SAMPLES]]
                )
                audio.save(path, Audio(np.stack([rendered, shifted]), sample_rate), encoding="pcm16")
            paths.append(path)
        return paths[0], paths[1]

    @cached_property
    def corpus(self) -> Path:
        """A rendered corpus: its `music` to train on, its `pairs.csv` to compare on."""
        sizes = (8, 2, 8.0) if self.quick else (24, 6, 20.0)
        num_songs, num_pairs, seconds = sizes
        return render_corpus(
            self.folder / "corpus",
            num_songs=num_songs,
            num_pairs=num_pairs,
            duration_seconds=seconds,
            seed=SEED,
        )

    def music_to_train_on(self) -> Path:
        """The folder of recordings that was given, or the rendered one."""
        return self.music or self.corpus / "music"

    def pairs_to_compare(self) -> Path:
        """The CSV of pairs that was given, or the rendered one's."""
        return self.pairs or self.corpus / "pairs.csv"


def loop(index: int, seconds: float, sample_rate: int) -> np.ndarray:
    """Song `index` (0 drums, 1 chords) `[samples]`, rendered for up to 20 s and repeated."""
    num_samples = round(seconds * sample_rate)
    rendered = render_song(
        make_song(SEED, index), duration_seconds=min(seconds, 20.0), sample_rate=sample_rate
    )
    return np.resize(rendered, num_samples)
