"""Products with matrices that are nearly empty: filterbanks and bands, in which a bin belongs to one or two rows."""

from collections.abc import Sequence
from dataclasses import dataclass
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
        self.shape = (matrix.shape[0], matrix.shape[1])
        self._pooling = _row_blocks(matrix, num_blocks)
        self._expanding = [
            Block(block.columns, block.rows, block.values.T.contiguous())
            for block in _row_blocks(matrix.T, num_blocks)
        ]

    def pool(self, bins: Tensor) -> Tensor:
        """`[..., d]` to `[..., n]`: what each row makes of the bins."""
        pooled: Tensor = _Pool.apply(bins, self)
        return pooled

    def expand(self, rows: Tensor) -> Tensor:
        """`[..., n]` to `[..., d]`: each bin's mix of the rows it belongs to."""
        expanded: Tensor = _Expand.apply(rows, self)
        return expanded

    def _pool(self, bins: Tensor) -> Tensor:
        flat = _as_rows(bins)
        pooled = flat.new_empty(len(flat), self.shape[0])
        for block in self._pooling:
            values = block.values.to(flat.dtype)
            torch.mm(flat[:, block.columns], values.T, out=pooled[:, block.rows])
        return pooled.view(*bins.shape[:-1], -1)

    def _expand(self, rows: Tensor) -> Tensor:
        flat = _as_rows(rows)
        expanded = flat.new_empty(len(flat), self.shape[1])
        for block in self._expanding:
            values = block.values.to(flat.dtype)
            torch.mm(flat[:, block.rows], values, out=expanded[:, block.columns])
        return expanded.view(*rows.shape[:-1], -1)


class _Pool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, bins: Tensor, matrix: Banded) -> Tensor:
        ctx.matrix = matrix
        return matrix._pool(bins)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return _Expand.apply(gradients[0], ctx.matrix), None


class _Expand(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, matrix: Banded) -> Tensor:
        ctx.matrix = matrix
        return matrix._expand(rows)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return _Pool.apply(gradients[0], ctx.matrix), None


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
