"""Comparison of an exported graph with PyTorch, on random and musical inputs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hocket.data.synthetic.render import render_song
from hocket.data.synthetic.songs import KINDS, Song, make_song
from hocket.errors import HocketError
from hocket.export.graph import INPUTS
from hocket.model.band_powers import BandPowers
from hocket.model.fusion import FusionModel
from hocket.onnx_runtime import onnxruntime
from hocket.signal.grouping import Grouping, Segment
from hocket.signal.loudness import match_rms

TOLERANCE = 1e-4
RANDOM_FRAMES = (1, 13, 211)
"""As few as there can be, fewer than the local means reach, and a prime number of them."""
MUSIC_SECONDS = (("drums", "chords", 5.003), ("drums", "band", 24.0))
"""Kinds of input and target, and a length: of no whole number of frames, and of the longest chunk."""
RENDERED_SECONDS = 6.0


@dataclass(frozen=True)
class Comparison:
    """The largest differences between ONNX and PyTorch in each kind of output."""

    name: str
    num_frames: int
    masks: float
    levels: float
    tone: float

    @property
    def is_equal(self) -> bool:
        """True if all of them are within the tolerance; a NaN is not."""
        return all(difference <= TOLERANCE for difference in (self.masks, self.levels, self.tone))


def session_of(payload: bytes, *, num_threads: int | None = None) -> onnxruntime.InferenceSession:
    """A graph ready to run on the CPU, by default with as many threads as PyTorch has."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = num_threads or torch.get_num_threads()
    # Warnings of devices that nobody asked for.
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(payload, options, providers=["CPUExecutionProvider"])


def compare(model: FusionModel, payload: bytes) -> list[Comparison]:
    """Runs an exported graph beside the model, on random planes and on rendered music."""
    session = session_of(payload)
    return [
        compare_planes(model, session, name, planes)
        for samples in (random_planes(model), musical_planes(model))
        for name, planes in samples
    ]


def compare_planes(
    model: FusionModel, session: onnxruntime.InferenceSession, name: str, planes: Sequence[Tensor]
) -> Comparison:
    """Compares what both make of planes `[b, t, d]`."""
    grouping = model.codec.grouping
    with torch.inference_mode():
        input, target, shared = (grouping.means(plane) for plane in planes)
        stage = model.cascade(BandPowers(input, target, shared, grouping))[-1]
    masks = (mask.transpose(1, 2) for mask in (stage.masks.input, stage.masks.target))
    expected = [result.numpy() for result in (*masks, stage.levels, stage.tone)]
    given = session.run(None, {name: plane.numpy() for name, plane in zip(INPUTS, planes, strict=True)})
    of_input, of_target, levels, tone = (
        float(np.abs(one - other).max()) for one, other in zip(expected, given, strict=True)
    )
    return Comparison(name, planes[0].shape[1], float(np.maximum(of_input, of_target)), levels, tone)


def require_equal(comparisons: Sequence[Comparison], output: Path) -> None:
    """Raises HocketError, naming the first that differs, unless all are equal within the tolerance."""
    for found in comparisons:
        if not found.is_equal:
            raise HocketError(
                f"{output} was not written, because onnxruntime {onnxruntime.__version__} and torch "
                f"{torch.__version__} disagree on {found.name} (masks by {found.masks:.1e}, levels by "
                f"{found.levels:.1e}, tone by {found.tone:.1e}, where {TOLERANCE:.0e} is allowed): try other "
                "versions of them."
            )


def random_planes(model: FusionModel) -> Iterator[tuple[str, list[Tensor]]]:
    """Powers over some 100 dB without any order, two examples at a time, and what they may share."""
    generator = torch.Generator().manual_seed(0)
    for num_frames in RANDOM_FRAMES:
        shape = (2, num_frames, model.codec.dim)
        powers = [torch.exp(5.0 * torch.randn(shape, generator=generator)) for _ in range(2)]
        shared = (2.0 * torch.rand(shape, generator=generator) - 1.0) * (powers[0] * powers[1]).sqrt()
        yield f"random planes, {num_frames} frame{'s' * (num_frames > 1)}", [*powers, shared]


def musical_planes(model: FusionModel) -> Iterator[tuple[str, list[Tensor]]]:
    """Two rendered songs at a time, equally loud."""
    songs = {str(kind): make_song(6, index, kind) for index, kind in enumerate(KINDS)}
    for input_kind, target_kind, seconds in MUSIC_SECONDS:
        latents = [_latent(model, songs[kind], seconds) for kind in (input_kind, target_kind)]
        # Each bin by itself: taking bins together is the graph's own work.
        bins = BandPowers.of(latents[0], latents[1], Grouping((Segment(0, 1, model.codec.dim),)))
        yield f"{input_kind} and {target_kind}, {seconds:g} s", [bins.input, bins.target, bins.cross]


@torch.inference_mode()
def _latent(model: FusionModel, song: Song, seconds: float) -> Tensor:
    rendered = render_song(song, duration_seconds=RENDERED_SECONDS, sample_rate=model.sample_rate)
    # Rendering takes longer than all the rest: what is longer plays it again.
    waveform = torch.from_numpy(np.resize(rendered, round(seconds * model.sample_rate)))
    latent: Tensor = model.codec.encode(match_rms(waveform[None, None])[0])
    return latent[:, None]
