"""The rendered corpus: simple music, deterministic by seed, whose true fusions are known.

Rhythms, chord progressions, timbres, tempi and keys are drawn independently, so that any song's rhythm can be
played with any other's harmony: that is the true fusion, which no recording can offer.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hocket.data.synthetic.corpus import CorpusSettings, render_corpus
    from hocket.data.synthetic.render import LEVEL_DB, SAMPLE_RATE, render_song, render_truth
    from hocket.data.synthetic.songs import KINDS, Song, make_song, true_fusion

__all__ = [
    "KINDS",
    "LEVEL_DB",
    "SAMPLE_RATE",
    "CorpusSettings",
    "Song",
    "make_song",
    "render_corpus",
    "render_song",
    "render_truth",
    "true_fusion",
]

_ROOMS = ("songs", "render", "corpus")


def __getattr__(name: str) -> Any:
    """Imports what is asked for when it is: the chords that people type need the harmony alone, without torch."""
    if name in __all__:
        for room in _ROOMS:
            found = vars(import_module(f"{__name__}.{room}"))
            if name in found:
                return found[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
