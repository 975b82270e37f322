"""Writing: exact encodings, and files that appear whole or not at all."""

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hocket.audio import Audio, load, save, writing
from hocket.errors import AudioError

RATE_HZ = 24_000
WRITTEN = [
    ("a.wav", "pcm16", 2.0**-16),
    ("a.wav", "pcm24", 2.0**-24),
    ("a.wav", "float32", 0.0),
    ("a.flac", "pcm16", 2.0**-16),
    ("a.flac", "pcm24", 2.0**-24),
    ("A.WAV", "pcm16", 2.0**-16),
]


def noise(channels: int = 2, num_samples: int = 100_000, peak: float = 0.99) -> Audio:
    samples = np.random.default_rng(7).uniform(-peak, peak, (channels, num_samples))
    return Audio(samples.astype(np.float32), RATE_HZ)


@pytest.mark.parametrize(("name", "encoding", "bound"), WRITTEN)
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_a_round_trip_is_within_half_a_step(
    tmp_path: Path, name: str, encoding: str, bound: float, channels: int
) -> None:
    audio = noise(channels)
    save(tmp_path / name, audio, encoding=encoding)
    back = load(tmp_path / name)
    assert (back.sample_rate, back.samples.shape) == (RATE_HZ, audio.samples.shape)
    assert np.abs(back.samples.astype(np.float64) - audio.samples).max() <= bound


@pytest.mark.parametrize(("name", "encoding", "bound"), WRITTEN)
def test_a_second_round_trip_changes_nothing(tmp_path: Path, name: str, encoding: str, bound: float) -> None:
    save(tmp_path / name, noise(), encoding=encoding)
    first = (tmp_path / name).read_bytes()
    save(tmp_path / name, load(tmp_path / name), encoding=encoding)
    assert (tmp_path / name).read_bytes() == first


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    samples=hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 4), st.integers(1, 60)),
        elements=st.floats(-1, 1, width=32),
    )
)
def test_any_samples_come_back(tmp_path: Path, samples: np.ndarray) -> None:
    save(tmp_path / "any.flac", Audio(samples, RATE_HZ))
    back = load(tmp_path / "any.flac").samples
    # Only +1 itself is a whole step away: 24 bits reach from -1 to 1 - 2^-23.
    assert np.abs(back.astype(np.float64) - np.minimum(samples, 1 - 2.0**-23)).max() <= 2.0**-24


def test_the_file_says_what_was_asked_for(tmp_path: Path) -> None:
    for name, encoding, _ in WRITTEN:
        save(tmp_path / name, noise(), encoding=encoding)
        facts = soundfile.info(tmp_path / name)
        coding = {"pcm16": "PCM_16", "pcm24": "PCM_24", "float32": "FLOAT"}[encoding]
        assert (facts.format, facts.subtype) == (name.split(".")[1].upper(), coding)


def test_equal_samples_give_equal_bytes_at_any_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "a.wav", noise(), encoding="float32")
    data = (tmp_path / "a.wav").read_bytes()
    stamp = data.index(b"PEAK") + 12
    assert data[stamp : stamp + 4] == bytes(4)
    monkeypatch.setattr(writing, "_remove_time_stamp", lambda *_: None)
    save(tmp_path / "b.wav", noise(), encoding="float32")
    other = (tmp_path / "b.wav").read_bytes()
    assert other[stamp : stamp + 4] != bytes(4)
    assert other[:stamp] + data[stamp : stamp + 4] + other[stamp + 4 :] == data


def test_one_16_bit_step_over_full_scale_is_clipped_and_more_is_refused(tmp_path: Path) -> None:
    over = np.array([[1.0, -1.0, 1 + 2.0**-15, -1 - 2.0**-15]], dtype=np.float32)
    save(tmp_path / "a.wav", Audio(over, RATE_HZ), encoding="pcm16")
    top = 1 - 2.0**-15
    np.testing.assert_array_equal(load(tmp_path / "a.wav").samples, [[top, -1.0, top, -1.0]])
    with pytest.raises(AudioError, match=r"a\.wav .* clip its peak of \+0\.01 dBFS"):
        save(tmp_path / "a.wav", Audio(np.float32(1.001) * np.sign(over), RATE_HZ), encoding="pcm16")
    np.testing.assert_array_equal(load(tmp_path / "a.wav").samples, [[top, -1.0, top, -1.0]])


def test_float_files_keep_what_is_over_full_scale(tmp_path: Path) -> None:
    loud = Audio(np.array([[3.0, -2.5]], dtype=np.float32), RATE_HZ)
    save(tmp_path / "a.wav", loud, encoding="float32")
    np.testing.assert_array_equal(load(tmp_path / "a.wav").samples, loud.samples)


@pytest.mark.parametrize(
    ("name", "encoding", "said"),
    [
        ("a.flac", "float32", "FLAC has integers only"),
        ("a.ogg", "pcm16", r"does not end in \.wav, \.flac, \.mp3 or \.m4a: "),
        ("a", "pcm16", r"does not end in \.wav, \.flac, \.mp3 or \.m4a: "),
        ("missing/a.wav", "pcm16", "missing is not a folder"),
        ("file.txt/a.wav", "pcm16", r"file\.txt is not a folder"),
        ("folder.wav", "pcm16", "is a folder"),
        ("x" * 260 + ".wav", "pcm16", "cannot be written"),
    ],
)
def test_places_and_kinds_that_cannot_be_written(tmp_path: Path, name: str, encoding: str, said: str) -> None:
    (tmp_path / "file.txt").touch()
    (tmp_path / "folder.wav").mkdir()
    before = sorted(tmp_path.iterdir())
    with pytest.raises(AudioError, match=said):
        save(tmp_path / name, noise(), encoding=encoding)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("encoding", ["pcm16", "float32"])
def test_samples_that_are_not_finite_are_refused(tmp_path: Path, bad: float, encoding: str) -> None:
    audio = noise()
    audio.samples[1, 99_999] = bad
    with pytest.raises(AudioError, match="not finite"):
        save(tmp_path / "a.wav", audio, encoding=encoding)
    assert list(tmp_path.iterdir()) == []


def test_no_samples_too_many_and_too_many_channels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AudioError, match="0 samples"):
        save(tmp_path / "a.wav", Audio(np.zeros((2, 0), dtype=np.float32), RATE_HZ))
    with pytest.raises(AudioError, match="9 channels"):
        save(tmp_path / "a.flac", noise(channels=9))
    monkeypatch.setattr(writing, "MAX_SAMPLES", 1_000)
    with pytest.raises(AudioError, match="1000 samples"):
        save(tmp_path / "a.wav", noise())
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_encoding_is_a_programming_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="pcm8"):
        save(tmp_path / "a.wav", noise(), encoding="pcm8")


@contextmanager
def room_for(num_bytes: int) -> Iterator[None]:
    """Lets no file grow beyond `num_bytes`, as a disk does that has no more room."""
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, old[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)


@pytest.mark.parametrize(("name", "encoding", "bound"), WRITTEN)
@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999, None])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, name: str, encoding: str, bound: float, share: float | None
) -> None:
    path = tmp_path / name
    save(path, noise(), encoding=encoding)
    num_bytes = path.stat().st_size
    save(path, noise(peak=0.5, num_samples=500), encoding=encoding)
    old = path.read_bytes()
    room = num_bytes - 1 if share is None else int(share * num_bytes)
    caught = None
    with room_for(room):
        try:
            save(path, noise(), encoding=encoding)
        except AudioError as error:
            caught = error
    assert caught is not None
    assert str(path) in str(caught) and os.strerror(errno.EFBIG) in str(caught)
    assert path.read_bytes() == old
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_a_folder_that_may_not_be_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(AudioError, match=f"a.wav cannot be written .*{os.strerror(number)}"):
        save(tmp_path / "a.wav", noise())


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes to read-only folders")
def test_a_read_only_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(AudioError, match="may be written to"):
        save(tmp_path / "a.wav", noise())
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(writing, "_quantised", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save(tmp_path / "a.wav", noise())
    assert list(tmp_path.iterdir()) == []


def test_the_unfinished_file_is_beside_the_finished_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    replace = os.replace

    def watch(source: Path, target: Path) -> None:
        seen.append((source, target.exists(), load(source).num_samples))
        replace(source, target)

    monkeypatch.setattr(os, "replace", watch)
    save(tmp_path / "a.wav", noise())
    ((temporary, existed, num_samples),) = seen
    assert temporary.parent == tmp_path and temporary.name.startswith(".")
    assert not existed and num_samples == noise().num_samples


def test_the_permissions_follow_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        save(tmp_path / "a.wav", noise())
    finally:
        os.umask(old)
    assert (tmp_path / "a.wav").stat().st_mode & 0o777 == 0o640
