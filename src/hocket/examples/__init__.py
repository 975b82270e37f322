"""Three pairs of recordings to try: rendered songs that the default weights were not trained on (`make listen`)."""

from pathlib import Path

FOLDER = Path(__file__).parent
PAIRS = {
    "drums-strings": ("a drum loop", "strings"),
    "percussion-piano": ("percussion", "an electric piano"),
    "band-choir": ("bass and drums", "a choir"),
}
"""By name: what gives the rhythm (`NAME-rhythm.mp3` in the folder) and the harmony (`NAME-harmony.mp3`)."""
