"""Recordings: taken in, told of, played, given back."""

import logging
import os
from functools import partial

import anyio
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from hocket import __version__
from hocket.errors import AudioError, HocketError
from hocket.hearing import MINIMUM_SECONDS
from hocket.studio.bodies import receive_file
from hocket.studio.settings import Settings
from hocket.studio.sound import PLAYED
from hocket.studio.state import Studio
from hocket.studio.wishes import OPTIONS, RANGES, printable

FORMATS = ("WAV", "FLAC", "OGG", "MP3", "AIFF")
MPEG4 = ("M4A", "AAC")
MAX_NAME = 120
NAMELESS = "recording"
NO_DECODER = "The studio cannot decode files just now: try again in a moment."

logger = logging.getLogger("hocket.studio")


async def about(request: Request) -> Response:
    """What the studio is and takes."""
    studio: Studio = request.app.state.studio
    settings = studio.settings
    return JSONResponse(
        {
            "version": __version__,
            "weights": _weights(settings),
            "max_upload_bytes": int(settings.max_upload_bytes),
            "max_seconds": settings.max_seconds,
            "min_seconds": MINIMUM_SECONDS,
            "formats": [*FORMATS, *(MPEG4 if _reads_mpeg4() else ())],
            "has_runs": settings.runs is not None,
            "options": {name: list(allowed) for name, allowed in OPTIONS.items()},
            "ranges": RANGES,
        }
    )


def _weights(settings: Settings) -> str:
    if settings.checkpoint is None:
        return "default"
    # Visitors need not know where things lie.
    return printable(settings.checkpoint.name if settings.share else str(settings.checkpoint), 200)


async def receive(request: Request) -> Response:
    """Takes a file in: whatever its name says, what is in it counts."""
    studio: Studio = request.app.state.studio
    settings = studio.settings
    name = display_name(request.query_params.get("name", ""))
    if studio.num_uploads >= settings.max_uploads:
        raise HTTPException(503, "Too many files are being taken in just now: try again in a moment.")
    studio.num_uploads += 1
    try:
        with studio.store.draft() as draft:
            path = await receive_file(
                request, draft, max_bytes=settings.max_upload_bytes, idle_seconds=settings.idle_seconds
            )
            studio.prepare()
            work = partial(studio.take_in, path, draft.folder, name=name)
            try:
                facts = await anyio.to_thread.run_sync(work, limiter=studio.decoders)
            except AudioError as error:
                raise HTTPException(422, str(error)) from error
            except HocketError as error:  # a fault of this machine, not of the file
                logger.error("an upload could not be decoded: %s", error)
                raise HTTPException(503, NO_DECODER) from error
            if await request.is_disconnected():
                return Response(status_code=204)
            draft.claim(sum(path.stat().st_size for path in draft.folder.iterdir()))
            kept = draft.keep("source", {"name": name, **facts})
    finally:
        studio.num_uploads -= 1
    return JSONResponse(told(kept.id, kept.facts), 201)


def told(id: str, facts: dict[str, object]) -> dict[str, object]:
    """What the page is told of a recording."""
    return {"id": id, **{name: value for name, value in facts.items() if name != "num_samples"}}


async def play(request: Request) -> Response:
    """The recording for players."""
    studio: Studio = request.app.state.studio
    kept = studio.store.get("source", request.path_params["id"])
    return served(kept.folder / PLAYED, "audio/wav")


async def remove(request: Request) -> Response:
    """Takes a recording away; a job that waits for it still has it."""
    request.app.state.studio.store.remove("source", request.path_params["id"])
    return Response(status_code=204)


def served(path: str | os.PathLike[str], media_type: str) -> Response:
    """A file of ours, with ranges.

    Raises:
        HTTPException: it went away a moment ago (404).
    """
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError as error:
        raise HTTPException(404, "This recording is not here, or no longer.") from error
    return FileResponse(path, media_type=media_type, stat_result=status)


def display_name(name: str) -> str:
    """A file's name as it is shown: never a path, never more than a line."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return printable(last, MAX_NAME).strip() or NAMELESS


def _reads_mpeg4() -> bool:
    from importlib.util import find_spec

    return find_spec("av") is not None


ROUTES = [
    Route("/api/about", about),
    Route("/api/sources", receive, methods=["POST"]),
    Route("/api/sources/{id}", remove, methods=["DELETE"]),
    Route("/api/sources/{id}/audio", play),
]
