"""Does an output mix its sources, or copy one of them, or merely lay one over the other?"""

import math
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Literal

import torch
from torch import Tensor

from hocket.signal.harmony import chroma_similarity
from hocket.signal.scene import Scene
from hocket.signal.similarity import overlay_fit, pearson

COPYING_RATIO = 2.0
OVERLAY_R2 = 0.9
COPY_R2 = 0.7
UNRELATED = 0.1
RHYTHM_MARGIN = 0.5
HARMONY_MARGIN = 0.4
ARTICULATION_MARGIN = 0.3


class Verdict(StrEnum):
    """Verdict of the waveforms on an output."""

    COPYING_TARGET = "copying target"
    COPYING_INPUT = "copying input"
    OVERLAY = "overlay"
    MIXING = "mixing"
    UNRELATED = "unrelated"


COPYING = (Verdict.COPYING_INPUT, Verdict.COPYING_TARGET)


class Level(StrEnum):
    """The level of an output, from copy to fusion; `none` lacks the rhythm or the harmony asked for."""

    COPY = "copy"
    OVERLAY = "overlay"
    LAYERING = "layering"
    FUSION = "fusion"
    NONE = "none"


@dataclass(frozen=True)
class Figures:
    """The diagnosis of one output, or the mean over several."""

    output_input_correlation: float
    output_target_correlation: float
    overlay_r2: float
    rhythm_margin: float
    harmony_margin: float
    articulation_margin: float

    @property
    def verdict(self) -> Verdict:
        """The verdict that correlations and R² give."""
        return judge(
            output_input=self.output_input_correlation,
            output_target=self.output_target_correlation,
            overlay_r2=self.overlay_r2,
        )

    @property
    def ratio(self) -> float:
        """The larger correlation over the smaller."""
        return copying_ratio(
            output_input=self.output_input_correlation, output_target=self.output_target_correlation
        )

    @property
    def level(self) -> Level:
        """Copy, overlay, layering or fusion."""
        return level_of(
            verdict=self.verdict,
            overlay_r2=self.overlay_r2,
            rhythm=self.rhythm_margin,
            harmony=self.harmony_margin,
            articulation=self.articulation_margin,
        )

    @property
    def margins(self) -> dict[str, tuple[float, float]]:
        """Each margin by its name, and the least value that a fusion needs."""
        return {
            "rhythm": (self.rhythm_margin, RHYTHM_MARGIN),
            "harmony": (self.harmony_margin, HARMONY_MARGIN),
            "articulation": (self.articulation_margin, ARTICULATION_MARGIN),
        }

    @property
    def unmeasured(self) -> list[str]:
        """The margins that are not known, without which nobody can tell a fusion."""
        return [name for name, (margin, _) in self.margins.items() if math.isnan(margin)]

    @property
    def nearer_source(self) -> Literal["input", "target"]:
        """The source with the larger correlation, which a copying verdict names."""
        is_target = abs(self.output_target_correlation) > abs(self.output_input_correlation)
        return "target" if is_target else "input"

    @property
    def leans(self) -> bool:
        """True if the 2x rule raises its alarm at an output that R² does not find to be a plain copy."""
        return self.verdict in COPYING and self.level is not Level.COPY

    def as_dict(self) -> dict[str, float | str]:
        """All figures and what follows from them, ready for JSON."""
        return {**asdict(self), "ratio": self.ratio, "verdict": str(self.verdict), "rung": str(self.level)}


@dataclass(frozen=True)
class Diagnosis:
    """`Figures` for each example of a batch, tensors `[b]`."""

    output_input_correlation: Tensor
    output_target_correlation: Tensor
    overlay_r2: Tensor
    rhythm_margin: Tensor
    harmony_margin: Tensor
    articulation_margin: Tensor

    def mean(self) -> Figures:
        """Per example first, then averaged: a loud example does not decide."""
        return Figures(**{name: float(values.mean()) for name, values in vars(self).items()})

    @property
    def copying_share(self) -> float:
        """Share of examples that copy, in [0, 1]: a batch that copies both ways looks balanced on average."""
        rows = self.rows()
        return sum(row.verdict in COPYING for row in rows) / len(rows)

    def rows(self) -> list[Figures]:
        """One set of figures for each example."""
        columns = {name: values.tolist() for name, values in vars(self).items()}
        return [
            Figures(**dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)
        ]


@torch.no_grad()
def diagnose(scene: Scene) -> Diagnosis:
    """Correlations, R² and the three margins of every example.

    Articulation is that of the target's share where the scene has it (training), else of the output's harmonic part.
    """
    output, input, target = scene.output.waveform, scene.input.waveform, scene.target.waveform
    r2, _, _ = overlay_fit(output=output, input=input, target=target)
    return Diagnosis(
        output_input_correlation=pearson(output=output, reference=input),
        output_target_correlation=pearson(output=output, reference=target),
        overlay_r2=r2,
        rhythm_margin=_onset_margin(
            scene.output.onsets, wanted=scene.input.onsets, other=scene.target.onsets
        ),
        harmony_margin=_chroma(scene, scene.target.chroma) - _chroma(scene, scene.input.chroma),
        articulation_margin=_articulation(scene),
    )


def judge(*, output_input: float, output_target: float, overlay_r2: float) -> Verdict:
    """The verdict: copying first (a copy has R² 1 too), then overlay, then mixing.

    Magnitudes count, not signs: a copy with its polarity turned is a copy. Where both correlations are below 0.1 and
    a sum of the sources explains nothing, the output has nothing to do with them and no ratio means anything; so it
    is with an output that is not finite.
    """
    if not all(map(math.isfinite, (output_input, output_target, overlay_r2))):
        return Verdict.UNRELATED
    ours, theirs = abs(output_input), abs(output_target)
    if max(ours, theirs) < UNRELATED and overlay_r2 < UNRELATED:
        return Verdict.UNRELATED
    if theirs > COPYING_RATIO * ours:
        return Verdict.COPYING_TARGET
    if ours > COPYING_RATIO * theirs:
        return Verdict.COPYING_INPUT
    return Verdict.OVERLAY if overlay_r2 >= OVERLAY_R2 else Verdict.MIXING


def copying_ratio(*, output_input: float, output_target: float) -> float:
    """The larger correlation over the smaller by magnitude, at least 1, and at most 1000."""
    smaller, larger = sorted((abs(output_input), abs(output_target)))
    return min(max(larger / max(smaller, 1e-6), 1.0), 1000.0)


def level_of(
    *, verdict: Verdict, overlay_r2: float, rhythm: float, harmony: float, articulation: float
) -> Level:
    """The level that follows from a verdict, R² and the three margins.

    The copying rule compares two correlations, however small; a copy is also explained by its sources. What is
    one-sided but new (R² under 0.7) is left to the margins.
    """
    if verdict in COPYING and overlay_r2 >= COPY_R2:
        return Level.COPY
    if verdict is Verdict.OVERLAY:
        return Level.OVERLAY
    # Written this way so that a margin that is not a number is not met.
    if not (rhythm >= RHYTHM_MARGIN and harmony >= HARMONY_MARGIN) or math.isnan(articulation):
        return Level.NONE
    return Level.FUSION if articulation >= ARTICULATION_MARGIN else Level.LAYERING


def _onset_margin(onsets: Tensor, *, wanted: Tensor, other: Tensor) -> Tensor:
    return pearson(output=onsets, reference=wanted) - pearson(output=onsets, reference=other)


def _chroma(scene: Scene, reference: Tensor) -> Tensor:
    return chroma_similarity(output=scene.output.chroma, reference=reference, sample_rate=scene.sample_rate)


def _articulation(scene: Scene) -> Tensor:
    if scene.target_share is not None:
        return _onset_margin(scene.target_share.onsets, wanted=scene.input.onsets, other=scene.target.onsets)
    return _onset_margin(
        scene.output.harmonic_onsets, wanted=scene.input.onsets, other=scene.target.harmonic_onsets
    )
