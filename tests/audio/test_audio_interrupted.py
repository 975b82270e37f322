"""Files that change while they are read, that unpack to more than there is, or that other users own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hocket.audio import decoding, info, load, reading
from hocket.errors import AudioError

RATE_HZ = 44_100
FORMATS = {
    "a.wav": ("WAV", "PCM_16"),
    "a.flac": ("FLAC", "PCM_16"),
    "a.ogg": ("OGG", "VORBIS"),
    "a.mp3": ("MP3", "MPEG_LAYER_III"),
    "a.aiff": ("AIFF", "PCM_24"),
}


@pytest.fixture(params=FORMATS)
def recording(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    container, coding = FORMATS[request.param]
    noise = np.random.default_rng(3).uniform(-0.5, 0.5, (2 * RATE_HZ, 2))
    soundfile.write(tmp_path / request.param, noise, RATE_HZ, format=container, subtype=coding)
    return tmp_path / request.param


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 3)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def replace(path: Path) -> None:
    path.unlink()
    path.mkdir()


def spoil(path: Path) -> None:
    path.write_bytes(b"x" * path.stat().st_size)


@pytest.mark.parametrize("change", [Path.unlink, empty, replace, spoil])
def test_a_change_between_header_and_samples(recording: Path, change: Callable[[Path], None]) -> None:
    info(recording)
    change(recording)
    with pytest.raises(AudioError) as caught:
        load(recording)
    assert str(caught.value).startswith(str(recording))


def test_a_file_that_is_cut_between_header_and_samples(recording: Path) -> None:
    info(recording)
    cut(recording)
    with pytest.raises(AudioError, match=r"cut off|cannot be decoded"):
        load(recording)


@pytest.mark.parametrize("change", [cut, empty])
def test_a_file_that_shrinks_while_it_is_read(
    recording: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None]
) -> None:
    blocks = []

    def read(sound: decoding.Decoder, num_frames: int) -> np.ndarray:
        if len(blocks) == 2:
            change(recording)
        blocks.append(decoding.read_block(sound, min(num_frames, 1_000)))
        return blocks[-1]

    monkeypatch.setattr(reading, "read_block", read)
    try:
        audio = load(recording)
    except AudioError as error:
        assert str(error).startswith(str(recording))
    else:
        # An MP3 gives what was there, and so does a decoder that had read ahead to the end.
        assert recording.suffix in (".mp3", ".ogg")
        assert np.isfinite(audio.samples).all()
    assert len(blocks) > 2


def test_a_deleted_file_is_read_on(recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = load(recording).samples

    def read(sound: decoding.Decoder, num_frames: int) -> np.ndarray:
        recording.unlink(missing_ok=True)
        return decoding.read_block(sound, num_frames)

    monkeypatch.setattr(reading, "read_block", read)
    np.testing.assert_array_equal(load(recording).samples, whole)
    with pytest.raises(AudioError, match="does not exist"):
        load(recording)


def test_a_disk_that_fails_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(60_000), RATE_HZ)

    def fail(*_: object) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("hocket.audio.pcm.bytes_at", fail)
    with pytest.raises(AudioError, match=r"a\.wav cannot be decoded"):
        load(tmp_path / "a.wav")


def test_too_little_memory_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(60_000), RATE_HZ)

    def fail(*_: object, **__: object) -> np.ndarray:
        raise MemoryError

    monkeypatch.setattr(np, "empty", fail)
    with pytest.raises(AudioError, match=r"a\.wav needs more memory than is available"):
        load(tmp_path / "a.wav")


def in_a_child(code: str, *arguments: str) -> dict:
    """Runs code that ends with a dictionary called `found`; what it is, and the peak of memory in MB."""
    # What getrusage says of a child begins at what its parent held.
    if not Path("/proc/self/status").exists():
        pytest.skip("there is no /proc here to read the peak of memory from")
    script = f"import json, sys\n{code}\n"
    script += (
        "peak = next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM'))\n"
    )
    script += "found['megabytes'] = int(peak) / 1000\nprint(json.dumps(found))"
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True
    )
    return dict(json.loads(done.stdout))


LOAD = """
from hocket.audio import load
from hocket.errors import AudioError
try:
    found = {"samples": load(sys.argv[1], sample_rate=24_000, mono=True).num_samples}
except AudioError as error:
    found = {"said": str(error)}
"""


def constant_flac(path: Path, num_seconds: float) -> None:
    """A FLAC of nearly nothing: 14 bytes for 4096 frames."""
    with soundfile.SoundFile(path, "w", RATE_HZ, 2, "PCM_16", format="FLAC") as sound:
        block = np.full((RATE_HZ, 2), 0.25, dtype=np.float32)
        for _ in range(round(num_seconds)):
            sound.write(block)


def test_a_bomb_is_refused_before_it_goes_off(tmp_path: Path) -> None:
    path = tmp_path / "bomb.flac"
    constant_flac(path, 600)
    num_bytes, num_samples = path.stat().st_size, 600 * RATE_HZ * 2
    assert num_samples / num_bytes > 300
    found = in_a_child(LOAD, str(path))
    assert found["said"] == (
        f"{path} would decode from {num_bytes} bytes to {num_samples} samples, which music never does: "
        "if it is a recording, convert it to WAV."
    )
    assert found["megabytes"] < 150


def test_what_is_nearly_a_bomb_stays_within_the_stated_bound(tmp_path: Path) -> None:
    path = tmp_path / "quiet.flac"
    constant_flac(path, 170)
    found = in_a_child(LOAD, str(path))
    assert found["samples"] == 170 * 24_000
    assert found["megabytes"] < 400


def test_music_is_never_taken_for_a_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "_ALWAYS_ALLOWED_SAMPLES", 0)
    tone = 0.3 * np.sin(np.arange(5 * 48_000) * 0.05)
    for name, (container, coding) in FORMATS.items():
        level = 1.0 if coding == "VORBIS" else None  # The lowest quality that there is.
        options = {"format": container, "subtype": coding, "compression_level": level}
        soundfile.write(tmp_path / name, tone, 48_000, **options)
        assert info(tmp_path / name).duration_seconds == pytest.approx(5, abs=0.2)


NOBODY = """
import os
if os.geteuid() == 0:
    import hocket.audio, hocket.errors  # While root's own folders may still be read.
    os.seteuid(65_534)
"""


def test_what_may_not_be_read_by_whoever_asks(tmp_path: Path) -> None:
    path = tmp_path / "locked.wav"
    soundfile.write(path, np.zeros(100), RATE_HZ)
    path.chmod(0)
    found = in_a_child(NOBODY + LOAD, str(path))
    assert str(path) in found["said"] and (
        "permissions" in found["said"] or "cannot be opened" in found["said"]
    )


@pytest.mark.parametrize("name", ["a\nb.wav", "a\x1b[31m.wav", "n" * 251 + ".wav", "🥁.wav", " .wav"])
def test_odd_names_are_as_good_as_any(tmp_path: Path, name: str) -> None:
    soundfile.write(tmp_path / "plain.wav", np.full(100, 0.5), RATE_HZ)
    path = tmp_path / name
    path.write_bytes((tmp_path / "plain.wav").read_bytes())
    assert load(path).num_samples == 100
    path.write_bytes(b"nothing")
    with pytest.raises(AudioError) as caught:
        load(path)
    assert str(path) in str(caught.value)


def test_links_in_a_circle(tmp_path: Path) -> None:
    (tmp_path / "a.wav").symlink_to("b.wav")
    (tmp_path / "b.wav").symlink_to("a.wav")
    with pytest.raises(AudioError, match=r"a\.wav cannot be opened .*links"):
        load(tmp_path / "a.wav")
