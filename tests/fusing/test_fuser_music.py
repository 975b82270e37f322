"""The weights that come with the program on real recordings, of which training has seen none."""

from pathlib import Path

import numpy as np
import pytest
import torch

from hocket.audio import Audio, load
from hocket.data.pairs import read_pairs
from hocket.diagnostics import judge_swap, next_example
from hocket.diagnostics.listening import diagnose_heard, listen
from hocket.fusing import FuseOptions, Fuser
from hocket.signal import match_rms
from hocket.signal.scene import Scene, Voice

pytestmark = pytest.mark.music


@pytest.fixture(scope="module")
def fuser() -> Fuser:
    torch.set_num_threads(1)
    return Fuser.from_checkpoint()


def test_no_pair_loses_a_source_and_the_means_are_a_fusions(fuser: Fuser, music: Path) -> None:
    rows, masks = [], []
    for pair in read_pairs(music / "pairs.csv"):
        fused = fuser.fuse_files(pair.input, pair.target, options=FuseOptions(length="shortest"))
        figures = diagnose_heard(listen(fused.audio, fused.input, fused.target))
        assert not str(figures.verdict).startswith("copying"), pair.name
        assert figures.rhythm_margin > 0.6 and figures.harmony_margin > 0.3, pair.name
        rows.append(
            (
                figures.rhythm_margin,
                figures.harmony_margin,
                figures.articulation_margin,
                figures.output_input_correlation,
                figures.output_target_correlation,
            )
        )
        masks.append(fused.mask_figures)
    rhythm, harmony, articulation, to_input, to_target = np.mean(rows, axis=0)
    assert rhythm > 0.9 and harmony > 0.8 and articulation > 0.45
    assert 0.42 < to_input < 0.58 and 0.42 < to_target < 0.58
    means = {name: np.mean([row[name] for row in masks]) for name in masks[0]}
    assert means["input_mask_mean"] == pytest.approx(0.5, abs=0.03)
    assert means["target_mask_mean"] == pytest.approx(0.5, abs=0.03)
    assert means["complementarity"] >= 0.9


def test_each_source_is_heard_when_the_other_stays(fuser: Fuser, music: Path) -> None:
    pairs = read_pairs(music / "pairs.csv")
    rate = fuser.model.sample_rate

    def together(role: str) -> torch.Tensor:
        sources = [
            load(getattr(pair, role), sample_rate=rate, mono=True, duration_seconds=8.0) for pair in pairs
        ]
        return match_rms(torch.from_numpy(np.stack([source.samples for source in sources])))

    inputs, targets = together("input"), together("target")

    def scene(input: torch.Tensor) -> Scene:
        with torch.inference_mode():
            outputs = torch.cat(
                [fuser.model(i[None], t[None]).output for i, t in zip(input, targets, strict=True)]
            )
        return Scene(*(Voice(x[:, 0], rate) for x in (outputs, input, targets)))

    figures = judge_swap(scene(inputs), scene(next_example(inputs)))
    print(figures)
    assert figures.passed and figures.rhythm_follows > 0.8 and figures.harmony_follows > 0.6, figures
    assert figures.rhythm_stays > 0.75 and figures.harmony_stays > 0.6, figures


def test_stereo_comes_out_as_it_went_in(fuser: Fuser, music: Path) -> None:
    folder = music / "stereo"
    if not (folder / "pairs.csv").is_file():
        pytest.skip(f"no stereo pairs in {folder}")
    for pair in read_pairs(folder / "pairs.csv"):
        input: Audio = load(pair.input)
        fused = fuser.fuse_files(pair.input, pair.target)
        assert fused.audio.sample_rate == input.sample_rate
        assert fused.audio.samples.shape == input.samples.shape
