"""Bodies that browsers send: files into a folder, counted as they come, and small JSON."""

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NoReturn

import anyio
from starlette.exceptions import HTTPException
from starlette.requests import Request

from hocket import files
from hocket.studio.store import Draft

MAX_JSON_BYTES = 64 * 1024
WRITE_BYTES = 2**20
UPLOAD_SECONDS = 1800.0
# A phone at the edge of its network sends several times as much.
LEAST_RATE = 4096
"""Bytes a second that a sender has to bring, on the mean over the time that an upload may stand still."""


async def receive_file(request: Request, draft: Draft, *, max_bytes: float, idle_seconds: float) -> Path:
    """Writes the body into the draft's folder, as it comes.

    What Content-Length says is believed only where it is too much; bytes are counted.

    Raises:
        HTTPException: it is too large (413), empty (422), or came too slowly (408).
        FullError: the studio has no room for it.
    """
    stated = request.headers.get("content-length", "0")
    if stated.isdecimal() and len(stated) < 20 and int(stated) > max_bytes:
        raise _too_large(max_bytes)
    path = draft.folder / "upload"
    num_bytes = 0
    with path.open("xb", buffering=0) as handle:
        async for block in _blocks(request, idle_seconds):
            num_bytes += len(block)
            if num_bytes > max_bytes:
                raise _too_large(max_bytes)
            draft.claim(len(block))
            await anyio.to_thread.run_sync(files.write_all, handle, block)
    if num_bytes == 0:
        raise HTTPException(422, "The file is empty (0 bytes): choose a recording.")
    return path


async def read_json(request: Request, *, idle_seconds: float) -> Any:
    """The body as JSON without NaN, infinities and names that come twice.

    Raises:
        HTTPException: it is something else (400, 415), or too large (413).
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(415, "The request is not JSON: send it as application/json.")
    body = bytearray()
    async for block in _blocks(request, idle_seconds):
        body += block
        if len(body) > MAX_JSON_BYTES:
            raise HTTPException(413, f"The request is larger than {MAX_JSON_BYTES // 1024} kB.")
    try:
        return json.loads(
            bytes(body).decode("utf-8"),
            parse_constant=_refuse,
            parse_float=_finite,
            object_pairs_hook=_without_twins,
        )
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "The request cannot be read as JSON: send a JSON object.") from error


async def _blocks(request: Request, idle_seconds: float) -> AsyncIterator[bytes]:
    """The body in blocks of about a megabyte.

    Only the time that is spent waiting for the sender counts against it, not what the disk takes.
    """
    end_seconds = time.monotonic() + UPLOAD_SECONDS
    stream, pending = aiter(request.stream()), bytearray()
    patience_seconds, num_recent = idle_seconds, 0
    while True:
        begin_seconds = time.monotonic()
        try:
            part = await asyncio.wait_for(anext(stream), patience_seconds)
        except StopAsyncIteration:
            break
        except TimeoutError:
            raise _too_slow() from None
        pending += part
        num_recent += len(part)
        patience_seconds -= time.monotonic() - begin_seconds
        if num_recent >= LEAST_RATE * idle_seconds:
            patience_seconds, num_recent = idle_seconds, 0
        if patience_seconds <= 0 or time.monotonic() > end_seconds:
            raise _too_slow()
        if len(pending) >= WRITE_BYTES:
            yield bytes(pending)
            pending.clear()
    if pending:
        yield bytes(pending)


def _too_large(max_bytes: float) -> HTTPException:
    return HTTPException(
        413, f"The file is larger than {max_bytes / 2**20:g} MB: cut a part out of it, or save it as FLAC."
    )


def _too_slow() -> HTTPException:
    return HTTPException(408, "The upload came too slowly: try again over a better connection.")


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits} is too large")
    return value


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError("a name occurs twice")
    return values
