"""Expected alignments of many pairs, pruned and sparse: what a consensus is built from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import scipy  # whose parts are imported when first used
import torch
from numpy.typing import NDArray
from torch import Tensor

from syncline.alignment.centring import centred_similarity
from syncline.alignment.pin_masks import Pins, allowed_cells, pin_similarity, pins_of
from syncline.alignment.soft_smith_waterman import expected_alignment

PRUNED = 0.01
"""Probabilities below this are dropped: they are most of the cells and little of the mass."""
_CELLS = 1 << 18  # of the matrices that are aligned in one call; more leave holes in memory and are no faster

Matrix = Any  # a scipy.sparse.csr_array, which has no types
Job = tuple[int, Sequence[int]]
"""A sequence, and those that it is aligned with."""


@dataclass(frozen=True)
class PairWork:
    """Aligns sequences by their numbers; it has all that this takes, so that it can be sent to another process."""

    rows: Sequence[Tensor]
    prices: Mapping[str, Any]
    pruned: float
    pins: Pins
    within_clips: bool

    def __call__(self, job: Job) -> list[Matrix]:
        """P_ij of a sequence i with each other one j, pruned and with pins: sparse (n_i, n_j) float32, in order."""
        i, others = job
        lengths = [len(rows) for rows in self.rows]
        found: dict[int, Matrix] = {}
        for batch in _batches(sorted(others, key=lambda j: lengths[j]), lengths[i], lengths):  # little padding
            for j, matrix in zip(batch, self._expected(i, batch), strict=True):
                found[j] = with_pins(matrix, pins_of(self.pins, i, j))
        return [found[j] for j in others]

    def _expected(self, i: int, batch: Sequence[int]) -> Iterator[Matrix]:
        """The pruned expected alignments of i with some others."""
        lengths = [len(self.rows[j]) for j in batch]
        stack = torch.zeros(len(batch), len(self.rows[i]), max(lengths))
        for slot, j in enumerate(batch):
            similarity = centred_similarity(self.rows[i], self.rows[j], within_clips=self.within_clips)
            pairs = pins_of(self.pins, i, j)
            if pairs is not None:
                similarity = pin_similarity(similarity, pairs, **self.prices)
            stack[slot, :, : lengths[slot]] = similarity
        found = expected_alignment(stack, lengths_y=torch.tensor(lengths), **self.prices).numpy()
        for slot, length in enumerate(lengths):
            yield _sparse(found[slot, :, :length], self.pruned)


class Mapper(Protocol):
    """Does jobs and gives their results in order: `map`, or `tasks.align_on_ray.map_on_ray` on a cluster."""

    def __call__(self, work: PairWork, jobs: Iterable[Job], /) -> Iterable[list[Matrix]]: ...


def with_pins(matrix: Matrix, pairs: NDArray[np.int64] | None) -> Matrix:
    """The matrix with 0 where a pin forbids a match and 1 at the pins; unchanged without pins."""
    if pairs is None:
        return matrix
    dense = matrix.toarray()
    dense[~allowed_cells(dense.shape[0], dense.shape[1], pairs)] = 0.0
    dense[pairs[:, 0], pairs[:, 1]] = 1.0
    return scipy.sparse.csr_array(dense)


def _batches(missing: Sequence[int], rows: int, lengths: Sequence[int]) -> Iterator[list[int]]:
    """Runs of sequences, ascending in length, whose padded matrices with `rows` frames have few cells together."""
    batch: list[int] = []
    for j in missing:
        if batch and (len(batch) + 1) * rows * lengths[j] > _CELLS:
            yield batch
            batch = []
        batch.append(j)
    if batch:
        yield batch


def side_by_side(matrices: dict[int, Matrix]) -> dict[int, Matrix]:
    """The same matrices as views of a few long arrays: thousands of short ones would leave holes in memory."""
    if not matrices:
        return {}
    values = np.concatenate([matrix.data for matrix in matrices.values()])
    columns = np.concatenate([matrix.indices for matrix in matrices.values()])
    edges = np.cumsum([0, *(matrix.nnz for matrix in matrices.values())])
    found = {}
    for (j, matrix), first, end in zip(matrices.items(), edges[:-1], edges[1:], strict=True):
        found[j] = scipy.sparse.csr_array((values[first:end], columns[first:end], matrix.indptr), shape=matrix.shape)
    return found


def _sparse(dense: NDArray[np.float32], pruned: float) -> Matrix:
    """The entries of at least `pruned`: sparse, of the same shape."""
    kept = dense >= pruned
    starts = np.concatenate([[0], np.cumsum(np.count_nonzero(kept, axis=1))]).astype(np.int32)
    columns = np.flatnonzero(kept) % dense.shape[1]
    return scipy.sparse.csr_array((dense[kept], columns.astype(np.int32), starts), shape=dense.shape)
