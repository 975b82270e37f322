"""Two hundred requests that nobody should send: the studio serves on, and nothing is left over."""

import contextlib
import json
import random
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from visiting import Visitor

from hocket import audio

LIMIT = 2 * 2**20
Attack = Callable[["Foe"], object]


class Foe:
    """A client that keeps to no rules: bytes over a socket."""

    def __init__(self, url: str, sound: bytes) -> None:
        self.netloc, self.sound = urlsplit(url).netloc, sound

    def connect(self) -> socket.socket:
        host, port = self.netloc.split(":")
        return socket.create_connection((host, int(port)), timeout=60)

    def head(self, line: str, **headers: str) -> bytes:
        """A request's head; `Host` is right unless it is given."""
        fields = {"Host": self.netloc, **{name.replace("_", "-"): value for name, value in headers.items()}}
        lines = [f"{line} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")

    def say(self, *parts: bytes, wait: bool = True) -> int:
        """Sends the parts and gives the status; 0 where there was no answer."""
        answer = b""
        # Whoever is refused early may find the line cut while he still talks.
        with contextlib.suppress(OSError), self.connect() as line:
            with contextlib.suppress(OSError):
                for part in parts:
                    line.sendall(part)
            while wait and b"\r\n" not in answer and (more := line.recv(4096)):
                answer += more
        return int(answer.split()[1]) if answer else 0

    def upload(self, body: bytes, *, name: str = "x.wav", **headers: str) -> int:
        """A whole upload with an honest length, unless another is given."""
        head = self.head(f"POST /api/sources?name={name}", **{"Content_Length": str(len(body)), **headers})
        return self.say(head, body)

    def post(self, body: bytes, *, kind: str = "application/json") -> int:
        """A job."""
        return self.say(self.head("POST /api/jobs", Content_Type=kind, Content_Length=str(len(body))), body)

    def get(self, path: str, **headers: str) -> int:
        return self.say(self.head(f"GET {path}", **headers))


def _reset(foe: Foe, body: bytes) -> None:
    """Half an upload, and then the line is cut hard."""
    with contextlib.suppress(OSError), foe.connect() as line:
        line.sendall(foe.head("POST /api/sources?name=a.wav", Content_Length=str(len(body))))
        line.sendall(body[: len(body) // 2])
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _endless(foe: Foe) -> int:
    """Chunks without an end: the studio has to say when."""
    head = foe.head("POST /api/sources?name=a.wav", Transfer_Encoding="chunked")
    chunk = b"10000\r\n" + bytes(65_536) + b"\r\n"
    return foe.say(head, *[chunk] * 80)


def _attacks() -> Iterator[tuple[str, Attack, set[int]]]:
    """What is tried, and the answers that are right (0: none)."""
    big = bytes(LIMIT + 1)
    for length in (LIMIT + 1, 10**12, 10**18):
        yield f"oversized, says {length}", lambda foe, n=length: foe.upload(big, Content_Length=str(n)), {413}
    yield "oversized, endless", _endless, {413}
    for length in ("-1", "abc", "1e3", "٣", "9" * 30, "1, 2", "0x10", "+5"):
        yield f"length {length}", lambda foe, n=length: foe.upload(b"RIFF", Content_Length=n), {0, 400, 413}
    yield (
        "two lengths",
        lambda foe: foe.say(
            foe.head("POST /api/sources", Content_Length="5\r\nContent-Length: 6"), b"123456"
        ),
        {400},
    )
    yield "no length", lambda foe: foe.say(foe.head("POST /api/sources")), {422}
    yield "empty", lambda foe: foe.upload(b""), {422}
    for name in (
        "../../etc/passwd",
        "..%2f..%2fx",
        "%00",
        "%0d%0aSet-Cookie:a=b",
        "a" * 9000,
        "%ff%fe",
        "con",
        "/",
        ".",
    ):
        yield f"name {name[:20]}", lambda foe, n=name: foe.upload(b"no music", name=n), {422}
    for content in (
        b"RIFF",
        b"RIFF\xff\xff\xff\xffWAVEfmt ",
        b"fLaC" + bytes(90),
        b"OggS" + bytes(99),
        b"ID3\x04" + b"\xff" * 40,
    ):
        yield f"not music {content[:6]!r}", lambda foe, c=content: foe.upload(c), {422}
    for content in (
        b"<html>",
        b"\x7fELF",
        b"PK\x03\x04",
        b"%PDF-1.4",
        b"\x89PNG\r\n",
        bytes(5000),
        b"MZ",
        b"#!/bin/sh",
    ):
        yield f"wrong type {content[:6]!r}", lambda foe, c=content: foe.upload(c * 3), {422}
    for share in (0.02, 0.1, 0.5, 0.9):
        yield f"cut to {share}", lambda foe, s=share: foe.upload(foe.sound[: int(s * len(foe.sound))]), {422}
    yield "a bomb", lambda foe: foe.upload(_bomb(foe.sound)), {422}
    for _ in range(4):
        yield "line cut", lambda foe: _reset(foe, foe.sound), {0}
        yield (
            "ended early",
            lambda foe: foe.say(
                foe.head("POST /api/sources", Content_Length="999999"), foe.sound, wait=False
            ),
            {0},
        )
    yield from _bad_jobs()
    yield from _bad_places()
    yield from _bad_heads()


def _bomb(sound: bytes) -> bytes:
    """A header that promises hours."""
    forged = bytearray(sound)
    place = forged.index(b"data")
    forged[place + 4 : place + 8] = struct.pack("<I", 2**30)
    return bytes(forged)


def _bad_jobs() -> Iterator[tuple[str, Attack, set[int]]]:
    bodies = [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"input": NaN}',
        b'{"input": Infinity}',
        b'{"a": 1e999}',
    ]
    bodies += [
        b"[" * 60_000,
        b'{"a":' * 9_000,
        b'{"input": 1' + b"0" * 5000 + b"}",
        b'{"input":"a","input":"b"}',
    ]
    bodies += [json.dumps(body).encode() for body in ({}, {"input": 1}, {"input": "a", "target": "b"})]
    bodies += [json.dumps({"input": id, "target": id}).encode() for id in ("../..", "\x00", "a" * 70, "🎵")]
    bodies += [json.dumps({"input": "a", "target": "b", "x": "\u202e" * 50}).encode(), b'{"\\ud800": 1}']
    bodies += [b'{"input": "\\ud800", "target": "\\udfff"}']
    for body in bodies:
        yield f"job {body[:24]!r}", lambda foe, b=body: foe.post(b), {400, 404, 422}
    yield from _bad_fields()
    yield "job too large", lambda foe: foe.post(b" " * 70_000 + b"{}"), {413}
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        yield f"job as {kind}", lambda foe, k=kind: foe.post(b"{}", kind=k), {415}


def _bad_fields() -> Iterator[tuple[str, Attack, set[int]]]:
    """Jobs that are right but for one field."""
    numbers = (-1, 1e300, 10**400, "1", True, [], {}, None)
    values: dict[str, tuple[object, ...]] = {
        **dict.fromkeys(("input_amount", "target_amount", "reattack"), numbers),
        **dict.fromkeys(("align", "length", "fit"), ("x" * 9000, 0, [], "none\x00")),
        **dict.fromkeys(("input_region", "target_region"), ([1, 0], [0, 1e300], [0, 1, 2], "all")),
    }
    for field, wrong in values.items():
        for value in wrong:
            body = json.dumps({"input": "a", "target": "b", field: value}).encode()
            yield f"{field} {str(value)[:20]}", lambda foe, b=body: foe.post(b), {422, 404}


def _bad_places() -> Iterator[tuple[str, Attack, set[int]]]:
    ids = ["..", "%2e%2e", "..%2f..%2fetc", "a" * 3000, "%00", "x'--", "*", "%ff"]
    for id in ids:
        for path in ("sources/{}/audio", "jobs/{}", "results/{}", "results/{}/audio/output"):
            yield f"id {id[:9]}", lambda foe, p=path, i=id: foe.get("/api/" + p.format(i)), {404}
        yield f"id {id[:9]}", lambda foe, i=id: foe.say(foe.head(f"DELETE /api/results/{i}")), {404}
    for path in (
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/../etc/passwd",
        "//etc/passwd",
        "/static/..\\app.py",
        "/etc/passwd",
    ):
        yield f"path {path}", lambda foe, p=path: foe.get(p), {404}
    for path in (
        "/api/runs",
        "/api/runs/..",
        "/api/runs/..%2f../examples/pair-1/input",
        "/api/runs/x/curves",
        "/api/jobs/",
    ):
        yield f"path {path}", lambda foe, p=path: foe.get(p), {404}


def _bad_heads() -> Iterator[tuple[str, Attack, set[int]]]:
    for host in ("evil.example", "localhost.evil.example", "", "a b", "127.0.0.1@evil", "[::1", "%00"):
        yield f"host {host}", lambda foe, h=host: foe.get("/api/about", Host=h), {400, 403}
    yield "no host", lambda foe: foe.say(b"GET / HTTP/1.1\r\n\r\n"), {400}
    for origin in ("http://evil.example", "null", "file://", "http://127.0.0.1"):
        yield f"origin {origin}", lambda foe, o=origin: foe.upload(b"RIFF", Origin=o), {403}
    yield "cross-site", lambda foe: foe.upload(foe.sound, Sec_Fetch_Site="cross-site"), {403}
    yield "huge header", lambda foe: foe.get("/", X="a" * 100_000), {0, 400, 431}
    yield "many headers", lambda foe: foe.get("/", **{f"X{n}": "a" * 100 for n in range(900)}), {0, 400, 431}
    yield "long path", lambda foe: foe.get("/" + "a" * 60_000), {0, 400, 404, 414, 431}
    yield (
        "range",
        lambda foe: foe.get("/static/index.html", Range="bytes=" + ",".join(["0-1"] * 900)),
        {200, 206, 400, 416},
    )
    yield "range", lambda foe: foe.get("/static/index.html", Range="bytes=9999999-99999999"), {400, 416}
    yield "cookie", lambda foe: foe.get("/api/about", Cookie="=;" * 3000), {200}
    yield "socket", lambda foe: foe.get("/", Connection="Upgrade", Upgrade="websocket"), {200, 400, 403, 426}
    for text in (
        b"\r\n\r\n",
        b"HELO\r\n\r\n",
        bytes(300),
        b"\x16\x03\x01\x02\x00\x01",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET\r\n\r\n",
    ):
        yield f"no HTTP {text[:8]!r}", lambda foe, t=text: foe.say(t, b"\r\n\r\n"), {0, 400, 403, 505}
    for method in ("PUT", "PATCH", "TRACE", "CONNECT", "OPTIONS", "FROB"):
        yield method, lambda foe, m=method: foe.say(foe.head(f"{m} /api/jobs")), {400, 405}


ATTACKS = list(_attacks())


@pytest.fixture
def foe(studio_url: str, drums_wav: Path) -> Foe:
    return Foe(studio_url, drums_wav.read_bytes())


def _left_over(studio_temp: Path) -> set[Path]:
    return {path for path in studio_temp.rglob("*") if path.name != "lock" and path.parent != studio_temp}


def _settled(studio_temp: Path, before: set[Path]) -> set[Path]:
    """What is on disk beyond `before`, once the studio had time to notice who has gone."""
    end_seconds = time.monotonic() + 60
    while (more := _left_over(studio_temp) - before) and time.monotonic() < end_seconds:
        time.sleep(0.1)
    return more


def test_there_are_two_hundred_of_them() -> None:
    assert len(ATTACKS) >= 200


def test_each_is_answered_as_it_deserves_and_leaves_nothing(
    foe: Foe, studio_temp: Path, caplog: pytest.LogCaptureFixture
) -> None:
    before = _left_over(studio_temp)
    attacks = random.Random(5).sample(ATTACKS, len(ATTACKS))
    answers = [(name, attack(foe) or 0, right) for name, attack, right in attacks]
    assert not [(name, answer) for name, answer, right in answers if answer not in right]
    assert not _settled(studio_temp, before)
    assert "failed" not in caplog.text and "Traceback" not in caplog.text
    assert foe.get("/") == foe.get("/api/about") == 200


def test_twenty_at_once_are_all_answered(foe: Foe, visitor: Visitor, studio_temp: Path) -> None:
    before = _left_over(studio_temp)
    answers: list[int] = []
    garbage = b"RIFF" + bytes(100_000)

    def attack(number: int) -> None:
        ways: list[Callable[[], object]] = [
            lambda: foe.upload(garbage),
            lambda: foe.upload(bytes(LIMIT + 1)),
            lambda: _reset(foe, foe.sound),
            lambda: foe.post(b"{"),
        ]
        answers.append(int(ways[number % 4]() or 0))  # type: ignore[call-overload]

    threads = [threading.Thread(target=attack, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    assert visitor.get("/api/about").status_code == 200
    for thread in threads:
        thread.join(120)
    assert sorted(answers) == [0] * 5 + [400] * 5 + [413] * 5 + [422] * 5
    assert not _settled(studio_temp, before)


def test_ten_good_files_among_them_are_all_taken(
    foe: Foe, visitor: Visitor, pads_flac: Path, studio_temp: Path
) -> None:
    before = _left_over(studio_temp)
    answers: list[int] = []
    taken: list[str] = []

    def bring(number: int) -> None:
        if number % 2:
            answers.append(foe.upload(foe.sound[: 3000 * number]))
        else:
            taken.append(visitor.upload(pads_flac, f"{number}.flac")["id"])

    threads = [threading.Thread(target=bring, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(set(taken)) == 10 and answers == [422] * 10
    for id in taken:
        visitor.delete(f"/api/sources/{id}")
    assert not _settled(studio_temp, before)


def test_jobs_that_are_cancelled_midway_leave_nothing(
    visitor: Visitor, drums_wav: Path, pads_flac: Path, studio_temp: Path
) -> None:
    sources = [visitor.upload(drums_wav), visitor.upload(pads_flac)]
    before = _left_over(studio_temp)
    wish = {"input": sources[0]["id"], "target": sources[1]["id"]}
    answers = [visitor.post("/api/jobs", json=wish) for _ in range(20)]
    jobs = [answer.json() for answer in answers if answer.status_code == 202]
    refused = [answer for answer in answers if answer.status_code != 202]
    assert len(jobs) >= 16 and all(answer.status_code == 429 for answer in refused)
    for job in jobs:
        assert visitor.delete(f"/api/jobs/{job['id']}").status_code == 200
    ends = [visitor.follow(job)["state"] for job in jobs]
    assert ends.count("cancelled") >= len(jobs) - 2
    for job in jobs:
        result = visitor.get(f"/api/jobs/{job['id']}").json()["result"]
        if result is not None:
            visitor.delete(f"/api/results/{result}")
    assert not _settled(studio_temp, before)
    for source in sources:
        visitor.delete(f"/api/sources/{source['id']}")


def test_who_stands_still_is_shown_the_door(foe: Foe, studio_temp: Path) -> None:
    before = _left_over(studio_temp)
    with foe.connect() as line:
        line.sendall(foe.head("POST /api/sources?name=a.wav", Content_Length="100000") + b"RIFF")
        # The limit of these tests is 1.5 s; where it does not hold, reading fails.
        assert b" 408 " in line.recv(4096)
    assert not _settled(studio_temp, before)


def test_after_all_that_it_still_fuses(
    visitor: Visitor, drums_wav: Path, pads_flac: Path, tmp_path: Path
) -> None:
    sources = [visitor.upload(drums_wav), visitor.upload(pads_flac)]
    job = visitor.post("/api/jobs", json={"input": sources[0]["id"], "target": sources[1]["id"]}).json()
    result = visitor.follow(job)["result"]
    (tmp_path / "output.wav").write_bytes(visitor.get(f"/api/results/{result}/download").content)
    assert audio.load(tmp_path / "output.wav").duration_seconds == pytest.approx(2.5)
