"""Positions, reach and hearing of the layers along time, and the bands in which the agent thinks."""

import pytest
import torch

from hocket.model import layers
from hocket.model.agent import band_matrix
from hocket.model.layers import CrossAttention, FrameAnalyser, rotate


def states(num_frames: int, *, dim: int = 16, seed: int = 0) -> torch.Tensor:
    return torch.randn(1, num_frames, dim, generator=torch.Generator().manual_seed(seed))


def make_attention(seed: int = 0, stride: int = 1) -> CrossAttention:
    torch.manual_seed(seed)
    return CrossAttention(16, num_heads=2, expansion=2, stride=stride).eval().requires_grad_(False)


@pytest.mark.parametrize("num_frames", [1, 3, 4, 41])
def test_a_source_that_stands_still_is_heard_the_same_at_any_stride(num_frames: int) -> None:
    still = states(1, seed=2).expand(-1, num_frames, -1)
    x = states(num_frames, seed=1)
    torch.testing.assert_close(make_attention(stride=4)(x, still), make_attention()(x, still))


def test_the_middle_of_so_many_frames_is_where_they_are_heard() -> None:
    x = states(12)[:, None]
    torch.testing.assert_close(
        rotate(x[:, :, :4], stride=3), rotate(x[:, :, :4].repeat_interleave(3, 2))[:, :, 1::3]
    )


def test_rotation_keeps_lengths_and_the_first_frame() -> None:
    x = torch.randn(2, 3, 50, 8, generator=torch.Generator().manual_seed(1))
    turned = rotate(x)
    torch.testing.assert_close(turned.norm(dim=-1), x.norm(dim=-1))
    assert torch.equal(turned[:, :, 0], x[:, :, 0])
    assert float((turned - x)[:, :, 1:].abs().amax(dim=(0, 1, 3)).min()) > 0.01


def test_only_distances_in_time_count() -> None:
    query, key = torch.randn(2, 8, generator=torch.Generator().manual_seed(2))
    turned = [rotate(vector.expand(1, 1, 200, 8))[0, 0] for vector in (query, key)]
    for distance in (0, 1, 7, 60):
        scores = torch.stack([turned[0][frame] @ turned[1][frame + distance] for frame in (0, 10, 139)])
        torch.testing.assert_close(scores, scores[:1].expand(3), atol=1e-4, rtol=1e-4)
    assert abs(float(turned[0][0] @ turned[1][0] - turned[0][0] @ turned[1][5])) > 1e-3


@pytest.mark.parametrize("stride", [1, 4])
def test_attention_is_the_same_wherever_the_excerpt_begins(
    monkeypatch: pytest.MonkeyPatch, stride: int
) -> None:
    attend, x, other = make_attention(stride=stride), states(40, seed=1), states(40, seed=2)
    expected = attend(x, other)
    offset = 500

    def rotate_later(part: torch.Tensor, *, stride: int = 1) -> torch.Tensor:
        front = part.new_zeros(*part.shape[:-2], offset // stride, part.shape[-1])
        return rotate(torch.cat([front, part], dim=-2), stride=stride)[..., offset // stride :, :]

    monkeypatch.setattr(layers, "rotate", rotate_later)
    torch.testing.assert_close(attend(x, other), expected, atol=1e-4, rtol=1e-4)


def test_attention_knows_when_the_other_plays() -> None:
    attend, x, other = make_attention(), states(40, seed=1), states(40, seed=2)
    heard, mixed_up = attend(x, other), attend(x, other.flip(1))
    # Without positions the order of keys and values could not matter.
    assert float((heard - mixed_up).abs().max()) > 1e-3
    assert float((heard - attend(x, states(40, seed=3))).abs().max()) > 1e-3


def test_attention_works_on_other_lengths_and_per_example() -> None:
    attend = make_attention()
    x, other = (
        torch.cat([states(30, seed=1), states(30, seed=2)]),
        torch.cat([states(45, seed=3), states(45, seed=4)]),
    )
    together = attend(x, other)
    assert together.shape == x.shape
    torch.testing.assert_close(together[:1], attend(x[:1], other[:1]), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(("num_blocks", "reach_frames"), [(1, 4), (2, 13), (3, 40)])
def test_the_analyser_reaches_as_far_as_it_says(num_blocks: int, reach_frames: int) -> None:
    torch.manual_seed(0)
    analyser = FrameAnalyser(6, 8, num_blocks, expansion=2).eval().requires_grad_(False)
    features = torch.randn(1, 121, 6, generator=torch.Generator().manual_seed(1))
    changed = features.clone()
    changed[:, 60] += 1.0
    moved = (analyser(features) - analyser(changed)).abs().amax(dim=(0, 2)).gt(1e-7).nonzero().flatten()
    assert (int(moved.min()), int(moved.max())) == (60 - reach_frames, 60 + reach_frames)


def test_the_analyser_hears_the_same_a_little_later() -> None:
    torch.manual_seed(0)
    analyser = FrameAnalyser(6, 8, 2, expansion=2).eval().requires_grad_(False)
    features = torch.randn(1, 100, 6, generator=torch.Generator().manual_seed(1))
    before, after = analyser(features), analyser(features.roll(10, dims=1))
    torch.testing.assert_close(after[:, 30:80], before[:, 20:70], atol=1e-5, rtol=1e-4)


def test_bands_share_every_bin_without_loss() -> None:
    centres = torch.tensor([0.0, 1.5, 4.0, 10.0, 20.0])
    matrix = band_matrix(centres, torch.arange(21.0))
    torch.testing.assert_close(matrix.sum(dim=0), torch.ones(21))
    assert float(matrix.min()) >= 0.0
    # A triangle: all of a bin at a centre, half of one in the middle between two.
    assert matrix[3].argmax() == 10 and float(matrix[3, 10]) == 1.0
    assert matrix[2, 7] == matrix[3, 7] == 0.5
    # So values given at the centres are interpolated linearly.
    torch.testing.assert_close(centres @ matrix, torch.arange(21.0))
