"""The pictures of one output beside its sources, all on one time axis."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hocket.pictures.kept import KeptMasks
from hocket.pictures.masks import LOWEST_HZ, colour_by_source, spectrogram
from hocket.pictures.traces import onsets_of
from hocket.report import lanes
from hocket.report.lanes import Lane

NUM_ROWS = 160


@dataclass(frozen=True)
class LaneGroup:
    """Lanes under one heading, with a sentence on how to read them."""

    title: str
    text: str
    lanes: tuple[Lane, ...]


def groups_of(voices: Mapping[str, np.ndarray], rate: int, masks: KeptMasks | None) -> list[LaneGroup]:
    """All pictures of input, output and target (mono, equally long) by role, and of the masks where there are some."""
    highest = max(float(np.abs(voice).max()) for voice in voices.values()) or 1.0
    rows_hz = np.geomspace(LOWEST_HZ, rate / 2, NUM_ROWS)
    return [
        LaneGroup(
            "Waveforms",
            "All at the same loudness: whose shape does the output have?",
            tuple(lanes.waveform_lane(role, voice, rate, highest=highest) for role, voice in voices.items()),
        ),
        _onsets(voices, rate),
        LaneGroup(
            "Chroma",
            "Whose notes does the output sound? The brighter, the further a note stands out.",
            tuple(lanes.chroma_lane(role, voice, rate) for role, voice in voices.items()),
        ),
        LaneGroup(
            "Spectrograms",
            "The brighter, the louder; 66 dB from black to full.",
            tuple(
                lanes.heat_lane(
                    role,
                    role,
                    f"spectrogram of the {role}",
                    lanes.in_role_colour(spectrogram(voice, rate, rows_hz), role),
                    rows_hz,
                    "spectrum",
                )
                for role, voice in voices.items()
            ),
        ),
        *([] if masks is None else _mask_groups(voices["output"], rate, masks, rows_hz)),
    ]


def _onsets(voices: Mapping[str, np.ndarray], rate: int) -> LaneGroup:
    seconds = len(voices["output"]) / rate
    found = {role: onsets_of(voice, rate) for role, voice in voices.items()}
    guides = [(role, lanes.attacks_of(*found[role])) for role in ("input", "target")]
    return LaneGroup(
        "Onset strength",
        "Whose attacks does the output follow? Ticks in its lane are attacks: the input's from above, the target's "
        "from below.",
        tuple(
            lanes.onset_lane(role, *curve, seconds=seconds, guides=guides if role == "output" else ())
            for role, curve in found.items()
        ),
    )


def _mask_groups(output: np.ndarray, rate: int, masks: KeptMasks, rows_hz: np.ndarray) -> list[LaneGroup]:
    """The output in the colours of its sources, and both masks."""
    colours = colour_by_source(
        input_mask=masks.input,
        target_mask=masks.target,
        output=output,
        sample_rate=rate,
        frame_rate=masks.frame_rate,
        bin_hz=masks.bin_hz,
        rows_hz=rows_hz,
    )
    # Of excerpts that are shown in part, the masks are too.
    num_frames = max(1, round(len(output) / rate * masks.frame_rate) + 1)
    means = {"input": float(masks.input.mean()), "target": float(masks.target.mean())}
    return [
        LaneGroup(
            "Which source each place of the output came from",
            "Blue is the input, orange the target, grey both or none; the brighter, the louder.",
            (
                lanes.heat_lane(
                    "output",
                    "output",
                    "spectrogram of the output, coloured by source",
                    colours,
                    rows_hz,
                    "sources",
                ),
            ),
        ),
        LaneGroup(
            "Masks",
            "The brighter, the more is let through; full from 1 on. "
            f"Means: input {means['input']:.2f}, target {means['target']:.2f}.",
            tuple(
                lanes.heat_lane(
                    role,
                    f"{role} mask",
                    f"mask of the {role}",
                    _mask_colours(mask[:, :num_frames], role, masks.bin_hz, rows_hz),
                    None if masks.bin_hz is None else rows_hz,
                    "mask",
                )
                for role, mask in (("input", masks.input), ("target", masks.target))
            ),
        ),
    ]


def _mask_colours(mask: np.ndarray, role: str, bin_hz: np.ndarray | None, rows_hz: np.ndarray) -> np.ndarray:
    """A mask in its source's colour; each row has the latent channel whose frequency is nearest."""
    if bin_hz is not None:
        mask = mask[np.searchsorted((bin_hz[1:] + bin_hz[:-1]) / 2, rows_hz)]
    return lanes.in_role_colour(mask, role)
