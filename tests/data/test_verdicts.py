"""Run after run, with files that come, go and are copied: one music is on one side, for ever."""

import hashlib
from functools import lru_cache
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hocket.data.fingerprints import Fingerprint
from hocket.data.manifest import Manifest, Settings, Split
from hocket.data.measures import Measures
from hocket.data.scan import ScanError, ScanResult
from hocket.data.splits import Scanned, assign_splits
from hocket.data.walk import Place

NUM_FRAMES = 60
ROOT = "/music"
FIGURES = Measures(10.0, -20.0, -1.0, -15.0, 120.0, 0.5, 0.5, 0.5)

File = tuple[int, int]
"""Which music, and in which encoding."""


@lru_cache
def print_of(music: int) -> str:
    random = np.random.default_rng(music)
    words = random.integers(0, 2**32, NUM_FRAMES, dtype=np.uint32)
    return Fingerprint(words, np.full(NUM_FRAMES, 0b111, np.uint32)).encode()


def place(file: File) -> Place:
    name = f"{file[0]}.{file[1]}.wav"
    return Place(0, name, Path(ROOT, name))


def look(file: File) -> ScanResult:
    content = hashlib.sha256(repr(file).encode()).hexdigest()
    return ScanResult(str(place(file).path), 1000, 1, content, "wav", 44_100, 2, FIGURES, print_of(file[0]))


def seen(files: set[File], unread: set[File]) -> list[Scanned]:
    return [
        (place(file), ScanError(str(place(file).path), "crashed", f"{place(file).path} is bad."))
        if file in unread
        else (place(file), look(file))
        for file in sorted(files)
    ]


FILES = st.sets(st.tuples(st.integers(0, 11), st.integers(0, 2)), max_size=30)


@settings(max_examples=60)
@given(
    runs=st.lists(st.tuples(FILES, FILES), min_size=2, max_size=4),
    validation=st.sampled_from([0.1, 0.3, 0.5]),
    test=st.sampled_from([0.0, 0.2]),
)
def test_no_music_ever_changes_or_shares_its_side(
    runs: list[tuple[set[File], set[File]]], validation: float, test: float
) -> None:
    before: Manifest | None = None
    by_content: dict[str, ScanResult] = {}
    sides: dict[int, Split] = {}
    for files, unread in runs:
        by_content |= {look(file).content: look(file) for file in files - unread}
        manifest, _ = assign_splits(
            [ROOT], seen(files, unread), before, by_content, Settings(validation, test)
        )
        present = [recording for recording in manifest.recordings if recording.status != "gone"]
        assert [recording.name for recording in present] == [place(file).name for file in sorted(files)]
        for recording in manifest.used():
            music = int(recording.name.split(".")[0])
            assert sides.setdefault(music, recording.split) == recording.split
        before = manifest


def test_dividing_anew_forgets_the_sides() -> None:
    files = {(music, 0) for music in range(12)}
    first, _ = assign_splits([ROOT], seen(files, set()), None, {}, Settings(0.3, 0.0, 0))
    again, _ = assign_splits([ROOT], seen(files, set()), first, {}, Settings(0.3, 0.0, 5), resplit=True)
    fresh, _ = assign_splits([ROOT], seen(files, set()), None, {}, Settings(0.3, 0.0, 5))
    assert again == fresh != first


def test_copies_byte_by_byte_are_used_once_and_say_whose_they_are() -> None:
    first, second = Place(0, "a.wav", Path("/music/a.wav")), Place(0, "b.wav", Path("/music/b.wav"))
    manifest, _ = assign_splits(
        ["/music"], [(first, look((1, 0))), (second, look((1, 0)))], None, {}, Settings()
    )
    used, copy = manifest.recordings
    assert (used.status, copy.status, copy.reason) == ("used", "left out", "duplicate")
    assert copy.sentence == "/music/b.wav is the same file as /music/a.wav, so it is used only once."
    assert copy.group == used.group and copy.split == ""


def test_what_has_a_side_and_is_missing_now_is_named_with_its_own_reason() -> None:
    files = {(music, 0) for music in range(8)}
    first, _ = assign_splits([ROOT], seen(files, set()), None, {}, Settings())
    bad = (3, 0)
    now = [
        (spot, look((50, 0)) if spot == place((2, 0)) else found)
        for spot, found in seen(files - {(1, 0)}, {bad})
    ]
    second, _ = assign_splits([ROOT], now, first, {}, Settings())
    gone = {recording.name: recording.reason for recording in second.recordings if recording.status == "gone"}
    assert gone == {"1.0.wav": "gone", "2.0.wav": "changed", "3.0.wav": "not read"}
    elsewhere, _ = assign_splits(
        ["/other"], [(Place(0, "x.wav", Path("/other/x.wav")), look((60, 0)))], first, {}, Settings()
    )
    reasons = {recording.reason for recording in elsewhere.recordings if recording.status == "gone"}
    assert reasons == {"not asked for"} and elsewhere.roots == ("/other", "/music")
