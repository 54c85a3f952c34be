"""The best local alignments of two sequences with affine gaps, with traceback (Smith and Waterman 1981; Gotoh 1982).

    D[i,j] = S[i,j] + max(0, D[i-1,j-1], X[i-1,j-1], Y[i-1,j-1])
    X[i,j] = max(D[i,j-1] - go, X[i,j-1] - ge)
    Y[i,j] = max(D[i-1,j] - go, X[i-1,j] - go, Y[i-1,j] - ge)

The limit gamma -> 0 of `soft_smith_waterman`, except that an alignment may be empty: score 0 where nothing is positive.
Only two bits a state are kept for the traceback, one byte a cell; scores live in two rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from syncline.alignment.allowed_cells import as_mask, check_band, restricted
from syncline.alignment.batch_threads import in_slices
from syncline.alignment.input_checks import Lengths, as_gap, as_lengths, as_matrix, check_values
from syncline.alignment.numba_compiled import compiled
from syncline.alignment.path import Path

Array = NDArray[Any]

_START, _D, _X, _Y = 0, 1, 2, 3  # states, and where one came from


@compiled
def _sweep(s: Array, go: Array, ge: Array, n: int, m: int, edge: Array, back: Array) -> tuple[float, int, int]:
    """Fills ``back`` (n, m) uint8 (bits 0-1: D's origin, 2: X's is X, 4-5: Y's) and returns (best score, its cell).

    ``edge`` (3, m + 1) float64: D, X and Y of the row above the first, with a border before column 0, -inf for none;
    afterwards, those of the last row.
    """
    oi, oj = int(go.shape[0] > 1), int(go.shape[1] > 1)
    ei, ej = int(ge.shape[0] > 1), int(ge.shape[1] > 1)
    d, x, y = np.full((2, m + 1), -np.inf), np.full((2, m + 1), -np.inf), np.full((2, m + 1), -np.inf)
    d[0], x[0], y[0] = edge[0], edge[1], edge[2]
    best, best_i, best_j = 0.0, -1, -1
    for i in range(n):
        a, h = i & 1, 1 - (i & 1)  # the row above, this row
        for j in range(m):
            o, e = go[i * oi, j * oj], ge[i * ei, j * ej]
            code, value = _START, 0.0
            if d[a, j] > value:
                code, value = _D, d[a, j]
            if x[a, j] > value:
                code, value = _X, x[a, j]
            if y[a, j] > value:
                code, value = _Y, y[a, j]
            value += s[i, j]
            opened, extended = d[h, j] - o, x[h, j] - e
            if extended > opened:
                code |= 4
                opened = extended
            d[h, j + 1], x[h, j + 1] = value, opened
            up, origin = d[a, j + 1] - o, _D
            if x[a, j + 1] - o > up:
                up, origin = x[a, j + 1] - o, _X
            if y[a, j + 1] - e > up:
                up, origin = y[a, j + 1] - e, _Y
            y[h, j + 1] = up
            back[i, j] = code | origin << 4
            if value > best:
                best, best_i, best_j = value, i, j
    last = n & 1
    edge[0], edge[1], edge[2] = d[last], x[last], y[last]
    return best, best_i, best_j


@compiled
def _trace(
    back: Array, top: int, i: int, j: int, state: int, cells: Array, match: Array, count: int
) -> tuple[int, int, int, int]:
    """Walks back from cell (i, j) in ``state`` as far as ``back`` reaches, whose first row is row ``top``.

    Writes cells and whether each is a match, last first, from place ``count`` on; returns how many there are now, and
    the cell and state from which to continue: ``_START`` at the alignment's first match.
    """
    while state != _START and i >= top:
        cells[count, 0], cells[count, 1], match[count] = i, j, state == _D
        count += 1
        code = int(0 | back[i - top, j])  # signed: numba would make a float64 of uint8, and numpy would wrap below 0
        if state == _D:
            state = code & 3
            i, j = i - 1, j - 1
        elif state == _X:
            state = _X if code & 4 else _D
            j -= 1
        else:
            state = code >> 4
            i -= 1
    return count, i, j, state


@compiled
def _pair(s: Array, gaps: tuple[Array, Array], n: int, m: int, found: tuple[Array, Array, Array, Array]) -> int:
    """The best alignments of one pair, best first; no cell of a row and column of one is used by another.

    ``found``: space for scores (segments,), numbers of cells (segments,), cells (k, 2), and which are matches (k,);
    returns how many were found.
    """
    go, ge = gaps
    scores, counts, cells, match = found
    segments, number = len(scores), 0
    back, edge = np.empty((n, m), dtype=np.uint8), np.empty((3, m + 1))
    used = 0
    while number < segments:
        edge[:] = -np.inf
        score, i, j = _sweep(s, go, ge, n, m, edge, back)
        if i < 0:
            break
        count = _trace(back, 0, i, j, 1, cells[used:], match[used:], 0)[0]
        scores[number], counts[number] = score, count
        number += 1
        if number < segments:
            # a frame that is matched is not matched again: its row and column are closed
            for k in range(used, used + count):
                if match[k]:
                    s[cells[k, 0], :m] = -np.inf
                    s[:n, cells[k, 1]] = -np.inf
        used += count
    return number


def smith_waterman(
    similarity: Tensor,
    *,
    gap_open: float | Tensor = 1.0,
    gap_extend: float | Tensor = 0.5,
    lengths_x: Lengths = None,
    lengths_y: Lengths = None,
    band: int | None = None,
    allowed: Tensor | None = None,
    segments: int = 1,
) -> list[Path]:
    """Best local alignment of each pair, or the ``segments`` best that share no frame.

    Args:
        similarity: (b, n, m); see `soft_smith_waterman`. Minus infinity forbids a match. Not differentiated.
        gap_open, gap_extend, lengths_x, lengths_y, band, allowed: as there.
        segments: how many alignments to look for in each pair; further ones never match a frame again.

    Returns:
        With ``segments=1`` one path a pair, in the order of the batch; an empty one with score 0 where nothing is
        positive. With more, the found paths of all pairs one pair after the other, best first; a pair with none gives
        one empty path.

    Raises:
        TypeError, ValueError: as `soft_smith_waterman`; ``segments`` below 1.

    Examples:
        >>> import torch
        >>> path = smith_waterman(2 * torch.eye(4)[None] - 1, gap_open=3.0)[0]
        >>> path.score, path.indices.tolist()
        (4.0, [[0, 0], [1, 1], [2, 2], [3, 3]])
    """
    if segments < 1:
        raise ValueError(f"segments must be at least 1, got {segments}")
    matrix = as_matrix(similarity, "similarity").detach()
    b, n, m = matrix.shape
    gaps = {"gap_open": as_gap(gap_open, "gap_open", matrix), "gap_extend": as_gap(gap_extend, "gap_extend", matrix)}
    gaps = {name: gap.detach().cpu() for name, gap in gaps.items()}
    matrix, mask = matrix.cpu(), as_mask(allowed, matrix)
    lx = as_lengths(lengths_x, "lengths_x", b, n, matrix.device)
    ly = as_lengths(lengths_y, "lengths_y", b, m, matrix.device)
    matrix = restricted(matrix, -np.inf, check_band(band), None if mask is None else mask.cpu(), lx, ly)
    check_values(matrix, "similarity", lx, ly, forbidden=-np.inf, gaps=gaps)
    go, ge = (gap.expand(b, -1, -1).double().numpy() for gap in gaps.values())
    found: list[list[Path]] = [[] for _ in range(b)]

    def work(start: int, stop: int) -> None:
        for p in range(start, stop):
            rows, columns = n if lx is None else int(lx[p]), m if ly is None else int(ly[p])
            found[p] = _paths(matrix[p].numpy(), go[p], ge[p], rows, columns, segments)

    in_slices(work, b, b * n * m)
    return [path for paths in found for path in (paths or [Path.empty()])]


def _paths(s: Array, go: Array, ge: Array, rows: int, columns: int, segments: int) -> list[Path]:
    """The alignments of one pair, best first."""
    size = sum(s.shape) * segments
    cells, match = np.empty((size, 2), dtype=np.int64), np.empty(size, dtype=np.bool_)
    scores, counts = np.empty(segments), np.empty(segments, dtype=np.int64)
    if segments > 1 or not s.flags.c_contiguous:
        s = s.copy()  # rows and columns are closed in it
    count = _pair(s, (go, ge), rows, columns, (scores, counts, cells, match))
    ends = np.cumsum(counts[:count])
    parts = [slice(end - length, end) for end, length in zip(ends, counts, strict=False)]
    return [
        Path(cells[part][::-1].copy(), float(score), match[part][::-1].copy())
        for part, score in zip(parts, scores, strict=False)
    ]
