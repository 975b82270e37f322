"""Judgement of `hocket.audio` on one file: sound as promised, one sentence that names it, or a fault."""

import contextlib
import re
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hocket import audio
from hocket.errors import AudioError

MAX_SECONDS = 1.0
"""Of processor time, for one call; the limit of 1 s of ECOSYSTEM's table is meant for a machine of one's own."""

MAX_MEGABYTES = 1_000.0
"""Of memory of the whole process, at any moment of a case."""


@dataclass
class Verdict:
    """`outcome` is `loaded`, a kind of refusal, or begins with `FAULT`."""

    outcome: str
    seconds: float
    megabytes: float


def judge(path: Path) -> Verdict:
    """Header, whole, excerpt, and resampled to mono; never raises. `seconds` is the slowest call's."""
    _forget_peak()
    outcome, slowest = "loaded", 0.0
    facts: audio.AudioInfo | None = None
    for name in ("info", "whole", "excerpt", "mono"):
        options = _options(name, facts)
        start = time.process_time()
        try:
            if name == "info":
                facts = audio.info(path)
                said = ""
            else:
                said = _check(audio.load(path, **options), facts, **options)
        except AudioError as error:
            said = _check_sentence(str(error), path) or _kind(str(error), path)
        except Exception:
            said = f"FAULT {name}: {traceback.format_exc(limit=-2)}"
        slowest = max(slowest, time.process_time() - start)
        if said and (outcome == "loaded" or said.startswith("FAULT")) and not outcome.startswith("FAULT"):
            outcome = said
    megabytes = _peak_megabytes()
    if slowest > MAX_SECONDS:
        outcome = f"FAULT slow: {slowest:.2f} s ({outcome})"
    if megabytes > MAX_MEGABYTES:
        outcome = f"FAULT large: {megabytes:.0f} MB ({outcome})"
    return Verdict(outcome, slowest, megabytes)


def _options(name: str, facts: audio.AudioInfo | None) -> dict[str, Any]:
    """Draws the arguments of a call of `load`; an excerpt begins within the recording."""
    seconds = facts.duration_seconds if facts else 1.0
    return {
        "excerpt": {"start_seconds": 0.3 * seconds, "duration_seconds": max(1e-3, 0.2 * seconds)},
        "mono": {"sample_rate": 24_000, "mono": True},
    }.get(name, {})


def _check(found: audio.Audio, facts: audio.AudioInfo | None, **options: float) -> str:
    """Says what is wrong with a recording that was loaded: nothing, as a rule."""
    if facts is None:
        return "FAULT loaded what has no header"
    rate_hz = int(options.get("sample_rate", facts.sample_rate))
    promised = round(facts.num_samples * rate_hz / facts.sample_rate)
    if "duration_seconds" in options:
        start = round(options["start_seconds"] * rate_hz)
        promised = min(max(1, round(options["duration_seconds"] * rate_hz)), promised - start)
    least = 1 if facts.format == "aac" or "duration_seconds" in options else 0.99 * promised - 1
    channels = 1 if options.get("mono") else facts.num_channels
    if (
        found.samples.dtype != np.float32
        or found.samples.shape[0] != channels
        or found.sample_rate != rate_hz
    ):
        return f"FAULT shape: {found.samples.dtype} {found.samples.shape} at {found.sample_rate} of {facts}"
    if not least <= found.num_samples <= promised:
        return f"FAULT length: {found.num_samples} of {promised}"
    return "" if np.isfinite(found.samples).all() else "FAULT not finite"


def _check_sentence(text: str, path: Path) -> str:
    """Exactly one sentence, and the file is in it."""
    if str(path) not in text:
        return f"FAULT a sentence without the name: {text}"
    bare = text.replace(str(path), "NAME", 1)
    one = bare.endswith(".") and "\n" not in bare and not re.search(r"\. |\.$", bare[:-1])
    return "" if one and ":" in bare else f"FAULT not a sentence with a cure: {text}"


_KINDS = {
    "an empty file": "is empty",
    "not a recording": "not a recording",
    "a coding or kind that is not read": "which cannot be read",
    "no sound": "contains no sound",
    "cut off or damaged": "cut off",
    "cannot be decoded": "cannot be decoded",
    "an impossible rate": "sample rate",
    "sizes that contradict each other": "contradict",
    "no channels": "0 channels",
    "longer than its format": "limit of WAV",
    "more samples than the limit": "over the limit",
    "decodes to too much": "would decode",
    "several recordings": "in different formats",
    "a second chunk of sound": "contains a second",
    "not finite": "not finite",
    "not scaled": "not scaled",
    "PyAV is missing": "pip install",
}


def _kind(text: str, path: Path) -> str:
    text = text.replace(str(path), "")
    return next((kind for kind, words in _KINDS.items() if words in text), "no ordinary file")


def _forget_peak() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak_megabytes() -> float:
    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
    return int(found[1]) / 1_000 if found else 0.0
