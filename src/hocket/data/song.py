"""What training knows of a song."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Song:
    """A recording to train on; `fingerprint` is equal for files of equal content.

    `group` is equal for the same music, where that is known, else empty; percussiveness and tonality lie in [0, 1].
    """

    path: Path
    duration_seconds: float
    fingerprint: str
    group: str = ""
    percussiveness: float | None = None
    tonality: float | None = None

    @property
    def music(self) -> str:
        """Equal for the same music, as far as that is known."""
        return self.group or self.fingerprint

    @property
    def facts(self) -> str:
        """All that decides which excerpts are drawn, in one word."""
        measures = (self.music, f"{self.duration_seconds:.3f}", self.percussiveness, self.tonality)
        return "/".join(map(str, (self.fingerprint, *measures)))
