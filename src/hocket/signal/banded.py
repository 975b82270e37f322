"""Products with matrices that are nearly empty: filterbanks and bands, in which a bin belongs to one or two rows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

NUM_BLOCKS = 8
"""Into how many parts a product is cut: more save arithmetic, fewer save calls (measured with 32 and 128 rows)."""


@dataclass(frozen=True)
class Block:
    """The dense part `values` of a matrix at some of its rows and columns."""

    rows: slice
    columns: slice
    values: Tensor


class Banded:
    """A matrix `[n, d]` whose rows are short runs of numbers, wandering to the right from row to row.

    `pool` and `expand` give what dense products give, from the blocks alone that hold something. Both have a gradient
    with respect to their argument; the matrix is fixed.
    """

    def __init__(self, matrix: Tensor, num_blocks: int = NUM_BLOCKS) -> None:
        num_rows, num_columns = matrix.shape
        self._pooling = _Way(_row_blocks(matrix, num_blocks), num_rows)
        # In memory as they are multiplied by.
        blocks = _row_blocks(matrix.T, num_blocks)
        blocks = [replace(block, values=block.values.T.contiguous().T) for block in blocks]
        self._expanding = _Way(blocks, num_columns)

    def pool(self, bins: Tensor) -> Tensor:
        """`[..., d]` to `[..., n]`: what each row makes of the bins."""
        pooled: Tensor = _Product.apply(bins, self._pooling, self._expanding)
        return pooled

    def expand(self, rows: Tensor) -> Tensor:
        """`[..., n]` to `[..., d]`: each bin's mix of the rows it belongs to."""
        expanded: Tensor = _Product.apply(rows, self._expanding, self._pooling)
        return expanded


@dataclass(frozen=True)
class _Way:
    """The blocks of a matrix with `num_rows` rows, by whose transpose rows of numbers are multiplied."""

    blocks: list[Block]
    num_rows: int

    def of(self, values: Tensor) -> Tensor:
        """`[..., columns]` to `[..., num_rows]`."""
        flat = _as_rows(values)
        product = flat.new_empty(len(flat), self.num_rows)
        for block in self.blocks:
            torch.mm(flat[:, block.columns], block.values.to(flat.dtype).T, out=product[:, block.rows])
        return product.view(*values.shape[:-1], -1)


class _Product(torch.autograd.Function):
    """One way, whose gradient is the other."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, way: _Way, back: _Way) -> Tensor:
        ctx.way, ctx.back = way, back
        return way.of(values)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return _Product.apply(gradients[0], ctx.back, ctx.way), None, None


def _as_rows(values: Tensor) -> Tensor:
    """`[..., k]` as `[rows, k]` in at least single precision."""
    if values.dtype in (torch.float16, torch.bfloat16):
        values = values.float()
    return values.reshape(-1, values.shape[-1])


def _row_blocks(matrix: Tensor, num_blocks: int) -> list[Block]:
    """Runs of rows that cover the matrix, each with the columns in which any of them holds something."""
    occupied = [row.nonzero().flatten().tolist() for row in matrix]
    return [
        Block(rows, columns, matrix[rows, columns].contiguous())
        for rows in _runs(occupied, min(num_blocks, len(occupied)))
        for columns in [_span(occupied[rows])]
    ]


def _runs(occupied: Sequence[Sequence[int]], count: int) -> list[slice]:
    """Rows cut into about as many runs, equally long."""
    edges = [round(index * len(occupied) / count) for index in range(count + 1)]
    return [slice(first, last) for first, last in pairwise(edges)]


def _span(occupied: Sequence[Sequence[int]]) -> slice:
    """The columns from the first to the last one that is occupied; the first one where none is."""
    columns = [column for row in occupied for column in row] or [0]
    return slice(min(columns), max(columns) + 1)
