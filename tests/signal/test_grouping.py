"""Bins taken together: without gaps, never wider than asked, and back."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from hocket.signal.grouping import Grouping


@given(share=st.sampled_from([0.0, 1 / 128, 1 / 64, 1 / 50, 1 / 16, 0.25]), num_bins=st.integers(1, 3000))
def test_groups_cover_all_bins_and_none_is_wider_than_its_share(share: float, num_bins: int) -> None:
    grouping = Grouping.finer_than(share, num_bins)
    assert grouping.num_bins == num_bins == int(grouping.sizes.sum())
    first = 0
    for segment in grouping.segments:
        assert segment.first == first and segment.count >= 1
        assert segment.width == 1 or segment.width <= share * segment.first
        first = segment.last


def test_a_larger_share_makes_fewer_places() -> None:
    counts = [len(Grouping.finer_than(share, 1025).sizes) for share in (0.0, 1 / 128, 1 / 64, 1 / 32)]
    assert counts == [1025, 513, 321, 193]


def test_means_and_spread_against_a_matrix() -> None:
    grouping = Grouping.finer_than(1 / 8, 101)
    owner = torch.repeat_interleave(torch.arange(len(grouping.sizes)), grouping.sizes.long())
    matrix = (owner == torch.arange(len(grouping.sizes))[:, None]).double()
    values = torch.rand(2, 3, 101, dtype=torch.float64)
    expected = values @ (matrix / matrix.sum(dim=1, keepdim=True)).T
    torch.testing.assert_close(grouping.means(values), expected)
    groups = torch.rand(2, 3, len(grouping.sizes), dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(grouping.spread(groups), groups @ matrix)
    assert torch.autograd.gradcheck(grouping.spread, groups)
    torch.testing.assert_close(
        grouping.centres.double(), matrix @ torch.arange(101.0).double() / matrix.sum(dim=1)
    )
