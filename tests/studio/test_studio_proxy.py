"""The studio under a public address: names, origins, paths, cookies, and a real nginx set up as the docs say."""

import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest
from visiting import Visitor, ended, serving, started

from hocket import audio
from hocket.errors import ConfigError
from hocket.studio.settings import PublicAddress, Settings

TOKEN = "a-token-of-thirty-letters-or-so"
PUBLIC = "https://studio.example.org/hocket/"
NAME = "studio.example.org"
ORIGIN = "https://studio.example.org"
DOCUMENT = Path(__file__).parents[2] / "docs" / "studio-proxy.md"


@pytest.fixture
def proxied(studio_temp: Path) -> Iterator[httpx.Client]:
    """A client that sends what a proxy passes on of its visitors' requests, without the path's prefix."""
    settings = Settings(port=0, public_url=PUBLIC, token=TOKEN)
    with (
        serving(settings) as url,
        httpx.Client(base_url=url.partition("/?")[0], headers={"host": NAME}) as client,
    ):
        yield client


def _enter(client: httpx.Client, path: str) -> httpx.Response:
    """Opens the page with its token and keeps the cookie, as a browser does that came by TLS."""
    welcome = client.get(f"{path}?token={TOKEN}")
    assert welcome.status_code == 200
    client.headers["cookie"] = welcome.headers["set-cookie"].partition(";")[0]
    return welcome


@pytest.mark.parametrize("prefix", ["/", "/hocket/"])
def test_a_proxy_may_take_the_path_off_or_leave_it(proxied: httpx.Client, prefix: str) -> None:
    welcome = _enter(proxied, prefix)
    assert 'content="0;url=/hocket/"' in welcome.text
    assert {"secure", "path=/hocket/", "httponly", "samesite=strict"} <= {
        part.strip().lower() for part in welcome.headers["set-cookie"].split(";")
    }
    for path in ("", "static/js/main.js", "api/about"):
        assert proxied.get(prefix + path).status_code == 200, path
    assert proxied.get(f"{prefix}hocket/static/js/main.js").status_code == (200 if prefix == "/" else 404)


def test_all_that_the_page_asks_for_lies_below_its_path(proxied: httpx.Client) -> None:
    _enter(proxied, "/")
    wanted = re.findall(r'(?:href|src)="([^"#]+)"', proxied.get("/hocket/").text)
    assert len(wanted) >= 7
    for place in wanted:
        address = urljoin("/hocket/", place)
        assert address.startswith("/hocket/static/") and proxied.get(address).status_code == 200


def test_an_address_without_its_last_slash_leads_to_the_one_with(proxied: httpx.Client) -> None:
    answer = proxied.get(f"/hocket?token={TOKEN}")
    assert answer.status_code == 307 and answer.headers["location"] == f"{PUBLIC}?token={TOKEN}"


def test_requests_of_the_public_page_are_its_own_and_others_are_not(proxied: httpx.Client) -> None:
    _enter(proxied, "/")
    for origin in (ORIGIN, None):
        headers = {} if origin is None else {"origin": origin, "sec-fetch-site": "same-origin"}
        assert proxied.delete("/api/results/x", headers=headers).status_code == 404
        # A proxy that does not pass the name on.
        assert (
            proxied.delete("/api/results/x", headers={**headers, "host": "127.0.0.1:7870"}).status_code == 404
        )
    for origin in ("https://evil.example", f"{ORIGIN}:8443", f"{ORIGIN}.evil.example", "null"):
        assert proxied.delete("/api/results/x", headers={"origin": origin}).status_code == 403
    for host in ("evil.example", "example.org", f"{NAME}.evil.example"):
        assert proxied.get("/", headers={"host": host}).status_code == 403


def test_addresses_in_answers_bear_the_path(tmp_path: Path) -> None:
    from hocket.studio.runs import Runs

    runs = Runs(tmp_path, prefix="/hocket")
    example = {"pair": "pair-1", "steps": [{"step": 1}]}
    told = runs._with_addresses(tmp_path, "id", example)
    assert told["audio"]["input"] == "/hocket/api/runs/id/examples/pair-1/input"


@pytest.mark.parametrize(
    ("url", "origin", "prefix"),
    [
        ("https://Studio.Example.org", ORIGIN, ""),
        ("https://studio.example.org:443/", ORIGIN, ""),
        ("https://studio.example.org:8443/a/b-c", f"{ORIGIN}:8443", "/a/b-c"),
        ("http://[::1]:80/x/", "http://[::1]", "/x"),
    ],
)
def test_a_public_address_is_what_browsers_make_of_it(url: str, origin: str, prefix: str) -> None:
    public = PublicAddress.of(url)
    assert (public.origin, public.prefix, public.home) == (origin, prefix, f"{origin}{prefix}/")


@pytest.mark.parametrize(
    "url",
    [
        "studio.example.org",
        "ftp://studio.example.org",
        "https://",
        "https://studio.example.org:99999/",
        "https://me:secret@studio.example.org/",
        "https://studio.example.org/?token=x",
        "https://studio.example.org/#x",
        "https://studio.example.org/a/../b",
        "https://studio.example.org/a//b",
        'https://studio.example.org/"><script>',
        "https://studio.example.org/api/",
        "https://[::1",
        "https://ex ample.org",
        "",
    ],
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="public_url"):
        Settings(public_url=url, token=TOKEN)


def test_a_public_studio_needs_a_token() -> None:
    with pytest.raises(ConfigError, match="token"):
        Settings(public_url=PUBLIC)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def _nginx(folder: Path, *, port: int, studio_port: str) -> Iterator[None]:
    """nginx with the very lines of the docs, but for ports and the certificate's place."""
    [block] = re.findall(r"^```nginx\n(.*?)^```", DOCUMENT.read_text(encoding="utf-8"), flags=re.M | re.S)
    for old, new in (
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("127.0.0.1:7870", f"127.0.0.1:{studio_port}"),
        ("/etc/ssl/certs/studio.pem", str(folder / "studio.pem")),
        ("/etc/ssl/private/studio.key", str(folder / "studio.key")),
    ):
        assert block.count(old) == 1
        block = block.replace(old, new)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    user = "user root;\n" if os.getuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user}daemon off;\nworker_processes 1;\npid {folder}/nginx.pid;\nerror_log {folder}/error.log;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}{block}}}\n",
        encoding="utf-8",
    )
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    with subprocess.Popen([program, "-p", str(folder), "-c", str(folder / "nginx.conf")]) as process:
        try:
            end_seconds = time.monotonic() + 20
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    assert process.poll() is None and time.monotonic() < end_seconds
                    time.sleep(0.05)
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


@pytest.fixture
def certificate(tmp_path: Path) -> ssl.SSLContext:
    """A certificate for the name in the docs, and who trusts it and nobody else."""
    arguments = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=studio -keyout studio.key -out studio.pem -addext"
    subprocess.run(
        ["openssl", *arguments.split(), f"subjectAltName=DNS:{NAME}"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    return ssl.create_default_context(cafile=str(tmp_path / "studio.pem"))


@pytest.mark.slow
@pytest.mark.skipif(
    not (shutil.which("nginx") or Path("/usr/sbin/nginx").exists()) or not shutil.which("openssl"),
    reason="no nginx or no openssl here: install the packages nginx-light and openssl",
)
def test_two_files_are_fused_through_nginx(
    tmp_path: Path, certificate: ssl.SSLContext, drums_wav: Path, pads_flac: Path
) -> None:
    (tmp_path / "studio").mkdir()
    studio, url = started(["--public-url", PUBLIC, "--token", TOKEN], tmp_path / "studio")
    port = _free_port()
    try:
        with (
            _nginx(tmp_path, port=port, studio_port=url.rpartition(":")[2]),
            Visitor(
                base_url=f"https://127.0.0.1:{port}/hocket",
                headers={"host": NAME, "origin": ORIGIN, "sec-fetch-site": "same-origin"},
                verify=certificate,
                timeout=60.0,
            ) as visitor,
        ):
            # The name is the certificate's, and nobody has to resolve it.
            visitor.event_hooks["request"] = [lambda request: request.extensions.update(sni_hostname=NAME)]
            assert visitor.get("/").status_code == 401
            assert visitor.get("/", params={"token": TOKEN}).status_code == 200
            page = visitor.get("/").text
            for place in re.findall(r'(?:href|src)="(static/[^"]+)"', page):
                assert visitor.get(f"/{place}").status_code == 200, place
            sources = [visitor.upload(drums_wav), visitor.upload(pads_flac)]
            job = visitor.post("/api/jobs", json={"input": sources[0]["id"], "target": sources[1]["id"]})
            result = visitor.follow(job.json(), limit_seconds=120)["result"]
            (tmp_path / "output.wav").write_bytes(visitor.get(f"/api/results/{result}/download").content)
    finally:
        ended(studio, signal.SIGTERM)
    assert audio.load(tmp_path / "output.wav").duration_seconds == pytest.approx(2.5)
