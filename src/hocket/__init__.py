"""Hocket: the rhythm of one recording, the harmony of another, one new piece of music.

    import hocket

    hocket.fuse("drums.wav", "strings.wav", "new.wav", blend=0.4)
    figures = hocket.check("new.wav", input="drums.wav", target="strings.wav")
    print(figures.level)

All that is in `__all__` is stable; other modules may change with any version.
"""

from hocket.api import check, fuse, load_model
from hocket.version import __version__

__all__ = ["__version__", "check", "fuse", "load_model"]
