"""What is kept, for how long, and what goes first when there is too little room."""

import os
import time
from pathlib import Path
from typing import Any

import pytest
from visiting import FACTS, drums

from hocket import audio
from hocket.studio import state
from hocket.studio.fusing import sound_name
from hocket.studio.intake import EXACT
from hocket.studio.results import _borrow, _encoded
from hocket.studio.state import PrivateFolder, remove_stale
from hocket.studio.store import FRESH_SECONDS, FullError, GoneError, Store, TooLargeError


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def _store(root: Path, clock: Clock, *, max_bytes: int = 1000, max_items: int = 10) -> Store:
    return Store(root, max_bytes=max_bytes, max_items=max_items, expire_seconds=7200.0, clock=clock)


def _keep(store: Store, num_bytes: int) -> str:
    with store.draft() as draft:
        draft.claim(num_bytes)
        (draft.folder / "file").write_bytes(bytes(num_bytes))
        return draft.keep("source", {"bytes": num_bytes}).id


def test_a_draft_that_is_not_kept_leaves_nothing(tmp_path: Path) -> None:
    store = _store(tmp_path, Clock())
    with pytest.raises(RuntimeError), store.draft() as draft:
        draft.claim(900)
        (draft.folder / "half").write_bytes(b"x")
        raise RuntimeError
    assert not list(tmp_path.iterdir())
    assert store.get("source", _keep(store, 1000)).facts == {"bytes": 1000}, "its bytes are free again"


def test_what_nobody_used_expires_and_use_keeps_it(tmp_path: Path) -> None:
    clock = Clock()
    store = _store(tmp_path, clock)
    used, unused = _keep(store, 10), _keep(store, 10)
    clock.seconds += 7000
    store.get("source", used)
    clock.seconds += 7000
    store.get("source", used)
    with pytest.raises(GoneError, match="choose the file again"):
        store.get("source", unused)
    assert len(list(tmp_path.iterdir())) == 1


def test_a_result_is_not_had_by_asking_for_a_recording(tmp_path: Path) -> None:
    store = _store(tmp_path, Clock())
    with pytest.raises(GoneError):
        store.get("result", _keep(store, 10))


def test_the_oldest_goes_first_where_there_is_too_little_room(tmp_path: Path) -> None:
    clock = Clock()
    store = _store(tmp_path, clock)
    first, second = _keep(store, 400), _keep(store, 400)
    clock.seconds += 1
    store.get("source", first)
    clock.seconds += FRESH_SECONDS
    third = _keep(store, 400)
    with pytest.raises(GoneError):
        store.get("source", second)
    assert store.get("source", first).id == first and store.get("source", third).id == third


def test_what_was_just_used_stays_and_the_new_is_refused(tmp_path: Path) -> None:
    store = _store(tmp_path, Clock(), max_items=2)
    kept = [_keep(store, 400), _keep(store, 400)]
    with pytest.raises(FullError, match="studio is full"):
        _keep(store, 400)
    with pytest.raises(FullError):
        _keep(store, 1)
    assert [store.get("source", id).id for id in kept] == kept
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(("num_bytes", "error"), [(1001, TooLargeError), (601, FullError)])
def test_what_can_never_fit_takes_nothing_away(
    tmp_path: Path, num_bytes: int, error: type[Exception]
) -> None:
    clock = Clock()
    store = _store(tmp_path, clock)
    old = _keep(store, 500)
    clock.seconds += FRESH_SECONDS + 1
    fresh = _keep(store, 400)
    with pytest.raises(error):
        store.claim(num_bytes)
    assert [store.get("source", id).id for id in (old, fresh)] == [old, fresh]


def test_a_draft_that_grows_too_large_takes_nothing_away(tmp_path: Path) -> None:
    clock = Clock()
    store = _store(tmp_path, clock)
    old = _keep(store, 300)
    clock.seconds += FRESH_SECONDS + 1
    with store.draft() as draft:
        draft.claim(600)
        with pytest.raises(TooLargeError):
            draft.claim(401)
    assert store.get("source", old).id == old


def test_bytes_that_are_only_claimed_count(tmp_path: Path) -> None:
    store = _store(tmp_path, Clock())
    with store.draft() as one, store.draft() as other:
        one.claim(600)
        with pytest.raises(FullError):
            other.claim(600)
        one.close()
        other.claim(600)
    assert not list(tmp_path.iterdir())


def test_a_studios_folder_is_its_own_and_goes(tmp_path: Path) -> None:
    folder = PrivateFolder(tmp_path)
    assert folder.path.stat().st_mode & 0o777 == 0o700
    (folder.path / "inner").mkdir()
    folder.remove()
    folder.remove()
    assert not list(tmp_path.iterdir())


def test_folders_of_dead_studios_go_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    living = PrivateFolder(tmp_path)
    dead = tmp_path / f"{state.FOLDER_PREFIX}dead"
    dead.mkdir()
    (dead / state.FOLDER_LOCK).touch()
    (dead / "music.wav").touch()
    begun = tmp_path / f"{state.FOLDER_PREFIX}begun"
    begun.mkdir()
    without_lock = tmp_path / f"{state.FOLDER_PREFIX}old"
    without_lock.mkdir()
    os.utime(without_lock, (time.time() - 3600, time.time() - 3600))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / state.FOLDER_LOCK).touch()
    (tmp_path / f"{state.FOLDER_PREFIX}link").symlink_to(elsewhere)
    remove_stale(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        living.path.name,
        begun.name,
        "elsewhere",
        f"{state.FOLDER_PREFIX}link",
    }
    assert (elsewhere / state.FOLDER_LOCK).exists()
    living.remove()


def test_a_studio_that_starts_while_another_tidies_up_takes_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open
    lost: list[Path] = []

    def open_slowly(path: Any, *arguments: int, **places: Any) -> int:
        descriptor = real(path, *arguments, **places)
        if not lost:
            lost.append(Path(path).parent)
            remove_stale(tmp_path)
        return descriptor

    monkeypatch.setattr(os, "open", open_slowly)
    folder = PrivateFolder(tmp_path)
    assert lost[0] != folder.path and not lost[0].exists()
    monkeypatch.undo()
    remove_stale(tmp_path)
    assert folder.path.is_dir()
    folder.remove()


def test_what_is_written_beside_a_result_later_counts(tmp_path: Path) -> None:
    store = _store(tmp_path, Clock())
    kept = store.get("source", _keep(store, 400))
    store.claim(600)
    store.release(600)
    (kept.folder / "more").write_bytes(bytes(200))
    store.recount(kept)
    with pytest.raises(FullError):
        store.claim(500)
    store.remove("source", kept.id)
    store.claim(1000)


def test_what_a_job_borrows_and_what_is_made_for_a_download_count(tmp_path: Path) -> None:
    store = _store(tmp_path, Clock(), max_bytes=10**6)
    with store.draft() as draft:
        audio.save(draft.folder / EXACT, drums(seconds=0.5), encoding="float32")
        size = (draft.folder / EXACT).stat().st_size
        draft.claim(size)
        kept = draft.keep("source", {})
    with store.draft() as job:
        _borrow(job, {"input": kept, "target": kept})
        store.remove("source", kept.id)
        with pytest.raises(FullError):
            store.claim(10**6 - 2 * size + 1)
        with pytest.raises(GoneError, match="choose the file again"):
            _borrow(job, {"input": kept, "target": kept})
        (job.folder / "input.wav").rename(job.folder / sound_name("rhythm"))
        (job.folder / "target.wav").rename(job.folder / sound_name("harmony"))
        result = job.keep("result", FACTS)
    made = _encoded(store, result, "flac")
    assert result.num_bytes == 2 * size + made.stat().st_size
    assert _encoded(store, result, "flac") == made and result.num_bytes == 2 * size + made.stat().st_size
    store.claim(10**6 - result.num_bytes)
