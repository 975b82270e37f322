"""True recordings in every format: what the mutations begin with."""

import io
from pathlib import Path

import numpy as np
import soundfile

FAMILIES = ("wav", "flac", "vorbis", "opus", "mp3", "aiff", "m4a")
"""The formats that are fuzzed; `m4a` only where PyAV is installed."""

# Name of the variant: libsndfile's container and coding, rate in Hz, channels, seconds.
_SOUNDFILE = {
    "wav": {
        "pcm16": ("WAV", "PCM_16", 44_100, 2, 0.4),
        "pcm24": ("WAV", "PCM_24", 48_000, 1, 0.3),
        "pcm8": ("WAV", "PCM_U8", 11_025, 2, 0.5),
        "float": ("WAV", "FLOAT", 44_100, 2, 0.2),
        "double": ("WAV", "DOUBLE", 8_000, 1, 0.3),
        "extensible": ("WAVEX", "PCM_24", 44_100, 6, 0.1),
        "rf64": ("RF64", "PCM_16", 44_100, 2, 0.2),
        "w64": ("W64", "PCM_24", 44_100, 2, 0.2),
    },
    "flac": {
        "pcm16": ("FLAC", "PCM_16", 44_100, 2, 0.5),
        "pcm24": ("FLAC", "PCM_24", 96_000, 1, 0.2),
        "eight": ("FLAC", "PCM_16", 32_000, 8, 0.1),
    },
    "vorbis": {
        "stereo": ("OGG", "VORBIS", 44_100, 2, 0.8),
        "mono": ("OGG", "VORBIS", 22_050, 1, 0.5),
    },
    "opus": {"stereo": ("OGG", "OPUS", 48_000, 2, 0.6), "mono": ("OGG", "OPUS", 24_000, 1, 0.5)},
    "mp3": {
        "stereo": ("MP3", "MPEG_LAYER_III", 44_100, 2, 0.8),
        "mono": ("MP3", "MPEG_LAYER_III", 22_050, 1, 0.6),
    },
    "aiff": {
        "pcm16": ("AIFF", "PCM_16", 44_100, 2, 0.3),
        "pcm24": ("AIFF", "PCM_24", 44_100, 1, 0.3),
        "pcm8": ("AIFF", "PCM_S8", 22_050, 2, 0.3),
    },
}


def tones(num_seconds: float, rate_hz: int, num_channels: int) -> np.ndarray:
    """A glide with a little noise, `[frames, channels]`, peak below 0.7."""
    t = np.arange(round(num_seconds * rate_hz)) / rate_hz
    noise = np.random.default_rng(rate_hz).normal(0, 0.02, (len(t), num_channels))
    return 0.5 * np.sin(2 * np.pi * (220 + 150 * t[:, None]) * t[:, None]) + noise


def encode(container: str, coding: str, samples: np.ndarray, rate_hz: int) -> bytes:
    """A file of libsndfile's, as bytes."""
    out = io.BytesIO()
    soundfile.write(out, samples, rate_hz, format=container, subtype=coding)
    return out.getvalue()


def encode_with_pyav(path: Path, samples: np.ndarray, rate_hz: int, **settings: object) -> None:
    """Writes `[frames, channels]` with PyAV; `codec`, `format` and `options` as its `open` names them."""
    import av

    layout = {1: "mono", 2: "stereo", 6: "5.1"}[samples.shape[1]]
    options = settings.get("options")
    with av.open(str(path), "w", format=settings["format"], options=options or {}) as container:
        stream = container.add_stream(settings["codec"], rate=rate_hz, layout=layout)
        stream.options = settings.get("coder", {})
        planes = np.ascontiguousarray(samples.T.astype(np.float32))
        if settings["codec"] == "alac":
            planes = np.ascontiguousarray((planes * 32_767).astype(np.int16))
        kind = "fltp" if planes.dtype == np.float32 else "s16p"
        for first in range(0, planes.shape[1], 4_096):
            block = np.ascontiguousarray(planes[:, first : first + 4_096])
            frame = av.AudioFrame.from_ndarray(block, format=kind, layout=layout)
            frame.sample_rate, frame.pts = rate_hz, first
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


_PYAV = {
    "aac": {"codec": "aac", "format": "ipod"},
    "faststart": {"codec": "aac", "format": "ipod", "options": {"movflags": "faststart"}},
    "fragmented": {"codec": "aac", "format": "mp4", "options": {"movflags": "frag_keyframe+empty_moov"}},
    "alac": {"codec": "alac", "format": "ipod"},
    "adts": {"codec": "aac", "format": "adts"},
}


def make_recordings(folder: Path) -> list[str]:
    """Writes every variant as `FAMILY-VARIANT` into `folder`; returns the families that could be made."""
    for family, variants in _SOUNDFILE.items():
        for variant, (container, coding, rate_hz, num_channels, seconds) in variants.items():
            samples = tones(seconds, rate_hz, num_channels)
            (folder / f"{family}-{variant}").write_bytes(encode(container, coding, samples, rate_hz))
    try:
        import av  # noqa: F401
    except ImportError:
        return list(_SOUNDFILE)
    for variant, settings in _PYAV.items():
        encode_with_pyav(folder / f"m4a-{variant}", tones(0.6, 44_100, 2), 44_100, **settings)
    return list(FAMILIES)
