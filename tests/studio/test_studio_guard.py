"""Who may come in: names, pages, tokens; and what every answer says to browsers."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from visiting import serving

from hocket.errors import CheckpointError, ConfigError
from hocket.studio.guard import CONTENT_POLICY, Guard
from hocket.studio.settings import Settings

HOME = "http://localhost:7870"
HOST = {"host": "localhost:7870"}
TOKEN = "a-token-of-thirty-letters-or-so"


@pytest.fixture(scope="module")
def local(studio_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=studio_url) as client:
        yield client


@pytest.fixture
def shared(studio_temp: Path) -> Iterator[httpx.Client]:
    settings = Settings(port=0, share=True, token=TOKEN)
    with serving(settings) as url, httpx.Client(base_url=url.partition("/?")[0]) as client:
        yield client


@pytest.mark.parametrize(
    "host", ["localhost:7870", "localhost", "127.0.0.1:8080", "[::1]:7870", "LOCALHOST:1"]
)
def test_this_machines_names_are_known(local: httpx.Client, host: str) -> None:
    assert local.get("/api/about", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example:7870",
        "192.0.2.7",
        "",
        "a@localhost",
        "localhost:99999999",
        "[::1",
        "]",
        "localhost/",
        "127.1",
        "0.0.0.0:7870",
        "local\thost",
    ],
)
def test_other_names_are_refused(local: httpx.Client, host: str) -> None:
    for path in ("/", "/api/about", "/static/index.html"):
        answer = local.get(path, headers={"host": host})
        assert answer.status_code == 403, path
        assert "Hocket" not in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:7871"},
        {"origin": "http://127.0.0.1:7870"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"origin": HOME, "sec-fetch-site": "cross-site"},
    ],
)
def test_other_pages_cannot_post_or_delete(local: httpx.Client, headers: dict[str, str]) -> None:
    assert local.post("/api/jobs", json={}, headers=HOST | headers).status_code == 403
    assert local.post("/api/sources", content=b"x", headers=HOST | headers).status_code == 403
    assert local.delete("/api/results/x", headers=HOST | headers).status_code == 403


@pytest.mark.parametrize("headers", [{}, {"origin": HOME}, {"origin": HOME, "sec-fetch-site": "same-origin"}])
def test_our_own_page_can(local: httpx.Client, headers: dict[str, str]) -> None:
    assert local.delete("/api/results/x", headers=HOST | headers).status_code == 404


def test_other_pages_may_link_here_but_not_look(local: httpx.Client) -> None:
    headers = {"sec-fetch-site": "cross-site"}
    assert local.get("/", headers=headers).status_code == 200
    assert local.get("/api/about", headers=HOST | headers).status_code == 403
    assert local.get("/api/runs", headers={"sec-fetch-site": "same-site"}).status_code == 403


@pytest.mark.parametrize("path", ["/", "/static/index.html", "/api/about", "/nothing", "/api/results/x"])
def test_every_answer_says_what_browsers_may_do(local: httpx.Client, path: str) -> None:
    headers = local.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy and "http" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] == ("no-store" if path.startswith("/api/") else "no-cache")
    assert "access-control-allow-origin" not in headers


def test_the_policy_allows_nothing_that_is_not_named() -> None:
    assert "unsafe" not in CONTENT_POLICY and "http" not in CONTENT_POLICY


@pytest.mark.parametrize(
    "path",
    [
        "/static/../settings.py",
        "/static/%2e%2e/settings.py",
        "/static/..%2fsettings.py",
        "/static/",
        "/static",
        "/static//etc/passwd",
        "/static/index.html/",
        "/static/index.html%00",
        "/static/INDEX.HTML",
        "/api/../../etc/passwd",
        "/api/sources/../results/x",
        "/.git/config",
        "/api/about/",
        "/" + "a" * 5000,
    ],
)
def test_nothing_but_the_page_is_served(local: httpx.Client, path: str) -> None:
    answer = local.get(path)
    assert answer.status_code == 404 and set(answer.json()) == {"error"}


def test_other_methods_are_refused(local: httpx.Client) -> None:
    for method, path in (
        ("PUT", "/api/sources"),
        ("GET", "/api/jobs"),
        ("OPTIONS", "/api/jobs"),
        ("TRACE", "/"),
    ):
        answer = local.request(method, path)
        assert answer.status_code == 405 and answer.json()["error"].endswith(".")


def test_a_shared_studio_asks_for_its_token_once(shared: httpx.Client) -> None:
    for path in ("/", "/api/about", "/static/index.html", "/?token=wrong", "/api/about?token=" + TOKEN):
        assert shared.get(path).status_code == 401, path
    assert shared.get("/?token=schlüssel-über-sechzehn").status_code == 401
    welcome = shared.get(f"/?token={TOKEN}", headers={"sec-fetch-site": "cross-site"}, follow_redirects=False)
    assert welcome.status_code == 200 and 'content="0;url=/"' in welcome.text
    cookie = welcome.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie and TOKEN not in cookie
    assert shared.get("/api/about").status_code == 200
    assert "Hocket" in shared.get("/").text


def test_a_cookie_of_another_studio_is_none_of_ours(shared: httpx.Client) -> None:
    assert shared.get(f"/?token={TOKEN}").status_code == 200
    name = next(iter(shared.cookies))
    shared.cookies.clear()
    shared.cookies.set(name, "a" * 43)
    assert shared.get("/api/about").status_code == 401
    raw = {b"cookie": f"{name}=ä".encode()}
    assert shared.get("/api/about", headers=raw).status_code == 401  # type: ignore[arg-type]


def test_a_shared_studio_knows_addresses_and_no_strange_names(shared: httpx.Client) -> None:
    assert shared.get("/", headers={"host": "evil.example:7870"}).status_code == 403
    assert shared.get("/", headers={"host": "198.51.100.3:7870"}).status_code == 401


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"host": "0.0.0.0"}, "--share"),
        ({"host": "192.168.1.5"}, "--share"),
        ({"share": True}, "token"),
        ({"share": True, "token": "short"}, "16"),
        ({"token": "with spaces and &?=#signs"}, "16"),
        ({"port": 65_536}, "port"),
        ({"max_seconds": 0.0}, "max_seconds"),
        ({"max_seconds": float("nan")}, "max_seconds"),
        ({"num_threads": 0}, "num_threads"),
        ({"runs": Path("/nowhere/at/all")}, "not a folder"),
    ],
)
def test_a_studio_does_not_stand_open_by_mistake(values: dict[str, object], word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        Settings(**values)  # type: ignore[arg-type]


def test_a_checkpoint_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="does not exist"):
        Settings(checkpoint=tmp_path / "best")


def test_a_request_that_is_cancelled_by_the_end_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    async def never_done(scope: object, receive: object, send: object) -> None:
        raise asyncio.CancelledError

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(Guard(never_done, Settings()))
        async with httpx.AsyncClient(transport=transport, base_url=HOME) as client:
            return await client.get("/api/about")

    answer = asyncio.run(ask())
    assert answer.status_code == 503 and "stopping" in answer.json()["error"]
    assert not caplog.text
