"""Lines: patterns of letters become gates, the strikes of chords, bass and melody in steps."""

from dataclasses import dataclass, replace

import numpy as np

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
