"""The swap test: change only one source, and only what that source is responsible for may change.

A conditioning source that is silently ignored passes every figure that looks at one output alone: the rhythm margin of
a model that always plays the same rhythm is high whenever that rhythm is the input's.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from hocket.signal.harmony import chroma_similarity
from hocket.signal.scene import Scene
from hocket.signal.similarity import pearson


@dataclass(frozen=True)
class SwapFigures:
    """Changes after a swap of one source, each in [-2, 2] or [-1, 1], higher is better.

    Args:
        rhythm_follows: with another input, onset correlation with the new input less that with the old one.
        harmony_stays: with another input, chroma similarity of both outputs.
        harmony_follows: with another target, chroma similarity with the new target less that with the old one.
        rhythm_stays: with another target, onset correlation of both outputs.
    """

    rhythm_follows: float
    harmony_stays: float
    harmony_follows: float
    rhythm_stays: float

    @property
    def passed(self) -> bool:
        """True if each source is heard: what should follow does so clearly, and what should stay mostly stays."""
        return (
            min(self.rhythm_follows, self.harmony_follows) > 0.3
            and min(self.rhythm_stays, self.harmony_stays) > 0.5
        )


def next_example(waveforms: Tensor) -> Tensor:
    """Each example's successor in the batch `[b, ...]`; the last one's is the first."""
    return waveforms.roll(-1, dims=0)


def judge_swap(plain: Scene, swapped: Scene) -> SwapFigures:
    """Figures from a batch and the same batch with each example's input taken from its successor.

    `swapped` has the inputs `next_example(plain.input)` and the targets of `plain`, in that order, of at least two
    examples. It answers both questions: against the same place of `plain` only the input differs, and against the next
    place only the target.

    Raises:
        ValueError: there is one example only, or the batches differ in size.
    """
    if len(plain.output.waveform) < 2 or len(plain.output.waveform) != len(swapped.output.waveform):
        raise ValueError("a swap needs two batches of the same two examples or more")
    return SwapFigures(
        rhythm_follows=_mean(_rhythm(swapped.output.onsets, swapped.input.onsets))
        - _mean(_rhythm(swapped.output.onsets, plain.input.onsets)),
        harmony_stays=_mean(_harmony(plain, swapped.output.chroma, plain.output.chroma)),
        harmony_follows=_mean(_harmony(plain, swapped.output.chroma, plain.target.chroma))
        - _mean(_harmony(plain, swapped.output.chroma, next_example(plain.target.chroma))),
        rhythm_stays=_mean(_rhythm(swapped.output.onsets, next_example(plain.output.onsets))),
    )


def _rhythm(output: Tensor, reference: Tensor) -> Tensor:
    return pearson(output=output, reference=reference)


def _harmony(scene: Scene, output: Tensor, reference: Tensor) -> Tensor:
    return chroma_similarity(output=output, reference=reference, sample_rate=scene.sample_rate)


def _mean(values: Tensor) -> float:
    return float(torch.mean(values))
