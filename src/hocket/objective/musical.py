"""What the music should be: the input's rhythm, the target's harmony, the target's chords in the input's rhythm.

Every term is 0 when its wish is met and grows with the distance. The leak terms are hinges: an output may resemble the
wrong source as much as the two sources resemble each other, and no more.
"""

import torch.nn.functional as F
from torch import Tensor

from hocket.signal.harmony import chroma_similarity
from hocket.signal.scene import Scene
from hocket.signal.similarity import pearson


def rhythm(scene: Scene) -> Tensor:
    """One minus the onset-strength correlation with the input: `[b]`, in [0, 2]."""
    return 1.0 - pearson(output=scene.output.onsets, reference=scene.input.onsets)


def rhythm_leak(scene: Scene) -> Tensor:
    """Onset-strength correlation with the target beyond what the input has with it: `[b]`, in [0, 1]."""
    own = pearson(output=scene.input.onsets, reference=scene.target.onsets)
    return F.relu(pearson(output=scene.output.onsets, reference=scene.target.onsets) - own.clamp_min(0.0))


def harmony(scene: Scene) -> Tensor:
    """One minus the chroma cosine with the target: `[b]`, in [0, 2]."""
    return 1.0 - _chroma(scene, scene.output.chroma, scene.target.chroma)


def harmony_leak(scene: Scene) -> Tensor:
    """Chroma cosine with the input beyond what the target has with it: `[b]`, in [0, 2]."""
    own = _chroma(scene, scene.target.chroma, scene.input.chroma)
    return F.relu(_chroma(scene, scene.output.chroma, scene.input.chroma) - own)


def articulation(scene: Scene) -> Tensor:
    """Whether the target's share of the output moves with the input and not by itself: `[b]`, in [0, 3].

    Onset strength of the share: one minus its correlation with the input's, plus its correlation with the target's own
    beyond what the input has with that.
    """
    assert scene.target_share is not None
    share = scene.target_share.onsets
    own = pearson(output=scene.input.onsets, reference=scene.target.onsets)
    leak = F.relu(pearson(output=share, reference=scene.target.onsets) - own.clamp_min(0.0))
    return 1.0 - pearson(output=share, reference=scene.input.onsets) + leak


def _chroma(scene: Scene, output: Tensor, reference: Tensor) -> Tensor:
    return chroma_similarity(output=output, reference=reference, sample_rate=scene.sample_rate)
