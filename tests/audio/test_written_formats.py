"""Coded formats and tags: what is written can be read again, by this program and by others."""

import importlib.util
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hocket import audio
from hocket.audio.lossy import TAGS as NAMES
from hocket.audio.streams import InMemory
from hocket.errors import AudioError

RATE_HZ = 44_100
TAGS = {
    "title": "drums × 현악 🥁",
    "artist": "Grüße",
    "album": "Tests",
    "comment": "Rhythm: drums.wav. Harmony: strings.wav.",
    "copyright": "nobody",
    "date": "2026",
    "genre": "Techno",
    "software": "Hocket 0",
}
needs_pyav = pytest.mark.skipif(importlib.util.find_spec("av") is None, reason="needs hocket[formats]")
M4A = pytest.param(".m4a", marks=needs_pyav)
CODED = [".mp3", M4A]
ALL = [".wav", ".flac", *CODED]


def music(seconds: float = 3.0, num_channels: int = 2, rate_hz: int = RATE_HZ) -> audio.Audio:
    """A chord that begins at once, with hits; every channel has its own balance of the two."""
    time = np.arange(round(seconds * rate_hz)) / rate_hz
    chord = sum(np.sin(2 * np.pi * hz * time + hz) for hz in (220.0, 277.2, 329.6, 660.0)) * 0.08
    hits = np.random.default_rng(0).standard_normal(len(time)) * np.exp(-30 * (time % 0.25)) * 0.1
    channels = [chord + gain * hits for gain in np.linspace(1.0, 0.3, num_channels)]
    return audio.Audio(np.stack(channels).astype(np.float32), rate_hz)


def read_by_others(path: Path) -> dict[str, str]:
    """The tags by libsndfile, and of M4A, which it does not read, by FFmpeg."""
    if path.suffix != ".m4a":
        with soundfile.SoundFile(path) as file:
            return {name: text for name, text in file.copy_metadata().items() if text}
    import av

    with av.open(str(path)) as container:
        found = {{"encoder": "software"}.get(name, name): text for name, text in container.metadata.items()}
    return {name: text for name, text in found.items() if name in NAMES}


def test_the_endings_are_those_that_are_written() -> None:
    assert audio.WRITABLE == (".wav", ".flac", ".mp3", ".m4a")


@pytest.mark.parametrize("suffix", CODED)
@pytest.mark.parametrize("num_channels", [1, 2])
@pytest.mark.parametrize("rate_hz", [24_000, 44_100, 48_000])
def test_what_is_coded_sounds_like_what_was_given(
    tmp_path: Path, suffix: str, num_channels: int, rate_hz: int, capfd: pytest.CaptureFixture[str]
) -> None:
    sound = music(num_channels=num_channels, rate_hz=rate_hz)
    audio.save(tmp_path / f"new{suffix}", sound)
    read = audio.load(tmp_path / f"new{suffix}")
    assert (read.sample_rate, read.samples.shape) == (rate_hz, sound.samples.shape)
    for heard, given in zip(read.samples, sound.samples, strict=True):
        assert np.corrcoef(heard, given)[0, 1] > 0.99
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("suffix", CODED)
@pytest.mark.parametrize("num_samples", [1, 1_023, 1_024, 65_537])
def test_what_is_coded_is_as_long_as_what_was_given(tmp_path: Path, suffix: str, num_samples: int) -> None:
    sound = audio.Audio(music().samples[:, :num_samples], RATE_HZ)
    audio.save(tmp_path / f"new{suffix}", sound)
    assert audio.load(tmp_path / f"new{suffix}").num_samples == num_samples


@needs_pyav
def test_m4a_keeps_the_attack_of_a_beat_at_the_very_start(tmp_path: Path) -> None:
    """By FFmpeg itself, packet by packet from the first."""
    import av

    sound = music(1.0)
    audio.save(tmp_path / "new.m4a", sound)
    with av.open(str(tmp_path / "new.m4a")) as container:
        frames = [frame for frame in container.decode(audio=0) if frame.pts >= 0]
    assert frames[0].pts == 0
    error = frames[0].to_ndarray() - sound.samples[:, : frames[0].samples]
    assert np.sqrt((error**2).mean()) < 0.05 * np.sqrt((sound.samples[:, :1_024] ** 2).mean())


@pytest.mark.parametrize(
    ("suffix", "lowest", "highest"), [(".mp3", 130, 290), pytest.param(".m4a", 220, 320)]
)
def test_the_bit_rate_is_a_high_one(tmp_path: Path, suffix: str, lowest: int, highest: int) -> None:
    if suffix == ".m4a":
        pytest.importorskip("av")
    audio.save(tmp_path / f"new{suffix}", music(10.0))
    assert lowest < (tmp_path / f"new{suffix}").stat().st_size * 8 / 10.0 / 1_000 < highest


@pytest.mark.parametrize("suffix", CODED)
def test_a_recording_is_coded_part_by_part_as_the_whole_is(tmp_path: Path, suffix: str) -> None:
    class Counted(InMemory):
        longest = 0

        def read(self, start: int, stop: int) -> np.ndarray:
            Counted.longest = max(Counted.longest, stop - start)
            return super().read(start, stop)

    sound = music(25.0)
    audio.save(tmp_path / f"parts{suffix}", Counted(sound.samples, RATE_HZ))
    assert 0 < Counted.longest <= 10 * RATE_HZ
    audio.save(tmp_path / f"whole{suffix}", sound)
    assert (tmp_path / f"parts{suffix}").read_bytes() == (tmp_path / f"whole{suffix}").read_bytes()


@pytest.mark.parametrize("suffix", ALL)
def test_tags_are_read_by_others_and_change_no_sample(tmp_path: Path, suffix: str) -> None:
    sound = music(1.0)
    audio.save(tmp_path / f"plain{suffix}", sound)
    audio.save(tmp_path / f"tagged{suffix}", sound, tags=TAGS)
    found = read_by_others(tmp_path / f"tagged{suffix}")
    # libsndfile adds its own name to that of the program.
    assert (
        found.pop("software").removesuffix(f" (libsndfile-{soundfile.__libsndfile_version__})") == "Hocket 0"
    )
    assert found == {name: text for name, text in TAGS.items() if name != "software"}
    plain, tagged = (audio.load(tmp_path / f"{name}{suffix}") for name in ("plain", "tagged"))
    np.testing.assert_array_equal(plain.samples, tagged.samples)


@pytest.mark.parametrize(
    ("suffix", "encoding"),
    [
        (".wav", "float32"),
        (".wav", "pcm24"),
        (".flac", "pcm24"),
        (".mp3", "pcm24"),
        pytest.param(".m4a", "pcm24", marks=needs_pyav),
    ],
)
def test_equal_samples_and_tags_give_equal_bytes(tmp_path: Path, suffix: str, encoding: str) -> None:
    # The name of the chunk that is looked for is in the texts as well.
    tags = TAGS | {"title": "PEAK  data", "album": "PEAK\x18\0\0\0"}
    audio.save(tmp_path / f"a{suffix}", music(1.0), encoding=encoding, tags=tags)
    time.sleep(1.1)  # libsndfile and FFmpeg ask the system for the time, in seconds.
    audio.save(tmp_path / f"b{suffix}", music(1.0), encoding=encoding, tags=dict(reversed(tags.items())))
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()
    assert read_by_others(tmp_path / f"a{suffix}")["title"] == "PEAK  data"


@pytest.mark.parametrize("suffix", ALL)
@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("\udcff\udce9t\u00e9", "??t\u00e9"),
        ("two\r\nlines\0and more\n", "two lines and more"),
        ("x" * 10_000, "x" * 1_000),
        ("x" + "\u97f3" * 5_000, "x" + "\u97f3" * 333),
    ],
)
def test_odd_texts_are_made_readable_and_spoil_nothing(
    tmp_path: Path, suffix: str, text: str, kept: str
) -> None:
    sound = music(0.5)
    audio.save(tmp_path / f"plain{suffix}", sound)
    audio.save(tmp_path / f"odd{suffix}", sound, tags=dict.fromkeys(NAMES, text))
    found = read_by_others(tmp_path / f"odd{suffix}")
    software = found.pop("software")
    assert found == dict.fromkeys(set(NAMES) - {"software"}, kept)
    assert software.startswith(kept[:33]) and "\ufffd" not in software
    plain, odd = (audio.load(tmp_path / f"{name}{suffix}") for name in ("plain", "odd"))
    np.testing.assert_array_equal(plain.samples, odd.samples)


@pytest.mark.parametrize("suffix", ALL)
@pytest.mark.parametrize("text", ["", " ", "\0"])
def test_empty_texts_leave_the_file_as_it_is_without_tags(tmp_path: Path, suffix: str, text: str) -> None:
    audio.save(tmp_path / f"plain{suffix}", music(0.5))
    audio.save(tmp_path / f"empty{suffix}", music(0.5), tags=dict.fromkeys(NAMES, text))
    assert (tmp_path / f"plain{suffix}").read_bytes() == (tmp_path / f"empty{suffix}").read_bytes()


def test_an_unknown_tag_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"tags must be some of title, .*, not colour"):
        audio.save(tmp_path / "new.wav", music(0.5), tags={"colour": "red"})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("suffix", "rate_hz", "num_channels", "said"),
    [
        (".mp3", 96_000, 2, r"96000 Hz: use --sample-rate 44100, or name the output \.wav or \.flac\."),
        (".mp3", 10_000, 1, "10000 Hz: use --sample-rate 44100"),
        (".mp3", 44_100, 3, r"3 channels: use --channels 2, or name the output \.wav or \.flac\."),
        pytest.param(".m4a", 192_000, 2, "192000 Hz: use --sample-rate 44100", marks=needs_pyav),
        pytest.param(".m4a", 44_100, 6, "6 channels: use --channels 2", marks=needs_pyav),
    ],
)
def test_what_a_format_cannot_hold_is_refused(
    tmp_path: Path, suffix: str, rate_hz: int, num_channels: int, said: str
) -> None:
    with pytest.raises(AudioError, match=rf"new\{suffix} cannot store {said}"):
        audio.save(tmp_path / f"new{suffix}", music(0.5, num_channels, rate_hz))
    assert not list(tmp_path.iterdir())


@needs_pyav
@pytest.mark.parametrize("rate_hz", [64_000, 88_200, 96_000])
def test_m4a_holds_high_rates(tmp_path: Path, rate_hz: int) -> None:
    audio.save(tmp_path / "new.m4a", music(0.5, rate_hz=rate_hz))
    assert audio.info(tmp_path / "new.m4a").sample_rate == rate_hz


@pytest.mark.parametrize("suffix", CODED)
@pytest.mark.parametrize("is_recording", [False, True])
@pytest.mark.parametrize(("gain", "said"), [(30.0, "(MP3|M4A) would clip its peak"), (np.nan, "not finite")])
def test_what_would_be_clipped_or_is_no_number_is_refused_whole(
    tmp_path: Path, suffix: str, is_recording: bool, gain: float, said: str
) -> None:
    samples = music(0.5).samples * np.float32(gain)
    sound = InMemory(samples, RATE_HZ) if is_recording else audio.Audio(samples, RATE_HZ)
    with pytest.raises(AudioError, match=said):
        audio.save(tmp_path / f"new{suffix}", sound, encoding="float32")
    assert not list(tmp_path.iterdir())


def test_m4a_without_pyav_is_one_sentence_with_the_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    said = (
        r"new\.m4a needs the extra `formats`: pip install 'hocket\[formats\]', or name the output \.wav, \.flac or "
        r"\.mp3\.$"
    )
    with pytest.raises(AudioError, match=said):
        audio.save(tmp_path / "new.m4a", music(0.5))
    assert not list(tmp_path.iterdir())
    audio.save(tmp_path / "new.mp3", music(0.5))


@needs_pyav
def test_an_error_of_the_aac_encoder_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import av

    def refuse(*_: object, **__: object) -> None:
        raise av.error.InvalidDataError(1, "Invalid data")

    monkeypatch.setattr(av, "open", refuse)
    with pytest.raises(
        AudioError, match=r"new\.m4a cannot be encoded as AAC \(Invalid data\): name the output"
    ):
        audio.save(tmp_path / "new.m4a", music(0.5))
    assert not list(tmp_path.iterdir())
