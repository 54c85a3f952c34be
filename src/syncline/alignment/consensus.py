"""Consensus: expected alignments of N sequences, made consistent with each other (probabilistic consistency).

The alignment of two sequences is averaged with those that lead through every other one. With P_ij the expected local
alignment of i and j (n_i, n_j), P_ji = P_ij^T and P_ii = I, one round gives

    P'_ij = (2 P_ij + sum_{z != i, j} w_z P_iz P_zj) / (2 + sum_{z != i, j} w_z),        P'_ii = I

Rows stay sub-stochastic and P'_ji = P'_ij^T. Where a row a is *read* it is divided by

    (2 + sum_z w_z mass_a(P_iz)) / (2 + sum_z w_z)

so mass lost on the way to z counts as ignorance of z, mass lost from z to j speaks for absence in j.

Notable choices:
- Posteriors are pruned and sparse; P' is formed for the pair that is asked for and never for all at once.
- Only sequences of weight above 0 vote. Beyond some 200 sequences a few of them serve (`voters`), so that the cost
  grows as N times their number; other pairs are aligned when they are asked for.
- Pins (frames that must match) forbid what contradicts them, and are applied again after the averaging.

Do, Mahabhashyam, Brudno and Batzoglou, "ProbCons", Genome Research 15 (2005); Notredame, Higgins and Heringa,
"T-Coffee", J. Mol. Biol. 302 (2000). `consensus_reference` has the same as loops.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import scipy  # whose parts are imported when first used
import torch
from numpy.typing import NDArray
from torch import Tensor

from syncline.alignment.alignment_settings import CONSENSUS
from syncline.alignment.centring import as_unit_rows
from syncline.alignment.hard import smith_waterman
from syncline.alignment.pair_posteriors import PRUNED, Mapper, Matrix, PairWork, side_by_side, with_pins
from syncline.alignment.path import Path
from syncline.alignment.pin_masks import Pins, checked_pins, pins_of
from syncline.progress import Callback, Steps, silent

_STACKED = 30_000_000  # entries that the stacks of a small folder may have together: a quarter of a gigabyte
_STACKED_FEW = 2_000_000  # the same for a larger folder, which keeps those that were asked for last


class Consensus:
    """N sequences whose alignments are made consistent.

    Args:
        sequences: arrays (n_i, d) of one width, each with frames.
        weights: (N,) w_z in [0, 1], how much each sequence's opinion counts; all 1 by default. 0 for strangers.
        voters: which sequences serve as intermediaries; all by default.
        groups: (N,) number of the group that each sequence belongs to; sequences of different groups have nothing to
            do with each other (their P is 0). One group by default.
        pins: (i, j) with i < j -> (k, 2) frames of i and of j that must match, ascending in both columns.
        gap_open, gap_extend, gamma: of the expected alignment, in units of `centred_similarity`.
        within_clips: whether only what changes within the sequences is compared (`centred_similarity`).
        pruned: probabilities below it are dropped.
        callback: told ("consensus", done, N) whenever the alignments of one more sequence are there.
        mapper: does the alignments of the pairs; `map` does them here.

    Raises:
        ValueError: no frames, widths that differ, weights outside [0, 1], pins that cross or lie outside.

    Examples:
        >>> def course(frames):
        ...     return np.sin(np.outer(np.linspace(0, 3, frames), np.arange(1, 9)))
        >>> group = Consensus([course(20), course(39), course(30)])
        >>> int(group.row(0, 9, 1).argmax())  # at half the tempo
        18
    """

    def __init__(
        self,
        sequences: Sequence[Any],
        *,
        weights: Sequence[float] | NDArray[np.float64] | None = None,
        voters: Iterable[int] | None = None,
        groups: Sequence[int] | None = None,
        pins: Pins | None = None,
        gap_open: float = CONSENSUS.gap_open,
        gap_extend: float = CONSENSUS.gap_extend,
        gamma: float = CONSENSUS.gamma,
        within_clips: bool = CONSENSUS.within_clips,
        pruned: float = PRUNED,
        callback: Callback = silent,
        mapper: Mapper = map,
    ) -> None:
        self._rows = [_checked_rows(sequence) for sequence in sequences]
        self.prices: dict[str, Any] = {"gap_open": gap_open, "gap_extend": gap_extend, "gamma": gamma}
        self.within_clips = within_clips
        self.pruned = pruned
        self.pins = {} if pins is None else {pair: checked_pins(pair, k, self.lengths) for pair, k in pins.items()}
        count = len(self._rows)
        self.voters = list(range(count)) if voters is None else sorted(set(voters))
        self.weights = _checked_weights(np.ones(count) if weights is None else weights, count)
        self.groups = [0] * count if groups is None else list(groups)
        self._pairs: dict[tuple[int, int], Matrix] = {}
        self._entries = 0  # of all pairs together
        self._stacks: dict[int, Matrix] = {}
        jobs = [(i, self._partners(i)) for i in range(count)]
        step = Steps("consensus", count, callback)
        for (i, others), found in zip(jobs, mapper(self._work(), jobs), strict=True):
            self._keep(i, others, found)
            step()

    @property
    def lengths(self) -> tuple[int, ...]:
        """Frames of each sequence."""
        return tuple(len(rows) for rows in self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, sequence: Any, *, weight: float = 1.0, votes: bool = True, group: int = 0) -> int:
        """One more sequence, for the price of its alignments with the voters; its index. Other pairs stay."""
        self._rows.append(_checked_rows(sequence))
        new = len(self._rows) - 1
        self.weights = _checked_weights([*self.weights, weight], new + 1)
        self.groups.append(group)
        self._align(new, self.voters)
        if votes:
            self.voters.append(new)
        self._stacks.clear()
        return new

    def pair(self, i: int, j: int) -> Matrix:
        """P_ij, the pruned expected alignment of two sequences by themselves: sparse (n_i, n_j) float32."""
        if i == j:
            return scipy.sparse.eye_array(len(self._rows[i]), dtype=np.float32, format="csr")
        if i > j:
            return self.pair(j, i).T.tocsr()
        if self.groups[i] != self.groups[j]:
            return scipy.sparse.csr_array((len(self._rows[i]), len(self._rows[j])), dtype=np.float32)
        if (i, j) not in self._pairs:
            self._align(i, [j])
        return self._pairs[i, j]

    def mass(self, i: int) -> NDArray[np.float64]:
        """(n_i, voters) share of each frame that has a counterpart in each voter; 0 for itself."""
        own = [np.zeros(len(self._rows[i])) if z == i else self._row_sums(self.pair(i, z)) for z in self.voters]
        return np.stack(own, axis=1) if own else np.zeros((len(self._rows[i]), 0))

    def matrix(self, i: int, j: int, *, normalised: bool = True) -> Matrix:
        """P'_ij: sparse (n_i, n_j) float32; raw it is symmetric (P'_ji = P'_ij^T), normalised it is to be read by rows.

        Rows sum to at most 1 but for rounding.
        """
        if i == j:
            return self.pair(i, i)
        weights = self._votes(i, j)
        frames = np.repeat(weights, [len(self._rows[z]) for z in self.voters])
        through = (self._stack(i) * frames[None]) @ self._stack(j).T
        total = (2 * self.pair(i, j) + through).tocsr()
        if normalised:
            total = scipy.sparse.diags_array(1 / (2 + self.mass(i) @ weights)) @ total
        else:
            total = total / (2 + weights.sum())
        return with_pins(total.tocsr().astype(np.float32), self.pins_of(i, j))

    def row(self, i: int, frame: int, j: int, *, normalised: bool = True) -> NDArray[np.float64]:
        """Row `frame` of P'_ij: (n_j,), where a frame of i lies in j, summing to at most 1."""
        found = self.matrix(i, j, normalised=normalised)[[frame]].toarray()[0]
        return np.asarray(found, dtype=np.float64)

    def carry(
        self,
        start: Mapping[int, NDArray[np.float64]],
        to: Iterable[int] | None = None,
        *,
        weights: Mapping[int, float] | None = None,
    ) -> list[NDArray[np.float64]]:
        """Weights over frames of some sequences, carried by one hop to others: of each, sum_z w_z start_z P_zt.

        Args:
            start: sequence -> (k, n_z), k rows of weights over its frames.
            to: the sequences that are wanted, in order; all by default. A sequence carries nothing to itself.
            weights: of the sequences in `start`; the consensus's own by default.

        Returns:
            One (k, n_t) float64 a wanted sequence.
        """
        count = next(iter(start.values())).shape[0] if start else 0
        if set(start) <= set(self.voters) and 2 * len(start) >= len(self.voters) and self._room_for_stacks():
            return self._carry_stacked(start, range(len(self)) if to is None else to, weights)
        found = []
        for t in range(len(self)) if to is None else to:
            total = np.zeros((count, len(self._rows[t])))
            for z, rows in start.items():
                weight = float(self.weights[z]) if weights is None else weights[z]
                if z != t and weight:
                    total += weight * self._times(z, rows, t)
            found.append(total)
        return found

    def _carry_stacked(
        self, start: Mapping[int, NDArray[np.float64]], to: Iterable[int], weights: Mapping[int, float] | None
    ) -> list[NDArray[np.float64]]:
        """As `carry`, where most voters start something: one product a sequence instead of one a pair."""
        count = next(iter(start.values())).shape[0]
        weight = {z: float(self.weights[z]) if weights is None else weights[z] for z in start}
        zeros = {z: np.zeros((count, len(self._rows[z]))) for z in self.voters if z not in start}
        rows = np.concatenate([weight[z] * start[z] if z in start else zeros[z] for z in self.voters], axis=1)
        return [np.asarray((self._stack(t) @ rows.T).T) for t in to]

    def _room_for_stacks(self) -> bool:
        return 2 * self._entries <= _STACKED

    def _times(self, z: int, rows: NDArray[np.float64], t: int) -> NDArray[np.float64]:
        """rows (k, n_z) @ P_zt."""
        if z < t:
            return np.asarray((self.pair(z, t).T @ rows.T).T)
        return np.asarray((self.pair(t, z) @ rows.T).T)

    def coverage(self, i: int) -> NDArray[np.float64]:
        """(n_i,) share of the other voters, by weight, in which each frame of i has a counterpart; 0 with no other."""
        weights = self._votes(i, i)
        total = weights.sum()
        return np.asarray(self.mass(i) @ weights / total if total else np.zeros(len(self._rows[i])))

    def row_masses(self, i: int) -> NDArray[np.float64]:
        """(n_i, N) share of each frame of i that has a counterpart in each sequence; 1 in itself."""
        return np.stack([self._row_sums(self.pair(i, j)) for j in range(len(self))], axis=1)

    def consistent_masses(self, i: int, own: NDArray[np.float64], voters: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n_i, N) the same by the consensus, row sums of normalised P'_ij, without forming them.

        Args:
            own: `row_masses` of i. voters: `row_masses` of all voters, one below the other.
        """
        weights = self._votes(i, i)
        frames = np.repeat(weights, [len(self._rows[z]) for z in self.voters])
        through = (self._stack(i) * frames[None]) @ voters
        # a voter that is the sequence itself carries nothing: its share of `through` is its own mass
        doubled = np.zeros_like(own)
        known = np.full(own.shape, 2 + (self.mass(i) @ weights)[:, None])
        for slot, z in enumerate(self.voters):
            if z != i:
                doubled[:, z] = weights[slot] * own[:, z]
                known[:, z] -= doubled[:, z]
        return np.asarray((2 * own + through - doubled) / known)

    def cycle_error(self, i: int, *, partners: int = 12) -> float:
        """How far from itself a frame of i returns from i -> z -> j -> i, as a share of i; NaN where nothing returns.

        All voters serve as z, at most `partners` of them, evenly taken, as j.
        """
        others = [z for z in self.voters if z != i and self.weights[z] > 0]
        chosen = [others[k] for k in np.linspace(0, len(others) - 1, min(len(others), partners)).round().astype(int)]
        lost, mass = 0.0, 0.0
        for j in chosen:
            frames = np.repeat(self._votes(i, j), [len(self._rows[z]) for z in self.voters])
            back = (((self._stack(i) * frames[None]) @ self._stack(j).T) @ self.pair(j, i)).tocoo()
            lost += float((np.abs(back.row - back.col) * back.data).sum())
            mass += float(back.data.sum())
        return lost / mass / len(self._rows[i]) if mass else math.nan

    def path(self, i: int, j: int, *, threshold: float = 0.05) -> Path:
        """The ordered path that gathers the most of (normalised P'_ij - threshold); gaps cost nothing."""
        gain = torch.from_numpy(self.matrix(i, j).toarray() - np.float32(threshold))
        return smith_waterman(gain[None], gap_open=0.0, gap_extend=0.0)[0]

    def _votes(self, i: int, j: int) -> NDArray[np.float64]:
        """(voters,) weights of the intermediaries between i and j."""
        return np.array([0.0 if z in (i, j) else self.weights[z] for z in self.voters])

    def _stack(self, i: int) -> Matrix:
        """P_iz of all voters side by side; an empty block for i itself."""
        found = self._stacks.pop(i, None)
        if found is None:
            own = len(self._rows[i])
            empty = scipy.sparse.csr_array((own, own), dtype=np.float32)
            blocks = [empty if z == i else self.pair(i, z) for z in self.voters]
            found = scipy.sparse.hstack(blocks, format="csr") if blocks else scipy.sparse.csr_array((own, 0))
            room = (_STACKED if self._room_for_stacks() else _STACKED_FEW) - found.nnz
            while self._stacks and sum(stack.nnz for stack in self._stacks.values()) > room:
                self._stacks.pop(next(iter(self._stacks)))  # the one that was not asked for the longest
        self._stacks[i] = found
        return found

    @staticmethod
    def _row_sums(matrix: Matrix) -> NDArray[np.float64]:
        return np.asarray(matrix.sum(axis=1), dtype=np.float64)

    def _work(self) -> PairWork:
        return PairWork(self._rows, self.prices, self.pruned, self.pins, self.within_clips)

    def _partners(self, i: int) -> list[int]:
        """The voters that i is aligned with when all begin: of two voters the first is."""
        voters = [z for z in self.voters if z != i and self.groups[z] == self.groups[i]]
        return [z for z in voters if z > i] if i in set(self.voters) else voters

    def _align(self, i: int, others: Iterable[int]) -> None:
        """P of i with others that are not there yet."""
        near = [j for j in others if j != i and self.groups[i] == self.groups[j]]
        missing = [j for j in near if (min(i, j), max(i, j)) not in self._pairs]
        self._keep(i, missing, self._work()((i, missing)))

    def _keep(self, i: int, others: Sequence[int], found: Sequence[Matrix]) -> None:
        by_first = {j: kept if i < j else kept.T.tocsr() for j, kept in zip(others, found, strict=True)}
        for j, matrix in side_by_side(by_first).items():
            self._pairs[min(i, j), max(i, j)] = matrix
            self._entries += matrix.nnz

    def pins_of(self, i: int, j: int) -> NDArray[np.int64] | None:
        """(k, 2) frames of i and of j that are pinned to each other; None for none."""
        return pins_of(self.pins, i, j)


def _checked_weights(weights: Sequence[float] | NDArray[np.float64], count: int) -> NDArray[np.float64]:
    found = np.asarray(weights, dtype=np.float64)
    if found.shape != (count,) or not ((found >= 0) & (found <= 1)).all():
        raise ValueError(f"weights must be {count} numbers in [0, 1], one a sequence; got {found.tolist()[:5]}")
    return found


def _checked_rows(sequence: Any) -> Tensor:
    rows = as_unit_rows(sequence)
    if rows.ndim != 2 or not len(rows):
        raise ValueError(f"expected sequences (n, d) with frames, got shape {tuple(rows.shape)}")
    return rows
