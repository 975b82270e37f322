"""Everything that the corpus takes from the scores and oscillators of hocket, in one place."""

from hocket.data.synthetic.drums import make_kit, strike_drum
from hocket.data.synthetic.harmony import Chord, Harmony, make_harmony
from hocket.data.synthetic.instruments import make_timbre, play
from hocket.data.synthetic.rhythms import Rhythm, Strike, make_rhythm
from hocket.data.synthetic.styles import DRUM_STYLES

__all__ = [
    "DRUM_STYLES",
    "Chord",
    "Harmony",
    "Rhythm",
    "Strike",
    "make_harmony",
    "make_kit",
    "make_rhythm",
    "make_timbre",
    "play",
    "strike_drum",
]
