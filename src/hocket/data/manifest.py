"""The manifest of prepared data: a header line, then a line of JSON for each recording found."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, TypeAlias

from hocket import files
from hocket.errors import ConfigError, DataError
from hocket.files import parse_json, read_bytes
from hocket.typed import check_types
from hocket.version import __version__

NAME = "manifest.jsonl"
FORMAT = 1
MAX_MANIFEST_BYTES = 2**28
"""A recording takes about 600 bytes."""
CURE = "run `hocket prepare` again, or delete the file to start over"

Split: TypeAlias = Literal["training", "validation", "test", ""]
Status: TypeAlias = Literal["used", "left out", "gone"]


@dataclass(frozen=True)
class Settings:
    """Settings of the division into sides; `minimum_seconds` is the shortest recording that is used."""

    validation_fraction: float = 0.1
    test_fraction: float = 0.0
    seed: int = 0
    minimum_seconds: float = 4.4


@dataclass(frozen=True)
class Recording:
    """One recording: where, what, whether it is used, and on which side of the split.

    `root` is the number of its folder and `name` its path in it. Figures are None for what could not be read. Equal
    `group` means the same music. `reason` is a word where it is not used, and `sentence` says it to the user. A `gone`
    one is remembered, so that it returns to its side.
    """

    root: int
    name: str
    status: Status
    split: Split
    group: str
    reason: str = ""
    sentence: str = ""
    content: str = ""
    num_bytes: int = 0
    mtime_ns: int = 0
    format: str = ""
    sample_rate: int | None = None
    num_channels: int | None = None
    duration_seconds: float | None = None
    rms_db: float | None = None
    peak_db: float | None = None
    tempo_bpm: float | None = None
    tempo_confidence: float | None = None
    percussiveness: float | None = None
    tonality: float | None = None


@dataclass(frozen=True)
class Manifest:
    """Recordings of the folders `roots` (absolute paths), as they were divided with `settings`."""

    roots: tuple[str, ...]
    settings: Settings
    recordings: tuple[Recording, ...]

    def path_of(self, recording: Recording) -> Path:
        """Path of a recording."""
        return Path(self.roots[recording.root], recording.name)

    def used(self, split: Split | None = None) -> list[Recording]:
        """The recordings that are used, on one side or on all."""
        return [
            recording
            for recording in self.recordings
            if recording.status == "used" and split in (None, recording.split)
        ]

    @property
    def hash(self) -> str:
        """One word for what is used and how it is divided, whatever the folders are called."""
        lines = sorted(f"{recording.content} {recording.split}" for recording in self.used())
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def is_manifest(path: Path) -> bool:
    """True if `path` is a manifest or a folder that holds one."""
    return (path.name == NAME and path.is_file()) or (path / NAME).is_file()


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Writes the file at `path`; raises DataError where that fails.

    The header's `body` is the SHA-256 of all other lines; its `roots` may be edited when the music has moved.
    """
    lines = [json.dumps(asdict(recording), allow_nan=False) + "\n" for recording in manifest.recordings]
    header = {
        "hocket_manifest": FORMAT,
        "hocket": __version__,
        "hash": manifest.hash,
        "body": hashlib.sha256("".join(lines).encode()).hexdigest(),
        "settings": asdict(manifest.settings),
        "roots": list(manifest.roots),
    }
    files.write_text(path, "".join([json.dumps(header, allow_nan=False) + "\n", *lines]))


def read_manifest(path: Path) -> Manifest:
    """Reads what `write_manifest` wrote.

    Raises:
        DataError: the file is missing, of another format, or damaged.
    """
    path = path / NAME if path.is_dir() else path
    if not path.exists():
        raise DataError(f"{path} does not exist: make it with `hocket prepare`.")
    head, _, body = read_bytes(path, max_bytes=MAX_MANIFEST_BYTES).partition(b"\n")
    try:
        header = parse_json(head, path)
        version = header["hocket_manifest"]
    except (DataError, KeyError, TypeError) as error:
        raise DataError(f"{path} is not a manifest of prepared data: {CURE}.") from error
    if version != FORMAT:
        raise DataError(
            f"{path} has format {str(version)[:20]}, and this version reads format {FORMAT}: {CURE}."
        )
    if hashlib.sha256(body).hexdigest() != header.get("body"):
        raise DataError(f"{path} is damaged or was edited below its first line: {CURE}.")
    return _manifest(path, header, body.splitlines())


def _manifest(path: Path, header: dict[str, Any], lines: Sequence[bytes]) -> Manifest:
    try:
        recordings = tuple(Recording(**parse_json(line, path)) for line in lines)
        settings = Settings(**header["settings"])
        for values in (settings, *recordings):
            check_types(values)
        # Relative roots are relative to the manifest, for those who move both together.
        roots = tuple(str((path.parent / root).resolve()) for root in header["roots"])
    except (DataError, ConfigError, OSError, ValueError, KeyError, TypeError) as error:
        names = ", ".join(field.name for field in fields(Recording))
        raise DataError(f"{path} has a line without the fields {names}: {CURE}.") from error
    if any(not 0 <= recording.root < len(roots) for recording in recordings):
        raise DataError(f"{path} names a recording in a folder that its first line does not list: {CURE}.")
    return Manifest(roots, settings, recordings)
