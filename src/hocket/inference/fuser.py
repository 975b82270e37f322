"""A trained model that fuses recordings."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hocket import audio
from hocket.audio import Audio
from hocket.model import FusionModel, FusionResult
from hocket.model.waveforms import Sources, fuse_in_chunks
from hocket.model.weights import find_checkpoint, load_model

MINIMUM_SECONDS = 1.0


@dataclass(frozen=True, eq=False)
class FusedFile:
    """A fusion: the output with the sources as the model met them, and what its masks did.

    All three recordings share the model's rate, the channels and the length. `masks` are the input's and the
    target's of a fusion that needed one chunk only, else None.
    """

    audio: Audio
    input: Audio
    target: Audio
    mask_figures: dict[str, float]
    masks: tuple[np.ndarray, np.ndarray] | None


class Fuser:
    """Loads weights once and fuses as many pairs as asked."""

    def __init__(self, model: FusionModel, *, checkpoint: Path, metadata: dict[str, Any]) -> None:
        self.model, self.checkpoint, self.metadata = model.eval(), checkpoint, metadata

    @classmethod
    def from_checkpoint(cls, path: str | Path, *, device: str = "cpu") -> "Fuser":
        """The fuser of a checkpoint file or run folder.

        Raises:
            CheckpointError: there is none, or it is damaged.
        """
        found = find_checkpoint(Path(path))
        model, metadata = load_model(found)
        return cls(model.to(device), checkpoint=found, metadata=metadata)

    def fuse_files(
        self,
        input_path: str | Path,
        target_path: str | Path,
        *,
        on_progress: Callable[[float], None] | None = None,
    ) -> FusedFile:
        """Fuses two recordings of any rate, channels and length; the longer is cut to the shorter.

        Raises:
            AudioError: one of them cannot be read, is silent, or shorter than 1 s; the sentence names it.
        """
        sources = [self._read(Path(path)) for path in (input_path, target_path)]
        num_samples = min(source.num_samples for source in sources)
        for source, path in zip(sources, (input_path, target_path), strict=True):
            part = Audio(source.samples[:, :num_samples], source.sample_rate)
            audio.require_sound(part, path, minimum_seconds=MINIMUM_SECONDS)
        return self.fuse(*sources, on_progress=on_progress)

    @torch.inference_mode()
    def fuse(
        self, input: Audio, target: Audio, *, on_progress: Callable[[float], None] | None = None
    ) -> FusedFile:
        """Fuses two recordings that are at the model's rate already."""
        model = self.model
        sources = Sources.prepare(
            input.samples, target.samples, sample_rate=model.sample_rate, device=model.device
        )
        watch = _MaskWatch(on_progress)
        output = fuse_in_chunks(model, sources.input, sources.target, on_chunk=watch)
        restored = np.asarray(sources.restore(output), dtype=np.float32)
        return FusedFile(
            audio=Audio(restored, model.sample_rate),
            input=Audio(sources.input[0].cpu().numpy(), model.sample_rate),
            target=Audio(sources.target[0].cpu().numpy(), model.sample_rate),
            mask_figures=watch.figures(),
            masks=watch.masks,
        )

    def _read(self, path: Path) -> Audio:
        recording = audio.load(path, sample_rate=self.model.sample_rate)
        if recording.num_channels <= 2:
            return recording
        # More than stereo has no agreed order of channels; what both ears hear is the mean.
        return recording.mono()


class _MaskWatch:
    """Averages what the masks do over chunks, and keeps them when there is one chunk only."""

    def __init__(self, on_progress: Callable[[float], None] | None) -> None:
        self._on_progress = on_progress
        self._rows: list[dict[str, float]] = []
        self.masks: tuple[np.ndarray, np.ndarray] | None = None

    def __call__(self, result: FusionResult, share_done: float) -> None:
        masks = result.masks
        self._rows.append(
            {
                "input_mask_mean": float(masks.means[0].mean()),
                "target_mask_mean": float(masks.means[1].mean()),
                "complementarity": float(masks.complementarity.mean()),
                "mask_variance": float(masks.variance.mean()),
            }
        )
        single = share_done == 1.0 and len(self._rows) == 1
        self.masks = (masks.input[0].cpu().numpy(), masks.target[0].cpu().numpy()) if single else None
        if self._on_progress:
            self._on_progress(share_done)

    def figures(self) -> dict[str, float]:
        return {name: sum(row[name] for row in self._rows) / len(self._rows) for name in self._rows[0]}
