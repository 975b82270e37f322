"""Takes in a stranger's file: it is decoded once, by its content, in a separate process that may crash.

The result is written as a plain WAV of our own; the original file is never opened again.
"""

import math
import os
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hocket import audio
from hocket.audio import AudioInfo
from hocket.audio.reading import decode
from hocket.audio.sound import require_enough
from hocket.audio.streams import SAMPLE_BYTES, Recording, Stored, Workspace
from hocket.audio.views import folded
from hocket.data.workers import Failure, run_in_children
from hocket.errors import AudioError
from hocket.hearing import MINIMUM_SECONDS

LIMIT_SECONDS = 120.0
WATCH_SECONDS = 0.1
# For each sample 4 bytes as it is, 4 more while it is worked on, and 2 for players.
BYTES_A_SAMPLE = 2 * SAMPLE_BYTES + 2

MIDI, MIDI_START = "midi", b"MThd"
NO_SOUND = "is a MIDI file, which has no sound of its own: give it as the harmony."
NUM_PEAKS = 1200
PLAYED, EXACT = "played.wav", "exact.wav"
"""16 bits for players, and the samples as they are (float32)."""


def take_in(
    upload: Path, folder: Path, *, name: str, max_seconds: float, max_bytes: int, is_rhythm: bool = False
) -> dict[str, Any]:
    """Decodes an uploaded file into `folder` and removes it; gives what is known of the recording.

    A MIDI file is played, unless it `is_rhythm`.

    Raises:
        AudioError: it is not a recording, or too long, too large or silent; the sentence says `name` for the file.
        DataError: no process can be started for it.
    """
    task = {
        "path": str(upload),
        "folder": str(folder),
        "max_seconds": max_seconds,
        "max_bytes": max_bytes,
    }
    try:
        _require_recording(upload, is_rhythm=is_rhythm)
        [(_, outcome)] = run_in_children(decode_upload, [task], jobs=1, limit_seconds=LIMIT_SECONDS)
    except AudioError as error:
        outcome = {"refused": str(error)}
    finally:
        upload.unlink(missing_ok=True)
    if isinstance(outcome, Failure):
        raise AudioError(f"{name} could not be decoded ({outcome.what}): save it again, preferably as WAV.")
    if "refused" in outcome:
        raise AudioError(in_users_words(outcome["refused"], {upload: name, folder: "the studio's folder"}))
    facts: dict[str, Any] = outcome
    return facts


def in_users_words(sentence: str, names: dict[Path, str]) -> str:
    """A sentence with the names that the user gave for the paths that the studio made."""
    for path, name in names.items():
        sentence = sentence.replace(str(path), name)
    return sentence


def _require_recording(upload: Path, *, is_rhythm: bool) -> None:
    """Looks at the first bytes, which costs nothing, before a process is started for it."""
    from hocket.audio.formats import identify

    if upload.stat().st_size == 0:
        raise AudioError(f"{upload} is empty (0 bytes): give a recording.")
    if _is_midi(upload):
        if is_rhythm:
            raise AudioError(f"{upload} {NO_SOUND}")
        return
    with upload.open("rb") as handle:
        identify(handle, upload)


def _is_midi(path: Path) -> bool:
    with path.open("rb") as handle:
        return handle.read(len(MIDI_START)) == MIDI_START


def end_with(path: Path) -> None:
    """Has this process end soon after a file is gone: so a studio that ends need not wait for what is decoded."""

    def watch() -> None:
        while path.exists():
            time.sleep(WATCH_SECONDS)
        # Nobody wants the result any more, and what is half done goes with its folder.
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def decode_upload(task: dict[str, Any]) -> dict[str, Any]:
    """The work of the process: takes and gives plain values, `refused` with a sentence where there is nothing."""
    end_with(Path(task["path"]))
    try:
        return _decoded(Path(task["path"]), Path(task["folder"]), task["max_seconds"], task["max_bytes"])
    except AudioError as error:
        return {"refused": str(error)}


def _decoded(path: Path, folder: Path, max_seconds: float, max_bytes: int) -> dict[str, Any]:
    read, header = _opened(path)
    if header.duration_seconds > max_seconds:
        raise AudioError(
            f"{path} is {header.duration_seconds / 60:.1f} minutes long, and the limit is "
            f"{max_seconds / 60:g}: cut a part out of it first."
        )
    if header.num_samples * header.num_channels * BYTES_A_SAMPLE > max_bytes:
        raise AudioError(
            f"{path} would decode to {header.num_samples * header.num_channels} samples, which is too much "
            "for the studio: cut a part out of it, or mix it down to stereo."
        )
    with Workspace(folder) as workspace:
        recording = read(path, workspace)
        peaks, rms, highest = measure(recording)
        require_enough(
            path,
            duration_seconds=recording.duration_seconds,
            highest=highest,
            minimum_seconds=MINIMUM_SECONDS,
        )
        audio.save(folder / EXACT, recording, encoding="float32")
        audio.save(folder / PLAYED, Played(recording, highest=highest), encoding="pcm16")
        return {
            "seconds": recording.duration_seconds,
            "sample_rate": recording.sample_rate,
            "num_channels": recording.num_channels,
            "num_samples": recording.num_samples,
            "format": header.format,
            "rms_db": round(20 * math.log10(max(rms, 1e-9)), 1),
            "peaks": peaks,
        }


def _opened(path: Path) -> tuple[Callable[[Path, Workspace], Stored], AudioInfo]:
    """A way for a file to become a recording, and the facts known before."""
    if not _is_midi(path):
        return decode, audio.info(path)
    # In the process that decodes, which may take its time.
    from hocket.fusing.written import midi_info, play_midi

    return partial(play_midi, on_read=lambda: None), midi_info(path)


class Played(Recording):
    """A recording for players: never beyond full scale, more than two channels folded to one."""

    def __init__(self, source: Recording, *, highest: float) -> None:
        self._source = source if source.num_channels <= 2 else folded(source)
        self._gain = np.float32(1.0 / max(highest, 1.0))
        self.sample_rate, self.num_samples = source.sample_rate, source.num_samples
        self.num_channels = self._source.num_channels

    def read(self, start: int, stop: int) -> np.ndarray:
        """See `Recording`."""
        return self._source.read(start, stop) * self._gain


def measure(source: Recording) -> tuple[list[float], float, float]:
    """Measures a recording: at most 1200 magnitudes in [0, 1] to draw; its root mean square; its peak."""
    count = min(NUM_PEAKS, source.num_samples)
    edges = np.linspace(0, source.num_samples, count + 1).astype(int)
    peaks, energy = np.zeros(count), 0.0
    for start, stop in source.spans():
        block = source.read(start, stop)
        energy += float(np.square(block, dtype=np.float64).sum())
        magnitude = np.abs(block).max(axis=0)
        first, last = np.searchsorted(edges, start, "right") - 1, np.searchsorted(edges[:-1], stop)
        places = np.maximum(edges[first:last] - start, 0)
        peaks[first:last] = np.maximum(peaks[first:last], np.maximum.reduceat(magnitude, places))
    highest = float(peaks.max())
    rms = float(np.sqrt(energy / (source.num_samples * source.num_channels)))
    return np.round(peaks / max(highest, 1.0), 4).tolist(), rms, highest
