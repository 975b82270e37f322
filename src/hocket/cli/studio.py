"""`hocket studio`: a local page to fuse two recordings, and to follow runs while they train."""

import argparse
import contextlib
import os
import secrets
import signal
import threading
import time
import webbrowser
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from hocket.cli.flags import INCLUDED, VerbParser, add_device, with_note
from hocket.errors import ConfigError, HocketError

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from hocket.studio.server import StudioServer

TOKEN_BYTES = 24
TOKEN_VARIABLE = "HOCKET_TOKEN"
NEW_TOKEN = object()
# For which a file that leads a browser to the page stays.
BROWSER_SECONDS = 60.0


def run(argv: list[str]) -> int:
    """Serves until it is interrupted."""
    options = _parser().parse_args(argv)
    _require_extra()
    from hocket.studio.settings import Settings

    settings = Settings(
        runs=options.runs,
        checkpoint=options.checkpoint,
        device=with_note(options.device),
        host=options.host or ("0.0.0.0" if options.share else "127.0.0.1"),
        port=options.port,
        share=options.share,
        public_url=options.public_url,
        token=_token(options),
        max_upload_bytes=options.max_upload_mb * 2**20,
        max_seconds=60 * options.max_minutes,
        num_threads=options.num_threads,
    )
    from hocket.studio.app import create_app
    from hocket.studio.server import address, bound, make_server

    with _ended_with_terminal(), bound(settings) as listener:
        url = address(settings, listener)
        app = create_app(settings)
        server = make_server(app)
        told = url
        if settings.public is not None:
            local = url.partition("/?")[0]
            told = f"{settings.public.home}?token={settings.token}, through a proxy that forwards requests to {local}"
        print(f"The studio is at {told}  (Ctrl-C to stop)", flush=True)
        if not options.no_browser and settings.public is None:
            # Beside the server, which has to be there when the browser asks.
            threading.Thread(target=_browse, args=(server, app, url), daemon=True).start()
        server.run([listener])
    return 0


def _token(options: argparse.Namespace) -> str | None:
    """The token that was given in one of three ways, or a new one where others may come; None where nobody asks."""
    from hocket.studio.settings import read_token, require_token

    # Not left there for the processes that the studio starts.
    from_environment = os.environ.pop(TOKEN_VARIABLE, None)
    if options.token is not None and options.token_file is not None:
        raise ConfigError("--token and --token-file were both given: choose one of them.")
    if options.token_file is not None:
        return read_token(options.token_file)
    if options.token is not None and options.token is not NEW_TOKEN:
        return str(options.token)
    if options.token is None and from_environment is not None:
        return require_token(from_environment, TOKEN_VARIABLE)
    if options.token is NEW_TOKEN or options.share or options.public_url is not None:
        return secrets.token_urlsafe(TOKEN_BYTES)
    return None


def _browse(server: "StudioServer", app: "Starlette", url: str) -> None:
    """Opens the page; an address with a token is not handed to another program, but a file that leads there."""
    from hocket.studio.server import written_address

    while not server.started:
        time.sleep(0.05)
    if "?token=" not in url:
        webbrowser.open(url)
        return
    path = written_address(url, app.state.studio.folder.path)
    webbrowser.open(path.as_uri())
    time.sleep(BROWSER_SECONDS)
    path.unlink(missing_ok=True)


@contextlib.contextmanager
def _ended_with_terminal() -> Iterator[None]:
    """While the block runs, a terminal that is closed (SIGHUP) ends the studio as SIGTERM does.

    Where SIGHUP is ignored, as under nohup, it stays so; where there is none, or elsewhere than in the main thread,
    nothing is changed.
    """
    number = getattr(signal, "SIGHUP", None)
    is_main = threading.current_thread() is threading.main_thread()
    if number is None or not is_main or signal.getsignal(number) is signal.SIG_IGN:
        yield
        return
    before = signal.signal(number, _pass_on)
    try:
        yield
    finally:
        signal.signal(number, before)


def _pass_on(number: int, frame: FrameType | None) -> None:
    # Whoever answers to SIGTERM just now, the web server or the command line, knows how to end.
    signal.raise_signal(signal.SIGTERM)


def _parser() -> VerbParser:
    parser = VerbParser(
        "studio",
        "Opens a local page in the browser to fuse two recordings, listen to the result, and follow training runs.",
    )
    add = parser.add_argument
    add("--runs", type=Path, metavar="DIR", help="folder that contains your runs")
    add("--checkpoint", type=Path, metavar="RUN/best", help=f"your own weights (default: {INCLUDED})")
    add("--port", type=int, default=7870, metavar="N", help="port to listen on; 0 = any free port")
    add("--host", metavar="IP", help="address to listen on (default: 127.0.0.1; with --share, all addresses)")
    add("--share", action="store_true", help="let other machines connect with the token that is printed")
    words = f"require the token in this file, which only you may read; or set {TOKEN_VARIABLE}"
    add("--token-file", type=Path, metavar="FILE", help=words)
    words = (
        "require this token of 16 letters or more; other users of this machine can see it in the process "
        "list. Without T, a new token is made, as with --share and --public-url"
    )
    add("--token", nargs="?", const=NEW_TOKEN, metavar="T", help=words)
    words = "address where a proxy serves the studio, such as https://studio.example.org/hocket/"
    add("--public-url", metavar="URL", help=words)
    add("--no-browser", action="store_true", help="only print the address")
    add("--max-upload-mb", type=float, default=200.0, metavar="MB", help="largest upload in megabytes")
    add("--max-minutes", type=float, default=10.0, metavar="MIN", help="longest recording in minutes")
    add_device(parser)
    add("--num-threads", type=int, metavar="N", help="threads that compute a fusion (default: 1)")
    return parser


def _require_extra() -> None:
    if find_spec("starlette") is None or find_spec("uvicorn") is None:
        raise HocketError("the studio needs more packages: run pip install 'hocket[studio]'")
