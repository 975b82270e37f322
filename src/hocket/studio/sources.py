"""Requests about recordings: upload, describe, play and remove."""

import logging
import os
from functools import partial
from pathlib import Path
from typing import BinaryIO

import anyio
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from hocket import examples
from hocket.errors import AudioError, HocketError
from hocket.hearing import MINIMUM_SECONDS
from hocket.options import PRESETS
from hocket.studio.answers import JSONResponse
from hocket.studio.bodies import receive_file
from hocket.studio.intake import EXACT, PLAYED
from hocket.studio.loading import with_libraries
from hocket.studio.requests import ROLES, page_options, printable
from hocket.studio.settings import Settings
from hocket.studio.state import Studio
from hocket.studio.store import GONE, GoneError, Kept
from hocket.version import __version__

FORMATS = ("WAV", "FLAC", "OGG", "MP3", "AIFF")
MPEG4 = ("M4A", "AAC")
MAX_NAME = 120
NAMELESS = "recording"
NO_DECODER = "The studio cannot decode files just now: try again in a moment."

logger = logging.getLogger("hocket.studio")


async def about(request: Request) -> Response:
    """Answers with what the studio is and takes."""
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
            "options": [option.as_json() for option in page_options()],
            "presets": PRESETS,
            "examples": examples.PAIRS,
        }
    )


def _weights(settings: Settings) -> str:
    if settings.checkpoint is None:
        return "default"
    # Visitors need not know where things lie.
    return printable(settings.checkpoint.name if settings.is_shared else str(settings.checkpoint), 200)


async def receive(request: Request) -> Response:
    """Takes a file in: whatever its name says, what is in it counts."""
    studio: Studio = request.app.state.studio
    settings = studio.settings
    name = display_name(request.query_params.get("name", ""))
    role = request.query_params.get("role", "target")
    if role not in ROLES:
        raise HTTPException(422, f"There is no role {printable(role, 40)!r}: give {' or '.join(ROLES)}.")
    if studio.num_uploads >= settings.max_uploads:
        raise HTTPException(503, "Too many files are being uploaded just now: try again in a moment.")
    studio.num_uploads += 1
    try:
        with studio.store.draft() as draft:
            # A larger file than all that may be stored is refused by its length, before anything makes room for it.
            max_bytes = min(settings.max_upload_bytes, settings.max_stored_bytes)
            path = await receive_file(request, draft, max_bytes=max_bytes, idle_seconds=settings.idle_seconds)
            studio.prepare()
            work = partial(studio.take_in, path, draft.folder, name=name, is_rhythm=role == "input")
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
    return JSONResponse(facts_json(kept.id, kept.facts), 201)


def facts_json(id: str, facts: dict[str, object]) -> dict[str, object]:
    """The facts of a recording as JSON."""
    return {"id": id, **{name: value for name, value in facts.items() if name != "num_samples"}}


async def play(request: Request) -> Response:
    """The recording for players."""
    studio: Studio = request.app.state.studio
    kept = studio.store.get("source", request.path_params["id"])
    return served(kept.folder / PLAYED, "audio/wav", GONE["source"])


async def music(request: Request) -> Response:
    """Answers with tempo, key and roles of a recording, which is listened to when somebody asks for the first time."""
    studio: Studio = request.app.state.studio
    kept = studio.store.get("source", request.path_params["id"])
    work = partial(with_libraries, partial(_listen, kept))
    # One at a time, so that fusions and uploads have the machine.
    await anyio.to_thread.run_sync(work, limiter=studio.listeners)
    return JSONResponse(kept.facts["music"])


def _listen(kept: Kept) -> None:
    """Adds the music of a recording to its facts; once is enough.

    Raises:
        GoneError: it was removed.
    """
    if "music" in kept.facts:
        return
    from hocket.audio.reading import FromFile
    from hocket.fusing.music import describe_music

    try:
        sound = FromFile(kept.folder / EXACT, sample_rate=kept.facts["sample_rate"])
        heard = describe_music(sound).to_json()
    except AudioError as error:
        raise GoneError(GONE["source"]) from error
    kept.facts = kept.facts | {"music": heard}


async def remove(request: Request) -> Response:
    """Removes a recording; a job that waits for it still has it."""
    request.app.state.studio.store.remove("source", request.path_params["id"])
    return Response(status_code=204)


class OpenFileResponse(FileResponse):
    """A file that is open already, with ranges: its download goes on when the file is removed meanwhile."""

    def __init__(self, handle: BinaryIO, media_type: str, *, filename: str | None = None) -> None:
        # Opened once more by its descriptor, as its name may be gone; where a system has no such names, by its own.
        by_descriptor = Path(f"/dev/fd/{handle.fileno()}")
        super().__init__(
            by_descriptor if by_descriptor.exists() else handle.name,
            media_type=media_type,
            filename=filename,
            stat_result=os.fstat(handle.fileno()),
        )
        self._handle = handle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends it, and closes it however that ends."""
        with self._handle:
            await super().__call__(scope, receive, send)


def served(path: Path, media_type: str, gone: str) -> Response:
    """A file of ours; `gone` is the sentence where there is none.

    Raises:
        GoneError: it went away a moment ago.
    """
    try:
        return OpenFileResponse(path.open("rb"), media_type)
    except FileNotFoundError as error:
        raise GoneError(gone) from error


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
    Route("/api/sources/{id}/music", music),
]
