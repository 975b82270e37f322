"""The page below a path of its own, as a proxy serves it: scripts, requests, sound and pictures come from there."""

import socket
from typing import Any

import pytest
from studio_actions import fuse, give

from conftest import Messages, opened, running_studio

pytestmark = pytest.mark.slow

TOKEN = "a-token-of-thirty-letters-or-so"


def test_two_files_are_fused_below_a_path(chromium: Any, messages: Messages, pair: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    home = f"http://127.0.0.1:{port}/hocket/"
    flags = ("--public-url", home, "--port", str(port), "--token", TOKEN)
    with running_studio(*flags), opened(chromium, messages) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{home}?token={TOKEN}")
        page.wait_for_selector("html[data-ready]")
        give(page, "input", pair.input)
        give(page, "target", pair.target)
        fuse(page)
        page.wait_for_selector("#result .picture:not([hidden])")
        assert len(asked) > 20
        assert not [url for url in asked if not url.startswith((home, "blob:", "data:"))]
    assert messages.unexpected == []
