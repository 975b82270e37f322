"""MP3 and M4A: the rates that they support, how they are encoded, and the tags of all audio files.

AAC is encoded by FFmpeg through PyAV, which is the extra `hocket[formats]`; see `hocket.audio.mpeg4`.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from hocket.errors import AudioError

MP3_RATES_HZ = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
RATES_HZ = {"MP3": MP3_RATES_HZ, "M4A": (*MP3_RATES_HZ, 64_000, 88_200, 96_000)}
"""Of the containers that hold certain rates only, and at most two channels."""

_FRAME_NAMES = {
    "title": "TIT2",
    "artist": "TPE1",
    "album": "TALB",
    "comment": "COMM",
    "copyright": "TCOP",
    "date": "TDRC",
    "genre": "TCON",
    "software": "TSSE",
}
TAGS = tuple(_FRAME_NAMES)
"""The texts that WAV, FLAC, MP3 and M4A can carry."""

# libsndfile drops the texts of a WAV beyond 2 kB, and cuts what it adds its own name to at 127 bytes.
_MOST_BYTES, _MOST_SOFTWARE_BYTES = 1_000, 100
_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")

_AAC_BITS_A_SECOND = 256_000
# FFmpeg's encoder gives its first frame too few bits, so that a beat at the very start would lose its attack.
_LEAD_FRAMES = 1_024


def readable(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags as every container takes them: one line of UTF-8 each, of at most 1,000 bytes; empty ones are left out.

    Raises:
        ValueError: a tag is not one of `TAGS`.
    """
    unknown = [name for name in tags if name not in TAGS]
    if unknown:
        raise ValueError(f"tags must be some of {', '.join(TAGS)}, not {', '.join(unknown)}")
    texts = {name: _line(name, tags[name]) for name in TAGS if name in tags}
    return {name: text for name, text in texts.items() if text}


def _line(name: str, text: str) -> str:
    line = _BREAKS.sub(" ", text).strip().encode(errors="replace")
    return line[: _MOST_SOFTWARE_BYTES if name == "software" else _MOST_BYTES].decode(errors="ignore")


def id3(tags: Mapping[str, str]) -> bytes:
    """An ID3v2.4 tag in UTF-8 for the front of an MP3, empty without texts.

    libsndfile's own would hold UTF-8 that calls itself Latin-1. Source: https://id3.org/id3v2.4.0-structure.
    """
    frames = b"".join(_id3_frame(_FRAME_NAMES[name], text) for name, text in tags.items())
    return b"ID3\4\0\0" + _synchsafe(len(frames)) + frames if frames else b""


def _id3_frame(name: str, text: str) -> bytes:
    # The 3 is UTF-8. A comment has a language and a description, which is empty.
    content = b"\3" + (b"eng\0" if name == "COMM" else b"") + text.encode()
    return name.encode() + _synchsafe(len(content)) + bytes(2) + content


def _synchsafe(number: int) -> bytes:
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


def mp3_rate(sample_rate: int) -> int:
    """The next higher rate that MP3 has, or its highest."""
    return next((rate for rate in MP3_RATES_HZ if rate >= sample_rate), MP3_RATES_HZ[-1])


def mp3_settings(quality: float) -> dict[str, Any]:
    """For `soundfile.SoundFile`: variable bit rate; `quality` is from 0 (smallest) to 1."""
    rates = {"compression_level": 1.0 - quality, "bitrate_mode": "VARIABLE"}
    return {"format": "MP3", "subtype": "MPEG_LAYER_III"} | rates


def require_pyav(path: Path) -> None:
    """Refuses to write an M4A where PyAV is not installed.

    Raises:
        AudioError: it is not.
    """
    try:
        import av  # noqa: F401
    except ImportError as error:
        raise AudioError(
            f"{path} needs the extra `formats`: pip install 'hocket[formats]', or name the output .wav, .flac or "
            ".mp3."
        ) from error


def encode_m4a(
    sink: Any,
    path: Path,
    parts: Iterator[np.ndarray],
    *,
    sample_rate: int,
    num_channels: int,
    tags: Mapping[str, str],
) -> None:
    """Writes parts `[channels, samples]` of a recording as AAC of 256 kbit/s to a file that `sink` writes and seeks in.

    Raises:
        AudioError: FFmpeg fails.
    """
    import av

    layout = "mono" if num_channels == 1 else "stereo"
    lead = np.zeros((num_channels, _LEAD_FRAMES), dtype=np.float32)
    # Its clock has milliseconds otherwise, to which the length would be rounded.
    settings = {"movie_timescale": str(sample_rate)}
    try:
        with av.open(sink, "w", format="ipod", options=settings) as container:
            # FFmpeg would replace an "encoder" by its own name.
            names = {"software": "encoding_tool"}
            container.metadata.update({names.get(name, name): text for name, text in tags.items()})
            # Without noise substitution, every excerpt is decoded to the same samples as the whole.
            stream = container.add_stream(
                "aac",
                rate=sample_rate,
                layout=layout,
                bit_rate=_AAC_BITS_A_SECOND,
                options={"aac_pns": "0"},
            )
            # Players leave out what comes before 0.
            time = -_LEAD_FRAMES
            for part in chain([lead], parts):
                frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), format="fltp", layout=layout)
                frame.sample_rate, frame.pts = sample_rate, time
                time += part.shape[1]
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    except av.FFmpegError as error:
        raise AudioError(
            f"{path} cannot be encoded as AAC ({error.strerror}): name the output .wav, .flac or .mp3."
        ) from error
