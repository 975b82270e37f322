"""The terms that judge one example: the musical goal, masks and waveforms. Each is `[b]`, and 0 where its goal is met.

The leak terms are hinges: an output may resemble the wrong source as much as the two sources resemble each other, and
no more.
"""

import torch.nn.functional as F
from torch import Tensor

from hocket.model.masks import Masks
from hocket.signal.harmony import HOP, chroma_similarity
from hocket.signal.scene import Scene
from hocket.signal.similarity import pearson
from hocket.signal.spectrum import power, stft, window_length

CORRELATION_TOLERANCE = 0.01
FLAT_OVERLAP = 0.25
RESOLUTIONS = (512, 1024, 2048)
TEMPORAL_DEVIATION = 0.2
NOTE_SECONDS = 0.5


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


def missing_notes(scene: Scene) -> Tensor:
    """The share of the target's notes that the output lacks: `[b]`, in [0, 1]. See `_note_excess`."""
    return _note_excess(scene, scene.target.salience, scene.output.salience)


def foreign_notes(scene: Scene) -> Tensor:
    """The share of the output's notes that the target does not have: `[b]`, in [0, 1]. See `_note_excess`."""
    return _note_excess(scene, scene.output.salience, scene.target.salience)


def _note_excess(scene: Scene, notes: Tensor, others: Tensor) -> Tensor:
    """By how much notes stand out more than the others do, as a share of them: `[b]`.

    Of saliences `[b, frames, 84]`, each note's largest in half a second: struck at another time it is still there.
    """
    length = round(NOTE_SECONDS * scene.sample_rate / window_length(HOP, scene.sample_rate))
    pooled, other = (F.max_pool1d(part.transpose(1, 2), length, ceil_mode=True) for part in (notes, others))
    return F.relu(pooled - other).sum(dim=(1, 2)) / pooled.sum(dim=(1, 2)).clamp_min(1.0)


def articulation(scene: Scene) -> Tensor:
    """Penalty for a target's share that moves by itself rather than with the input: `[b]`, in [0, 3].

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


def balance(masks: Masks) -> Tensor:
    """Distance of both mask means from 0.50, summed: `[b]`, 0 when balanced, 1 when one source has it all."""
    input_mean, target_mean = masks.means
    return (input_mean - 0.5).abs() + (target_mean - 0.5).abs()


def complementarity(masks: Masks, *, limit: float) -> Tensor:
    """Overlap beyond the limit, in units of what flat masks have: `[b]`, 0 from a complementarity of 1 - limit on.

    A hinge, because harder masks than that buy nothing but musical noise (docs/log.md).
    """
    return F.relu(masks.overlap - limit) / FLAT_OVERLAP


def coverage(masks: Masks) -> Tensor:
    """Mean squared distance of the masks' sum from 1: `[b]`, 0 when every place is used exactly once."""
    return (masks.input + masks.target - 1.0).square().mean(dim=(1, 2))


def temporal_diversity(masks: Masks) -> Tensor:
    """Shortfall of the masks' deviation over time below 0.2: `[b]`, in [0, 0.2], 0.2 for masks that stand still."""
    shortfalls = [
        (TEMPORAL_DEVIATION - (mask.var(dim=2, correction=0) + 1e-8).sqrt().mean(dim=1)).clamp_min(0.0)
        for mask in (masks.input, masks.target)
    ]
    return (shortfalls[0] + shortfalls[1]) / 2


def output_balance(scene: Scene, *, aim: float = 0.5, target_aim: float = 0.0) -> Tensor:
    """Distance of the waveform correlations from their aims, beyond 0.01: `[b]`, in [0, 4]; 0 if both are there.

    `aim` is that of the correlation with the input; `target_aim` that with the target, 0 for the same.
    """
    output = scene.output.waveform
    excesses = [
        F.relu((pearson(output=output, reference=source.waveform) - wanted).abs() - CORRELATION_TOLERANCE)
        for source, wanted in ((scene.input, aim), (scene.target, target_aim or aim))
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


def reconstruction(*, output: Tensor, reference: Tensor) -> Tensor:
    """Spectral convergence plus mean log-magnitude distance over three resolutions: `[b, samples]` twice to `[b]`.

    0 for equal signals, about 2 for unrelated ones (Yamamoto, Song and Kim 2020).
    """
    distances = [_distance(output, reference, fft_size) for fft_size in RESOLUTIONS]
    return sum(distances[1:], distances[0]) / len(RESOLUTIONS)


def _distance(output: Tensor, reference: Tensor, fft_size: int) -> Tensor:
    ours, theirs = (
        (power(stft(waveform, fft_size=fft_size, hop=fft_size // 4)) + 1e-7).sqrt()
        for waveform in (output, reference)
    )
    convergence = (ours - theirs).square().sum(dim=(1, 2)).add(1e-12).sqrt() / theirs.square().sum(
        dim=(1, 2)
    ).sqrt()
    return convergence + (ours.log() - theirs.log()).abs().mean(dim=(1, 2))
