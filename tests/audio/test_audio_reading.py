"""Reading: every format, excerpts, and every way in which a file can be wrong."""

import os
import stat
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hocket.audio import Audio, decoding, info, load
from hocket.errors import AudioError

RATE_HZ = 44_100
LOSSLESS = {
    "pcm16.wav": ("WAV", "PCM_16", 2.0**-15),
    "pcm24.wav": ("WAV", "PCM_24", 2.0**-23),
    "float.wav": ("WAV", "FLOAT", 0.0),
    "extensible.wav": ("WAVEX", "PCM_24", 2.0**-23),
    "pcm16.flac": ("FLAC", "PCM_16", 2.0**-15),
    "pcm24.flac": ("FLAC", "PCM_24", 2.0**-23),
    "pcm16.aiff": ("AIFF", "PCM_16", 2.0**-15),
}
LOSSY = {
    "vorbis.ogg": ("OGG", "VORBIS"),
    "opus.opus": ("OGG", "OPUS"),
    "layer3.mp3": ("MP3", "MPEG_LAYER_III"),
}


def tones(num_seconds: float, rate_hz: int) -> np.ndarray:
    """A glide up on the left and one down on the right, `[2, samples]`: no two moments are alike."""
    t = np.arange(round(num_seconds * rate_hz)) / rate_hz
    left = 0.5 * np.sin(2 * np.pi * (220 + 40 * t) * t)
    right = 0.25 * np.sin(2 * np.pi * (1500 - 30 * t) * t)
    return np.stack([left, right]).astype(np.float32)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds of `tones` in every format."""
    folder = tmp_path_factory.mktemp("recordings")
    for name, (container, coding, *_) in (LOSSLESS | LOSSY).items():
        rate_hz = 48_000 if coding == "OPUS" else RATE_HZ
        soundfile.write(folder / name, tones(3, rate_hz).T, rate_hz, format=container, subtype=coding)
    return folder


@pytest.fixture(scope="module")
def long_recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine seconds in the lossy formats: longer than what their decoders are given to find their feet."""
    folder = tmp_path_factory.mktemp("long_recordings")
    for name, (container, coding) in LOSSY.items():
        rate_hz = 48_000 if coding == "OPUS" else RATE_HZ
        with soundfile.SoundFile(folder / name, "w", rate_hz, 2, coding, format=container) as sound:
            # In blocks, because libsndfile may crash on a long Ogg that is written at once.
            for block in np.array_split(tones(9, rate_hz).T, 60):
                sound.write(block)
    return folder


@pytest.mark.parametrize("name", LOSSLESS)
def test_lossless_formats_come_back_within_one_step(recordings: Path, name: str) -> None:
    audio = load(recordings / name)
    assert audio.samples.dtype == np.float32
    assert (audio.sample_rate, audio.num_channels, audio.num_samples) == (RATE_HZ, 2, 3 * RATE_HZ)
    assert np.abs(audio.samples - tones(3, RATE_HZ)).max() <= LOSSLESS[name][2]


@pytest.mark.parametrize("name", LOSSY)
def test_lossy_formats_keep_channels_time_and_level(recordings: Path, name: str) -> None:
    audio = load(recordings / name)
    expected = tones(3, audio.sample_rate)
    shared = min(audio.num_samples, expected.shape[1])
    assert abs(audio.num_samples - expected.shape[1]) < 0.1 * audio.sample_rate
    for channel in (0, 1):
        ours, theirs = audio.samples[channel, :shared], expected[channel, :shared]
        # The glides would fall out of phase within a few samples of delay.
        assert np.corrcoef(ours, theirs)[0, 1] > 0.99
        assert np.std(ours) == pytest.approx(np.std(theirs), rel=0.05)


@pytest.mark.parametrize("name", LOSSY)
def test_reading_in_blocks_equals_reading_at_once(recordings: Path, name: str) -> None:
    at_once, _ = soundfile.read(recordings / name, dtype="float32")
    np.testing.assert_array_equal(load(recordings / name).samples, at_once.T)


@pytest.mark.parametrize("name", LOSSY)
@pytest.mark.parametrize("start", [1.0, 2.2, 2.9, 5.0, 7.7, 8.9])
def test_places_far_into_a_lossy_recording_are_found(long_recordings: Path, name: str, start: float) -> None:
    whole = load(long_recordings / name)
    excerpt = load(long_recordings / name, start_seconds=start, duration_seconds=1.0)
    first = round(start * whole.sample_rate)
    expected = whole.samples[:, first : first + whole.sample_rate]
    assert np.abs(excerpt.samples - expected).max() < 1e-4


@pytest.mark.parametrize("name", [*LOSSLESS, *LOSSY])
def test_info_agrees_with_what_is_loaded(recordings: Path, name: str) -> None:
    facts, audio = info(recordings / name), load(recordings / name)
    assert (facts.num_samples, facts.sample_rate, facts.num_channels) == (
        audio.num_samples,
        audio.sample_rate,
        2,
    )
    assert facts.duration_seconds == audio.duration_seconds
    assert facts.format in {"wav", "flac", "aiff", "ogg", "mp3"}


@pytest.mark.parametrize("name", [*LOSSLESS, *LOSSY])
@pytest.mark.parametrize(("start", "duration"), [(0.0, 0.5), (1.2345, 0.7), (2.9, 5.0), (1.0, None)])
def test_an_excerpt_is_the_slice_of_the_whole(
    recordings: Path, name: str, start: float, duration: float | None
) -> None:
    whole = load(recordings / name)
    excerpt = load(recordings / name, start_seconds=start, duration_seconds=duration)
    first = round(start * whole.sample_rate)
    last = None if duration is None else first + round(duration * whole.sample_rate)
    np.testing.assert_array_equal(excerpt.samples, whole.samples[:, first:last])


@pytest.mark.parametrize("name", ["pcm24.flac", "float.wav", "layer3.mp3"])
@pytest.mark.parametrize("rate_hz", [24_000, 48_000, 22_050])
def test_a_resampled_excerpt_lies_on_the_grid_of_the_whole(recordings: Path, name: str, rate_hz: int) -> None:
    whole = load(recordings / name, sample_rate=rate_hz).samples
    for start, duration in [(0.0, 0.5), (1.2345, 0.7), (2.5, 9.0)]:
        excerpt = load(recordings / name, sample_rate=rate_hz, start_seconds=start, duration_seconds=duration)
        first = round(start * rate_hz)
        expected = whole[:, first : first + round(duration * rate_hz)]
        assert excerpt.samples.shape == expected.shape
        assert np.abs(excerpt.samples - expected).max() < 1e-6


def test_an_excerpt_decodes_only_what_it_needs(recordings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded = []
    read = soundfile.SoundFile.read

    def counting(self: soundfile.SoundFile, *args: object, **kwargs: object) -> np.ndarray:
        block = read(self, *args, **kwargs)
        decoded.append(len(block))
        return block

    monkeypatch.setattr(soundfile.SoundFile, "read", counting)
    load(recordings / "pcm16.flac", sample_rate=24_000, start_seconds=1, duration_seconds=0.5)
    assert 0.5 * RATE_HZ <= sum(decoded) < 0.6 * RATE_HZ


def test_mono_is_the_mean_of_the_channels(recordings: Path) -> None:
    stereo = load(recordings / "float.wav")
    folded = load(recordings / "float.wav", mono=True)
    np.testing.assert_allclose(folded.samples[0], stereo.samples.mean(axis=0), atol=1e-7)
    np.testing.assert_array_equal(folded.samples, stereo.mono().samples)
    assert folded.mono() is folded


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_any_number_of_channels_keeps_its_order(tmp_path: Path, channels: int) -> None:
    levels = np.linspace(0.1, 0.6, channels, dtype=np.float32)
    soundfile.write(tmp_path / "many.wav", np.tile(levels, (20_000, 1)), 8_000, subtype="FLOAT")
    audio = load(tmp_path / "many.wav")
    np.testing.assert_array_equal(audio.samples, np.tile(levels[:, None], (1, 20_000)))


def test_the_name_and_its_ending_do_not_matter(recordings: Path, tmp_path: Path) -> None:
    odd = tmp_path / "a name, with 'quotes' and ünïcode.raw"
    odd.write_bytes((recordings / "pcm16.flac").read_bytes())
    assert info(odd).format == "flac"
    undecodable = Path(os.fsdecode(bytes(tmp_path) + b"/\xff\xfe.wav"))
    undecodable.write_bytes((recordings / "pcm16.wav").read_bytes())
    assert load(undecodable).num_samples == 3 * RATE_HZ


@pytest.mark.parametrize("name", ["pcm16.flac", "layer3.mp3"])
def test_an_id3_tag_in_front_is_skipped(recordings: Path, tmp_path: Path, name: str) -> None:
    tag = b"ID3\x04\x00\x00" + bytes([0, 0, 2, 0]) + bytes(256)
    (tmp_path / name).write_bytes(tag + (recordings / name).read_bytes())
    np.testing.assert_array_equal(load(tmp_path / name).samples, load(recordings / name).samples)


def sentence(path: Path, **excerpt: float) -> str:
    """What `load` says against a file, checked to be a single sentence that names it."""
    with pytest.raises(AudioError) as caught:
        load(path, **excerpt)
    text = str(caught.value)
    assert text.startswith(str(path)), text
    assert text.endswith(".") and "\n" not in text and ". " not in text.replace(str(path), ""), text
    return text


def rewrite(path: Path, change: Callable[[bytearray], None]) -> Path:
    data = bytearray(path.read_bytes())
    change(data)
    path.write_bytes(data)
    return path


def test_what_is_not_a_file_of_sound(tmp_path: Path) -> None:
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("This is a shopping list.\n" * 20)
    (tmp_path / "short.wav").write_bytes(b"RIFF")
    os.mkfifo(tmp_path / "pipe.wav")
    assert "does not exist" in sentence(tmp_path / "missing.wav")
    assert "does not exist" in sentence(tmp_path / "text.wav" / "inside.wav")
    assert "is a folder" in sentence(tmp_path)
    assert "is empty" in sentence(tmp_path / "empty.wav")
    assert "not a recording" in sentence(tmp_path / "text.wav")
    assert "not a recording" in sentence(tmp_path / "short.wav")
    assert "pipe" in sentence(tmp_path / "pipe.wav")
    assert "cannot be opened" in sentence(tmp_path / ("x" * 300 + ".wav"))


def test_a_file_that_may_not_be_read(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "locked.wav"
    path.write_bytes((recordings / "pcm16.wav").read_bytes())
    path.chmod(0)
    if os.access(path, os.R_OK):  # root may read everything

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(os, "open", refuse)
    assert "permissions" in sentence(path)


@pytest.mark.parametrize("coding", ["ULAW", "IMA_ADPCM", "MS_ADPCM", "GSM610"])
def test_compressed_wav_is_refused_before_its_decoder_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, coding: str
) -> None:
    path = tmp_path / "compressed.wav"
    soundfile.write(path, tones(1, 8_000)[0], 8_000, subtype=coding)
    monkeypatch.setattr(decoding, "Decoder", None)
    assert "which cannot be read" in sentence(path)


@pytest.mark.parametrize(("container", "coding"), [("AIFF", "ULAW"), ("CAF", "PCM_16"), ("AU", "PCM_16")])
def test_other_formats_are_refused(tmp_path: Path, container: str, coding: str) -> None:
    path = tmp_path / "other.wav"
    soundfile.write(path, tones(1, 8_000)[0], 8_000, format=container, subtype=coding)
    assert "which cannot be read" in sentence(path) or "not a recording" in sentence(path)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite(tmp_path: Path, bad: float) -> None:
    samples = np.zeros(50_000, dtype=np.float32)
    samples[40_000] = bad
    soundfile.write(tmp_path / "bad.wav", samples, RATE_HZ, subtype="FLOAT")
    assert "not finite" in sentence(tmp_path / "bad.wav")
    assert load(tmp_path / "bad.wav", duration_seconds=0.5).num_samples == RATE_HZ // 2


def test_samples_on_an_integer_scale(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "huge.wav", np.full(100, 20_000.0), RATE_HZ, subtype="FLOAT")
    assert "not scaled" in sentence(tmp_path / "huge.wav")


@pytest.mark.parametrize("container", ["WAV", "FLAC", "AIFF"])
def test_a_file_without_frames(tmp_path: Path, container: str) -> None:
    path = tmp_path / "nothing"
    soundfile.write(path, np.zeros((0, 1)), RATE_HZ, format=container, subtype="PCM_16")
    sentence(path)


def test_one_frame_is_a_recording(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "one.wav", np.array([0.5]), 48_000)
    assert load(tmp_path / "one.wav").num_samples == 1
    # round(0.5) is 0: at half the rate nothing is left of it.
    with pytest.raises(AudioError, match="contains no sound"):
        load(tmp_path / "one.wav", sample_rate=24_000)


@pytest.mark.parametrize("name", [*LOSSLESS, *LOSSY])
def test_a_cut_off_file_is_refused(recordings: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    whole = (recordings / name).read_bytes()
    path.write_bytes(whole[: len(whole) * 6 // 10])
    assert "cut off" in sentence(path)


@pytest.mark.parametrize("name", ["pcm16.wav", "pcm16.aiff"])
def test_a_missing_tail_of_under_one_per_cent_is_tolerated(
    recordings: Path, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    path.write_bytes((recordings / name).read_bytes()[:-2_000])  # 500 frames of 132,300
    assert load(path).num_samples == 3 * RATE_HZ - 500


@pytest.mark.parametrize("length", [0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFF000])
def test_a_wav_that_was_written_to_a_pipe(recordings: Path, tmp_path: Path, length: int) -> None:
    path = tmp_path / "piped.wav"
    path.write_bytes((recordings / "pcm16.wav").read_bytes())

    def forget_the_length(data: bytearray) -> None:
        at = data.index(b"data") + 4
        data[at : at + 4] = struct.pack("<I", length)

    rewrite(path, forget_the_length)
    assert load(path).num_samples == 3 * RATE_HZ


def state_length(path: Path, num_frames: int) -> None:
    """Puts another number of frames into the header of a FLAC."""

    def lie(data: bytearray) -> None:
        fields = int.from_bytes(data[18:26], "big")  # the lowest 36 bits are the number of frames
        data[18:26] = (fields & ~(2**36 - 1) | num_frames).to_bytes(8, "big")

    rewrite(path, lie)


def test_a_flac_that_states_too_many_frames_is_not_believed(recordings: Path, tmp_path: Path) -> None:
    path = tmp_path / "liar.flac"
    path.write_bytes((recordings / "pcm16.flac").read_bytes())
    state_length(path, 2**36 - 1)
    assert "limit" in sentence(path)
    with pytest.raises(AudioError):
        info(path)


@pytest.mark.parametrize("num_frames", [0, 1, 4096, 100_000])
@pytest.mark.parametrize("name", ["pcm16.flac", "pcm24.flac"])
def test_a_flac_that_states_too_few_frames_or_none_is_read_whole(
    recordings: Path, tmp_path: Path, name: str, num_frames: int
) -> None:
    path = tmp_path / "piped.flac"
    path.write_bytes((recordings / name).read_bytes())
    state_length(path, num_frames)
    rewrite(
        path, lambda data: data.__setitem__(slice(26, 42), bytes(16))
    )  # the sum of its sound is left out, too
    whole = load(recordings / name).samples
    assert info(path).num_samples == whole.shape[1]
    np.testing.assert_array_equal(load(path).samples, whole)
    excerpt = load(path, start_seconds=2.5, duration_seconds=0.4)
    np.testing.assert_array_equal(
        excerpt.samples, whole[:, round(2.5 * RATE_HZ) :][:, : round(0.4 * RATE_HZ)]
    )


def test_an_impossible_sample_rate(recordings: Path, tmp_path: Path) -> None:
    path = tmp_path / "slow.wav"
    path.write_bytes((recordings / "pcm16.wav").read_bytes())
    rewrite(path, lambda data: data.__setitem__(slice(24, 28), struct.pack("<I", 3)))
    assert "sample rate of 3 Hz" in sentence(path)


def test_a_small_file_may_not_grow_without_limit(recordings: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "MAX_SAMPLES", 6 * RATE_HZ)
    load(recordings / "pcm16.wav")
    with pytest.raises(AudioError, match="limit"):
        load(recordings / "pcm16.wav", sample_rate=96_000)


def test_damage_in_the_middle_of_a_flac(recordings: Path, tmp_path: Path) -> None:
    path = tmp_path / "damaged.flac"
    path.write_bytes((recordings / "pcm16.flac").read_bytes())
    rewrite(path, lambda data: data.__setitem__(slice(len(data) // 2, None), bytes(len(data) // 2)))
    sentence(path)


def test_an_excerpt_after_the_end(recordings: Path) -> None:
    assert "ends at 3 s" in sentence(recordings / "pcm16.wav", start_seconds=4.0)
    assert "ends at 3 s" in sentence(recordings / "pcm16.wav", start_seconds=3.0)


@pytest.mark.parametrize(
    "arguments",
    [
        {"start_seconds": -1.0},
        {"start_seconds": float("nan")},
        {"duration_seconds": 0.0},
        {"duration_seconds": float("inf")},
        {"sample_rate": 0},
    ],
)
def test_arguments_that_make_no_sense(recordings: Path, arguments: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        load(recordings / "pcm16.wav", **arguments)


HEADS = [
    b"RIFF\xff\xff\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x02\x00"
    b"D\xac\x00\x00\x10\xb1\x02\x00\x04\x00\x10\x00data",
    b"fLaC\x00\x00\x00\x22\x10\x00\x10\x00\x00\x0c5\x00\x0f\xeb\x0a\xc4\x42\xf0",
    b"OggS\x00\x02",
    b"FORM\x00\x05\xd5nAIFFCOMM",
    b"\xff\xfb\x90D",
    b"ID3\x04\x00\x00\x00\x00\x00\x04abcd\xff\xfb\x90D",
]


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(head=st.sampled_from(HEADS), tail=st.binary(max_size=2_000))
def test_random_bytes_after_a_valid_header(tmp_path: Path, head: bytes, tail: bytes) -> None:
    path = tmp_path / "random.bin"
    path.write_bytes(head + tail)
    give_sound_or_a_sentence(path)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), name=st.sampled_from([*LOSSLESS, *LOSSY]))
def test_a_few_wrong_bytes_in_a_true_recording(
    recordings: Path, tmp_path: Path, data: st.DataObject, name: str
) -> None:
    content = bytearray((recordings / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.one_of(st.integers(0, 100), st.integers(0, len(content) - 1)))
        content[place] = data.draw(st.integers(0, 255))
    (tmp_path / name).write_bytes(content[: data.draw(st.integers(200, len(content)))])
    give_sound_or_a_sentence(tmp_path / name)


def give_sound_or_a_sentence(path: Path) -> None:
    try:
        audio: Audio = load(path)
    except AudioError as error:
        assert str(path) in str(error)
    else:
        assert audio.num_samples > 0
        assert np.isfinite(audio.samples).all()
    assert stat.S_ISREG(path.stat().st_mode)


@pytest.mark.music
def test_the_development_recordings_are_read(music: Path) -> None:
    for path in sorted((music / "val").iterdir())[:4]:
        audio = load(path, sample_rate=24_000, mono=True, duration_seconds=2.0)
        assert audio.samples.shape == (1, 48_000)
        assert np.abs(audio.samples).max() > 0.01
