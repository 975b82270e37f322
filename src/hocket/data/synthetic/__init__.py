"""The rendered corpus: simple music, deterministic by seed, whose true fusions are known.

Rhythms, chord progressions, timbres, tempi and keys are drawn independently, so that any song's rhythm can be
played with any other's harmony: that is the true fusion, which no recording can offer.
"""

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
