"""Requests about jobs and their results."""

import os
import re
import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from zipfile import ZipFile, ZipInfo

import anyio
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hocket import files
from hocket.errors import AudioError
from hocket.outputs import fusion_tags
from hocket.score.chords import Progression
from hocket.studio.answers import JSONResponse
from hocket.studio.bodies import read_json
from hocket.studio.fusing import PICTURE, SOUNDS, VOICES, named, sound_name
from hocket.studio.intake import EXACT, MIDI, NO_SOUND
from hocket.studio.jobs import Job
from hocket.studio.requests import ROLES, RequestError, chords_json, page_options, parse_chords, parse_request
from hocket.studio.sources import OpenFileResponse, served
from hocket.studio.state import Studio
from hocket.studio.store import GONE, Draft, GoneError, Kept, Store

if TYPE_CHECKING:
    from hocket.audio.streams import Recording

DOWNLOADS = {"wav": "audio/wav", "flac": "audio/flac", "mp3": "audio/mpeg"}
STEMS, MARKERS = "stems", "markers"
MOST_AMOUNT = 16.0
Amounts = tuple[float, float]

NO_MARKERS = (
    "Markers can be made when the result has been checked: wait a moment, or fuse again if it was stopped."
)
GONE_JOB = "This job no longer exists: fuse again."


async def submit(request: Request) -> Response:
    """Puts a fusion into the queue."""
    studio: Studio = request.app.state.studio
    body = await read_json(request, idle_seconds=studio.settings.idle_seconds)
    wanted = await anyio.to_thread.run_sync(parse_request, body)
    sources = {role: studio.store.get("source", id) for role, id in wanted.recordings.items()}
    for role, source in sources.items():
        wanted.region(role, source.facts["seconds"])
    if sources["input"].facts["format"] == MIDI:
        raise RequestError(f"{sources['input'].facts['name']} {NO_SOUND}")
    names = (
        sources["input"].facts["name"],
        sources["target"].facts["name"] if "target" in sources else str(wanted.target),
    )
    draft = studio.store.draft()
    try:
        await anyio.to_thread.run_sync(_borrow, draft, sources)
        job = studio.jobs.submit(wanted, names, draft)
    except BaseException:
        draft.close()
        raise
    return JSONResponse(studio.jobs.view(job), 202)


def _borrow(draft: Draft, sources: dict[str, Kept]) -> None:
    """Puts the sources into a job's folder; they count as the job's, whatever becomes of the recordings.

    Raises:
        FullError: there is no room.
        GoneError: one was removed a moment ago.
    """
    try:
        for role, source in sources.items():
            draft.claim((source.folder / EXACT).stat().st_size)
            _second_name(source.folder / EXACT, draft.folder / f"{role}.wav")
    except FileNotFoundError as error:
        raise GoneError(GONE["source"]) from error


def _second_name(path: Path, other: Path) -> None:
    """Gives a file another name, so that it stays when the first one goes; a copy if there are no links."""
    try:
        os.link(path, other)
    except OSError:
        shutil.copyfile(path, other)


async def check_chords(request: Request) -> Response:
    """Answers with typed chords as they were understood."""
    studio: Studio = request.app.state.studio
    body = await read_json(request, idle_seconds=studio.settings.idle_seconds)
    chords = await anyio.to_thread.run_sync(parse_chords, body if isinstance(body, dict) else {})
    return JSONResponse(chords_json(chords))


async def follow(request: Request) -> Response:
    """Answers with the progress of a job."""
    studio: Studio = request.app.state.studio
    return JSONResponse(studio.jobs.view(_job(studio, request)))


async def cancel(request: Request) -> Response:
    """Stops a job: a waiting one at once, a running one at its next report."""
    studio: Studio = request.app.state.studio
    job = _job(studio, request)
    studio.jobs.cancel(job)
    return JSONResponse(studio.jobs.view(job))


def _job(studio: Studio, request: Request) -> Job:
    job = studio.jobs.find(request.path_params["id"])
    if job is None:
        raise HTTPException(404, GONE_JOB)
    return job


async def get_result(request: Request) -> Response:
    """Answers with everything that is known about a result."""
    kept = _result(request)
    return JSONResponse({"id": kept.id, **kept.facts})


async def play(request: Request) -> Response:
    """One of the two voices, the output or a source for players."""
    sound = request.path_params["sound"]
    if sound not in SOUNDS:
        raise HTTPException(404, f"There is no such voice: choose from {', '.join(SOUNDS)}.")
    return served(_result(request).folder / sound_name(sound), "audio/wav", GONE["result"])


async def picture(request: Request) -> Response:
    """Answers with the picture of both voices' loudness at each moment and pitch."""
    return served(_result(request).folder / PICTURE, "image/png", GONE["result"])


async def download(request: Request) -> Response:
    """The output, or another mix of its voices, under a descriptive name."""
    format = request.query_params.get("format", "wav")
    if format not in DOWNLOADS:
        raise HTTPException(422, f"There is no such format: choose from {', '.join(DOWNLOADS)}.")
    return await _sent(request, format, DOWNLOADS[format])


async def markers(request: Request) -> Response:
    """Beats, bars and chords of a result as a MIDI file and a label track, in one archive."""
    kept = _result(request)
    if kept.timeline is None and not (kept.folder / sound_name("target")).exists():
        raise HTTPException(409, NO_MARKERS)
    return await _sent(request, MARKERS, "application/zip")


async def stems(request: Request) -> Response:
    """Both voices of such a mix, which is their sum, in one archive."""
    return await _sent(request, STEMS, "application/zip")


async def _sent(request: Request, format: str, media_type: str) -> Response:
    studio: Studio = request.app.state.studio
    kept = _result(request)
    amounts = _amounts(request, kept)
    try:
        work = partial(_opened, studio.store, kept, format, amounts)
        handle = await anyio.to_thread.run_sync(work)
    except AudioError as error:
        raise HTTPException(503, "The studio has no room to write this file: try again later.") from error
    suffix = f"{format}.zip" if format in (STEMS, MARKERS) else format
    return OpenFileResponse(handle, media_type, filename=f"{_speaking_name(kept, amounts)}.{suffix}")


def _amounts(request: Request, kept: Kept) -> Amounts:
    """Amounts of both voices that a request asks for; as they were fused, if it does not say."""
    usual: Amounts = tuple(kept.facts["amounts"])
    try:
        first, second = (
            float(request.query_params.get(role, amount)) for role, amount in zip(ROLES, usual, strict=True)
        )
    except ValueError as error:
        raise HTTPException(
            422, "input and target are the levels of the two voices: give numbers."
        ) from error
    if not (0 <= first <= MOST_AMOUNT and 0 <= second <= MOST_AMOUNT and first + second > 0):
        raise HTTPException(422, f"input and target must be 0 to {MOST_AMOUNT:g}, and not both 0.")
    return first, second


def _opened(store: Store, kept: Kept, format: str, amounts: Amounts | None = None) -> BinaryIO:
    """The file to download, open: it can be read on when the result is removed.

    Raises:
        GoneError: the result was removed before.
        AudioError: see `_encoded`.
        FullError: see `_encoded`.
    """
    try:
        with kept.lock:
            return _encoded(store, kept, format, amounts).open("rb")
    except (AudioError, OSError) as error:
        if store.holds(kept):
            raise
        raise GoneError(GONE["result"]) from error
    finally:
        if not store.holds(kept):
            # A file that was being written when its folder was removed may have kept both.
            shutil.rmtree(kept.folder, ignore_errors=True)


def _encoded(store: Store, kept: Kept, format: str, amounts: Amounts | None = None) -> Path:
    """The file to download, made when it is asked for the first time; it counts as a part of the result.

    Of mixes with other amounts than those of the output only the last one is kept.

    Raises:
        AudioError: it cannot be written.
        FullError: there is no room for it.
        OSError: the result was removed meanwhile.
    """
    usual: Amounts = tuple(kept.facts["amounts"])
    amounts = amounts or usual
    path = kept.folder / ("output" if amounts == usual else "mix")
    path = path.with_suffix(".zip" if format == STEMS else f".{format}")
    if format == MARKERS:
        path, amounts = kept.folder / "markers.zip", usual
    if path.exists() and kept.mixes.get(path.name, usual) == amounts:
        return path
    most_bytes = sum((kept.folder / sound_name(voice)).stat().st_size for voice in VOICES)
    store.claim(most_bytes)
    try:
        _write_markers(kept, path) if format == MARKERS else _write_mix(kept, amounts, path)
        kept.mixes[path.name] = amounts
        store.recount(kept)
    finally:
        store.release(most_bytes)
    return path


def _write_mix(kept: Kept, amounts: Amounts, path: Path) -> None:
    """Writes the sum of both voices, or an archive of them, as loud as an output of `hocket fuse`."""
    from hocket import audio
    from hocket.audio.reading import decode
    from hocket.audio.streams import Workspace
    from hocket.audio.views import Resampled, Scaled, Sum, folded
    from hocket.fusing.loudness import finishing_at

    with Workspace(kept.folder) as workspace:
        voices = [decode(kept.folder / sound_name(voice), workspace) for voice in VOICES]
        if amounts != tuple(kept.facts["amounts"]):
            gain = finishing_at(Sum(voices, amounts), kept.facts["wanted_lufs"]).gain
            amounts = amounts[0] * gain, amounts[1] * gain
        if path.suffix != ".zip":
            mixed: Recording = Sum(voices, amounts)
            if path.suffix == ".mp3":
                from hocket.audio.writing import mp3_rate

                mixed = Resampled(
                    mixed if mixed.num_channels <= 2 else folded(mixed), mp3_rate(mixed.sample_rate)
                )
            audio.save(path, mixed, encoding="pcm24", tags=fusion_tags(*_sources(kept)))
            return
        with files.FileGroup(failure=AudioError) as group, ZipFile(group.open(path), "w") as archive:
            for voice, recording, amount in zip(VOICES, voices, amounts, strict=True):
                # 32-bit float, as a voice alone may be louder than their sum.
                stem = kept.folder / f"stem-{voice}.wav"
                audio.save(stem, Scaled(recording, amount), encoding="float32")
                # A `ZipInfo` without a date, so that the same stems are the same bytes at any time.
                entry = ZipInfo(f"{_speaking_name(kept)}.{voice}.wav")
                entry.file_size = stem.stat().st_size
                with stem.open("rb") as sound, archive.open(entry, "w") as packed:
                    shutil.copyfileobj(sound, packed)
                stem.unlink()


def _write_markers(kept: Kept, path: Path) -> None:
    """Typed chords where they were played; others, and the beats, as they are heard in the sources as fused."""
    from hocket.audio.reading import decode
    from hocket.audio.streams import Workspace
    from hocket.fusing.written import estimated
    from hocket.score.midi import timeline_as_midi

    with Workspace(kept.folder) as workspace:
        timeline = kept.timeline or estimated(
            *(decode(kept.folder / sound_name(role), workspace) for role in ROLES)
        )
    with files.FileGroup(failure=AudioError) as group, ZipFile(group.open(path), "w") as archive:
        archive.writestr(ZipInfo(f"{_speaking_name(kept)}.mid"), timeline_as_midi(timeline))
        archive.writestr(ZipInfo(f"{_speaking_name(kept)}.labels.txt"), timeline.as_labels())


def _sources(kept: Kept) -> tuple[Path, Path | Progression]:
    facts = kept.facts
    return Path(facts["input_name"]), named(facts["target_name"], facts["options"])


def _speaking_name(kept: Kept, amounts: Amounts | None = None) -> str:
    """`drums_x_pads_re-attack-0.5`: sources and settings, in letters that every system takes."""
    options = kept.facts["options"]
    parts = [source.stem[:80] for source in _sources(kept)]
    changed = [
        f"{option.brief}-{options[option.name]}"
        for option in page_options()
        if not option.live and options[option.name] != option.default
    ]
    mixed = amounts or tuple(kept.facts["amounts"])
    changed += [
        f"{voice}-{amount:.2f}"
        for voice, amount in zip(VOICES, mixed, strict=True)
        if abs(amount - 1) > 0.005
    ]
    first, second, *rest = (
        re.sub(r"[^\w.-]+", "-", part, flags=re.ASCII).strip("-.")[:40] or "source"
        for part in (*parts, *changed)
    )
    return "_".join([f"{first}_x_{second}", *rest])


async def remove(request: Request) -> Response:
    """Removes a result."""
    request.app.state.studio.store.remove("result", request.path_params["id"])
    return Response(status_code=204)


def _result(request: Request) -> Kept:
    studio: Studio = request.app.state.studio
    return studio.store.get("result", request.path_params["id"])


ROUTES = [
    Route("/api/chords", check_chords, methods=["POST"]),
    Route("/api/jobs", submit, methods=["POST"]),
    Route("/api/jobs/{id}", follow),
    Route("/api/jobs/{id}", cancel, methods=["DELETE"]),
    Route("/api/results/{id}", get_result),
    Route("/api/results/{id}", remove, methods=["DELETE"]),
    Route("/api/results/{id}/audio/{sound}", play),
    Route("/api/results/{id}/voices.png", picture),
    Route("/api/results/{id}/download", download),
    Route("/api/results/{id}/stems", stems),
    Route("/api/results/{id}/markers", markers),
]
