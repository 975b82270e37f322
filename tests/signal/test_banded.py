"""Products with nearly empty matrices equal the dense ones."""

import pytest
import torch

from hocket.signal.filterbanks import BandedLinear, mel_filterbank


def banks() -> list[torch.Tensor]:
    empty_row = torch.zeros(5, 12)
    empty_row[0, :4], empty_row[1, 3:6], empty_row[3, 5:9], empty_row[4, 8:] = 1.0, 2.0, 3.0, 4.0
    return [mel_filterbank(128, 2048, 24_000), mel_filterbank(32, 512, 44_100), empty_row, torch.eye(3)]


@pytest.mark.parametrize("bank", banks(), ids=["mel 128", "mel 32", "with an empty row", "tiny"])
@pytest.mark.parametrize("num_blocks", [1, 3, 8, 500])
def test_pooling_and_expanding_are_the_dense_products(bank: torch.Tensor, num_blocks: int) -> None:
    banded = BandedLinear(bank, num_blocks)
    generator = torch.Generator().manual_seed(1)
    bins = torch.rand(2, 7, bank.shape[1], generator=generator)
    rows = torch.rand(2, 7, bank.shape[0], generator=generator)
    torch.testing.assert_close(banded.pool(bins), bins @ bank.T)
    torch.testing.assert_close(banded.expand(rows), rows @ bank)
    torch.testing.assert_close(banded.pool(bins[0, 0]), bank @ bins[0, 0])


def test_each_is_the_gradient_of_the_other() -> None:
    bank = banks()[2].double()
    banded = BandedLinear(bank, 2)
    bins = torch.rand(3, 12, dtype=torch.float64, requires_grad=True)
    rows = torch.rand(3, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(banded.pool, bins)
    assert torch.autograd.gradcheck(banded.expand, rows)
    assert torch.autograd.gradgradcheck(banded.pool, bins)


def test_a_view_that_is_not_contiguous_is_read_as_it_looks() -> None:
    bank = banks()[0]
    bins = torch.rand(2, bank.shape[1], 7).transpose(1, 2)
    torch.testing.assert_close(BandedLinear(bank).pool(bins), bins @ bank.T)
