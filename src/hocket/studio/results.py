"""Jobs and what came of them."""

import os
import re
import shutil
from functools import partial
from pathlib import Path
from typing import BinaryIO, Literal

import anyio
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hocket.errors import AudioError
from hocket.studio.answers import JSONResponse
from hocket.studio.bodies import read_json
from hocket.studio.fusing import PICTURE, VOICES, played_name
from hocket.studio.intake import EXACT
from hocket.studio.jobs import Job
from hocket.studio.requests import ROLES, parse_request
from hocket.studio.sources import OpenFileResponse, served
from hocket.studio.state import Studio
from hocket.studio.store import GONE, Draft, GoneError, Kept, Store

DOWNLOADS = {"wav": "audio/wav", "flac": "audio/flac"}
GONE_JOB = "This job is not here, or no longer: fuse again."


async def submit(request: Request) -> Response:
    """Puts a fusion into the queue."""
    studio: Studio = request.app.state.studio
    wanted = parse_request(await read_json(request, idle_seconds=studio.settings.idle_seconds))
    sources = [studio.store.get("source", getattr(wanted, role)) for role in ROLES]
    for role, source in zip(ROLES, sources, strict=True):
        wanted.region(role, source.facts["seconds"])
    draft = studio.store.draft()
    try:
        await anyio.to_thread.run_sync(_borrow, draft, sources)
        job = studio.jobs.submit(wanted, (sources[0].facts["name"], sources[1].facts["name"]), draft)
    except BaseException:
        draft.close()
        raise
    return JSONResponse(studio.jobs.view(job), 202)


def _borrow(draft: Draft, sources: list[Kept]) -> None:
    """Puts the sources into a job's folder; they count as the job's, whatever becomes of the recordings.

    Raises:
        FullError: there is no room.
        GoneError: one was taken away a moment ago.
    """
    try:
        for role, source in zip(ROLES, sources, strict=True):
            draft.claim((source.folder / EXACT).stat().st_size)
            _second_name(source.folder / EXACT, draft.folder / f"{role}.wav")
    except FileNotFoundError as error:
        raise GoneError(GONE["source"]) from error


def _second_name(path: Path, other: Path) -> None:
    """The same file under another name, so that it stays when the first one goes; a copy where there are no links."""
    try:
        os.link(path, other)
    except OSError:
        shutil.copyfile(path, other)


async def follow(request: Request) -> Response:
    """How far a job is."""
    studio: Studio = request.app.state.studio
    return JSONResponse(studio.jobs.view(_job(studio, request)))


async def cancel(request: Request) -> Response:
    """Stops a job: a waiting one at once, a running one at its next word."""
    studio: Studio = request.app.state.studio
    job = _job(studio, request)
    studio.jobs.cancel(job)
    return JSONResponse(studio.jobs.view(job))


def _job(studio: Studio, request: Request) -> Job:
    job = studio.jobs.find(request.path_params["id"])
    if job is None:
        raise HTTPException(404, GONE_JOB)
    return job


async def tell(request: Request) -> Response:
    """What is known of a result."""
    kept = _result(request)
    return JSONResponse({"id": kept.id, **kept.facts})


async def play(request: Request) -> Response:
    """One of the three voices for players."""
    role = request.path_params["role"]
    if role not in VOICES:
        raise HTTPException(404, f"There is no such voice: ask for {', '.join(VOICES)}.")
    return served(_result(request).folder / played_name(role), "audio/wav", GONE["result"])


async def picture(request: Request) -> Response:
    """The output's spectrogram in the colours of its sources."""
    return served(_result(request).folder / PICTURE, "image/png", GONE["result"])


async def download(request: Request) -> Response:
    """The output in 24 bits, under a name that says what it is."""
    studio: Studio = request.app.state.studio
    kept, format = _result(request), request.query_params.get("format", "wav")
    if format not in DOWNLOADS:
        raise HTTPException(422, f"There is no such format: ask for {' or '.join(DOWNLOADS)}.")
    try:
        handle = await anyio.to_thread.run_sync(partial(_opened, studio.store, kept, format))
    except AudioError as error:
        raise HTTPException(503, "The studio has no room to write this file: try again later.") from error
    return OpenFileResponse(handle, DOWNLOADS[format], filename=_speaking_name(kept, format))


def _opened(store: Store, kept: Kept, format: str) -> BinaryIO:
    """The file to download, open: it can be read on when the result is taken away.

    Raises:
        GoneError: the result was taken away before.
        AudioError: see `_encoded`.
        FullError: see `_encoded`.
    """
    try:
        return _encoded(store, kept, format).open("rb")
    except (AudioError, OSError) as error:
        if store.holds(kept):
            raise
        raise GoneError(GONE["result"]) from error
    finally:
        if not store.holds(kept):
            # A file that was being written when its folder was taken away may have kept both.
            shutil.rmtree(kept.folder, ignore_errors=True)


def _encoded(store: Store, kept: Kept, format: str) -> Path:
    """The file to download, made when it is asked for the first time; it counts as a part of the result.

    Raises:
        AudioError: it cannot be written.
        FullError: there is no room for it.
        OSError: the result was taken away meanwhile.
    """
    from hocket import audio
    from hocket.audio.reading import decode
    from hocket.audio.streams import Workspace

    path = kept.folder / f"output.{format}"
    encoding: Literal["pcm24"] = "pcm24"
    with kept.lock:
        if not path.exists():
            # Three bytes a sample instead of the four of the exact file, and never more than that.
            most_bytes = (kept.folder / EXACT).stat().st_size
            store.claim(most_bytes)
            try:
                with Workspace(kept.folder) as workspace:
                    audio.save(path, decode(kept.folder / EXACT, workspace), encoding=encoding)
                store.grow(kept, path.stat().st_size)
            finally:
                store.release(most_bytes)
    return path


def _speaking_name(kept: Kept, format: str) -> str:
    """`drums x pads.wav`: both sources, in letters that every system takes."""
    stems = (
        re.sub(r"[^\w.-]+", "-", Path(kept.facts[f"{role}_name"]).stem, flags=re.ASCII).strip("-.")[:40]
        or role
        for role in ROLES
    )
    return f"{'_x_'.join(stems)}.{format}"


async def remove(request: Request) -> Response:
    """Takes a result away."""
    request.app.state.studio.store.remove("result", request.path_params["id"])
    return Response(status_code=204)


def _result(request: Request) -> Kept:
    studio: Studio = request.app.state.studio
    return studio.store.get("result", request.path_params["id"])


ROUTES = [
    Route("/api/jobs", submit, methods=["POST"]),
    Route("/api/jobs/{id}", follow),
    Route("/api/jobs/{id}", cancel, methods=["DELETE"]),
    Route("/api/results/{id}", tell),
    Route("/api/results/{id}", remove, methods=["DELETE"]),
    Route("/api/results/{id}/audio/{role}", play),
    Route("/api/results/{id}/sources.png", picture),
    Route("/api/results/{id}/download", download),
]
