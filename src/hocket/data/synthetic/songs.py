"""Songs: a rhythm, a harmony and instruments that belong together; and the true fusion of two of them."""

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

from hocket.data.synthetic.drums import Kit, make_kit
from hocket.data.synthetic.harmony import Harmony, make_harmony
from hocket.data.synthetic.instruments import BASSES, LEADS, QUICK_CHORDS, SLOW_CHORDS, make_timbre
from hocket.data.synthetic.rhythms import Rhythm, make_rhythm
from hocket.data.synthetic.tone import Timbre
from hocket.errors import DataError

Kind = Literal["drums", "chords", "band"]
KINDS: tuple[Kind, ...] = get_args(Kind)
# Parts that may be missing, by kind: (probability of a bass, of a melody).
BASS_AND_LEAD = {"drums": (0.0, 0.0), "chords": (0.6, 0.5), "band": (0.9, 0.35)}
FUSED_DRUMS_DB = -1.0  # the most that a fusion's drums have, so that the target is heard over them
FOLLOWING_BANDS = 0.35  # share of the bands whose chords are struck with the drums


@dataclass(frozen=True)
class Room:
    """Room of a song: the time in which its tail falls by 60 dB, the tail's level in each part, the floor."""

    decay_seconds: float
    drums_amount: float
    chords_amount: float
    noise_db: float  # steady noise floor against the music
    seed: int


@dataclass(frozen=True)
class Song:
    """Parts of a song; those that are None are silent. `kind` is drums, chords or band."""

    index: int
    kind: Kind
    rhythm: Rhythm
    harmony: Harmony | None
    kit: Kit | None
    chords: Timbre | None
    bass: Timbre | None
    lead: Timbre | None
    room: Room
    drums_db: float  # the drums' level against the rest
    drive: float  # saturation of the sum

    @property
    def instruments(self) -> dict[str, str | list[str] | None]:
        """The names of what plays, by part."""
        names: dict[str, str | list[str] | None] = {"drums": None}
        if self.kit is not None:
            names["drums"] = [voice for voice, loop in self.rhythm.drums if any(loop)]
        for part, timbre in (("chords", self.chords), ("bass", self.bass), ("lead", self.lead)):
            names[part] = timbre.family if timbre else None
        return names


def make_song(seed: int | np.random.SeedSequence, index: int, kind: Kind | None = None) -> Song:
    """Song `index` of a seed: a pure function of its arguments.

    Args:
        seed: the corpus's seed.
        index: number of the song, from 0.
        kind: drums (a loop without chords), chords (without drums) or band; by default they take turns.
    """
    root = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)
    own = np.random.SeedSequence(root.entropy, spawn_key=(*root.spawn_key, index))
    rhythm_rng, harmony_rng, timbre_rng, mix_rng = (np.random.default_rng(s) for s in own.spawn(4))
    kind = KINDS[index % len(KINDS)] if kind is None else kind
    kit = make_kit(timbre_rng)
    chords, bass, lead = _draw_timbres(kind, timbre_rng)
    played = {part for part, timbre in (("chords", chords), ("bass", bass), ("lead", lead)) if timbre}
    if kind == "band" and rhythm_rng.random() < FOLLOWING_BANDS:
        played.remove("chords")
    rhythm = make_rhythm(rhythm_rng, with_drums=kind != "chords", own_patterns=played)
    harmony = None
    if kind != "drums":
        start = rhythm.first_beat_seconds
        harmony = make_harmony(harmony_rng, start_seconds=start, bar_seconds=rhythm.bar_seconds)
    return Song(
        index=index,
        kind=kind,
        rhythm=rhythm,
        harmony=harmony,
        kit=None if kind == "chords" else kit,
        chords=chords,
        bass=bass,
        lead=lead,
        room=_draw_room(mix_rng),
        drums_db=float(mix_rng.uniform(-3.0, 1.5)),
        drive=float(mix_rng.uniform(0.06, 0.22)),
    )


def true_fusion(input_song: Song, target_song: Song) -> Song:
    """The song that fuses two: the input's rhythm and drums, the target's harmony and instruments.

    Nothing of the input's harmony is left. The target's chords, bass and melody are struck when the input's
    rhythm strikes them, each with the chord and voicing that the target has at that time on the clock, by the
    target's own instruments with a short envelope, so that their articulation is the input's. Where target and
    fusion play the same note at the same time their waveforms agree, because oscillators run on the clock.

    Raises:
        DataError: the target has no chords.
    """
    if target_song.harmony is None or target_song.chords is None:
        raise DataError(f"song {target_song.index} has no chords: choose a target of kind chords or band.")
    return replace(
        input_song,
        kind="band" if input_song.kit else "chords",
        harmony=target_song.harmony,
        chords=target_song.chords.struck(),
        bass=target_song.bass and target_song.bass.struck(),
        lead=target_song.lead and target_song.lead.struck(),
        drums_db=min(input_song.drums_db, FUSED_DRUMS_DB),
    )


def _draw_timbres(kind: Kind, rng: np.random.Generator) -> tuple[Timbre | None, Timbre | None, Timbre | None]:
    """The instruments of the chords, the bass and the melody; None where there is no such part."""
    families = (SLOW_CHORDS if kind == "chords" else QUICK_CHORDS, BASSES, LEADS)
    probabilities = (0.0 if kind == "drums" else 1.0, *BASS_AND_LEAD[kind])
    timbres: list[Timbre | None] = []
    for names, probability in zip(families, probabilities, strict=True):
        timbre = make_timbre(rng, str(rng.choice(names)))
        timbres.append(timbre if rng.random() < probability else None)
    return timbres[0], timbres[1], timbres[2]


def _draw_room(rng: np.random.Generator) -> Room:
    return Room(
        decay_seconds=float(rng.uniform(0.35, 1.6)),
        drums_amount=float(rng.uniform(0.06, 0.3)),
        chords_amount=float(rng.uniform(0.08, 0.35)),
        noise_db=float(rng.uniform(-58.0, -44.0)),
        seed=int(rng.integers(2**31)),
    )
