"""Files that are taken away while they are sent, or while they are made to be sent."""

import asyncio
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from visiting import FACTS, drums

from hocket import audio
from hocket.studio.fusing import VOICES, sound_name
from hocket.studio.results import _opened
from hocket.studio.sources import served
from hocket.studio.store import GoneError, Kept, Store

CONTENT = np.random.default_rng(3).bytes(300_000)


def _sent(path: Path, **headers: str) -> tuple[int, bytes]:
    """Sends a file, which is deleted with its folder as soon as the head of the answer is out."""
    response = served(path, "audio/wav", "gone.")
    messages: list[Any] = []

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        messages.append(message)
        if message["type"] == "http.response.start":
            shutil.rmtree(path.parent)

    fields = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "path": "/", "headers": fields}
    asyncio.run(response(scope, receive, send))
    return messages[0]["status"], b"".join(message.get("body", b"") for message in messages[1:])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "result" / "output.wav"
    path.parent.mkdir()
    path.write_bytes(CONTENT)
    return path


def test_a_download_goes_on_when_its_file_is_taken_away(path: Path) -> None:
    assert _sent(path) == (200, CONTENT)


@pytest.mark.parametrize("range", ["bytes=1000-250000", "bytes=200000-"])
def test_so_does_a_part_of_it(path: Path, range: str) -> None:
    first, last = range.removeprefix("bytes=").split("-")
    assert _sent(path, range=range) == (206, CONTENT[int(first) : int(last or 300_000) + 1])


def test_a_file_that_went_before_is_gone(path: Path) -> None:
    path.unlink()
    with pytest.raises(GoneError, match="gone"):
        served(path, "audio/wav", "gone.")


class Hurried(Store):
    """A store whose result is taken away when room for its download is asked for."""

    def claim(self, num_bytes: int, *, held: int = 0) -> None:
        super().claim(num_bytes, held=held)
        for kept in list(self._kept.values()):
            self.remove(kept.kind, kept.id)


def _result(store: Store) -> Kept:
    draft = store.draft()
    for voice in VOICES:
        audio.save(draft.folder / sound_name(voice), drums(seconds=0.5), encoding="float32")
    return store.add("result", draft.folder, FACTS)


@pytest.mark.parametrize("format", ["wav", "flac"])
def test_a_result_that_goes_while_its_download_is_made_is_gone(tmp_path: Path, format: str) -> None:
    store = Hurried(tmp_path, max_bytes=10**7, max_items=9, expire_seconds=100.0)
    with pytest.raises(GoneError, match="fuse again"):
        _opened(store, _result(store), format)
    assert not list(tmp_path.iterdir())


def test_a_result_that_goes_just_after_can_still_be_read(tmp_path: Path) -> None:
    store = Store(tmp_path, max_bytes=10**7, max_items=9, expire_seconds=100.0)
    kept = _result(store)
    with _opened(store, kept, "wav") as handle:
        store.remove("result", kept.id)
        assert handle.read().startswith(b"RIFF") and not kept.folder.exists()
