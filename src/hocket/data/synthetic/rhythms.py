"""Rhythm: when drums, chords, bass and melody are struck and how long they ring; no pitch at all.

Patterns of letters become lines, whose gates are strikes in steps; a rhythm gives them their times.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from hocket.data.synthetic.styles import CHORD_STYLES, DRUM_STYLES, Style

BASS_DEGREES = {"r": 0, "t": 1, "f": 2, "o": 3}
CHORD_DEGREES = {"X": 0, "x": 0}
LEAD_DEGREES = {"x": 0}
LONGEST_LEAD_STEPS = 4
# The drums that each part follows where it has no pattern of its own, and from which velocity up.
FOLLOWED_VOICES = {
    "chords": ("kick", "snare", "clap", "rim", "low_tom", "mid_tom", "high_tom"),
    "bass": ("kick", "low_tom"),
    "lead": ("snare", "clap", "rim", "high_tom", "high_conga", "ride", "hat"),
}
FOLLOWED_FROM = 0.5

DrumLoops = tuple[tuple[str, tuple[float, ...]], ...]  # (voice, velocity of each step of the loop)


@dataclass(frozen=True)
class Gate:
    """A strike in steps of its line; `degree` says which note of the chord (bass, melody)."""

    step: int
    num_steps: int
    velocity: float
    degree: int


@dataclass(frozen=True)
class Line:
    """Gates that repeat every `num_steps`."""

    num_steps: int
    gates: tuple[Gate, ...]


def parse_line(text: str, degrees: dict[str, int]) -> Line:
    """Reads a pattern of letters: each letter in `degrees` strikes, `-` rings on, `.` is silent."""
    gates = []
    for step, letter in enumerate(text):
        if letter in degrees:
            rest = text[step + 1 :]
            num_steps = 1 + len(rest) - len(rest.lstrip("-"))
            accented = letter == "X" or step == 0
            gates.append(Gate(step, num_steps, 1.0 if accented else 0.78, degrees[letter]))
    return Line(len(text), tuple(gates))


def following(drums: DrumLoops, part: str) -> Line:
    """Strikes with the stronger hits of the drums that a part follows, each ringing up to the next."""
    num_steps = max(len(loop) for _, loop in drums)
    strength = np.zeros(num_steps)
    for voice, loop in drums:
        if voice in FOLLOWED_VOICES[part]:
            strength = np.maximum(strength, np.resize(np.array(loop), num_steps))
    steps = np.flatnonzero(strength >= FOLLOWED_FROM)
    if len(steps) == 0:
        steps = np.zeros(1, dtype=int)
    lengths = np.diff(np.append(steps, num_steps + steps[0]))
    gates = [
        Gate(int(step), int(length), float(max(strength[step], FOLLOWED_FROM)), 0)
        for step, length in zip(steps, lengths, strict=True)
    ]
    return Line(num_steps, tuple(gates))


def contoured(line: Line, rng: np.random.Generator) -> Line:
    """A melody over two rounds of a line: degrees by an arpeggio or a walk, each note up to the next."""
    shifted = tuple(replace(gate, step=gate.step + line.num_steps) for gate in line.gates)
    gates = line.gates + shifted
    count = np.arange(len(gates))
    degrees = {
        "up": count % 4,
        "down": 3 - count % 4,
        "up and down": np.abs(count % 6 - 3),
        "walk": np.clip(2 + np.cumsum(rng.integers(-2, 3, len(gates))), 0, 7),
    }[str(rng.choice(["up", "down", "up and down", "walk"]))]
    ends = [gate.step for gate in gates[1:]] + [2 * line.num_steps]
    return Line(
        2 * line.num_steps,
        tuple(
            replace(gate, num_steps=min(end - gate.step, LONGEST_LEAD_STEPS), degree=int(degree))
            for gate, end, degree in zip(gates, ends, degrees, strict=True)
        ),
    )


VELOCITIES = {"X": 1.0, "x": 0.75, "o": 0.4}
CRASH_PROBABILITY = 0.6
SHAKER_PROBABILITY = 0.3  # of a shaker in a style that has none
FILL_VOICES = ("snare", "high_tom", "mid_tom", "low_tom")
# Streams of random numbers, one for each use, so that none depends on how many the others drew.
_DRUMS, _CHORDS, _BASS, _LEAD = range(4)


@dataclass(frozen=True)
class Hit:
    """One stroke of a drum."""

    seconds: float
    voice: str
    velocity: float


@dataclass(frozen=True)
class Strike:
    """One stroke of chords, bass or melody: from when to when, how hard, and which note of the chord."""

    start_seconds: float
    end_seconds: float
    velocity: float
    degree: int


@dataclass(frozen=True)
class Rhythm:
    """A rhythm without pitch; `make_rhythm` draws one.

    All its events are a function of its fields: a longer duration only appends to a shorter one's events.
    """

    style: str
    tempo_bpm: float
    beats_per_bar: int
    steps_per_beat: int
    swing: float
    swung_steps: int
    first_beat_seconds: float
    humanise_seconds: float
    ghosts: float
    phrase_bars: int
    legato: float  # share of its length for which a strike sounds
    drums: DrumLoops
    chords: Line
    bass: Line
    lead: Line
    seed: int

    @property
    def steps_per_bar(self) -> int:
        """Steps of one bar."""
        return self.beats_per_bar * self.steps_per_beat

    @property
    def bar_seconds(self) -> float:
        """Length of one bar."""
        return self.beats_per_bar * 60.0 / self.tempo_bpm

    def seconds_of(self, step: float) -> float:
        """The time of a step counted from the first beat, swing included and jitter not."""
        half, swing = self.swung_steps, self.swing
        pair, within = divmod(step, 2 * half)
        # The first half of a pair is stretched by the swing, the second is squeezed.
        swung = within * (1 + swing) if within <= half else half * (1 + swing) + (within - half) * (1 - swing)
        return self.first_beat_seconds + (pair * 2 * half + swung) * self.bar_seconds / self.steps_per_bar

    def hits(self, duration_seconds: float) -> list[Hit]:
        """The drums' hits before `duration_seconds`, in order of time."""
        hits: list[Hit] = []
        for bar in range(self._num_bars(duration_seconds)):
            hits += self._bar_of_hits(bar)
        return sorted((h for h in hits if h.seconds < duration_seconds), key=lambda h: (h.seconds, h.voice))

    def chord_strikes(self, duration_seconds: float) -> list[Strike]:
        """Times before `duration_seconds` when chords are struck."""
        return self._strikes(self.chords, _CHORDS, duration_seconds)

    def bass_strikes(self, duration_seconds: float) -> list[Strike]:
        """Times before `duration_seconds` when the bass is struck; degrees as `Chord.bass_note` has them."""
        return self._strikes(self.bass, _BASS, duration_seconds)

    def lead_strikes(self, duration_seconds: float) -> list[Strike]:
        """Times before `duration_seconds` when the melody is struck; degrees as `Chord.ladder_note` has them."""
        return self._strikes(self.lead, _LEAD, duration_seconds)

    def _num_bars(self, duration_seconds: float) -> int:
        return int(np.ceil(duration_seconds / self.bar_seconds)) + 1

    def _strikes(self, line: Line, stream: int, duration_seconds: float) -> list[Strike]:
        strikes = []
        num_loops = int(np.ceil(self._num_bars(duration_seconds) * self.steps_per_bar / line.num_steps))
        for loop in range(num_loops):
            rng = np.random.default_rng([self.seed, stream, loop])
            for gate in line.gates:
                step = loop * line.num_steps + gate.step
                jitter = self._jitter(rng)
                start = self.seconds_of(step) + jitter
                length = self.legato * (self.seconds_of(step + gate.num_steps) - self.seconds_of(step))
                velocity = float(np.clip(gate.velocity * (1 + 0.07 * rng.standard_normal()), 0.1, 1.0))
                strikes.append(Strike(start, start + length, velocity, gate.degree))
        return [strike for strike in strikes if strike.start_seconds < duration_seconds]

    def _jitter(self, rng: np.random.Generator) -> float:
        return float(self.humanise_seconds * np.clip(rng.standard_normal(), -2, 2))

    def _bar_of_hits(self, bar: int) -> list[Hit]:
        """One bar: its place in the loop, ghost notes, a fill at a phrase's end, a crash after one."""
        rng = np.random.default_rng([self.seed, _DRUMS, bar])
        velocities = {
            voice: np.resize(np.roll(loop, -bar * self.steps_per_bar), self.steps_per_bar).copy()
            for voice, loop in self.drums
        }
        if not velocities:
            return []
        self._vary(velocities, rng)
        if bar % self.phrase_bars == self.phrase_bars - 1:
            self._fill(velocities, rng)
        if bar and bar % self.phrase_bars == 0 and rng.random() < CRASH_PROBABILITY:
            velocities["crash"] = np.eye(1, self.steps_per_bar)[0]
        return [
            Hit(
                self.seconds_of(bar * self.steps_per_bar + int(step)) + self._jitter(rng),
                voice,
                float(np.clip(line[step] * (1 + 0.08 * rng.standard_normal()), 0.08, 1.0)),
            )
            for voice, line in sorted(velocities.items())
            for step in np.flatnonzero(line)
        ]

    def _vary(self, velocities: dict[str, np.ndarray], rng: np.random.Generator) -> None:
        """Varies a bar as drummers do: soft snares in between, now and then a hat or a kick left out."""
        snare = velocities.get("snare")
        if snare is not None:
            ghosts = rng.uniform(0.12, 0.28, len(snare))
            snare[:] = np.where((snare == 0) & (rng.random(len(snare)) < self.ghosts), ghosts, snare)
        for voice, line in velocities.items():
            weak = np.arange(len(line)) % self.steps_per_beat != 0
            left_out = 0.06 if voice in ("hat", "shaker", "kick") else 0.0
            line[weak & (rng.random(len(line)) < left_out)] = 0.0

    def _fill(self, velocities: dict[str, np.ndarray], rng: np.random.Generator) -> None:
        """A roll from snare down the toms over the bar's last beat or two."""
        num_steps = self.steps_per_beat * int(rng.integers(1, 3))
        first = max(0, self.steps_per_bar - num_steps)
        for voice, line in velocities.items():
            if voice != "kick":
                line[first:] = 0.0
        for step in range(first, self.steps_per_bar):
            if rng.random() < 0.75:
                drum = FILL_VOICES[(step - first) * len(FILL_VOICES) // (self.steps_per_bar - first)]
                line = velocities.setdefault(drum, np.zeros(self.steps_per_bar))
                line[step] = rng.uniform(0.55, 1.0)


def make_rhythm(rng: np.random.Generator, *, with_drums: bool, own_patterns: Collection[str]) -> Rhythm:
    """Draws a rhythm.

    Args:
        rng: source of every choice.
        with_drums: from the drum styles; else from the slow ones for chords alone.
        own_patterns: which of the parts "chords", "bass" and "lead" have a pattern of their own. The others follow
            the drums (without drums: the chords), so that such a part adds no rhythm to what is heard already.
    """
    styles = DRUM_STYLES if with_drums else CHORD_STYLES
    name = str(rng.choice(sorted(styles)))
    style = styles[name]
    drums = _drum_loops(style, rng)
    lines = {
        "chords": parse_line(_one_of(style.chords, rng), CHORD_DEGREES),
        "bass": parse_line(_one_of(style.bass, rng), BASS_DEGREES),
        "lead": parse_line(_one_of(style.lead, rng), LEAD_DEGREES),
    }
    for part in lines:
        if part not in own_patterns:
            lines[part] = following(drums, part) if drums else lines["chords"]
    return Rhythm(
        style=name,
        tempo_bpm=round(float(rng.uniform(*style.tempo_bpm)), 2),
        beats_per_bar=style.beats_per_bar,
        steps_per_beat=style.steps_per_beat,
        swing=float(rng.uniform(*style.swing)),
        swung_steps=style.swung_steps,
        first_beat_seconds=float(rng.uniform(0.05, 0.35)),
        humanise_seconds=float(rng.uniform(0.0, 0.005)),
        ghosts=style.ghosts,
        phrase_bars=int(rng.choice([4, 4, 8])),
        legato=float(rng.uniform(0.7, 0.98)),
        drums=drums,
        chords=lines["chords"],
        bass=lines["bass"],
        lead=contoured(lines["lead"], rng),
        seed=int(rng.integers(2**31)),
    )


def _one_of(patterns: tuple[str, ...], rng: np.random.Generator) -> str:
    return patterns[int(rng.integers(len(patterns)))]


def _drum_loops(style: Style, rng: np.random.Generator) -> DrumLoops:
    """Two bars of each voice: one of its patterns, the second time with `?` decided again and at times another."""
    voices = dict(style.drums)
    if voices and "shaker" not in voices and rng.random() < SHAKER_PROBABILITY:
        num_steps = style.beats_per_bar * style.steps_per_beat
        voices["shaker"] = (("xo" * num_steps)[:num_steps], ("oox" * num_steps)[:num_steps])
    loops = []
    for voice, patterns in sorted(voices.items()):
        first = _one_of(patterns, rng)
        second = _one_of(patterns, rng) if rng.random() < 0.4 else first
        loops.append((voice, tuple(_velocity(letter, rng) for letter in first + second)))
    return tuple(loops)


def _velocity(letter: str, rng: np.random.Generator) -> float:
    if letter == "?":
        return VELOCITIES["x"] if rng.random() < 0.5 else 0.0
    return VELOCITIES.get(letter, 0.0)
