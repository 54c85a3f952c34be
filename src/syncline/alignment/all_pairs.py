"""A number for every two sequences of a list, or of two lists; lengths may differ."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

Matrices = Callable[[Tensor, Tensor], Tensor]
"""(b, n, d), (b, m, d) -> (b, n, m)."""
CELLS = 4_000_000
"""At most so many cells are in memory at a time, unless one pair has more."""


def table(
    values: Callable[[Tensor, Tensor, Tensor], Tensor],
    x: Sequence[Tensor],
    y: Sequence[Tensor] | None,
    matrices: Matrices,
) -> Tensor:
    """(len(x), len(y)): ``values`` of padded matrices and their lengths. Without y all of x, each pair once.

    Raises:
        TypeError: a tensor in place of a list, or what is no tensor in one.
        ValueError: no sequences, or widths that differ.
    """
    others = x if y is None else y
    _check(x, others)
    pairs = list(itertools.product(range(len(x)), range(len(others))))
    if y is None:
        pairs = [(i, j) for i, j in pairs if i <= j]
    parts = []
    for part in _parts(pairs, x, others):
        a, b = ([sequences[pair[k]] for pair in part] for k, sequences in ((0, x), (1, others)))
        lx, ly = (torch.tensor([len(one) for one in side]) for side in (a, b))
        matrix = matrices(pad_sequence(a, batch_first=True), pad_sequence(b, batch_first=True))
        parts.append(values(matrix, lx.to(matrix.device), ly.to(matrix.device)))
    found = torch.cat(parts)
    if y is not None:
        return found.reshape(len(x), len(others))
    number = {pair: k for k, pair in enumerate(pairs)}
    order = [number[min(i, j), max(i, j)] for i in range(len(x)) for j in range(len(x))]
    return found[torch.tensor(order, device=found.device)].reshape(len(x), len(x))


def _parts(pairs: list[tuple[int, int]], x: Sequence[Tensor], y: Sequence[Tensor]) -> Iterator[list[tuple[int, int]]]:
    """Pairs in batches whose padded matrices are not too large."""
    part: list[tuple[int, int]] = []
    n = m = 0
    for i, j in pairs:
        wider, longer = max(n, len(x[i])), max(m, len(y[j]))
        if part and (len(part) + 1) * wider * longer > CELLS:
            yield part
            part, wider, longer = [], len(x[i]), len(y[j])
        part.append((i, j))
        n, m = wider, longer
    yield part


def check_listed(name: str, sequences: object) -> None:
    """Raises TypeError unless they are a list or tuple of tensors."""
    if isinstance(sequences, Tensor):
        instead = f"[{name}]" if sequences.dim() == 2 else f"list({name})"
        raise TypeError(
            f"{name} must be a list of sequences (n, d), got a tensor of shape {tuple(sequences.shape)}; give {instead}"
        )
    if not isinstance(sequences, Sequence) or isinstance(sequences, str):
        raise TypeError(f"{name} must be a list of tensors (n, d), got {type(sequences).__name__}")
    other = next((k for k, one in enumerate(sequences) if not isinstance(one, Tensor)), None)
    if other is not None:
        raise TypeError(f"{name}[{other}] must be a tensor (n, d), got {type(sequences[other]).__name__}")


def _check(x: Sequence[Tensor], y: Sequence[Tensor]) -> None:
    for name, sequences in (("x", x), ("y", y)):
        check_listed(name, sequences)
        if not sequences:
            raise ValueError(f"{name} has no sequences")
        for k, one in enumerate(sequences):
            if one.dim() != 2 or one.shape[1] != x[0].shape[1]:
                raise ValueError(
                    f"sequences must be (n, d) of one width d, got {tuple(one.shape)} for {name}[{k}] and "
                    f"{tuple(x[0].shape)} for x[0]"
                )
