"""Recordings read span by span: on a disk as in memory, in any spans as in one, and nothing left behind."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from timed_sounds import noise, tone

from hocket import audio
from hocket.audio import Audio, streams
from hocket.audio.reading import decode
from hocket.audio.streams import InMemory, Recording, Workspace, recording, work_folder
from hocket.audio.views import Channel, Cut, Faded, Looped, Mean, Resampled, Scaled, Upmixed
from hocket.errors import AudioError

ANY_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)


@pytest.fixture
def on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which everything of more than a thousand samples lies in files."""
    monkeypatch.setattr(streams, "MOST_IN_MEMORY", 1000)
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@ANY_FOLDER
@given(data=st.data(), channels=st.integers(1, 5))
def test_a_file_holds_what_memory_would(on_disk: Path, data: st.DataObject, channels: int) -> None:
    """Any writes and reads, over each other and over the ends of what was written."""
    length = data.draw(st.integers(1001, 4000))
    with Workspace(on_disk) as filed, Workspace() as held:
        both = [workspace.new(channels, length, 8000) for workspace in (filed, held)]
        assert [type(store).__name__ for store in both] == ["OnDisk", "InMemory"]
        for seed in range(data.draw(st.integers(0, 5))):
            start = data.draw(st.integers(0, length))
            size = data.draw(st.integers(0, length - start))
            block = np.random.default_rng(seed).standard_normal((channels, size)).astype(np.float32)
            for store in both:
                store.write(start, block)
        start = data.draw(st.integers(0, length))
        stop = data.draw(st.integers(start, length))
        first, second = (store.read(start, stop) for store in both)
        assert first.dtype == np.float32 and first.flags.c_contiguous
        np.testing.assert_array_equal(first, second)
        np.testing.assert_array_equal(both[0].samples, both[1].samples)
    assert not list(on_disk.iterdir())


@pytest.mark.parametrize("error", [None, KeyboardInterrupt, AudioError])
def test_no_file_has_a_name_and_none_is_left(on_disk: Path, error: type[BaseException] | None) -> None:
    try:
        with Workspace(on_disk) as workspace:
            store = workspace.new(1, 8_000_000, 8000)
            store.write(0, np.ones((1, 8_000_000), dtype=np.float32))
            assert not list(on_disk.iterdir())
            if error is not None:
                raise error
    except (KeyboardInterrupt, AudioError):
        pass
    assert not list(on_disk.iterdir())
    with pytest.raises(ValueError, match="closed"):
        store.read(0, 1)


def test_too_small_a_disk_is_told_before_and_after(on_disk: Path) -> None:
    with Workspace(on_disk) as workspace:
        workspace.require(1000, what="this")
        with pytest.raises(AudioError, match=r"GB free, but this needs 1000000\.0 GB .* set TMPDIR"):
            workspace.require(10**15, what="this")
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("there is no /dev/full here")
    with (
        full.open("r+b", buffering=0) as handle,
        pytest.raises(AudioError, match=r"cannot take the temporary files \(No space left on device\)"),
    ):
        streams.write_at(handle, 0, np.zeros(4, dtype=np.float32), folder=on_disk)


def test_a_missing_folder_is_named(on_disk: Path) -> None:
    with Workspace(on_disk / "none") as workspace, pytest.raises(AudioError, match=r"none cannot take"):
        workspace.new(1, 2000, 8000)


def test_files_lie_where_the_user_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TMPDIR", raising=False)
    assert work_folder(tmp_path / "out") == tmp_path / "out"
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert work_folder(tmp_path / "out") == tmp_path
    monkeypatch.setenv("TMPDIR", str(tmp_path / "gone"))
    assert work_folder(tmp_path / "out") == tmp_path / "out"


@pytest.mark.parametrize(
    ("from_hz", "to_hz"), [(44_100, 24_000), (48_000, 44_100), (8000, 96_000), (22_050, 22_050)]
)
def test_spans_of_a_resampled_recording_are_the_wholes(from_hz: int, to_hz: int) -> None:
    source = noise(seconds=3.3, rate_hz=from_hz, channels=2)
    whole = audio.resample(source.samples, from_hz=from_hz, to_hz=to_hz)
    view = Resampled(recording(source), to_hz)
    assert (view.num_samples, view.sample_rate, view.num_channels) == (whole.shape[1], to_hz, 2)
    edges = [0, 1, 777, to_hz, to_hz + 1, 2 * to_hz + 13, view.num_samples]
    spans = np.concatenate([view.read(*span) for span in itertools.pairwise(edges)], axis=1)
    assert 20 * np.log10(np.abs(spans - whole).max() / np.abs(whole).max() + 1e-20) < -110
    np.testing.assert_array_equal(view.samples, whole)


@given(data=st.data())
@settings(max_examples=60)
def test_spans_of_any_view_are_the_wholes(data: st.DataObject) -> None:
    source = noise(seconds=data.draw(st.integers(1, 900)) / 1000, rate_hz=8000, channels=2)
    length = data.draw(st.integers(1, 20_000))
    inner = recording(source)
    first = data.draw(st.integers(0, source.num_samples - 1))
    view = data.draw(
        st.sampled_from(
            [
                Looped(inner, length),
                Looped(inner, length, beat_seconds=0.05),
                Cut(inner, source.num_samples - first, first=first),
                Upmixed(inner, 3),
                Mean(inner),
                Channel(inner, 0),
                Faded(inner),
                Scaled(inner, 0.3),
            ]
        )
    )
    whole = view.samples
    assert whole.shape == (view.num_channels, view.num_samples) and whole.dtype == np.float32
    start = data.draw(st.integers(0, view.num_samples))
    stop = data.draw(st.integers(start, view.num_samples))
    np.testing.assert_array_equal(view.read(start, stop), whole[:, start:stop])


def test_a_long_loop_is_read_from_its_source_as_a_short_one_from_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = InMemory(noise(seconds=1.0).samples, 24_000)
    short = Looped(source, 100_000)
    monkeypatch.setattr("hocket.audio.views.BLOCK_SECONDS", 0.1)
    long = Looped(source, 100_000)
    assert short._part is not None and long._part is None
    np.testing.assert_array_equal(short.samples, long.samples)


@pytest.mark.parametrize("ending", [".wav", ".flac", ".ogg"])
@pytest.mark.parametrize("where", ["memory", "disk"])
def test_decoding_gives_the_samples_of_load(on_disk: Path, tmp_path: Path, ending: str, where: str) -> None:
    import soundfile

    path = tmp_path / f"a{ending}"
    soundfile.write(path, noise(seconds=7.3, rate_hz=44_100, channels=2).samples.T, 44_100)
    with Workspace(on_disk if where == "disk" else None) as workspace:
        stored = decode(path, workspace)
        expected = audio.load(path)
        assert stored.sample_rate == 44_100
        np.testing.assert_array_equal(stored.samples, expected.samples)


def test_what_load_refuses_decoding_refuses(tmp_path: Path) -> None:
    import soundfile

    soundfile.write(tmp_path / "nan.wav", np.full((1000, 1), np.nan), 8000, subtype="FLOAT")
    soundfile.write(tmp_path / "cut.flac", noise(seconds=9.0).samples.T, 24_000)
    whole = (tmp_path / "cut.flac").read_bytes()
    (tmp_path / "cut.flac").write_bytes(whole[: len(whole) // 2])
    for name in ("nan.wav", "cut.flac", "none.wav"):
        said = []
        for way in (lambda path: audio.load(path), lambda path: decode(path, Workspace())):
            with pytest.raises(AudioError, match=name) as caught:
                way(tmp_path / name)
            said.append(str(caught.value))
        assert said[0] == said[1]


@pytest.mark.parametrize(
    ("ending", "encoding"),
    [(".wav", "pcm16"), (".wav", "pcm24"), (".wav", "float32"), (".flac", "pcm16"), (".flac", "pcm24")],
)
def test_a_stream_is_saved_to_the_same_bytes(tmp_path: Path, ending: str, encoding: audio.Encoding) -> None:
    source = noise(seconds=12.3, rate_hz=44_100, channels=2)
    audio.save(tmp_path / f"whole{ending}", source, encoding=encoding)
    audio.save(tmp_path / f"stream{ending}", recording(source), encoding=encoding)
    assert (tmp_path / f"stream{ending}").read_bytes() == (tmp_path / f"whole{ending}").read_bytes()


class Broken(Recording):
    """A recording that fails in its second part."""

    def __init__(self, failure: BaseException | float) -> None:
        self.sample_rate, self.num_channels, self.num_samples = 8000, 1, 8000 * 25
        self._failure = failure

    def read(self, start: int, stop: int) -> np.ndarray:
        if start > 0 and isinstance(self._failure, BaseException):
            raise self._failure
        return np.full((1, stop - start), self._failure if start > 0 else 0.1, dtype=np.float32)


@pytest.mark.parametrize("ending", [".wav", ".flac"])
@pytest.mark.parametrize(
    ("failure", "said"),
    [(KeyboardInterrupt(), "^$"), (SystemExit(143), "143"), (np.nan, "not finite"), (1.5, "would clip")],
)
def test_a_stream_that_breaks_off_leaves_the_old_file(
    tmp_path: Path, failure: BaseException | float, said: str, ending: str
) -> None:
    path = tmp_path / f"out{ending}"
    path.write_text("old")
    kind = type(failure) if isinstance(failure, BaseException) else AudioError
    with pytest.raises(kind, match=said):
        audio.save(path, Broken(failure), encoding="pcm24")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_what_is_kept_in_memory_is_resampled_as_a_whole() -> None:
    source = tone(440.0, seconds=30.0)
    with Workspace() as workspace:
        kept = workspace.keep(Resampled(recording(source), 24_000))
        np.testing.assert_array_equal(
            kept.samples, audio.resample(source.samples, from_hz=44_100, to_hz=24_000)
        )
    assert isinstance(recording(source).whole(), Audio)
