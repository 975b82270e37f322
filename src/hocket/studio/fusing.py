"""A job's work: cut the parts, fuse them, judge and draw what came out, and keep it."""

import itertools
import math
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hocket import audio, files
from hocket.audio.reading import decode
from hocket.audio.streams import Workspace
from hocket.audio.views import Cut, Watched, folded
from hocket.errors import AudioError, HocketError
from hocket.studio.intake import EXACT, Played, in_users_words, measure
from hocket.studio.jobs import CancelledError, Job
from hocket.studio.loading import load_libraries
from hocket.studio.pictures import LONG_SAMPLES, LOWEST_HZ, coloured, coloured_long
from hocket.studio.requests import ROLES
from hocket.studio.settings import Settings
from hocket.studio.store import Draft, Kept
from hocket.studio.words import figures_told

if TYPE_CHECKING:
    from hocket.fusing import Fuser, Fusion

VOICES = (*ROLES, "output")
PICTURE = "sources.png"
FUSED, JUDGED = 0.6, 0.95
"""How much of a job is done when it is fused, and when it is judged."""

# Before a minute is diagnosed, it is read thrice for levels and twice for what the sources are, which is quick.
QUICK_READS = 5
# The output as it is and all three for players, with the parts of the sources as they are while the job runs.
BYTES_A_SAMPLE = 4 + 3 * 2 + 2 * 4


def load_fuser(settings: Settings) -> "Fuser":
    """The model with its weights; this is where torch comes in.

    Raises:
        CheckpointError: there are none, or they are damaged.
    """
    load_libraries()
    import torch

    from hocket.fusing import Fuser

    if settings.num_threads is not None:
        torch.set_num_threads(settings.num_threads)
    return Fuser.from_checkpoint(settings.checkpoint)


def fuse(fuser: "Fuser", job: Job) -> Kept:
    """Does a job whose draft holds `input.wav` and `target.wav`, and keeps what came of it.

    Raises:
        HocketError: a sentence in the user's own names of the files.
        CancelledError: the job is no longer wanted.
        FullError: there is no room.
    """
    folder = job.draft.folder
    paths = {role: folder / f"{role}.wav" for role in ROLES}
    names = dict(zip(paths.values(), job.names, strict=True)) | {folder: "the studio's folder"}
    try:
        facts = _fused(fuser, job, paths)
    except CancelledError:
        raise
    except HocketError as error:
        raise HocketError(in_users_words(str(error), names)) from error
    for path in paths.values():
        path.unlink()
    return job.draft.keep("result", facts)


def _fused(fuser: "Fuser", job: Job, paths: dict[str, Path]) -> dict[str, Any]:
    begin = time.perf_counter()
    _claim(job, paths)
    for role, path in paths.items():
        _cut(job, role, path)
    job.report(0.02, "fusing")
    with fuser.fusing(
        paths["input"],
        paths["target"],
        options=job.request.options,
        folder=job.draft.folder,
        on_progress=lambda share: job.report(0.02 + (FUSED - 0.02) * share),
        on_read=job.check,
    ) as fusion:
        fusing_seconds = time.perf_counter() - begin
        watched = _watched(fusion, job.check)
        sounds = _write(job.draft, watched)
        job.report(FUSED, "judging")
        told = _judged(_watched(fusion, _judging_progress(job, fusion.output.duration_seconds)))
        job.report(JUDGED, "drawing")
        files.write_bytes(job.draft.folder / PICTURE, _picture(fuser, watched), failure=AudioError)
        return {
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": fusion.output.duration_seconds,
            "fusing_seconds": round(fusing_seconds, 3),
            "sample_rate": fusion.output.sample_rate,
            "num_channels": fusion.output.num_channels,
            "input_name": job.names[0],
            "target_name": job.names[1],
            "options": job.request.as_json(),
            "mask_figures": fusion.mask_figures,
            "levels": dict(zip(ROLES, fusion.levels, strict=True)),
            "shares": _shares(fuser, fusion),
            "spectrogram": {
                "lowest_hz": LOWEST_HZ,
                "highest_hz": fusion.output.sample_rate / 2,
                "seconds": fusion.output.duration_seconds,
            },
            **sounds,
            **told,
        }


def _claim(job: Job, paths: dict[str, Path]) -> None:
    """Sets aside room for a result as long and wide as the larger source."""
    infos = [audio.info(path) for path in paths.values()]
    seconds = max(info.duration_seconds for info in infos)
    job.draft.claim(round(seconds * infos[0].sample_rate) * infos[0].num_channels * BYTES_A_SAMPLE)


def _cut(job: Job, role: str, path: Path) -> None:
    """Leaves the wanted part of a source in its file; where that is all of it, the file stays as it is."""
    info = audio.info(path)
    region = job.request.region(role, info.duration_seconds)
    if region is None:
        return
    start, end = (round(seconds * info.sample_rate) for seconds in region)
    with Workspace(path.parent) as workspace:
        whole = Watched(decode(path, workspace), job.check)
        # The file is a second name of the recording's: replaced, not written to.
        audio.save(path, Cut(whole, min(end, whole.num_samples) - start, first=start), encoding="float32")


def _watched(fusion: "Fusion", on_read: Callable[[], None]) -> "Fusion":
    """The same fusion, which says when it is read: so a job that is cancelled stops where it reads next."""
    return replace(
        fusion,
        output=Watched(fusion.output, on_read),
        input=Watched(fusion.input, on_read),
        target=Watched(fusion.target, on_read),
    )


def _shares(fuser: "Fuser", fusion: "Fusion") -> list[dict[str, Any]]:
    """Who gave what in each range of pitch, in words for a page."""
    from hocket.fusing.judging import shares

    return [
        {
            "name": share.name.capitalize(),
            "words": _range_words(share.low_hz, share.high_hz),
            "input": share.input,
        }
        for share in shares(fusion, fuser.model)
    ]


def _range_words(low_hz: float, high_hz: float) -> str:
    if low_hz == 0:
        return f"below {high_hz:g} Hz"
    return f"{low_hz:g} to {high_hz:g} Hz"


def _judging_progress(job: Job, seconds: float) -> Callable[[], None]:
    """Tells how far the diagnosis is by how often it has read: its last look at each minute is the long one."""
    from hocket.fusing.judging import MOST_MINUTES

    num_minutes = max(1, min(MOST_MINUTES, math.ceil(seconds / 60)))
    reads = itertools.count()

    def on_read() -> None:
        share = (next(reads) - QUICK_READS * num_minutes) / (len(VOICES) * num_minutes)
        job.report(FUSED + (JUDGED - FUSED) * min(max(share, 0.0), 1.0))

    return on_read


def _write(draft: Draft, fusion: "Fusion") -> dict[str, Any]:
    """The exact output, and all three for players; what is drawn of them, and how to hear them equally loud."""
    peaks, levels = {}, {}
    audio.save(draft.folder / EXACT, fusion.output, encoding="float32")
    for voice in VOICES:
        recording = getattr(fusion, voice)
        peaks[voice], rms, highest = measure(recording)
        levels[voice] = max(rms / max(highest, 1.0), 1e-9)
        played = Played(recording, highest=highest)
        audio.save(draft.folder / played_name(voice), played, encoding="pcm16")
    softest = min(levels.values())
    return {
        "peaks": peaks,
        "gains": {voice: round(softest / level, 5) for voice, level in levels.items()},
    }


def played_name(voice: str) -> str:
    """The file that players get of a voice."""
    return f"played-{voice}.wav"


def _judged(fusion: "Fusion") -> dict[str, Any]:
    """Verdict, figures, sentences and notes; without figures where a diagnosis cannot be made."""
    from hocket.fusing.judging import judge

    figures, notes = judge(fusion)
    return {"notes": notes, **figures_told(figures)}


def _picture(fuser: "Fuser", fusion: "Fusion") -> bytes:
    """The output's spectrogram in the colours of its sources, all of it however long."""
    codec, store, output = fuser.model.codec, fusion.masks.store, folded(fusion.output)
    bin_hz = None if codec.bin_hz is None else codec.bin_hz.numpy()
    if output.num_samples > LONG_SAMPLES:
        return coloured_long(store.read, store.num_frames, output, frame_rate=codec.frame_rate, bin_hz=bin_hz)
    masks = store.read(0, store.num_frames).astype(np.float32, copy=False)
    return coloured(
        (masks[0], masks[1]),
        output.samples[0],
        sample_rate=output.sample_rate,
        frame_rate=codec.frame_rate,
        bin_hz=bin_hz,
    )
