"""Transposition of the target: by how many semitones, and why."""

from hocket.audio import Audio
from hocket.audio.streams import Recording
from hocket.fusing.music import key_of
from hocket.fusing.stretching import require_stretching
from hocket.keys import key_name, parse_key
from hocket.signal.key import Key


def transposition(target: Audio | Recording, input: Audio | Recording, *, wanted: str) -> tuple[int, str]:
    """Semitones (-5 to 6) that bring the target into a key with the wanted one's notes, and a sentence that says so.

    `wanted` is `none`, `match` for the input's key, or a key's name. The sentence is empty for `none`; where a key is
    not clear, the target keeps its pitch.

    Raises:
        HocketError: the stretching library is not installed.
    """
    if wanted == "none":
        return 0, ""
    require_stretching()
    keys = {"input": key_of(input)} if wanted == "match" else {}
    keys["target"] = key_of(target)
    for role, key in keys.items():
        if key is None or not key.is_clear:
            reason = f"the {role} has no clear key (drum loops, for example, have none)"
            return 0, f"the target keeps its pitch, because {reason}."
    own = keys["target"]
    goal = keys.get("input") or Key(*parse_key(wanted), confidence=1.0)
    assert own is not None
    return _moved(own, goal, "the input's key" if wanted == "match" else "the key that you asked for")


def _moved(own: Key, goal: Key, whose: str) -> tuple[int, str]:
    semitones = 6 - (6 - (goal.major - own.major)) % 12
    shares = "" if own.mode == goal.mode else f", which has the same notes as {goal.name}"
    if semitones == 0:
        return 0, f"the target keeps its pitch, because it is already in {whose}: {own.name}{shares}."
    new = key_name(own.tonic + semitones, own.mode)
    way = f"{'up' if semitones > 0 else 'down'} {abs(semitones)} semitone{'s' * (abs(semitones) > 1)}"
    return semitones, f"the target was moved {way}, from {own.name} to {new}{shares}."
