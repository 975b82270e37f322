"""A score: what a song plays, by which sounds, in which form and mix. A pure function of seed, number and bank."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from corpus.bank import Bank
from corpus.figures import FIGURES, Context, Note
from corpus.recipes import RECIPES, Recipe, Slot
from corpus.sounds import Sound
from corpus.synthetic import Chord, Harmony, Rhythm, make_harmony, make_rhythm

OSCILLATOR_SHARE = 0.25
TEMPO_BPM = (60.0, 180.0)
CHORD_SECONDS = (0.45, 16.0)
LEVEL_DB = (-28.0, -13.0)
SLIDE_SEMITONES = (-5, -3, -2, 1, 2, 3, 5)
NUM_ROOMS = 24
LEAST_LOOP_SECONDS = 1.8


@dataclass(frozen=True)
class Part:
    """One instrument's notes and its place in the mix: `room_db` is how much of it is sent to the room."""

    figure: str
    sound: str
    notes: tuple[Note, ...]
    level_db: float
    pan: float  # -1 left .. 1 right
    width: float  # how far the keys are spread over the panorama
    room_db: float
    drive: float  # 0: clean
    cutoff_hz: float  # of a low-pass; infinite: open
    swell_db: float
    swell_seconds: float


@dataclass(frozen=True)
class Master:
    """The treatment of the sum: `drive` 0 is clean, `lowpass_hz` may be infinite, `pump_db` follows the beat."""

    level_db: float
    drive: float
    compress_db: float
    low_shelf_db: float
    high_shelf_db: float
    lowpass_hz: float
    pump_db: float
    room: int
    noise_db: float


@dataclass(frozen=True)
class Score:
    """A song: `loop_seconds` is the length of what repeats exactly, or None."""

    index: int
    style: str
    use: str
    rhythm: Rhythm
    harmony: Harmony
    keys: tuple[str, ...]
    duration_seconds: float
    loop_seconds: float | None
    tuning_cents: float
    parts: tuple[Part, ...]
    master: Master

    def describe(self) -> dict[str, Any]:
        """The song's entry in `corpus.json`."""
        pitched = [p for p in self.parts if p.figure not in ("drums", "percussion")]
        timeline = self.harmony.timeline(self.loop_seconds or self.duration_seconds) if pitched else []
        return {
            "index": self.index,
            "style": self.style,
            "use": self.use,
            "rhythm": self.rhythm.style,
            "tempo_bpm": round(self.rhythm.tempo_bpm, 2),
            "beats_per_bar": self.rhythm.beats_per_bar,
            "first_beat_seconds": round(self.rhythm.first_beat_seconds, 4),
            "swing": round(self.rhythm.swing, 3),
            "loop_seconds": self.loop_seconds and round(self.loop_seconds, 4),
            "tuning_cents": round(self.tuning_cents, 2),
            "keys": list(self.keys) if pitched else [],
            "chord_seconds": round(self.harmony.chord_seconds, 4) if pitched else None,
            "chords": [{"start_seconds": round(start, 3), "name": chord.name} for start, chord in timeline],
            "parts": [{"figure": p.figure, "sound": p.sound, "notes": len(p.notes)} for p in self.parts],
            "level_db": round(self.master.level_db, 2),
        }


def make_score(seed: int, index: int, bank: Bank, duration_seconds: float, style: str | None = None) -> Score:
    """Song `index` of a seed, of a style or of one drawn by weight."""
    streams = np.random.SeedSequence(seed, spawn_key=(index,)).spawn(4)
    rng, form_rng, mix_rng, part_seeds = (np.random.default_rng(stream) for stream in streams)
    weights = np.array([recipe.weight for recipe in RECIPES.values()])
    drawn = str(rng.choice(list(RECIPES), p=weights / weights.sum()))
    style = style or drawn
    recipe = RECIPES[style]
    rhythm = _rhythm(rng, recipe)
    loop = _loop_seconds(form_rng, recipe, rhythm, duration_seconds)
    harmony, keys, change = _harmony(rng, recipe, rhythm, loop or duration_seconds)
    muted = [] if loop else _silences(form_rng, rhythm, duration_seconds)
    song = Context(rng, rhythm, harmony, loop or duration_seconds, (0, 127), True, change)
    parts: list[Part] = []
    for slot in recipe.slots:
        # A generator for each slot: whether one plays changes nothing for the others.
        own = np.random.default_rng(part_seeds.integers(2**63))
        if own.random() < slot.probability or slot is recipe.slots[0]:
            part = _part(own, slot, bank, song, muted, is_constant=not parts or loop is not None)
            parts += [part] if part else []
    tuning = float(np.clip(mix_rng.normal(0, 18), -50, 50)) if mix_rng.random() < 0.6 else 0.0
    return Score(
        index,
        style,
        recipe.use,
        rhythm,
        harmony,
        keys,
        duration_seconds,
        loop,
        tuning,
        tuple(parts),
        _master(mix_rng, recipe),
    )


def _rhythm(rng: np.random.Generator, recipe: Recipe) -> Rhythm:
    own = {part for part in ("chords", "bass", "lead") if rng.random() < 0.8}
    rhythm = make_rhythm(rng, with_drums=recipe.with_drums, own_patterns=own)
    while recipe.rhythms and rhythm.style not in recipe.rhythms:
        rhythm = make_rhythm(rng, with_drums=True, own_patterns=own)
    tempo = rhythm.tempo_bpm
    if rng.random() < 0.35:
        tempo = float(np.exp(rng.uniform(*np.log(TEMPO_BPM))))
    swing = rhythm.swing if rng.random() < 0.85 else float(rng.uniform(0.1, 0.35))
    return replace(
        rhythm,
        tempo_bpm=float(np.clip(tempo, *TEMPO_BPM)),
        swing=swing,
        humanise_seconds=float(rng.choice([0.0, rhythm.humanise_seconds, rng.uniform(0.004, 0.012)])),
    )


def _loop_seconds(rng: np.random.Generator, recipe: Recipe, rhythm: Rhythm, duration: float) -> float | None:
    if rng.random() >= recipe.loops:
        return None
    bars = [n for n in (1, 2, 4) if LEAST_LOOP_SECONDS <= n * rhythm.bar_seconds <= duration / 2]
    return rhythm.bar_seconds * int(rng.choice(bars)) if bars else None


def _harmony(
    rng: np.random.Generator, recipe: Recipe, rhythm: Rhythm, duration: float
) -> tuple[Harmony, tuple[str, ...], tuple[float, int]]:
    """Chords for the whole song, some with a second progression or a change of key; their keys; and the change."""
    start, bar = rhythm.first_beat_seconds, rhythm.bar_seconds
    beat = 60 / rhythm.tempo_bpm
    fitting = [n for n in recipe.chord_beats if CHORD_SECONDS[0] <= n * beat <= CHORD_SECONDS[1]]
    # In three, five and six beats a chord lasts whole bars.
    unit = 1 if rhythm.beats_per_bar in (2, 4) else rhythm.beats_per_bar / 4
    chord_seconds = beat * unit * float(rng.choice(fitting or [4]))
    first = make_harmony(rng, start_seconds=start, bar_seconds=bar)
    other = make_harmony(rng, start_seconds=start, bar_seconds=bar)
    needed = int(np.ceil(duration / chord_seconds)) + 2
    has_second, slides = rng.random() < 0.35, rng.random() < 0.25
    slide = int(rng.choice(SLIDE_SEMITONES)) if slides else 0
    turn = int(needed * rng.uniform(0.35, 0.65))
    second = [_transposed(c, first.tonic - other.tonic) for c in other.chords]
    chords: list[Chord] = []
    while len(chords) < needed:
        section = second if has_second and len(chords) >= needed // 3 and rng.random() < 0.5 else first.chords
        chords += [_transposed(c, slide) if len(chords) + n >= turn else c for n, c in enumerate(section)]
    whole = replace(first, chords=tuple(chords[:needed]), chord_seconds=chord_seconds)
    later = replace(first, tonic=(first.tonic + slide) % 12)
    change = (start + turn * chord_seconds, slide) if slide else (np.inf, 0)
    return whole, (first.key, later.key) if slide else (first.key,), change


def _transposed(chord: Chord, semitones: int) -> Chord:
    """The chord moved by the shorter way, up or down."""
    shift = (semitones + 6) % 12 - 6
    bass = 28 + (chord.bass + shift - 28) % 12
    voicing = tuple(note + shift for note in chord.voicing)
    return replace(chord, root=(chord.root + shift) % 12, voicing=voicing, bass=bass)


def _silences(rng: np.random.Generator, rhythm: Rhythm, duration: float) -> list[tuple[float, float]]:
    """Full stops of all parts: none in most songs, else one or two of half a bar or a bar."""
    count = int(rng.choice([0, 0, 0, 1, 2]))
    bars = max(1, int(duration / rhythm.bar_seconds))
    starts = rhythm.first_beat_seconds + (rng.integers(1, bars + 1, size=count) - 0.5) * rhythm.bar_seconds
    return [(float(a), float(a + rhythm.bar_seconds * rng.choice([0.25, 0.5, 0.5, 1.0]))) for a in starts]


def _choose(rng: np.random.Generator, slot: Slot, bank: Bank) -> Sound | None:
    """A sound of one of the slot's groups, whichever the bank has."""
    for _ in range(8):
        group = str(rng.choice(slot.groups))
        oscillators = bool(rng.random() < OSCILLATOR_SHARE) and slot.figure != "percussion"
        found = bank.group(group, oscillators=oscillators) or bank.group(group, oscillators=not oscillators)
        if found:
            return found[int(rng.integers(len(found)))]
    return None


def _part(
    rng: np.random.Generator,
    slot: Slot,
    bank: Bank,
    song: Context,
    muted: list[tuple[float, float]],
    *,
    is_constant: bool,
) -> Part | None:
    """A slot's part, with its rests unless it is constant; None where the bank has no sound for it."""
    sound = _choose(rng, slot, bank)
    if sound is None:
        return None
    rhythm, duration = song.rhythm, song.duration_seconds
    context = replace(song, rng=rng, keys=sound.keys, sustained=sound.is_sustained)
    touch = float(rng.uniform(0.45, 1.0))
    played = [
        replace(n, velocity=float(np.clip(n.velocity * touch, 0.08, 1.0)))
        for n in FIGURES[slot.figure](context)
    ]
    absent = list(muted)
    if not is_constant:
        span = rhythm.bar_seconds * int(rng.choice([2, 4]))
        for number in range(int(duration / span) + 1):
            if rng.random() < 0.2:
                start = rhythm.first_beat_seconds + number * span - 0.05
                absent.append((start, start + span))
    notes = _without(played, absent, duration)
    is_low = slot.figure in ("bass", "held_bass", "walking_bass", "power_riff") or sound.is_kit
    swells = sound.is_sustained and rng.random() < 0.3
    return Part(
        figure=slot.figure,
        sound=sound.name,
        notes=tuple(notes),
        level_db=slot.level_db + float(rng.normal(0, 2.5)),
        pan=float(rng.uniform(-0.15, 0.15) if is_low else rng.uniform(-0.7, 0.7)),
        width=float(rng.uniform(0.0, 0.6) if not is_low or sound.is_kit else 0.0),
        room_db=float(rng.uniform(-30, -12) if is_low else rng.uniform(-24, -4)),
        drive=float(rng.uniform(1.0, 6.0)) if rng.random() < (0.1 if not is_low else 0.15) else 0.0,
        cutoff_hz=float(np.exp(rng.uniform(*np.log((700.0, 6000.0))))) if rng.random() < 0.15 else np.inf,
        swell_db=float(rng.uniform(3, 14)) if swells else 0.0,
        swell_seconds=float(rng.choice([0.5, 1, 2, 4]) * rhythm.bar_seconds),
    )


def _without(notes: list[Note], absent: list[tuple[float, float]], duration: float) -> list[Note]:
    """The notes that do not start where a part is absent; those that ring into a full stop end there."""
    kept = []
    for note in notes:
        if any(a <= note.start_seconds < b for a, b in absent) or not 0 <= note.start_seconds < duration:
            continue
        cuts = [a for a, _ in absent if note.start_seconds < a < note.end_seconds]
        kept.append(replace(note, end_seconds=min([note.end_seconds, duration, *cuts])))
    return kept


def _master(rng: np.random.Generator, recipe: Recipe) -> Master:
    shelf = rng.normal((1.0, -1.0), 3.0)
    if rng.random() < 0.12:
        shelf[0] += rng.uniform(5, 10)  # bass-heavy
    return Master(
        level_db=float(np.clip(rng.normal(-20, 3.5), *LEVEL_DB)),
        drive=float(rng.uniform(0.6, 3.0)) if rng.random() < recipe.drive else 0.0,
        compress_db=float(rng.uniform(4, 16)) if rng.random() < recipe.compressed else 0.0,
        low_shelf_db=float(shelf[0]),
        high_shelf_db=float(shelf[1]),
        lowpass_hz=float(np.exp(rng.uniform(*np.log((3500.0, 11000.0))))) if rng.random() < 0.15 else np.inf,
        pump_db=float(rng.uniform(4, 14)) if rng.random() < recipe.pumping else 0.0,
        room=int(rng.integers(NUM_ROOMS)),
        noise_db=float(rng.uniform(-75, -45)),
    )
