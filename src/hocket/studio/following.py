"""Addresses of the second tab: training runs, live or finished."""

import anyio
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hocket.studio.answers import JSONResponse
from hocket.studio.loading import with_libraries
from hocket.studio.runs import GONE_EXAMPLE
from hocket.studio.sources import served
from hocket.studio.state import Studio


async def list_runs(request: Request) -> Response:
    """All runs in a line each."""
    studio: Studio = request.app.state.studio
    return JSONResponse(await anyio.to_thread.run_sync(with_libraries, studio.runs.list_runs))


async def get_run(request: Request) -> Response:
    """Answers with all that one run says of itself."""
    studio: Studio = request.app.state.studio
    return JSONResponse(
        await anyio.to_thread.run_sync(with_libraries, studio.runs.get_run, request.path_params["id"])
    )


async def curves(request: Request) -> Response:
    """The curves of a run, for the page to draw."""
    studio: Studio = request.app.state.studio
    return JSONResponse(
        await anyio.to_thread.run_sync(with_libraries, studio.runs.curves, request.path_params["id"])
    )


async def sound(request: Request) -> Response:
    """A source or an output of one of its examples."""
    studio: Studio = request.app.state.studio
    wanted = (request.path_params[name] for name in ("id", "pair", "which"))
    path = await anyio.to_thread.run_sync(with_libraries, studio.runs.sound, *wanted)
    return served(path, "audio/flac", GONE_EXAMPLE)


async def picture(request: Request) -> Response:
    """An output's spectrogram in the colours of its sources."""
    studio: Studio = request.app.state.studio
    wanted = (request.path_params[name] for name in ("id", "pair", "which"))
    content = await anyio.to_thread.run_sync(with_libraries, studio.runs.picture, *wanted)
    return Response(content, media_type="image/png")


ROUTES = [
    Route("/api/runs", list_runs),
    Route("/api/runs/{id}", get_run),
    Route("/api/runs/{id}/curves", curves),
    Route("/api/runs/{id}/examples/{pair}/{which}", sound),
    Route("/api/runs/{id}/examples/{pair}/{which}/sources.png", picture),
]
