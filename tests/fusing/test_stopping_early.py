"""A fusion that nobody wants any more stops where it next reads a source, also while beats are found and stretched."""

import math
from pathlib import Path

import numpy as np
import pytest
from small_fuser import small_fuser
from timed_sounds import clicks

from hocket import audio
from hocket.audio.streams import BLOCK_SECONDS, Workspace
from hocket.fusing import FuseOptions
from hocket.fusing.ladder import align as align_sources
from hocket.fusing.sources import open_sources
from hocket.fusing.stretching import MAX_PIECE_SECONDS
from hocket.options import Align

SECONDS, RATE_HZ = 75.0, 8000


class UnwantedError(Exception):
    """Raised by who no longer wants the fusion."""


class Reads:
    """Counts reads, and ends the work at the given one."""

    def __init__(self, last: float = math.inf) -> None:
        self.count, self._last = 0, last

    def __call__(self) -> None:
        self.count += 1
        if self.count >= self._last:
            raise UnwantedError


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("pair")
    for name, period in (("input", 0.5), ("target", 0.6)):
        sound = clicks(np.arange(0.1, SECONDS, period), seconds=SECONDS, rate_hz=RATE_HZ)
        audio.save(folder / f"{name}.wav", sound, encoding="pcm16")
    return folder / "input.wav", folder / "target.wav"


def _opened(pair: tuple[Path, Path], align: Align, reads: Reads) -> tuple[str, ...]:
    options, workspace = FuseOptions(align=align), Workspace()
    codec = small_fuser().model.codec
    sources = open_sources(pair, codec=codec, options=options, workspace=workspace, on_read=reads)
    return align_sources(sources, options, workspace).notes


@pytest.mark.parametrize("align", ["tempo", "beats"])
def test_aligning_can_be_stopped_between_its_parts(pair: tuple[Path, Path], align: Align) -> None:
    plain, aligned = Reads(), Reads()
    _opened(pair, "none", plain)
    assert "stretched" in _opened(pair, align, aligned)[0]
    # Beats are found in both a minute at a time, and the target is stretched piece by piece.
    least = 2 * math.ceil(SECONDS / BLOCK_SECONDS) + math.ceil(SECONDS / MAX_PIECE_SECONDS)
    assert aligned.count >= plain.count + least
    for last in range(1, aligned.count + 1, 5):
        stopped = Reads(last)
        with pytest.raises(UnwantedError):
            _opened(pair, align, stopped)
        assert stopped.count == last, "nothing is read after that"


def test_so_can_the_fusion_and_it_leaves_nothing(pair: tuple[Path, Path], tmp_path: Path) -> None:
    whole = Reads()
    with small_fuser().fusing(*pair, folder=tmp_path, on_read=whole):
        pass
    for last in (1, whole.count // 2, whole.count):
        stopped = Reads(last)
        with pytest.raises(UnwantedError), small_fuser().fusing(*pair, folder=tmp_path, on_read=stopped):
            pass
        assert stopped.count == last and not list(tmp_path.iterdir())
