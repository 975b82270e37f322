"""Serving the studio: the socket, the web server's limits, and a server in a thread for tests and notebooks."""

import asyncio
import functools
import html
import os
import select
import signal
import socket
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from hocket import files
from hocket.errors import ConfigError
from hocket.studio.answers import is_exhausted, say_exhausted
from hocket.studio.guard import MAX_HEADER_BYTES
from hocket.studio.settings import Settings
from hocket.studio.state import Studio

MAX_CONNECTIONS, LEAST_DESCRIPTORS = 256, 64
# Connections that are accepted before the oldest ones are looked at, and that wait in the system for it.
ACCEPTED_AT_ONCE, WAITING_CONNECTIONS = 8, 256
KEEP_ALIVE_SECONDS = 10
# For answers that are on their way when the studio is told to end, and for all of its end.
SHUTDOWN_SECONDS, END_SECONDS = 1, 2.0
REMOVALS = 3
HEADER_SECONDS, STALLED_SECONDS, WATCH_SECONDS = 15.0, 60.0, 5.0


class PatientProtocol(H11Protocol):
    """HTTP/1.1 with an end to patience: for headers that drip in, and for readers who do not read.

    Bodies that stand still are the application's to notice. Where more than `max_connections` are open, the oldest
    one without a request goes, so that new visitors come in however many stand about.
    """

    def __init__(self, *arguments: Any, max_connections: int, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._max_connections = max_connections

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        self._since_seconds = self.loop.time()
        self._watch()
        self._make_room()

    @property
    def _is_busy(self) -> bool:
        """True if a request is being answered."""
        return self.cycle is not None and not self.cycle.response_complete

    def _make_room(self) -> None:
        lines: list[Any] = [line for line in self.connections if not line.transport.is_closing()]
        if len(lines) > self._max_connections:
            idle = [line for line in lines if not line._is_busy]
            # Who never asked for anything goes before a visitor between two requests, and the newest one last.
            oldest = min(idle, key=lambda line: (line is self, line.cycle is not None, line._since_seconds))
            oldest.transport.abort()

    def on_response_complete(self) -> None:
        """See `H11Protocol`."""
        super().on_response_complete()
        self._since_seconds = self.loop.time()

    def pause_writing(self) -> None:
        """The reader is behind."""
        super().pause_writing()
        self._since_seconds = self.loop.time()

    def _watch(self) -> None:
        if self.transport.is_closing():
            return
        patience = STALLED_SECONDS if self._is_busy else HEADER_SECONDS
        is_waiting = not self._is_busy or self.flow.write_paused
        if is_waiting and self.loop.time() - self._since_seconds > patience:
            self.transport.abort()
            return
        self.loop.call_later(WATCH_SECONDS, self._watch)


class Listener(socket.socket):
    """A listening socket on which many may wait, although few are accepted at once."""

    def listen(self, backlog: int = WAITING_CONNECTIONS, /) -> None:
        """See `socket.socket`; asyncio has one number for both, and accepts so many before it does anything else."""
        super().listen(WAITING_CONNECTIONS)


def max_connections() -> int:
    """Connections that leave most of this process's descriptors to files, downloads and decoders.

    Raises:
        ConfigError: the system allows it too few.
    """
    try:
        import resource
    except ImportError:  # Windows
        return MAX_CONNECTIONS
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    if limit < LEAST_DESCRIPTORS:
        raise ConfigError(
            f"the studio may open only {limit} files and connections: allow at least {LEAST_DESCRIPTORS} (ulimit -n)."
        )
    return min(MAX_CONNECTIONS, limit // 3)


def bound(settings: Settings) -> socket.socket:
    """A socket that listens where the settings say.

    Raises:
        ConfigError: the port is taken, or the address is none of this machine's.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # The protocol by name: only then does asyncio switch off the delay of small packets, which costs 40 ms an answer.
    listener = Listener(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"the studio cannot listen on {settings.host}, port {settings.port} ({error.strerror}): give another "
            "--port, or 0 for any free one."
        ) from error
    return listener


def address(settings: Settings, listener: socket.socket) -> str:
    """The URL at which the studio itself listens, with the token where one is needed."""
    host = settings.host if settings.host not in ("0.0.0.0", "::") else _own_address()
    host = f"[{host}]" if ":" in host else host
    token = "" if settings.token is None else f"/?token={settings.token}"
    return f"http://{host}:{listener.getsockname()[1]}{token}"


def written_address(url: str, folder: Path) -> Path:
    """Writes a page into a private folder that leads to `url`, for a browser that is started by its name.

    What a program is started with can be read by every user of the machine, and the address holds the token.

    Raises:
        ConfigError: the folder cannot be written to.
    """
    path = folder / "open.html"
    place = html.escape(url)
    text = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Hocket studio</title>'
        f'<meta http-equiv="refresh" content="0;url={place}"><p><a href="{place}">Open the studio</a></p></html>'
    )
    # Nobody else can look into the folder meanwhile.
    files.write_text(path, text, failure=ConfigError)
    path.chmod(0o600)
    return path


def _own_address() -> str:
    """The address by which other machines reach this one, or its name where the system does not know."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Sends nothing: it only asks which way a packet to a reserved address (RFC 5737) would go.
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return socket.gethostname()


class StudioServer(uvicorn.Server):
    """A web server that ends in time when it is told to by a signal, and is not talkative when descriptors run out."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """See `uvicorn.Server`; who does not end in time, as a thread hangs in a read, is ended."""
        if not self.should_exit:
            timer = threading.Timer(END_SECONDS, self._end_now, [128 + sig])
            timer.daemon = True
            timer.start()
        super().handle_exit(sig, frame)

    def _end_now(self, code: int) -> None:
        studio: Studio | None = getattr(self.config.app.state, "studio", None)  # type: ignore[union-attr]
        if studio is not None:
            for _ in range(REMOVALS):
                # Again, as a thread that still works may have written into it meanwhile.
                studio.folder.remove()
        try:
            # Otherwise the command line says it. Not where it would have to wait.
            if select.select([], [2], [], 0)[1]:
                os.write(
                    2,
                    f"hocket studio: {'interrupted' if code == 128 + signal.SIGINT else 'stopped'}\n".encode(),
                )
        finally:
            os._exit(code)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """See `uvicorn.Server`."""
        asyncio.get_running_loop().set_exception_handler(_on_loop_error)
        await super().startup(sockets)


def _on_loop_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    if is_exhausted(context.get("exception")):
        say_exhausted()
    else:
        loop.default_exception_handler(context)


def make_server(app: Starlette) -> StudioServer:
    """A server with limits that suit a studio; run it with `bound`'s socket.

    Raises:
        ConfigError: see `max_connections`.
    """
    protocol = functools.partial(PatientProtocol, max_connections=max_connections())
    options: dict[str, Any] = {"http": protocol, "ws": "none", "loop": "asyncio", "lifespan": "on"}
    config = uvicorn.Config(
        app,
        **options,
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=ACCEPTED_AT_ONCE,
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    return StudioServer(config)
