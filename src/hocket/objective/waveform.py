"""How much of each source is in the output, judged from waveforms: what balanced masks were meant to achieve."""

import torch.nn.functional as F
from torch import Tensor

from hocket.signal.scene import Scene
from hocket.signal.similarity import pearson

TOLERANCE = 0.01


def output_balance(scene: Scene, *, aim: float = 0.5) -> Tensor:
    """How far both waveform correlations are from the aim, beyond 0.01: `[b]`, in [0, 4]; 0 where both are there."""
    output = scene.output.waveform
    excesses = [
        F.relu((pearson(output=output, reference=source.waveform) - aim).abs() - TOLERANCE)
        for source in (scene.input, scene.target)
    ]
    return excesses[0] + excesses[1]


def novelty(scene: Scene, *, limit: float) -> Tensor:
    """Similarity to either source beyond the limit: `[b]`, 0 for an output that is like neither.

    The cosine of the output's latent with a source's; for an orthogonal codec that is the waveforms' cosine, which is
    what is computed.
    """
    output = scene.output.waveform
    similarities = [
        F.cosine_similarity(output, source.waveform, dim=-1) for source in (scene.input, scene.target)
    ]
    return F.relu(similarities[0] - limit) + F.relu(similarities[1] - limit)
