"""Moving averages, against the obvious sums."""

import pytest
import torch

from hocket.signal.grouping import local_mean


def obvious(values: torch.Tensor, length: int) -> torch.Tensor:
    reach, size = length // 2, values.shape[-1]
    return torch.stack(
        [values[..., max(0, at - reach) : min(size, at + reach + 1)].mean(dim=-1) for at in range(size)],
        dim=-1,
    )


@pytest.mark.parametrize("length", [1, 3, 5, 7, 13, 17, 31])
@pytest.mark.parametrize("size", [1, 2, 8, 40])
def test_it_averages_what_is_there(length: int, size: int) -> None:
    values = torch.rand(2, 3, size, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    expected = obvious(values, length)
    torch.testing.assert_close(local_mean(values, length, -1), expected)
    across = local_mean(values.transpose(1, 2).contiguous(), length, -2)
    torch.testing.assert_close(across.transpose(1, 2), expected)


def test_a_window_longer_than_the_signal_averages_all_of_it() -> None:
    values = torch.rand(2, 3, 20, generator=torch.Generator().manual_seed(5))
    whole = values.mean(dim=-1, keepdim=True).expand_as(values)
    torch.testing.assert_close(local_mean(values, 101, -1), whole)


@pytest.mark.parametrize("dim", [-1, -2])
def test_its_gradient_is_its_transpose(dim: int) -> None:
    values = torch.rand(2, 9, 7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: local_mean(x, 5, dim), values)
