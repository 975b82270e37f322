"""The work of a job: cuts the parts, fuses them, checks and draws the result, and stores it."""

import math
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hocket import audio, files
from hocket.audio.reading import decode
from hocket.audio.streams import Workspace
from hocket.audio.views import Cut, Sum, Watched
from hocket.errors import AudioError, HocketError
from hocket.outputs import fusion_tags
from hocket.score.chords import Progression
from hocket.studio.intake import Played, in_users_words, measure
from hocket.studio.jobs import CancelledError, Job
from hocket.studio.loading import load_libraries
from hocket.studio.pictures import LEVEL_RANGE_DB, LOWEST_HZ, RANGES, voice_levels
from hocket.studio.requests import BARS, CHORDS, ROLES
from hocket.studio.settings import Settings
from hocket.studio.store import GONE, GoneError, Kept
from hocket.studio.words import figures_json

if TYPE_CHECKING:
    from hocket.fusing import Fuser, Fusion

VOICES = ("rhythm", "harmony")
"""Parts of input and target in the output, as 32-bit float: the output is their sum, each times its amount."""
SOUNDS = (*VOICES, "output", *ROLES)
OUTPUT = "output.wav"
PICTURE = "voices.png"
FUSED, JUDGED = 0.6, 0.95
"""Progress of a job when it is fused, and when it is judged."""
# Both voices as they are, output and sources for players, and the parts of the sources while the job runs.
BYTES_A_SAMPLE = 2 * 4 + 3 + 2 * 2 + 2 * 4


def load_fuser(settings: Settings) -> "Fuser":
    """The model with its weights; torch is first imported here.

    Raises:
        CheckpointError: there are none, or they are damaged.
    """
    load_libraries()
    import torch

    from hocket.fusing import Fuser

    if settings.num_threads is not None:
        torch.set_num_threads(settings.num_threads)
    return Fuser.from_checkpoint(settings.checkpoint, device=settings.device)


def fuse(fuser: "Fuser", job: Job) -> Kept:
    """Does a job whose draft holds `input.wav`, and `target.wav` if no chords were typed, and keeps what came of it.

    Raises:
        HocketError: a sentence in the user's own names of the files.
        CancelledError: the job is no longer wanted.
        FullError: there is no room.
    """
    folder = job.draft.folder
    paths = {role: folder / f"{role}.wav" for role in job.request.recordings}
    names = dict(zip(paths.values(), job.names, strict=False)) | {folder: "the studio's folder"}
    try:
        return _fused(fuser, job, paths)
    except CancelledError:
        raise
    except HocketError as error:
        raise HocketError(in_users_words(str(error), names)) from error
    finally:
        for path in paths.values():
            path.unlink(missing_ok=True)


def _fused(fuser: "Fuser", job: Job, paths: dict[str, Path]) -> Kept:
    from hocket.fusing import judging

    begin = time.perf_counter()
    _claim(job, paths)
    for role, path in paths.items():
        _cut(job, role, path)
    job.report(0.02, "fusing")
    with fuser.fusing(
        paths["input"],
        paths.get("target", job.request.target),
        options=job.request.options,
        folder=job.draft.folder,
        apart=True,
        on_progress=lambda share: job.report(0.02 + (FUSED - 0.02) * share),
        on_read=job.check,
    ) as fusion:
        fusing_seconds = time.perf_counter() - begin
        watched = judging.watched(fusion, job.check)
        facts = _facts(job, fusion, fusing_seconds) | _write_voices(job.draft.folder, watched)
        kept = job.draft.keep("result", facts)
        kept.timeline = fusion.timeline
        # From here on it can be heard.
        job.result = kept.id
        try:
            _judge(job, kept, fusion, watched)
        except HocketError as error:
            if job.draft.is_there:
                raise
            raise GoneError(GONE["result"]) from error
        finally:
            # It can still be heard, and says that nothing more will come.
            kept.facts = kept.facts | {"is_stopped": not kept.facts["is_judged"]}
        if not job.draft.is_there:
            raise GoneError(GONE["result"])
    return kept


def _facts(job: Job, fusion: "Fusion", fusing_seconds: float) -> dict[str, Any]:
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "is_judged": False,
        "seconds": fusion.output.duration_seconds,
        "fusing_seconds": round(fusing_seconds, 3),
        "sample_rate": fusion.output.sample_rate,
        "num_channels": fusion.output.num_channels,
        "input_name": job.names[0],
        "target_name": job.names[1],
        **{f"{role}_source": job.request.recordings.get(role) for role in ROLES},
        "options": job.request.as_json(),
        "amounts": list(fusion.options.amounts),
        "wanted_lufs": fusion.wanted_lufs,
        "mask_figures": fusion.mask_figures,
        "levels": dict(zip(ROLES, fusion.levels, strict=True)),
        "notes": list(fusion.notes),
    }


def _write_voices(folder: Path, fusion: "Fusion") -> dict[str, Any]:
    """Both voices as they are; what is drawn of them, and the mean squares that give that of any mix."""
    peaks, energies = {}, {}
    assert fusion.voices is not None
    for voice, recording in zip(VOICES, fusion.voices, strict=True):
        audio.save(folder / sound_name(voice), recording, encoding="float32")
        peaks[voice], rms, _ = measure(recording)
        energies[voice] = rms**2
    _, rms, _ = measure(Sum(fusion.voices, (1.0, 1.0)))
    energies["cross"] = (rms**2 - energies["rhythm"] - energies["harmony"]) / 2
    return {"peaks": peaks, "energies": energies}


def _judge(job: Job, kept: Kept, fusion: "Fusion", watched: "Fusion") -> None:
    """Adds what is not needed for playback: the sources, the verdict, the picture."""
    job.report(FUSED, "judging")
    facts = kept.facts | _write_sounds(kept, watched, job.names)
    facts |= _judged(watched, lambda share: job.report(FUSED + (JUDGED - FUSED) * share))
    job.report(JUDGED, "drawing")
    assert watched.voices is not None
    picture, energies = voice_levels(watched.voices)
    files.write_bytes(kept.folder / PICTURE, picture, failure=AudioError)
    highest_hz = fusion.output.sample_rate / 2
    facts["shares"] = [
        {"name": name, "words": _range_words(low_hz, high_hz), "rhythm": rhythm, "harmony": harmony}
        for (name, low_hz, high_hz), (rhythm, harmony) in zip(RANGES, energies, strict=True)
    ]
    facts["spectrogram"] = {
        "lowest_hz": LOWEST_HZ,
        "highest_hz": highest_hz,
        "seconds": fusion.output.duration_seconds,
        "range_db": LEVEL_RANGE_DB,
    }
    kept.facts = facts | {"is_judged": True}


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


def _range_words(low_hz: float, high_hz: float) -> str:
    if low_hz == 0:
        return f"below {high_hz:g} Hz"
    return f"above {low_hz:g} Hz" if math.isinf(high_hz) else f"{low_hz:g} to {high_hz:g} Hz"


def _write_sounds(kept: Kept, fusion: "Fusion", names: tuple[str, str]) -> dict[str, Any]:
    """Output and sources for players; what is drawn of them, and their mean squares."""
    peaks, energies = {}, {}
    with kept.lock:
        tags = fusion_tags(Path(names[0]), named(names[1], kept.facts["options"]))
        audio.save(kept.folder / OUTPUT, fusion.output, encoding="pcm24", tags=tags)
    for sound in ("output", *ROLES):
        recording = getattr(fusion, sound)
        peaks[sound], rms, highest = measure(recording)
        energies[sound] = (rms / max(highest, 1.0)) ** 2
        if sound != "output":
            played = Played(recording, highest=highest)
            audio.save(kept.folder / sound_name(sound), played, encoding="pcm16")
    return {"peaks": kept.facts["peaks"] | peaks, "energies": kept.facts["energies"] | energies}


def named(name: str, options: dict[str, Any]) -> Path | Progression:
    """A target as names are made of it: a file's name, or the chords that were typed."""
    return Progression(options[CHORDS], options[BARS]) if CHORDS in options else Path(name)


def sound_name(sound: str) -> str:
    """The file that players get of one of the `SOUNDS`."""
    return f"{sound}.wav" if sound in (*VOICES, "output") else f"played-{sound}.wav"


def _judged(fusion: "Fusion", on_progress: Callable[[float], None]) -> dict[str, Any]:
    """Verdict, figures, sentences and notes; without figures where a diagnosis cannot be made."""
    from hocket.fusing.judging import judge

    figures, notes = judge(fusion, on_progress)
    # Typed chords have no rhythm to give.
    swap_helps = figures is not None and figures.sources.swap_helps and fusion.timeline is None
    return {"notes": notes, "roles_weak": swap_helps, **figures_json(figures)}
