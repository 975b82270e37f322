"""Recordings as bytes that browsers play."""

import io

import numpy as np
import soundfile

from hocket.audio.resampling import resample
from hocket.audio.sound import Audio

MP3_RATES_HZ = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)


def mp3(audio: Audio, *, quality: float = 0.3) -> bytes:
    """An MP3 of one or two channels; `quality` from 0 (smallest) to 1; louder than full scale is turned down.

    A rate that MP3 does not have becomes the next higher one, or 48 kHz.
    """
    rate = next((rate for rate in MP3_RATES_HZ if rate >= audio.sample_rate), MP3_RATES_HZ[-1])
    samples = resample(audio.samples, from_hz=audio.sample_rate, to_hz=rate)
    if samples.shape[0] > 2:
        samples = samples.mean(axis=0, keepdims=True)
    highest = float(np.abs(samples).max(initial=0.0))
    buffer = io.BytesIO()
    with soundfile.SoundFile(
        buffer,
        "w",
        samplerate=rate,
        channels=samples.shape[0],
        format="MP3",
        subtype="MPEG_LAYER_III",
        compression_level=1.0 - quality,
        bitrate_mode="VARIABLE",
    ) as encoded:
        encoded.write((samples / max(highest, 1.0)).T.astype(np.float32))
    return buffer.getvalue()
