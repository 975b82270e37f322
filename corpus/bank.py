"""The bank: every note of every sound, rendered once, kept as memory-mapped 16-bit arrays.

A bank is a folder with one `.npy` of `[layers, keys, samples]` for each sound, and `bank.json`, written last.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from corpus.fluid import SoundFont, font_information
from corpus.sounds import DRUM_KEYS, LAYER_VELOCITIES, NUM_LAYERS, Sound, all_sounds
from corpus.synthetic import make_kit, make_timbre, play, strike_drum
from hocket import files
from hocket.errors import DataError

FORMAT = 1
SAMPLE_RATE = 44_100
OSCILLATOR_SEED = 15
SOFT_LAYER = 0
OSCILLATOR_LAYER_GAINS = (0.35, 0.65, 1.0)
FADE_SECONDS = 0.2  # at the end of a stored note that decays
FULL_SCALE = 32_000
SILENT = 1e-5
MAX_DESCRIPTION_BYTES = 2**22


@dataclass
class Bank:
    """Notes by sound, layer and key. `identity` names the sound set and how it was rendered."""

    sounds: dict[str, Sound]
    identity: str
    provenance: dict[str, str]
    notes: dict[str, np.ndarray] = field(repr=False)

    def group(self, name: str, *, oscillators: bool) -> list[Sound]:
        """The sounds of a group, of the sound font or of the oscillators."""
        return [
            s for s in self.sounds.values() if s.group == name and s.kind.startswith("osc") == oscillators
        ]

    def note(self, name: str, key: int, velocity: float) -> tuple[np.ndarray, float]:
        """A stored note (16 bits, held for as long as it is stored) and its gain for a velocity of 0 to 1."""
        low, high = self.sounds[name].keys
        if not low <= key <= high:
            raise DataError(f"{name} has no key {key}: its keys are {low} to {high}.")
        distances = [abs(velocity - layer / 127) for layer in LAYER_VELOCITIES]
        layer = distances.index(min(distances))
        gain = (velocity * 127 / LAYER_VELOCITIES[layer]) ** 1.5
        return self.notes[name][layer, key - low], gain / FULL_SCALE


def open_bank(folder: Path, soundfont: Path, say: Callable[[str], None]) -> Bank:
    """The bank in a folder; rendered first where it is missing or of another sound set."""
    digest = hashlib.sha256(soundfont.read_bytes()).hexdigest()
    description = folder / "bank.json"
    if description.is_file():
        bank = _load(folder)
        if bank.provenance["soundfont_sha256"] == digest and bank.identity.startswith(f"{FORMAT}-"):
            return bank
        raise DataError(f"{folder} is the bank of another sound set: remove it, or give another --bank.")
    folder.mkdir(parents=True, exist_ok=True)
    _render(folder, soundfont, digest, say)
    return _load(folder)


def _load(folder: Path) -> Bank:
    description = folder / "bank.json"
    stored = files.parse_json(files.read_bytes(description, max_bytes=MAX_DESCRIPTION_BYTES), description)
    sounds = {entry["name"]: Sound(**entry) for entry in stored["sounds"]}
    notes = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in sounds}
    return Bank(sounds, stored["identity"], stored["provenance"], notes)


def _render(folder: Path, soundfont: Path, digest: str, say: Callable[[str], None]) -> None:
    kept, contents = [], hashlib.sha256()
    with SoundFont(soundfont, SAMPLE_RATE) as font:
        for sound in all_sounds():
            if not sound.kind.startswith("osc") and not font.has(sound.number, is_kit=sound.is_kit):
                continue
            notes = _notes(sound, font)
            peak = float(np.abs(notes).max())
            if peak < SILENT:
                continue
            stored = np.round(notes * (FULL_SCALE / peak)).astype(np.int16)
            np.save(folder / f"{sound.name}.npy", stored)
            contents.update(hashlib.sha256(stored.data).digest())
            kept.append(sound)
            say(f"bank: {sound.name}")
    texts = font_information(soundfont)
    description = {
        "identity": f"{FORMAT}-{contents.hexdigest()[:32]}",
        "provenance": {
            "soundfont": soundfont.resolve().name,
            "soundfont_sha256": digest,
            "name": texts.get("INAM", ""),
            "copyright": texts.get("ICOP", ""),
            "terms": texts.get("ICMT", ""),
        },
        "sounds": [vars(sound) for sound in kept],
    }
    files.write_text(folder / "bank.json", json.dumps(description, indent=1) + "\n")


def _notes(sound: Sound, font: SoundFont) -> np.ndarray:
    """All notes of a sound, `[layers, keys, samples]` float32; those that decay are faded at their end."""
    low, high = sound.keys
    num_samples = round(sound.seconds * SAMPLE_RATE)
    notes = np.zeros((NUM_LAYERS, high - low + 1, num_samples), np.float32)
    if sound.kind == "oscillator kit":
        _strike_kit(sound, notes)
    elif sound.kind == "oscillator":
        timbre = make_timbre(np.random.default_rng([OSCILLATOR_SEED, sound.number]), sound.family)
        for key in range(low, high + 1):
            soft, loud = (
                play(timbre, key, soft=soft, num_samples=num_samples, sample_rate=SAMPLE_RATE)
                for soft in (True, False)
            )
            for layer, gain in enumerate(OSCILLATOR_LAYER_GAINS):
                notes[layer, key - low] = gain * (soft if layer == SOFT_LAYER else loud)
    else:
        for layer, velocity in enumerate(LAYER_VELOCITIES):
            for key in range(low, high + 1):
                notes[layer, key - low] = font.note(
                    sound.number, key, velocity, num_samples, is_kit=sound.is_kit
                )
    if not sound.is_sustained:
        num_fade = round(FADE_SECONDS * SAMPLE_RATE)
        notes[..., -num_fade:] *= np.linspace(1, 0, num_fade, dtype=np.float32) ** 2
    return notes


def _strike_kit(sound: Sound, notes: np.ndarray) -> None:
    """Fills in the drums of an oscillator kit; its other keys stay silent."""
    kit = make_kit(np.random.default_rng([OSCILLATOR_SEED, 1, sound.number]))
    for voice, keys in DRUM_KEYS.items():
        for take, key in enumerate(keys):
            for layer, gain in enumerate(OSCILLATOR_LAYER_GAINS):
                hit = strike_drum(kit, voice, take, soft=layer == SOFT_LAYER, sample_rate=SAMPLE_RATE)
                hit = hit[: notes.shape[-1]]
                notes[layer, key - sound.keys[0], : len(hit)] = gain * hit
