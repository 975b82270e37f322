"""Figures: how a part turns rhythm and harmony into notes, from held chords to riffs, melodies and percussion."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from corpus.sounds import DRUM_KEYS, PERCUSSION_KEYS
from corpus.synthetic import Chord, Harmony, Rhythm, Strike

SHORTEST_SECONDS = 0.05
ORNAMENT_SECONDS = 0.07
SCALES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
}
ARPEGGIO_ORDERS = ("up", "down", "up and down", "alberti", "picked", "random")


@dataclass(frozen=True)
class Note:
    """One note: `velocity` from 0 to 1; a tied one goes on from the note before without an attack."""

    start_seconds: float
    end_seconds: float
    key: int
    velocity: float
    tied: bool = False


@dataclass(frozen=True)
class Context:
    """All that a figure is drawn from: `keys` is the instrument's range, and a `sustained` one can hold a note.

    `change` is when the key changes, and by how many semitones.
    """

    rng: np.random.Generator
    rhythm: Rhythm
    harmony: Harmony
    duration_seconds: float
    keys: tuple[int, int]
    sustained: bool
    change: tuple[float, int] = (np.inf, 0)

    def tonic_at(self, seconds: float) -> int:
        """The pitch class of the key at a time."""
        return (self.harmony.tonic + (self.change[1] if seconds >= self.change[0] else 0)) % 12

    def grid(self, per_beat: float) -> list[tuple[float, float]]:
        """(start, end) of every step of a grid, swing included."""
        rhythm = self.rhythm
        width = rhythm.steps_per_beat / per_beat
        count = int(np.ceil(self.duration_seconds / rhythm.bar_seconds * rhythm.steps_per_bar / width))
        times = [rhythm.seconds_of(step * width) for step in range(count + 1)]
        return [(a, b) for a, b in pairwise(times) if a < self.duration_seconds]

    def chords(self) -> list[tuple[float, float, Chord]]:
        """(start, end, chord) of the whole song."""
        timeline = self.harmony.timeline(self.duration_seconds)
        ends = [start for start, _ in timeline[1:]] + [self.duration_seconds]
        return [(start, end, chord) for (start, chord), end in zip(timeline, ends, strict=True)]

    def pieces(self, start: float, end: float) -> list[tuple[float, float, Chord]]:
        """A span cut where the chord changes."""
        return [(max(start, a), min(end, b), c) for a, b, c in self.chords() if a < end and b > start]

    def fit(self, key: int) -> int:
        """The key, moved by octaves into the instrument's range."""
        low, high = self.keys
        while key < low:
            key += 12
        while key > high:
            key -= 12
        return max(low, key)

    def choice(self, *options: float) -> float:
        """One of some numbers."""
        return options[int(self.rng.integers(len(options)))]


Figure = Callable[[Context], list[Note]]
Voicing = Callable[[Chord], tuple[int, ...]]


def _draw_voicing(context: Context) -> Voicing:
    """Draws the way a part spreads its chords: close, open, wide, two notes or one, in one octave or another."""
    middle = (context.keys[0] + context.keys[1]) / 2
    shift = 12 * round((middle - 60) / 12 + context.choice(-0.6, 0, 0, 0.6))
    style = str(
        context.rng.choice(["close", "open", "wide", "dyad", "doubled"], p=[0.4, 0.2, 0.15, 0.1, 0.15])
    )

    def keys(chord: Chord) -> tuple[int, ...]:
        notes = sorted(chord.voicing)
        if style == "open":
            notes[-2] -= 12
        elif style == "wide":
            notes = [chord.bass + 12, *notes]
        elif style == "dyad":
            notes = [notes[0], notes[-1]]
        elif style == "doubled":
            notes = [*notes, notes[0] + 12]
        return tuple(sorted({context.fit(note + shift) for note in notes}))

    return keys


def held(context: Context) -> list[Note]:
    """Every chord for as long as it lasts; notes that two chords share go on where the instrument can hold them."""
    voicing, notes = _draw_voicing(context), []
    legato = context.sustained and context.rng.random() < 0.4
    before: tuple[int, ...] = ()
    for start, end, chord in context.chords():
        keys = voicing(chord)
        velocity = context.rng.uniform(0.75, 1.0)
        notes += [Note(start, end, key, velocity, legato and key in before) for key in keys]
        before = keys
    return notes


def comped(context: Context) -> list[Note]:
    """Chords where the rhythm strikes them, strummed or together; where one changes while it rings, it moves on."""
    voicing, notes = _draw_voicing(context), []
    strum = context.choice(0.0, 0.0, 0.012, 0.03)
    for strike in context.rhythm.chord_strikes(context.duration_seconds):
        end = max(strike.end_seconds, strike.start_seconds + SHORTEST_SECONDS)
        for number, (begin, finish, chord) in enumerate(context.pieces(strike.start_seconds, end)):
            if finish - begin < SHORTEST_SECONDS:
                continue
            down = voicing(chord) if strike.velocity > 0.8 else voicing(chord)[::-1]
            for order, key in enumerate(down):
                tied = number > 0 and context.sustained
                notes.append(Note(begin + order * strum, finish + order * strum, key, strike.velocity, tied))
    return notes


def repeated(context: Context) -> list[Note]:
    """Short repeated chords on an even pattern: staccato strings, stabs, pulses."""
    voicing, notes = _draw_voicing(context), []
    pattern = euclid(int(context.choice(3, 4, 5, 6, 7, 8, 11)), 8 if context.rng.random() < 0.4 else 16)
    length = context.choice(0.3, 0.5, 0.9)
    for number, (start, end) in enumerate(context.grid(4 if len(pattern) == 16 else 2)):
        if pattern[number % len(pattern)]:
            chord = context.harmony.at(start + 0.01)
            velocity = 1.0 if number % len(pattern) == 0 else context.rng.uniform(0.6, 0.85)
            finish = start + length * (end - start)
            notes += [Note(start, finish, key, velocity) for key in voicing(chord)]
    return notes


def arpeggio(context: Context) -> list[Note]:
    """Broken chords on an even grid; let ring up to the next chord, or short."""
    per_beat = context.choice(1, 2, 2, 2, 3, 4, 4)
    order = str(context.rng.choice(ARPEGGIO_ORDERS))
    rings = context.rng.random() < 0.5
    length, voicing = context.choice(0.4, 0.7, 1.0), _draw_voicing(context)
    octaves = int(context.choice(1, 1, 2))
    notes = []
    for number, (start, end) in enumerate(context.grid(per_beat)):
        chord = context.harmony.at(start + 0.01)
        ladder = [context.fit(key + 12 * octave) for octave in range(octaves) for key in voicing(chord)]
        ladder = sorted(set(ladder))
        key = ladder[_arpeggio_step(order, number, len(ladder), context.rng)]
        finish = start + length * (end - start)
        if rings:
            last = next((b for _, b, c in context.pieces(start + 0.01, start + 0.02)), end)
            finish = min(last, start + 4 * (end - start))
        if context.rng.random() > 0.04:
            accent = 1.0 if number % max(1, round(2 * per_beat)) == 0 else context.rng.uniform(0.65, 0.85)
            notes.append(Note(start, max(finish, start + SHORTEST_SECONDS), key, accent))
    return notes


def _arpeggio_step(order: str, number: int, size: int, rng: np.random.Generator) -> int:
    if order == "random":
        return int(rng.integers(size))
    if order == "alberti":
        return (0, size - 1, size // 2, size - 1)[number % 4]
    if order == "picked":
        return (0, size // 2, size - 1, size // 2, min(1, size - 1), size - 1, size // 2, size - 1)[
            number % 8
        ]
    if order == "up and down" and size > 1:
        return size - 1 - abs(number % (2 * size - 2) - (size - 1))
    return number % size if order != "down" else size - 1 - number % size


def riff(context: Context) -> list[Note]:
    """A short figure of single notes that repeats, over the chord's root or over the tonic."""
    return _riff(context, lambda key: (key,))


def power_riff(context: Context) -> list[Note]:
    """A riff in fifths and octaves: the chords of a driven guitar."""
    octave = context.rng.random() < 0.5
    return _riff(context, lambda key: (key, key + 7, key + 12) if octave else (key, key + 7))


def _riff(context: Context, spread: Callable[[int], tuple[int, ...]]) -> list[Note]:
    rng, steps = context.rng, int(context.choice(8, 16, 16, 32))
    pattern = euclid(int(rng.integers(steps // 4, steps // 2 + 3)), steps)
    degrees = rng.choice([0, 0, 0, 3, 5, 7, 10, 12], size=steps)
    degrees[0] = 0
    follows = rng.random() < 0.7
    length, lowest = context.choice(0.45, 0.8, 1.0), context.keys[0]
    notes = []
    for number, (start, end) in enumerate(context.grid(4)):
        place = number % steps
        if not pattern[place]:
            continue
        gap = next(n for n in range(1, steps + 1) if pattern[(place + n) % steps])
        root = context.harmony.at(start + 0.01).root if follows else context.tonic_at(start + 0.01)
        degree = int(degrees[place])
        if degree == 3 and {(root + 4) % 12} <= set(context.harmony.at(start + 0.01).pitch_classes):
            degree = 4
        key = lowest + (root - lowest) % 12 + degree
        finish = start + max(SHORTEST_SECONDS, length * min(gap, 4) * (end - start))
        velocity = 1.0 if place % 4 == 0 else rng.uniform(0.6, 0.9)
        notes += [Note(start, finish, context.fit(k), velocity) for k in spread(key)]
    return notes


def melody(context: Context) -> list[Note]:
    """A line that walks the key's scale: chord notes on the beats, others between them, with ornaments and rests."""
    rng, rhythm = context.rng, context.rhythm
    if rng.random() < 0.5:
        strikes = rhythm.lead_strikes(context.duration_seconds)
    else:
        strikes = _phrases(context, context.choice(0.5, 1, 1, 2, 2, 3))
    low, high = context.keys
    low, high = max(low, 55), min(high, 55 + 31)
    key, notes = int(rng.integers(low + 4, max(low + 5, high - 4))), []
    ornaments = context.choice(0.0, 0.05, 0.2)
    for strike in strikes:
        start, end = strike.start_seconds, max(strike.end_seconds, strike.start_seconds + SHORTEST_SECONDS)
        scale = {(context.tonic_at(start + 0.05) + step) % 12 for step in SCALES[context.harmony.mode]}
        classes = set(context.harmony.at(max(0.0, start + 0.05)).pitch_classes)
        beat = (start - rhythm.first_beat_seconds) * rhythm.tempo_bpm / 60
        on_beat = abs(beat - round(beat)) < 0.1
        # One note in six on a beat leans on a neighbour of the chord.
        wanted = classes if on_beat and rng.random() > 0.17 else scale | classes
        goal = key + int(
            rng.choice([-7, -4, -2, -1, 0, 1, 2, 4, 7], p=[0.04, 0.09, 0.2, 0.12, 0.1, 0.12, 0.2, 0.09, 0.04])
        )
        options = [k for k in range(low, high + 1) if k % 12 in wanted]
        key = min(options, key=lambda k: abs(k - goal)) if options else key
        velocity = float(np.clip(strike.velocity * rng.uniform(0.85, 1.1), 0.2, 1.0))
        notes += _ornamented(Note(start, end, key, velocity), scale, ornaments, context)
    return notes


def _phrases(context: Context, per_beat: float) -> list[Strike]:
    """Notes of one to four steps on a grid, with a rest after every few of them."""
    rng, strikes, steps = context.rng, [], context.grid(per_beat)
    place, left = int(rng.integers(0, 4)), int(rng.integers(3, 10))
    while place < len(steps):
        length = int(rng.choice([1, 1, 2, 3, 4]))
        last = min(place + length, len(steps)) - 1
        strikes.append(Strike(steps[place][0], steps[last][1] - 0.02, float(rng.uniform(0.7, 1.0)), 0))
        place, left = place + length, left - 1
        if left == 0:
            place, left = place + int(rng.integers(2, 7)), int(rng.integers(3, 10))
    return strikes


def _ornamented(note: Note, scale: set[int], probability: float, context: Context) -> list[Note]:
    """The note itself, or with a grace note, a mordent or a trill in front of it or through it."""
    if context.rng.random() >= probability or note.end_seconds - note.start_seconds < 3 * ORNAMENT_SECONDS:
        return [note]
    above = next(k for k in range(note.key + 1, note.key + 4) if k % 12 in scale)
    above = min(above, context.keys[1])
    kind = int(context.rng.integers(3))
    count = (1, 2, int((note.end_seconds - note.start_seconds) / ORNAMENT_SECONDS) - 1)[kind]
    count = min(count, 12)
    order = [above, note.key] if kind == 0 else [note.key, above]
    starts = [note.start_seconds + n * ORNAMENT_SECONDS for n in range(count + 1)]
    graces = [
        Note(start, start + ORNAMENT_SECONDS, order[n % 2], 0.8 * note.velocity)
        for n, start in enumerate(starts[:-1])
    ]
    return [*graces, replace(note, start_seconds=starts[-1])]


def bass(context: Context) -> list[Note]:
    """The bass where the rhythm strikes it, on root, third, fifth and octave of the chord."""
    notes = []
    for strike in context.rhythm.bass_strikes(context.duration_seconds):
        chord = context.harmony.at(max(0.0, strike.start_seconds + 0.05))
        end = max(strike.end_seconds, strike.start_seconds + SHORTEST_SECONDS)
        notes.append(
            Note(strike.start_seconds, end, context.fit(chord.bass_note(strike.degree)), strike.velocity)
        )
    return notes


def held_bass(context: Context) -> list[Note]:
    """The chord's bass for as long as the chord lasts."""
    return [Note(a, b, context.fit(chord.bass), 0.9) for a, b, chord in context.chords()]


def walking_bass(context: Context) -> list[Note]:
    """A note on each beat: the root where the chord changes, chord notes and steps towards the next root between."""
    notes, steps, previous = [], context.grid(1), None
    for number, (start, end) in enumerate(steps):
        chord = context.harmony.at(start + 0.01)
        after = context.harmony.at(steps[min(number + 1, len(steps) - 1)][0] + 0.01)
        if previous is not chord:
            key = chord.bass
        elif after is not chord:
            key = after.bass + int(context.choice(-1, 1, 2))
        else:
            key = chord.bass_note(int(context.rng.integers(4)))
        notes.append(
            Note(start, start + 0.92 * (end - start), context.fit(key), context.rng.uniform(0.75, 1.0))
        )
        previous = chord
    return notes


def drone(context: Context) -> list[Note]:
    """Tonic, and in some parts fifth and octave, held as long as the key."""
    count, turn = int(context.choice(1, 2, 3)), min(context.change[0], context.duration_seconds)
    notes = []
    for start, end in ((0.0, turn), (turn, context.duration_seconds)):
        low = context.keys[0] + (context.tonic_at(start) - context.keys[0]) % 12
        if end > start:
            notes += [Note(start, end, context.fit(key), 0.9) for key in (low, low + 7, low + 12)[:count]]
    return notes


def drums(context: Context) -> list[Note]:
    """The rhythm's drums on the keys of General MIDI."""
    return [
        Note(hit.seconds, hit.seconds, DRUM_KEYS[hit.voice][number % len(DRUM_KEYS[hit.voice])], hit.velocity)
        for number, hit in enumerate(context.rhythm.hits(context.duration_seconds))
    ]


def percussion(context: Context) -> list[Note]:
    """Two to five small drums, each with an even pattern of its own."""
    rng, notes = context.rng, []
    is_kit = context.keys[1] - context.keys[0] > 50
    pool = PERCUSSION_KEYS if is_kit else range(context.keys[0], context.keys[1] + 1)
    for key in rng.choice(list(pool), size=int(rng.integers(2, 6)), replace=False):
        steps = int(rng.choice([12, 16, 16, 16]))
        pattern = np.roll(euclid(int(rng.integers(2, steps * 5 // 8)), steps), int(rng.integers(steps)))
        accents = rng.choice([0.4, 0.65, 0.85, 1.0], size=steps)
        for number, (start, end) in enumerate(context.grid(4 if steps == 16 else 3)):
            if pattern[number % steps] and rng.random() > 0.05:
                moved = max(0.0, start + 0.004 * float(rng.standard_normal()))
                notes.append(Note(moved, moved + end - start, int(key), float(accents[number % steps])))
    return notes


def euclid(num_hits: int, num_steps: int) -> np.ndarray:
    """Hits spread as evenly as the steps allow (Toussaint, The Euclidean Algorithm Generates Musical Rhythms, 2005)."""
    place = np.arange(num_steps) * min(num_hits, num_steps)
    return place % num_steps < min(num_hits, num_steps)


FIGURES: dict[str, Figure] = {
    figure.__name__: figure
    for figure in (
        held,
        comped,
        repeated,
        arpeggio,
        riff,
        power_riff,
        melody,
        bass,
        held_bass,
        walking_bass,
        drone,
        drums,
        percussion,
    )
}
