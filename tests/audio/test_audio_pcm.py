"""WAV, RF64, Wave64 and AIFF by the reader of our own, against libsndfile and against headers built by hand."""

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hocket.audio import info, load, pcm
from hocket.errors import AudioError

WRITTEN = [
    *(("WAV", coding) for coding in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")),
    *(("WAVEX", coding) for coding in ("PCM_16", "PCM_24", "FLOAT")),
    *(("RF64", coding) for coding in ("PCM_16", "PCM_24", "FLOAT")),
    *(("W64", coding) for coding in ("PCM_U8", "PCM_16", "PCM_24", "FLOAT")),
    *(("AIFF", coding) for coding in ("PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32")),
]


def chunk(name: bytes, body: bytes, length: int | None = None, order: str = "<") -> bytes:
    stated = len(body) if length is None else length
    return name + struct.pack(f"{order}I", stated) + body + bytes(len(body) % 2)


def fmt(tag: int, channels: int, bits: int, frame_bytes: int, more: bytes = b"") -> bytes:
    rate_hz = 8_000
    return struct.pack("<HHIIHH", tag, channels, rate_hz, rate_hz * frame_bytes, frame_bytes, bits) + more


def wav(*chunks: bytes) -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body) % 2**32) + body


@pytest.mark.parametrize("channels", [1, 2, 5])
@pytest.mark.parametrize(("container", "coding"), WRITTEN)
def test_the_samples_are_libsndfiles(tmp_path: Path, container: str, coding: str, channels: int) -> None:
    path = tmp_path / "a"
    noise = np.random.default_rng(5).uniform(-1, 1, (40_001, channels))
    soundfile.write(path, noise, 44_100, format=container, subtype=coding)
    theirs, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    ours = load(path)
    assert ours.sample_rate == rate_hz
    np.testing.assert_array_equal(ours.samples, theirs.T)
    excerpt = load(path, start_seconds=0.5, duration_seconds=0.1)
    np.testing.assert_array_equal(excerpt.samples, theirs.T[:, 22_050:26_460])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=hnp.arrays(np.uint8, st.integers(0, 400)),
    coding=st.sampled_from([("PCM_U8", "u", 1), ("PCM_16", "i", 2), ("PCM_24", "i", 3), ("PCM_32", "i", 4)]),
)
def test_any_bytes_are_the_samples_that_libsndfile_sees(
    tmp_path: Path, data: np.ndarray, coding: tuple[str, str, int]
) -> None:
    name, kind, width = coding
    data = data[: len(data) // width * width]
    (tmp_path / "a.raw").write_bytes(data.tobytes())
    theirs, _ = soundfile.read(
        tmp_path / "a.raw",
        dtype="float32",
        samplerate=8_000,
        channels=1,
        subtype=name,
        endian="LITTLE",
        format="RAW",
    )
    np.testing.assert_array_equal(pcm.to_float(data.tobytes(), kind, width, "<"), theirs)
    swapped = data.reshape(-1, width)[:, ::-1].tobytes()
    np.testing.assert_array_equal(pcm.to_float(swapped, kind, width, ">"), theirs)


@pytest.mark.parametrize(
    "extra", [b"", chunk(b"LIST", b"INFOIART" + bytes(99)), chunk(b"bext", b"\xff" * 602)]
)
def test_other_chunks_are_passed_over(tmp_path: Path, extra: bytes) -> None:
    sound = np.arange(100, dtype="<i2").tobytes()
    (tmp_path / "a").write_bytes(
        wav(extra, chunk(b"fmt ", fmt(1, 2, 16, 4)), extra, chunk(b"data", sound), extra)
    )
    expected = np.arange(100).reshape(50, 2).T / 2.0**15
    np.testing.assert_array_equal(load(tmp_path / "a").samples, expected.astype(np.float32))


def test_24_bits_may_lie_in_32(tmp_path: Path) -> None:
    tail = bytes.fromhex("000000001000800000aa00389b71")
    header = fmt(0xFFFE, 1, 32, 4, struct.pack("<HHIH", 22, 24, 0, 1) + tail)
    sound = (np.array([2**22, -(2**23)], dtype="<i4") << 8).tobytes()
    (tmp_path / "a").write_bytes(wav(chunk(b"fmt ", header), chunk(b"data", sound)))
    np.testing.assert_array_equal(load(tmp_path / "a").samples, [[0.5, -1.0]])


def test_an_unclosed_wav_is_read_to_its_end_and_an_empty_one_is_empty(tmp_path: Path) -> None:
    header = chunk(b"fmt ", fmt(1, 1, 16, 2))
    sound = (np.arange(500, dtype="<i2") * 7 + 1).tobytes()
    (tmp_path / "unclosed").write_bytes(wav(header, chunk(b"data", sound, length=0)))
    (tmp_path / "empty").write_bytes(wav(header, chunk(b"data", b""), chunk(b"LIST", b"INFO" + bytes(96))))
    assert load(tmp_path / "unclosed").num_samples == 500
    with pytest.raises(AudioError, match="empty contains no sound"):
        load(tmp_path / "empty")


def test_a_wav_of_more_than_4_gb_is_not_read_in_part(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    num_bytes = 2**32 + 8_000
    with path.open("wb") as handle:
        handle.write(wav(chunk(b"fmt ", fmt(1, 1, 16, 2)), chunk(b"data", b"", length=num_bytes % 2**32)))
        handle.truncate(44 + num_bytes)  # Sparse: it takes no room.
    with pytest.raises(AudioError, match="larger than 4 GB"):
        info(path)


def test_an_rf64_of_more_than_4_gb_is_counted_rightly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "long.wav"
    num_bytes = 2**32 + 8_000
    sizes = struct.pack("<QQQI", num_bytes + 72, num_bytes, num_bytes // 2, 0)
    with path.open("wb") as handle:
        handle.write(b"RF64\xff\xff\xff\xffWAVE" + chunk(b"ds64", sizes) + chunk(b"fmt ", fmt(1, 1, 16, 2)))
        handle.write(chunk(b"data", b"", length=2**32 - 1))
        first = handle.tell()
        handle.seek(first + num_bytes - 4)
        handle.write(struct.pack("<hh", 2**14, -(2**15)))
    with pytest.raises(AudioError, match="over the limit"):
        load(path)
    monkeypatch.setattr("hocket.audio.decoding.MAX_SAMPLES", 2**32)
    assert info(path).num_samples == num_bytes // 2
    end = load(path, start_seconds=(num_bytes // 2 - 2) / 8_000)
    np.testing.assert_array_equal(end.samples, [[0.5, -1.0]])


@pytest.mark.parametrize(
    ("frames_stated", "sound_stated", "there", "said"),
    [
        (100, 408, 100, 100),
        (0, 408, 100, 100),
        (60, 408, 100, 60),
        (100, 0, 100, 100),
        (100, 408, 90, "cut off"),
    ],
)
def test_aiff_frames_stated_and_there(
    tmp_path: Path, frames_stated: int, sound_stated: int, there: int, said: object
) -> None:
    rate = struct.pack(">HQ", 16_383 + 12, 8_000 << 63 - 12)
    common = chunk(b"COMM", struct.pack(">HIH", 2, frames_stated, 16) + rate, order=">")
    sound = np.arange(2 * there, dtype=">i2").tobytes()
    body = b"AIFF" + common + chunk(b"SSND", bytes(8) + sound, length=sound_stated, order=">")
    (tmp_path / "a").write_bytes(b"FORM" + struct.pack(">I", len(body)) + body)
    if isinstance(said, str):
        with pytest.raises(AudioError, match=said):
            load(tmp_path / "a")
        return
    audio = load(tmp_path / "a")
    assert (audio.sample_rate, audio.num_samples) == (8_000, said)
    np.testing.assert_array_equal(audio.samples[1], np.arange(1, 2 * said, 2, dtype=np.float32) / 2**15)


def test_aiff_may_state_its_format_after_its_sound(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a", np.linspace(-1, 0.9, 50), 8_000, format="AIFF", subtype="PCM_16")
    data = (tmp_path / "a").read_bytes()
    common, sound = data.index(b"COMM"), data.index(b"SSND")
    (tmp_path / "b").write_bytes(data[:common] + data[sound:] + data[common : common + 26])
    np.testing.assert_array_equal(load(tmp_path / "b").samples, load(tmp_path / "a").samples)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (fmt(1, 0, 16, 4), "0 channels"),
        (fmt(1, 2, 16, 3), "contradict"),
        (fmt(1, 2, 24, 4), "contradict"),
        (fmt(1, 2, 0, 4), "contradict"),
        (fmt(3, 2, 16, 4), "contradict"),
        (fmt(1, 1, 64, 8), "contradict"),
        (fmt(0xFFFE, 2, 16, 4, bytes(24)), "cannot be read"),
        (fmt(1, 2, 16, 4)[:12], "declares no samples"),
    ],
)
def test_headers_that_make_no_sense(tmp_path: Path, header: bytes, said: str) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav(chunk(b"fmt ", header), chunk(b"data", bytes(4_000))))
    with pytest.raises(AudioError, match=said) as caught:
        info(path)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize("count", [900, 1_100])
def test_a_header_of_too_many_chunks_is_not_followed(tmp_path: Path, count: int) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(
        wav(chunk(b"junk", b"") * count, chunk(b"fmt ", fmt(1, 1, 16, 2)), chunk(b"data", bytes(80)))
    )
    if count < 1_000:
        assert info(path).num_samples == 40
    else:
        with pytest.raises(AudioError, match="declares no samples"):
            info(path)


def test_no_decoder_of_others_meets_a_wav(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(100), 8_000)
    monkeypatch.setattr("hocket.audio.coded.SoundfileDecoder", None)
    assert load(tmp_path / "a.wav").num_samples == 100
    assert not recwarn.list


def test_blocks_are_bounded_in_samples_whatever_the_channels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    channels, blocks = 60_000, []
    sound = np.random.default_rng(4).bytes(40 * channels)
    (tmp_path / "a.wav").write_bytes(
        wav(chunk(b"fmt ", fmt(1, channels, 8, channels)), chunk(b"data", sound))
    )
    to_float = pcm.to_float

    def counting(data: bytes, kind: str, sample_bytes: int, order: str) -> np.ndarray:
        blocks.append(len(data) // sample_bytes)
        return to_float(data, kind, sample_bytes, order)

    monkeypatch.setattr(pcm, "to_float", counting)
    audio = load(tmp_path / "a.wav")
    assert audio.samples.shape == (channels, 40)
    assert max(blocks) <= 2**20
