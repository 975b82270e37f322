"""Recordings are read whole: without a true length, joined, with tags and junk around them, or it is said that not."""

import importlib
import io
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hocket.audio import info, load
from hocket.audio.coded import quiet
from hocket.audio.spliced import Spliced
from hocket.errors import AudioError

RATE_HZ = 44_100
MP3_SAMPLES = 1_152
# What LAME's encoder and a decoder delay the sound by, together.
MP3_DELAY = 576 + 529


def glide(
    num_seconds: float = 3.0, rate_hz: int = RATE_HZ, channels: int = 2, start_hz: float = 200
) -> np.ndarray:
    """`[samples, channels]`, no two moments alike."""
    t = np.arange(round(num_seconds * rate_hz)) / rate_hz
    noise = np.random.default_rng(1).normal(0, 0.02, (len(t), channels))
    return 0.4 * np.sin(2 * np.pi * (start_hz + 90 * t[:, None]) * t[:, None]) + noise


def encode(container: str, coding: str, samples: np.ndarray, rate_hz: int = RATE_HZ, **options: str) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, samples, rate_hz, format=container, subtype=coding, **options)
    return out.getvalue()


def mp3(samples: np.ndarray, rate_hz: int = RATE_HZ) -> bytes:
    return encode("MP3", "MPEG_LAYER_III", samples, rate_hz)


def mp3_places(data: bytes) -> list[int]:
    """Where each frame of an MPEG 1 layer III at 44.1 kHz begins, the encoder's header included."""
    kbits = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
    places, at = [], 0
    while at + 4 <= len(data) and data[at : at + 2] == b"\xff\xfb":
        places.append(at)
        at += 144_000 * kbits[data[at + 2] >> 4] // RATE_HZ + (data[at + 2] >> 1 & 1)
    return places


def without_header(data: bytes) -> bytes:
    """An MP3 as it comes out of a pipe: of many bit rates, and without the frame that counts the others."""
    return data[mp3_places(data)[1] :]


@pytest.fixture(scope="module")
def song() -> bytes:
    return mp3(glide())


@pytest.fixture
def whole(song: bytes, tmp_path: Path) -> np.ndarray:
    (tmp_path / "whole.mp3").write_bytes(song)
    return load(tmp_path / "whole.mp3").samples


def samples_of(path: Path, data: bytes) -> np.ndarray:
    """What a file of these bytes loads to; its facts and an excerpt have to agree."""
    path.write_bytes(data)
    found, facts = load(path), info(path)
    assert (facts.num_samples, facts.sample_rate) == (found.num_samples, found.sample_rate)
    start, length = found.num_samples // 2, min(9_000, found.num_samples // 3)
    for first in (start, found.num_samples - length, 1):
        excerpt = load(
            path, start_seconds=first / found.sample_rate, duration_seconds=length / found.sample_rate
        )
        np.testing.assert_allclose(excerpt.samples, found.samples[:, first : first + length], atol=1e-4)
    return found.samples


def sentence(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    said = set()
    for look in (load, info):
        with pytest.raises(AudioError) as caught:
            look(path)
        said.add(str(caught.value))
    (text,) = said
    assert text.startswith(str(path)) and text.endswith(".") and ". " not in text
    return text


def test_an_mp3_without_a_header_is_read_to_its_end(tmp_path: Path, song: bytes, whole: np.ndarray) -> None:
    bare = without_header(song)
    found = samples_of(tmp_path / "a.mp3", bare)
    assert found.shape[1] == len(mp3_places(bare)) * MP3_SAMPLES
    np.testing.assert_allclose(found[:, MP3_DELAY:][:, : whole.shape[1]], whole, atol=1e-6)


def test_most_of_a_loud_ending_is_not_estimated_away(tmp_path: Path) -> None:
    sound = np.concatenate([np.random.default_rng(2).uniform(-0.9, 0.9, (40_000, 2)), np.zeros((200_000, 2))])
    bare = without_header(mp3(sound))
    with soundfile.SoundFile(io.BytesIO(bare)) as plain:
        assert plain.frames < 200_000  # by its first frames' bit rate
    assert samples_of(tmp_path / "a.mp3", bare).shape[1] >= 240_000


@pytest.mark.parametrize("factor", [0, 1 / 3, 3])
def test_a_false_number_of_frames_in_an_mp3_changes_nothing(
    tmp_path: Path, song: bytes, whole: np.ndarray, factor: float
) -> None:
    at = song.index(b"Xing") + 8
    count = round(struct.unpack(">I", song[at : at + 4])[0] * factor)
    found = samples_of(tmp_path / "a.mp3", song[:at] + struct.pack(">I", count) + song[at + 4 :])
    # The samples that fill up the last frame are left out only by a header that is right.
    assert 0 <= found.shape[1] - whole.shape[1] < MP3_SAMPLES
    np.testing.assert_allclose(found[:, : whole.shape[1]], whole, atol=1e-6)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.97])
def test_half_of_an_mp3_that_counts_its_frames_is_cut_off(tmp_path: Path, song: bytes, share: float) -> None:
    assert "cut off" in sentence(tmp_path / "a.mp3", song[: int(share * len(song))])


def test_an_mp3_may_lack_its_last_frame(tmp_path: Path, song: bytes, whole: np.ndarray) -> None:
    found = samples_of(tmp_path / "a.mp3", song[: mp3_places(song)[-1] + 50])
    assert whole.shape[1] - MP3_SAMPLES <= found.shape[1] <= whole.shape[1]
    np.testing.assert_allclose(found, whole[:, : found.shape[1]], atol=1e-6)


def test_damage_in_the_middle_of_an_mp3_counts_as_missing(tmp_path: Path, song: bytes) -> None:
    third = len(song) // 3
    noise = np.random.default_rng(3).bytes(third)
    bare = without_header(song[:third] + noise + song[2 * third :])
    assert "damaged or cut off" in sentence(tmp_path / "a.mp3", bare)
    one = bytearray(song)
    one[mp3_places(song)[40]] = 0
    assert load_of(tmp_path / "b.mp3", bytes(one)).shape[1] > 2.9 * RATE_HZ


def load_of(path: Path, data: bytes) -> np.ndarray:
    path.write_bytes(data)
    return load(path).samples


def test_joined_mp3s_are_read_one_after_the_other(tmp_path: Path, song: bytes, whole: np.ndarray) -> None:
    second = mp3(glide(1.7, start_hz=900))
    parts = [whole, load_of(tmp_path / "second.mp3", second), whole]
    tag = id3(bytes(3_000))
    found = samples_of(tmp_path / "a.mp3", song + b"TAG" + bytes(125) + tag + second + song)
    np.testing.assert_allclose(found, np.concatenate(parts, axis=1), atol=1e-6)
    excerpt = load(tmp_path / "a.mp3", start_seconds=2.9, duration_seconds=2.0)
    np.testing.assert_allclose(excerpt.samples, found[:, 127_890 : 127_890 + 88_200], atol=1e-6)


def test_joined_mp3s_without_headers_are_read_whole(tmp_path: Path, song: bytes) -> None:
    bare = without_header(song)
    found = samples_of(tmp_path / "a.mp3", bare + id3(bytes(9_000)) + bare)
    assert found.shape[1] == 2 * len(mp3_places(bare)) * MP3_SAMPLES


@pytest.mark.parametrize(("rate_hz", "channels"), [(22_050, 2), (48_000, 2), (44_100, 1)])
def test_joined_mp3s_of_other_rates_or_channels_are_refused(
    tmp_path: Path, song: bytes, rate_hz: int, channels: int
) -> None:
    text = sentence(tmp_path / "a.mp3", song + mp3(glide(1, rate_hz, channels), rate_hz))
    assert f"{rate_hz} Hz" in text and "2 recordings in different formats" in text


def test_an_mp3_in_the_free_format(tmp_path: Path, song: bytes) -> None:
    """Frames of one size whose headers leave it out, here 128 kbit/s."""
    out = io.BytesIO()
    soundfile.write(out, glide(), RATE_HZ, format="MP3", bitrate_mode="CONSTANT", compression_level=0.8)
    plain = without_header(out.getvalue())
    places = mp3_places(plain)
    assert len({plain[place + 2] & 0xF0 for place in places}) == 1
    free = bytearray(plain)
    for place in places:
        free[place + 2] &= 0x0F
    np.testing.assert_allclose(
        samples_of(tmp_path / "free.mp3", bytes(free)), load_of(tmp_path / "plain.mp3", plain), atol=1e-6
    )


def id3(body: bytes, *, footer: bool = False, stated: int | None = None) -> bytes:
    number = len(body) if stated is None else stated
    size = bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))
    rest = bytes([4, 0, 0x10 if footer else 0]) + size
    return b"ID3" + rest + body + (b"3DI" + rest if footer else b"")


def ape(num_bytes: int, *, stated: int | None = None, flags: int = 0xA000_0000) -> bytes:
    size = num_bytes + 32 if stated is None else stated
    head = struct.pack("<8sIIII", b"APETAGEX", 2_000, size, 1, flags) + bytes(8)
    return (
        head
        + b"\xff" * num_bytes
        + struct.pack("<8sIIII", b"APETAGEX", 2_000, size, 1, 0x8000_0000)
        + bytes(8)
    )


PICTURE = b"\xff\xd8\xff\xe0\x00\x10JFIF" + np.random.default_rng(5).bytes(30_000)
IN_FRONT = {
    "zeros": bytes(1_000),
    "many zeros": bytes(300_001),
    "one zero": bytes(1),
    "an APE tag": ape(500),
    "an APE tag of another size": ape(0, stated=2_000)[:32],
    "an ID3 tag with a footer": id3(bytes(400), footer=True),
    "three ID3 tags": id3(bytes(10)) + id3(PICTURE) + id3(b"TIT2"),
    "ID3, APE, zeros": id3(PICTURE, footer=True) + ape(10) + bytes(77),
    "an ID3 tag that states too little": id3(PICTURE, stated=200),
    "an ID3 tag that states too much": id3(PICTURE, stated=45_000),
    "an ID3 tag that states more than there is": id3(b"TIT2", stated=2**28 - 1),
    "anything": np.random.default_rng(6).bytes(20_000),
    "the end of another frame": b"\xff\xfb\x90\x44" + bytes(100),
}
BEHIND = {
    "ID3v1": b"TAG" + b"x" * 125,
    "APE and ID3v1": ape(900) + b"TAG" + bytes(125),
    "Lyrics3": b"LYRICSBEGIN" + b"la la " * 800 + b"004811LYRICS200" + b"TAG" + bytes(125),
    "ID3v2": id3(PICTURE),
    "zeros": bytes(100_000),
    "anything": np.random.default_rng(7).bytes(50_000),
}


@pytest.mark.parametrize("has_header", [True, False])
@pytest.mark.parametrize("name", IN_FRONT)
def test_what_stands_in_front_of_an_mp3_is_passed_over(
    tmp_path: Path, song: bytes, capfd: pytest.CaptureFixture[str], name: str, has_header: bool
) -> None:
    data = song if has_header else without_header(song)
    expected = load_of(tmp_path / "plain.mp3", data)
    np.testing.assert_allclose(samples_of(tmp_path / "a.mp3", IN_FRONT[name] + data), expected, atol=1e-6)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("has_header", [True, False])
@pytest.mark.parametrize("name", BEHIND)
def test_what_stands_behind_an_mp3_is_no_missing_music(
    tmp_path: Path, song: bytes, capfd: pytest.CaptureFixture[str], name: str, has_header: bool
) -> None:
    data = song if has_header else without_header(song)
    expected = load_of(tmp_path / "plain.mp3", data)
    np.testing.assert_allclose(samples_of(tmp_path / "a.mp3", data + BEHIND[name]), expected, atol=1e-6)
    assert capfd.readouterr().err == ""


def test_an_mp3_may_begin_in_the_middle_of_a_frame(
    tmp_path: Path, song: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    places = mp3_places(song)
    found = samples_of(tmp_path / "a.mp3", song[places[20] + 100 :])
    assert found.shape[1] == (len(places) - 21) * MP3_SAMPLES
    expected = load_of(tmp_path / "b.mp3", without_header(song))[:, 20 * MP3_SAMPLES :]
    np.testing.assert_allclose(found[:, 12 * MP3_SAMPLES :], expected[:, 12 * MP3_SAMPLES :], atol=1e-6)
    assert np.abs(found).max() < 1.0
    assert capfd.readouterr().err == ""


def test_info_decodes_nothing_of_an_mp3(tmp_path: Path, song: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.mp3").write_bytes(without_header(song))
    monkeypatch.setattr(soundfile.SoundFile, "__init__", None)
    assert info(tmp_path / "a.mp3").num_samples > 3 * RATE_HZ


@pytest.mark.parametrize("junk", [b"\xff\xfb\x90\x44", b"\xff\xfb", bytes(7) + b"\xff\xfa\xe0\x00"])
def test_what_is_full_of_headers_and_has_no_frames_is_soon_refused(tmp_path: Path, junk: bytes) -> None:
    sentence(tmp_path / "a.mp3", junk * 500_000)


DAMAGED = """
import sys
sys.path[:0] = sys.argv[2:]
from hocket.audio import load
load(sys.argv[1])
"""


def damaged(song: bytes) -> bytes:
    """Wrong bytes within some frames, of which libmpg123 has much to say."""
    data = bytearray(song)
    for place in mp3_places(song)[20:110:9]:
        data[place + 4 : place + 60] = b"\xff" * 56
    return bytes(data)


def test_a_decoder_says_nothing_to_the_user(tmp_path: Path, song: bytes) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(damaged(song))
    plain = "import soundfile, sys; soundfile.read(sys.argv[1])"
    said = [
        subprocess.run([sys.executable, "-c", code, path], capture_output=True, check=False).stderr
        for code in (plain, DAMAGED)
    ]
    assert b"libmpg123" in said[0]
    assert said[1] == b""


def test_while_decoders_are_silent_others_are_not(capfd: pytest.CaptureFixture[str]) -> None:
    shout = [sys.executable, "-c", "import sys; print('child', file=sys.stderr)"]
    with quiet(), quiet():
        print("python", file=sys.stderr)
        subprocess.run(shout, check=True)
    assert capfd.readouterr().err == "python\nchild\n"


@pytest.mark.parametrize("name", ["a.mp3", "a.ogg", "a.flac"])
def test_a_signal_during_a_read_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    coding = {"a.mp3": "MPEG_LAYER_III", "a.ogg": "VORBIS", "a.flac": "PCM_16"}[name]
    (tmp_path / name).write_bytes(encode(name[2:].upper(), coding, glide(9)))
    read, calls = Spliced._read_block, []

    def interrupted(self: Spliced) -> bytes:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return read(self)

    monkeypatch.setattr(Spliced, "_read_block", interrupted)
    with pytest.raises(KeyboardInterrupt):
        load(tmp_path / name)
    assert capfd.readouterr().err == ""


CHAINS = {
    "vorbis": ("VORBIS", RATE_HZ),
    "opus": ("OPUS", 48_000),
}


@pytest.mark.parametrize("coding", CHAINS)
def test_a_chained_ogg_is_read_whole(tmp_path: Path, coding: str) -> None:
    name, rate_hz = CHAINS[coding]
    files = [
        encode("OGG", name, glide(seconds, rate_hz, start_hz=hz), rate_hz)
        for seconds, hz in [(2, 200), (1, 900)]
    ]
    alone = [load_of(tmp_path / "alone.ogg", data) for data in files]
    found = samples_of(tmp_path / "a.ogg", b"".join([files[0], files[1], files[0]]))
    np.testing.assert_allclose(found, np.concatenate([alone[0], alone[1], alone[0]], axis=1), atol=1e-6)
    seam = load(tmp_path / "a.ogg", start_seconds=1.5, duration_seconds=1.0).samples
    np.testing.assert_allclose(seam, found[:, round(1.5 * rate_hz) :][:, :rate_hz], atol=1e-4)


@pytest.mark.parametrize(("rate_hz", "channels"), [(22_050, 2), (44_100, 1)])
def test_links_of_other_rates_or_channels_are_refused(tmp_path: Path, rate_hz: int, channels: int) -> None:
    first, second = (
        encode("OGG", "VORBIS", glide(1)),
        encode("OGG", "VORBIS", glide(1, rate_hz, channels), rate_hz),
    )
    text = sentence(tmp_path / "a.ogg", first + second)
    assert f"number 2 has {rate_hz} Hz and {channels}:" in text


@pytest.mark.parametrize("coding", CHAINS)
def test_an_ogg_without_its_last_page_is_cut_off(tmp_path: Path, coding: str) -> None:
    name, rate_hz = CHAINS[coding]
    data = encode("OGG", name, glide(4, rate_hz), rate_hz)
    last = data.rindex(b"OggS")
    for length in (last, last - 1, last + 10, len(data) - 1, len(data) // 2):
        assert "cut off" in sentence(tmp_path / "a.ogg", data[:length])
        assert "cut off" in sentence(tmp_path / "b.ogg", data[:length] + data)


@pytest.mark.parametrize(
    "around", [(bytes(500), b""), (id3(PICTURE), b"TAG" + bytes(125)), (b"", bytes(70_000))]
)
@pytest.mark.parametrize("kind", [("OGG", "VORBIS"), ("OGG", "OPUS"), ("FLAC", "PCM_16"), ("FLAC", "PCM_24")])
def test_tags_and_zeros_around_other_recordings(
    tmp_path: Path, kind: tuple[str, str], around: tuple[bytes, bytes]
) -> None:
    data = encode(*kind, glide(1, 48_000), 48_000)
    front, back = around
    np.testing.assert_array_equal(
        samples_of(tmp_path / "a", front + data + back), load_of(tmp_path / "b", data)
    )


def flac_in_ogg(data: bytes, serial: int) -> bytes:
    """A FLAC in pages, as the mapping of FLAC to Ogg 1.0 has it: the first holds its header alone."""
    at, last = 4, 0
    while not last:
        last = data[at] & 0x80
        at += 4 + int.from_bytes(data[at + 1 : at + 4], "big")
    # The first page, the rest of the header, and then whatever comes; a page takes 255 times 255 bytes.
    bodies = [b"\x7fFLAC\x01\x00\x00\x01" + data[:42], data[42:at]]
    bodies += [data[first : first + 60_000] for first in range(at, len(data), 60_000)]
    pages = []
    for number, body in enumerate(bodies):
        flags = 2 if number == 0 else 4 if number == len(bodies) - 1 else 0
        laces = bytes([255] * (len(body) // 255) + [len(body) % 255])
        head = struct.pack("<4sBBqIIIB", b"OggS", 0, flags, 0, serial, number, 0, len(laces))
        pages.append(head + laces + body)
    return b"".join(pages)


def test_flac_in_ogg_is_read(tmp_path: Path) -> None:
    data = encode("FLAC", "PCM_16", glide(3))
    expected = load_of(tmp_path / "a.flac", data)
    found = samples_of(tmp_path / "a.oga", flac_in_ogg(data, 1))
    np.testing.assert_array_equal(found, expected)
    twice = samples_of(tmp_path / "b.oga", flac_in_ogg(data, 1) + flac_in_ogg(data, 2))
    np.testing.assert_array_equal(twice, np.concatenate([expected, expected], axis=1))
    assert "cut off" in sentence(tmp_path / "c.oga", flac_in_ogg(data, 1)[:200_000])


@pytest.mark.parametrize("coding", ["FLOAT", "DOUBLE"])
@pytest.mark.parametrize("is_upper", [False, True])
def test_aiff_of_floats_is_read(tmp_path: Path, coding: str, is_upper: bool) -> None:
    samples = glide(1).astype(np.float32)
    data = encode("AIFF", coding, samples)
    name = {"FLOAT": b"fl32", "DOUBLE": b"fl64"}[coding]
    assert data[:200].lower().count(name) == 1
    place = data[:200].lower().index(name)
    data = data[:place] + (name.upper() if is_upper else name) + data[place + 4 :]
    np.testing.assert_array_equal(samples_of(tmp_path / "a.aif", data), samples.T)


def test_little_endian_aiff_is_read(tmp_path: Path) -> None:
    data = encode("AIFF", "PCM_16", glide(1), endian="LITTLE")
    assert b"sowt" in data[:200]
    np.testing.assert_allclose(samples_of(tmp_path / "a.aif", data), glide(1).T, atol=2**-15)


def chunk(name: bytes, body: bytes, *, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return name + struct.pack("<I", size) + body + bytes(len(body) % 2)


def wav(*chunks: bytes) -> bytes:
    form = struct.pack("<HHIIHH", 1, 2, RATE_HZ, 4 * RATE_HZ, 4, 16)
    body = b"WAVE" + chunk(b"fmt ", form) + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


SOUND = (glide(1) * 32_767).astype("<i2")
TRAILERS = {
    "LIST": chunk(b"LIST", b"INFOISFT" + b"\x05\x00\x00\x00Lavf\x00\x00"),
    "bext and LIST": chunk(b"bext", bytes(602)) + chunk(b"LIST", b"INFO"),
    "an odd one": chunk(b"id3 ", PICTURE + b"x"),
    "an odd one that is not filled up": chunk(b"_PMX", b"<x/>1")[:-1],
    "many": b"".join(chunk(b"cue ", bytes(24)) for _ in range(50)),
}


@pytest.mark.parametrize("length", [0, 0xFFFF_FFFF, 0x7FFF_FFFF, None])
@pytest.mark.parametrize("name", TRAILERS)
def test_chunks_behind_the_sound_of_a_wav_are_no_sound(tmp_path: Path, name: str, length: int | None) -> None:
    data = wav(chunk(b"data", SOUND.tobytes(), length=length), TRAILERS[name])
    np.testing.assert_array_equal(samples_of(tmp_path / "a.wav", data), SOUND.T / np.float32(32_768))


def test_a_wav_of_chunks_without_sound(tmp_path: Path) -> None:
    data = wav(chunk(b"data", b""), TRAILERS["bext and LIST"])
    assert "contains no sound" in sentence(tmp_path / "a.wav", data)


@pytest.mark.parametrize("length", [0, 0xFFFF_FFFF])
def test_a_wav_without_a_length_ends_where_the_file_does(tmp_path: Path, length: int) -> None:
    data = wav(chunk(b"data", SOUND.tobytes(), length=length))
    assert samples_of(tmp_path / "a.wav", data).shape == (2, len(SOUND))
    text = b"LIST\x10\x00\x00\x00 is what this sound looks like, but nothing more. "
    assert samples_of(tmp_path / "b.wav", data + text * 40).shape == (2, len(SOUND) + len(text) * 10)


def test_a_second_chunk_of_sound_is_named(tmp_path: Path) -> None:
    data = chunk(b"data", SOUND.tobytes())
    assert "second 'data' chunk" in sentence(tmp_path / "a.wav", wav(data, TRAILERS["LIST"], data))
    assert "second 'RIFF' chunk" in sentence(tmp_path / "b.wav", wav(data) + wav(data))
    aiff = encode("AIFF", "PCM_16", glide(1))
    place = aiff.index(b"SSND")
    assert "second 'SSND' chunk" in sentence(tmp_path / "c.aif", aiff + aiff[place:])


def test_the_studio_measures_an_upload_and_believes_no_estimate(tmp_path: Path) -> None:
    """An MP3 whose first frames promise a third of what it holds."""
    intake: Callable[..., dict] = importlib.import_module("hocket.studio.intake").decode_upload
    loud = np.random.default_rng(2).uniform(-0.9, 0.9, (40_000, 2))
    path = tmp_path / "upload"
    path.write_bytes(without_header(mp3(np.concatenate([loud, np.zeros((400_000, 2))]))))
    with soundfile.SoundFile(path) as plain:
        assert plain.frames < 7 * RATE_HZ
    task = {"path": str(path), "folder": str(tmp_path), "max_seconds": 8.0, "max_bytes": 2**30}
    assert "minutes long" in intake(task)["refused"]
    assert intake({**task, "max_seconds": 12.0})["num_samples"] > 440_000
