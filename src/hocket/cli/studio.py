"""`hocket studio`: a local page to fuse two recordings, and to follow runs while they train."""

import argparse
import contextlib
import secrets
import signal
import threading
import webbrowser
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

from hocket.cli.flags import underscored
from hocket.errors import HocketError

TOKEN_BYTES = 24


def run(argv: list[str]) -> int:
    """Serves until it is interrupted."""
    options = _parser().parse_args(underscored(argv))
    _require_extra()
    from hocket.studio.settings import Settings

    token = options.token
    if options.share and token is None:
        token = secrets.token_urlsafe(TOKEN_BYTES)
    settings = Settings(
        runs=options.runs,
        checkpoint=options.checkpoint,
        host=options.host or ("0.0.0.0" if options.share else "127.0.0.1"),
        port=options.port,
        share=options.share,
        token=token,
        max_upload_bytes=options.max_upload_mb * 2**20,
        max_seconds=60 * options.max_minutes,
        num_threads=options.num_threads,
    )
    from hocket.studio.app import create_app
    from hocket.studio.server import address, bound, make_server

    with _ended_with_terminal(), bound(settings) as listener:
        url = address(settings, listener)
        server = make_server(create_app(settings))
        print(f"The studio is at {url}  (Ctrl-C ends it)", flush=True)
        if not options.no_browser:
            # Beside the server, which has to be there when the browser asks.
            threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
        server.run([listener])
    return 0


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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hocket studio",
        description="Serves a local page: fuse two recordings, hear and see what came of it, and follow runs.",
        allow_abbrev=False,
    )
    parser.add_argument("--runs", type=Path, metavar="DIR", help="the folder that holds your runs")
    parser.add_argument(
        "--checkpoint", type=Path, metavar="RUN/best", help="your own weights (those that come with hocket)"
    )
    parser.add_argument("--port", type=int, default=7870, help="0 is any free one (7870)")
    parser.add_argument("--host", help="the address to listen on (127.0.0.1; with --share all)")
    parser.add_argument(
        "--share", action="store_true", help="let other machines in, who need the token that is printed"
    )
    parser.add_argument(
        "--token",
        metavar="T",
        help="16 letters or more, also for a machine with other users (with --share: made anew)",
    )
    parser.add_argument("--no_browser", action="store_true", help="print the address only")
    parser.add_argument("--max_upload_mb", type=float, default=200.0, metavar="MB", help="a file (200)")
    parser.add_argument("--max_minutes", type=float, default=10.0, metavar="MIN", help="a recording (10)")
    parser.add_argument("--num_threads", type=int, metavar="N", help="of the fusion")
    return parser


def _require_extra() -> None:
    if find_spec("starlette") is None or find_spec("uvicorn") is None:
        raise HocketError("the studio needs an extra, not installed here: pip install 'hocket[studio]'")
