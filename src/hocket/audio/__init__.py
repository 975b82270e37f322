"""Recordings in and out of files: the only place that knows file formats.

`load` gives float32 `[channels, samples]` from WAV (RF64 and Wave64 too), FLAC, Ogg (Vorbis, Opus), MP3, AIFF and, with
the extra `hocket[formats]`, M4A, MP4 and AAC; `save` writes WAV, FLAC, MP3 and, with the same extra, M4A. What is wrong
with a file is always an `AudioError` of one sentence.
"""

from hocket.audio.formats import SUFFIXES, find_audio_files
from hocket.audio.reading import AudioInfo, info, load
from hocket.audio.resampling import resample, resampled_length
from hocket.audio.sound import MAX_SAMPLES, Audio, require_sound
from hocket.audio.writing import Encoding, save
from hocket.files import WRITABLE

__all__ = [
    "MAX_SAMPLES",
    "SUFFIXES",
    "WRITABLE",
    "Audio",
    "AudioInfo",
    "Encoding",
    "find_audio_files",
    "info",
    "load",
    "require_sound",
    "resample",
    "resampled_length",
    "save",
]
