"""The studio's addresses: the page, recordings, jobs, results and runs."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib import resources
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from hocket import examples
from hocket.studio import following, results, sources
from hocket.studio.answers import JSONResponse
from hocket.studio.guard import Guard
from hocket.studio.requests import RequestError
from hocket.studio.settings import Settings
from hocket.studio.state import Studio
from hocket.studio.store import FullError, GoneError, TooLargeError

PAGE = Path(__file__).parent / "page"
PLOTS = Path(str(resources.files("hocket.report"))) / "plots"
"""The module that draws curves, which is the report's."""
MEDIA_TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
    ".json": "application/json",
    ".txt": "text/plain",
    ".mp3": "audio/mpeg",
}
SWEEP_SECONDS = 60.0
# The model is loaded when a page has what it asked for, or when nobody came: loading makes answers slow for a second.
QUIET_SECONDS, LONELY_SECONDS = 1.0, 4.0


def create_app(settings: Settings) -> Starlette:
    """The studio as an ASGI application; what it needs is made when its lifespan begins and gone when it ends.

    Raises:
        HocketError: see `Settings`.
    """
    routes = [
        Route("/", _page),
        Route("/static/{name:path}", _static),
        *sources.ROUTES,
        *results.ROUTES,
        *following.ROUTES,
    ]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Guard, settings=settings)],
        exception_handlers={
            HTTPException: _told,
            RequestError: _because(422),
            GoneError: _because(404),
            FullError: _because(429),
            TooLargeError: _because(413),
        },
        lifespan=_lifespan,
    )
    # An address with one slash too many is not an address.
    app.router.redirect_slashes = False
    app.state.settings = settings
    app.state.files = {
        f"{prefix}{name}": path
        for prefix, folder in (("", PAGE), ("plots/", PLOTS), ("examples/", examples.FOLDER))
        for name, path in _page_files(folder).items()
    }
    return app


@contextlib.asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    studio = Studio(app.state.settings)
    app.state.studio = studio
    housekeeping = asyncio.create_task(_keep_house(studio))
    try:
        yield
    finally:
        housekeeping.cancel()
        await asyncio.to_thread(studio.close)


async def _keep_house(studio: Studio) -> None:
    """Loads the model at a quiet moment, and removes what has expired."""
    begin = time.monotonic()
    while not studio.is_prepared:
        await asyncio.sleep(0.2)
        now = time.monotonic()
        seen = studio.seen_seconds
        if now - (seen + QUIET_SECONDS if seen else begin + LONELY_SECONDS) > 0:
            studio.prepare()
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        await asyncio.to_thread(studio.store.sweep)


def _page_files(folder: Path) -> dict[str, Path]:
    """All files of the page by their public names; nothing else is served."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix in MEDIA_TYPES)
    return {path.relative_to(folder).as_posix(): path for path in paths}


async def _page(request: Request) -> Response:
    return _file(request, "index.html")


async def _static(request: Request) -> Response:
    return _file(request, request.path_params["name"])


def _file(request: Request, name: str) -> Response:
    request.app.state.studio.seen_seconds = time.monotonic()
    path = request.app.state.files.get(name)
    if path is None or not path.is_file():
        raise HTTPException(404, "There is nothing at this address.")
    return FileResponse(path, media_type=MEDIA_TYPES[path.suffix])


async def _told(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    known = {404: "There is nothing at this address.", 405: "This address takes no such request."}
    # Starlette's own words are no sentences.
    sentence = (
        error.detail if " " in error.detail and error.detail.endswith(".") else known.get(error.status_code)
    )
    headers = error.headers or {}
    return JSONResponse({"error": sentence or error.detail}, error.status_code, headers=dict(headers))


def _because(status: int) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(request: Request, error: Exception) -> Response:
        return JSONResponse({"error": str(error)}, status)

    return answer
