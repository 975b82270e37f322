"""AAC and ALAC through PyAV: time, excerpts, damage, and what is said where PyAV is missing."""

import importlib.util
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hocket.audio import SUFFIXES, find_audio_files, info, load
from hocket.errors import AudioError

RATE_HZ = 44_100
SECONDS = 4.0
KINDS = {
    "a.m4a": {"codec": "aac", "format": "ipod"},
    "faststart.mp4": {"codec": "aac", "format": "mp4", "options": {"movflags": "faststart"}},
    "fragments.mp4": {
        "codec": "aac",
        "format": "mp4",
        "options": {"movflags": "frag_keyframe+empty_moov", "frag_duration": "500000"},
    },
    "lossless.m4a": {"codec": "alac", "format": "ipod"},
    "raw.aac": {"codec": "aac", "format": "adts"},
}
PRIMING = {"raw.aac": 1_024, "fragments.mp4": 1_024}
"""Samples of silence before the sound, which these files do not tell of."""

needs_pyav = pytest.mark.skipif(importlib.util.find_spec("av") is None, reason="needs hocket[formats]")


def glide() -> np.ndarray:
    """A glide up on the left and one down on the right, `[2, samples]`: no two moments are alike."""
    t = np.arange(round(SECONDS * RATE_HZ)) / RATE_HZ
    left = 0.5 * np.sin(2 * np.pi * (220 + 40 * t) * t)
    right = 0.25 * np.sin(2 * np.pi * (1500 - 30 * t) * t)
    return np.stack([left, right]).astype(np.float32)


def write(path: Path, samples: np.ndarray, settings: dict, *, noise: bool = False) -> None:
    import av

    with av.open(str(path), "w", format=settings["format"], options=settings.get("options", {})) as file:
        stream = file.add_stream(settings["codec"], rate=RATE_HZ, layout="stereo")
        stream.bit_rate = 256_000
        if settings["codec"] == "aac" and not noise:
            stream.options = {"aac_pns": "0"}  # Noise substitution is drawn anew in every excerpt.
        whole = np.round(samples * 2**15).astype(np.int16) if settings["codec"] == "alac" else samples
        for first in range(0, whole.shape[1], 4_096):
            block = np.ascontiguousarray(whole[:, first : first + 4_096])
            frame = av.AudioFrame.from_ndarray(block, "s16p" if block.dtype == np.int16 else "fltp", "stereo")
            frame.sample_rate, frame.pts = RATE_HZ, first
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("av")
    folder = tmp_path_factory.mktemp("mpeg4")
    for name, kind in KINDS.items():
        write(folder / name, glide(), kind)
    return folder


@pytest.mark.parametrize("factor", [0, 1 / 3, 3])
@pytest.mark.parametrize("name", ["a.m4a", "faststart.mp4", "lossless.m4a"])
def test_a_track_that_states_a_false_time_is_read_whole(
    recordings: Path, tmp_path: Path, name: str, factor: float
) -> None:
    data = bytearray((recordings / name).read_bytes())
    at = data.index(b"mdhd") + 4 + 16
    stated = struct.unpack(">I", data[at : at + 4])[0]
    assert stated >= SECONDS * RATE_HZ
    data[at : at + 4] = struct.pack(">I", round(stated * factor))
    (tmp_path / name).write_bytes(data)
    whole = load(recordings / name).samples
    assert info(tmp_path / name).num_samples >= whole.shape[1]
    np.testing.assert_array_equal(load(tmp_path / name).samples, whole)


@pytest.mark.parametrize("name", KINDS)
def test_time_level_and_channels_are_kept(recordings: Path, name: str) -> None:
    audio, facts = load(recordings / name), info(recordings / name)
    assert (facts.sample_rate, facts.num_channels) == (audio.sample_rate, audio.num_channels) == (RATE_HZ, 2)
    assert facts.format == ("aac" if name == "raw.aac" else "m4a")
    assert facts.num_samples == audio.num_samples
    late = PRIMING.get(name, 0)
    heard = audio.samples[:, late : late + glide().shape[1]]
    if not late:
        assert audio.num_samples == glide().shape[1]
    assert heard.shape == glide().shape
    for ours, theirs in zip(heard, glide(), strict=True):
        # The glides would fall out of phase within a few samples of delay.
        assert np.corrcoef(ours, theirs)[0, 1] > 0.99
        assert np.std(ours) == pytest.approx(np.std(theirs), rel=0.02)
    if name == "lossless.m4a":
        assert np.abs(heard - glide()).max() <= 2.0**-16


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(
    ("start", "duration"), [(0.0, 0.5), (0.2, 0.1), (1.2345, 0.7), (3.1, None), (3.9, 9.0)]
)
def test_an_excerpt_is_the_slice_of_the_whole(
    recordings: Path, name: str, start: float, duration: float | None
) -> None:
    whole = load(recordings / name)
    excerpt = load(recordings / name, start_seconds=start, duration_seconds=duration)
    first = round(start * RATE_HZ)
    last = None if duration is None else first + round(duration * RATE_HZ)
    np.testing.assert_array_equal(excerpt.samples, whole.samples[:, first:last])


@pytest.mark.parametrize("name", ["a.m4a", "raw.aac"])
def test_resampled_excerpts_lie_on_the_grid_of_the_whole(recordings: Path, name: str) -> None:
    whole = load(recordings / name, sample_rate=24_000, mono=True).samples
    excerpt = load(recordings / name, sample_rate=24_000, mono=True, start_seconds=2.5, duration_seconds=1.0)
    assert np.abs(excerpt.samples - whole[:, 60_000:84_000]).max() < 1e-6


def test_an_excerpt_with_substituted_noise_is_the_slice_but_for_the_noise(recordings: Path) -> None:
    samples = glide() + np.random.default_rng(0).normal(0, 0.01, glide().shape).astype(np.float32)
    write(recordings / "noise.m4a", samples, KINDS["a.m4a"], noise=True)
    whole = load(recordings / "noise.m4a").samples[:, 2 * RATE_HZ : 3 * RATE_HZ]
    excerpt = load(recordings / "noise.m4a", start_seconds=2.0, duration_seconds=1.0).samples
    difference = excerpt - whole
    assert np.sqrt(np.mean(difference**2)) < 0.02  # the noise, twice
    assert np.corrcoef(excerpt[0], whole[0])[0, 1] > 0.99


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.97])
def test_a_cut_off_file_is_refused(recordings: Path, tmp_path: Path, name: str, share: float) -> None:
    data = (recordings / name).read_bytes()
    (tmp_path / name).write_bytes(data[: round(share * len(data))])
    if name == "raw.aac":
        # Raw AAC states no length, like MP3: what is there is read.
        expected = share * info(recordings / name).num_samples
        assert info(tmp_path / name).num_samples == pytest.approx(expected, abs=4_096)
        return
    with pytest.raises(AudioError, match=r"cut off|declares no samples") as caught:
        load(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


def test_a_file_with_pictures_only_and_other_codings(recordings: Path, tmp_path: Path) -> None:
    import av

    with av.open(str(tmp_path / "film.mp4"), "w", format="mp4") as file:
        stream = file.add_stream("mpeg4", rate=5)
        stream.width = stream.height = 16
        stream.pix_fmt = "yuv420p"
        for _ in range(3):
            file.mux(stream.encode(av.VideoFrame(16, 16, "yuv420p")))
        file.mux(stream.encode(None))
    with pytest.raises(AudioError, match="no audio stream"):
        load(tmp_path / "film.mp4")
    write(tmp_path / "mp2.mp4", glide()[:, :RATE_HZ], {"codec": "mp2", "format": "mp4"})
    with pytest.raises(AudioError, match="which cannot be read"):
        load(tmp_path / "mp2.mp4")


@pytest.mark.parametrize("kind", ["packets", "edits", "run"])
def test_tables_without_end_are_refused_before_they_are_built(
    recordings: Path, tmp_path: Path, kind: str
) -> None:
    data = bytearray((recordings / ("fragments.mp4" if kind == "run" else "a.m4a")).read_bytes())
    name, fields = {
        "packets": (b"stsz", (0, 1, 20_000_000)),
        "edits": (b"elst", (0, 20_000_000)),
        "run": (b"trun", (0, 20_000_000)),
    }[kind]
    at = data.index(name) + 4
    data[at : at + 4 * len(fields)] = struct.pack(f">{len(fields)}I", *fields)
    path = tmp_path / "bomb.m4a"
    path.write_bytes(data)
    with pytest.raises(AudioError, match="over the limit"):
        info(path)


@needs_pyav
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), name=st.sampled_from(list(KINDS)))
def test_a_few_wrong_bytes_give_sound_or_a_sentence(
    recordings: Path, tmp_path: Path, data: st.DataObject, name: str
) -> None:
    content = bytearray((recordings / name).read_bytes())
    header = content.find(b"moov")
    for _ in range(data.draw(st.integers(1, 8))):
        near = st.integers(max(0, header), max(0, header) + 700)
        place = data.draw(st.one_of(st.integers(0, 100), near, st.integers(0, len(content) - 1)))
        content[min(place, len(content) - 1)] = data.draw(st.integers(0, 255))
    path = tmp_path / name
    path.write_bytes(content)
    try:
        audio = load(path)
    except AudioError as error:
        assert str(path) in str(error)
    else:
        assert audio.num_samples > 0 and np.isfinite(audio.samples).all()


@pytest.mark.parametrize(
    "head", [b"\x00\x00\x00\x20ftypM4A \x00\x00\x00\x00", b"\xff\xf1\x50\x80\x02\x1f\xfc"]
)
def test_without_pyav_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, head: bytes
) -> None:
    path = tmp_path / "song.m4a"
    path.write_bytes(head + bytes(500))
    monkeypatch.setitem(sys.modules, "av", None)  # As if it were not there.
    with pytest.raises(AudioError, match=r"song\.m4a .*pip install 'hocket\[formats\]'"):
        load(path)


def test_folders_are_searched_for_them_with_and_without_pyav(tmp_path: Path) -> None:
    for name in ("a.m4a", "b.MP4", "c.aac", "d.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in find_audio_files(tmp_path)] == ["a.m4a", "b.MP4", "c.aac"]
    assert {".wav", ".w64", ".rf64", ".flac", ".mp3", ".ogg", ".opus", ".aiff"} <= set(SUFFIXES)
