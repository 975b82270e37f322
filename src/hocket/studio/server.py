"""Serving the studio: the socket, the web server's limits, and a server in a thread for tests and notebooks."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from hocket.errors import ConfigError
from hocket.studio.app import create_app
from hocket.studio.guard import MAX_HEADER_BYTES
from hocket.studio.settings import Settings

MAX_CONNECTIONS = 256
KEEP_ALIVE_SECONDS = 10
SHUTDOWN_SECONDS = 3
HEADER_SECONDS, STALLED_SECONDS, WATCH_SECONDS = 15.0, 60.0, 5.0
START_SECONDS = 30.0


class PatientProtocol(H11Protocol):
    """HTTP/1.1 with an end to patience: for headers that drip in, and for readers who do not read.

    Bodies that stand still are the application's to notice.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        self._since_seconds = self.loop.time()
        self._watch()

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
        is_busy = self.cycle is not None and not self.cycle.response_complete
        patience = STALLED_SECONDS if is_busy else HEADER_SECONDS
        is_waiting = not is_busy or self.flow.write_paused
        if is_waiting and self.loop.time() - self._since_seconds > patience:
            self.transport.abort()
            return
        self.loop.call_later(WATCH_SECONDS, self._watch)


def bound(settings: Settings) -> socket.socket:
    """A socket that listens where the settings say.

    Raises:
        ConfigError: the port is taken, or the address is none of this machine's.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # The protocol by name: only then does asyncio switch off the delay of small packets, which costs 40 ms an answer.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"the studio cannot listen on {settings.host}, port {settings.port} ({error.strerror}): give another "
            "--port, or 0 for any free one."
        ) from error
    return listener


def address(settings: Settings, listener: socket.socket) -> str:
    """The URL to open, with the token where one is needed."""
    host = settings.host if settings.host not in ("0.0.0.0", "::") else _own_address()
    host = f"[{host}]" if ":" in host else host
    token = "" if settings.token is None else f"/?token={settings.token}"
    return f"http://{host}:{listener.getsockname()[1]}{token}"


def _own_address() -> str:
    """The address by which other machines reach this one, or its name where the system does not know."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Sends nothing: it only asks which way a packet to a reserved address (RFC 5737) would go.
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return socket.gethostname()


def make_server(app: ASGIApp) -> uvicorn.Server:
    """A server with limits that suit a studio; run it with `bound`'s socket."""
    options: dict[str, Any] = {"http": PatientProtocol, "ws": "none", "loop": "asyncio", "lifespan": "on"}
    config = uvicorn.Config(
        app,
        **options,
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=MAX_CONNECTIONS,
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    return uvicorn.Server(config)


@contextlib.contextmanager
def serving(settings: Settings) -> Iterator[str]:
    """A studio in a thread, for as long as the block runs; gives its URL.

    Raises:
        ConfigError: see `bound`.
    """
    listener = bound(settings)
    server = make_server(create_app(settings))
    thread = threading.Thread(target=server.run, args=([listener],), name="studio", daemon=True)
    thread.start()
    try:
        end_seconds = time.monotonic() + START_SECONDS
        while not server.started:
            if time.monotonic() > end_seconds or not thread.is_alive():
                raise ConfigError("the studio did not start: see its messages.")
            time.sleep(0.01)
        yield address(settings, listener)
    finally:
        server.should_exit = True
        thread.join(START_SECONDS)
        listener.close()
