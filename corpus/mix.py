"""Mixes a score from the bank: notes into parts, parts into a room, the sum through its treatment. Stereo, float32."""

from functools import lru_cache

import numpy as np
import soxr
from scipy.fft import irfft, next_fast_len, rfft
from scipy.signal import butter, lfilter, sosfilt

from corpus.bank import SAMPLE_RATE, Bank
from corpus.figures import Note
from corpus.score import Master, Part, Score
from corpus.sounds import Sound

TIED_FROM_SECONDS = 0.35  # a tied note is read from here on, past its attack
TIED_FADE_SECONDS = 0.08
LOOP_FROM_SECONDS = 1.0  # a note that is held for longer than it is stored goes back to here
LOOP_FADE_SECONDS = 0.25
BLOCK = 441
ACTIVE_DB = -40.0
PEAK = 0.97
KNEE = 0.7
EDGE_SECONDS = 0.01
ROOM_SEED = 24
LOWEST_HZ, LOW_SHELF_HZ, HIGH_SHELF_HZ = 25.0, 180.0, 3500.0


def render(score: Score, bank: Bank) -> np.ndarray:
    """The song, `[2, samples]` at 44.1 kHz, at its level and with no peak above 0.97."""
    # Played faster or slower as a whole at the end, the song gets its tuning: until then its time is stretched.
    stretch = 2 ** (score.tuning_cents / 1200)
    loop = score.loop_seconds
    seconds = 2 * loop if loop else score.duration_seconds
    num_samples = round(seconds * stretch * SAMPLE_RATE)
    dry, sent = np.zeros((2, num_samples), np.float32), np.zeros(num_samples, np.float32)
    for part in score.parts:
        starts = (0.0, loop) if loop else (0.0,)
        track = _play(part, bank, num_samples, stretch, starts)
        track = _treat(part, track)
        dry += track
        sent += 10 ** (part.room_db / 20) * track.sum(axis=0)
    mixed = _master(score, _in_room(dry, sent, score.master), stretch)
    if stretch != 1:
        mixed = soxr.resample(mixed.T, SAMPLE_RATE * stretch, SAMPLE_RATE, quality="HQ").T
    whole = round(score.duration_seconds * SAMPLE_RATE)
    if loop:
        length = round(loop * SAMPLE_RATE)
        mixed = np.tile(mixed[:, -length:], (1, whole // length + 1))
    return _levelled(mixed[:, :whole], score.master)


def _play(part: Part, bank: Bank, num_samples: int, stretch: float, starts: tuple[float, ...]) -> np.ndarray:
    """All notes of a part in stereo, once for each start."""
    sound, track = bank.sounds[part.sound], np.zeros((2, num_samples), np.float32)
    middle = (sound.keys[0] + sound.keys[1]) / 2
    for note in part.notes:
        played = _note(note, sound, bank, stretch)
        spread = part.width * ((note.key * 7 % 12) / 6 - 1 if sound.is_kit else (note.key - middle) / 24)
        angle = (np.clip(part.pan + spread, -1, 1) + 1) * np.pi / 4
        for offset in starts:
            place = round((note.start_seconds + offset) * stretch * SAMPLE_RATE)
            length = min(len(played), num_samples - place)
            if length > 0:
                track[0, place : place + length] += np.float32(np.cos(angle)) * played[:length]
                track[1, place : place + length] += np.float32(np.sin(angle)) * played[:length]
    return track


def _note(note: Note, sound: Sound, bank: Bank, stretch: float) -> np.ndarray:
    """One note with its end: released, cut off at its stored length, or held on beyond it."""
    stored, gain = bank.note(sound.name, note.key, note.velocity)
    release = round(sound.release_seconds * SAMPLE_RATE)
    if sound.is_kit:
        return stored * np.float32(gain)
    held = round((note.end_seconds - note.start_seconds) * stretch * SAMPLE_RATE) + release
    if note.tied:
        stored = stored[round(TIED_FROM_SECONDS * SAMPLE_RATE) :]
    played = (
        _held_on(stored, held) if sound.is_sustained and held > len(stored) else stored[:held]
    ) * np.float32(gain)
    if note.tied:
        fade = min(round(TIED_FADE_SECONDS * SAMPLE_RATE), len(played))
        played[:fade] *= np.linspace(0, 1, fade, dtype=np.float32)
    fall = min(release, len(played))
    if held <= len(played):
        played[len(played) - fall :] *= np.linspace(1, 0, fall, dtype=np.float32) ** 2
    return played


def _held_on(stored: np.ndarray, length: int) -> np.ndarray:
    """A stored note made longer: its later part comes again, each time faded into the last."""
    again = stored[round(LOOP_FROM_SECONDS * SAMPLE_RATE) :].astype(np.float32)
    fade = round(LOOP_FADE_SECONDS * SAMPLE_RATE)
    rise = np.sqrt(np.linspace(0, 1, fade, dtype=np.float32))
    longer = np.zeros(length + len(stored), np.float32)
    longer[: len(stored)] = stored
    end = len(stored)
    while end < length:
        longer[end - fade : end] = longer[end - fade : end] * rise[::-1] + again[:fade] * rise
        longer[end : end + len(again) - fade] = again[fade:]
        end += len(again) - fade
    return longer[:length]


def _treat(part: Part, track: np.ndarray) -> np.ndarray:
    """A part at its level where it plays, filtered, driven, swelling."""
    if np.isfinite(part.cutoff_hz):
        track = sosfilt(butter(2, part.cutoff_hz, fs=SAMPLE_RATE, output="sos"), track).astype(np.float32)
    level = _active_level(track)
    if level == 0:
        return track
    track *= np.float32(10 ** (part.level_db / 20) / level)
    if part.drive:
        track = np.tanh(part.drive * track)
        track *= np.float32(10 ** (part.level_db / 20) / _active_level(track))
    if part.swell_db:
        seconds = np.arange(track.shape[1] // BLOCK + 1) * BLOCK / SAMPLE_RATE
        swell = part.swell_db * (np.cos(2 * np.pi * seconds / part.swell_seconds) - 1) / 2
        track *= _smooth_gain(10 ** (swell / 20), track.shape[1])
    return track


def _active_level(track: np.ndarray) -> float:
    """The RMS of the blocks that are within 40 dB of the loudest; 0 for silence."""
    energy = _block_energy(track)
    loudest = energy.max(initial=0.0)
    return float(np.sqrt(energy[energy >= loudest * 10 ** (ACTIVE_DB / 10)].mean())) if loudest > 0 else 0.0


def _block_energy(track: np.ndarray) -> np.ndarray:
    kept = track[:, : track.shape[1] // BLOCK * BLOCK]
    return np.square(kept).reshape(len(track), -1, BLOCK).mean(axis=(0, 2))


def _smooth_gain(per_block: np.ndarray, num_samples: int) -> np.ndarray:
    """One gain for each sample from one for each block."""
    return np.interp(np.arange(num_samples), np.arange(len(per_block)) * BLOCK + BLOCK / 2, per_block).astype(
        np.float32
    )


@lru_cache(maxsize=64)
def room_response(number: int) -> np.ndarray:
    """A room's stereo response `[2, samples]` of unit energy: even numbers are filtered noise, odd ones echoes.

    The echoes are parallel combs and allpasses in series, as in Schroeder, Natural Sounding Artificial Reverberation
    (1962).
    """
    rng = np.random.default_rng([ROOM_SEED, number])
    decay_seconds = float(np.exp(rng.uniform(*np.log((0.25, 4.0)))))
    length = int(min(decay_seconds, 3.0) * SAMPLE_RATE)
    seconds = np.arange(length) / SAMPLE_RATE
    if number % 2 == 0:
        tails = rng.standard_normal((2, length)) * 10 ** (-3 * seconds / decay_seconds)
    else:
        tails = np.zeros((2, length))
        for tail in tails:
            for delay in rng.integers(1100, 1900, size=8):
                places = np.arange(0, length, delay)
                tail[places] += 10 ** (-3 * places / SAMPLE_RATE / decay_seconds)
        for delay in rng.integers(90, 560, size=3):
            feedback = np.zeros(delay + 1)
            feedback[[0, -1]] = 1, -0.7
            tails = lfilter(-feedback[::-1], feedback, tails)
    tails = sosfilt(butter(1, rng.uniform(1800, 9000), fs=SAMPLE_RATE, output="sos"), tails)
    tails = sosfilt(butter(1, rng.uniform(80, 300), "highpass", fs=SAMPLE_RATE, output="sos"), tails)
    tails = np.pad(tails, ((0, 0), (int(rng.uniform(0.004, 0.03) * SAMPLE_RATE), 0)))
    return (tails / np.sqrt(np.sum(tails**2) / 2)).astype(np.float32)


def _in_room(dry: np.ndarray, sent: np.ndarray, master: Master) -> np.ndarray:
    """The parts with their room behind them, through the sum's filters: all that is linear, as one product."""
    response = room_response(master.room)
    size = next_fast_len(len(sent) + response.shape[1], real=True)
    spectrum = rfft(dry, size) + rfft(sent, size) * rfft(response, size)
    spectrum *= _filters(np.fft.rfftfreq(size, 1 / SAMPLE_RATE).astype(np.float32), master)
    return irfft(spectrum, size)[:, : len(sent)]


def _filters(frequency_hz: np.ndarray, master: Master) -> np.ndarray:
    """The response of two shelves, the low-pass and a high-pass that takes away what is below hearing."""
    below = 1 / (1 + 1j * frequency_hz / np.float32(LOW_SHELF_HZ))
    above = 1 - 1 / (1 + 1j * frequency_hz / np.float32(HIGH_SHELF_HZ))
    hearing = 1 - 1 / (1 + 1j * frequency_hz / np.float32(LOWEST_HZ))
    gains = [np.float32(10 ** (db / 20) - 1) for db in (master.low_shelf_db, master.high_shelf_db)]
    response = (1 + gains[0] * below) * (1 + gains[1] * above) * hearing**2
    if np.isfinite(master.lowpass_hz):
        response /= (1 + 1j * frequency_hz / np.float32(master.lowpass_hz)) ** 4
    return response.astype(np.complex64)


def _master(score: Score, mixed: np.ndarray, stretch: float) -> np.ndarray:
    """Compression, pumping, saturation and a noise floor."""
    master = score.master
    mixed *= np.float32(1 / max(_active_level(mixed), 1e-9))
    if master.compress_db:
        mixed *= _smooth_gain(_compression(mixed, master.compress_db), mixed.shape[1])
    if master.pump_db:
        beats = (
            np.arange(mixed.shape[1] // BLOCK + 1) * BLOCK / SAMPLE_RATE / stretch
            - score.rhythm.first_beat_seconds
        )
        phase = (beats * score.rhythm.tempo_bpm / 60) % 1.0
        mixed *= _smooth_gain(10 ** (-master.pump_db * np.clip(1 - 1.8 * phase, 0, 1) / 20), mixed.shape[1])
    if master.drive:
        mixed = np.tanh(np.float32(master.drive / max(_active_level(mixed), 1e-9)) * mixed)
    noise = np.random.default_rng([ROOM_SEED, score.index]).standard_normal(mixed.shape[1], dtype=np.float32)
    return mixed + np.float32(10 ** (master.noise_db / 20) * _active_level(mixed)) * noise


def _compression(mixed: np.ndarray, most_db: float) -> np.ndarray:
    """A gain for each block that takes loud moments down by up to `most_db`, with a release of 0.15 s."""
    level_db = 10 * np.log10(_block_energy(mixed) + 1e-12)
    over = np.clip(level_db + most_db, 0, None) * 0.75
    rate = np.exp(-BLOCK / SAMPLE_RATE / 0.05)
    smooth = lfilter([1 - rate], [1, -rate], over, zi=[rate * over[0]])[0]
    return 10 ** (-np.maximum(smooth, 0.0) / 20)


def _levelled(mixed: np.ndarray, master: Master) -> np.ndarray:
    """The song at its RMS level, its peaks bent under the ceiling, without clicks at its edges."""
    edge = np.linspace(0, 1, round(EDGE_SECONDS * SAMPLE_RATE), dtype=np.float32)
    mixed[:, : len(edge)] *= edge
    mixed[:, -len(edge) :] *= edge[::-1]
    goal = 10 ** (master.level_db / 20)
    for _ in range(3):
        mixed = mixed * np.float32(goal / max(np.sqrt(np.mean(np.square(mixed))), 1e-9))
        loud = np.abs(mixed) > KNEE
        if not loud.any():
            break
        over = np.abs(mixed[loud]) - KNEE
        mixed[loud] = np.sign(mixed[loud]) * (KNEE + (PEAK - KNEE) * np.tanh(over / (PEAK - KNEE)))
    return mixed
