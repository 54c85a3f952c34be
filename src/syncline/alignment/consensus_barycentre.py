"""The average of several sequences by their consensus: each frame of one of them, averaged over all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from syncline.alignment.consensus import Consensus


def consensus_barycentre(
    sequences: Sequence[Any], *, reference: int | None = None, consensus: Consensus | None = None
) -> NDArray[np.float32]:
    """The course that several sequences share, on the timeline of one of them.

    Frame a of the result is (w_r x_ra + sum_j w_j sum_b P'_rj[a,b] x_jb) / (w_r + sum_j w_j sum_b P'_rj[a,b]): the
    frame of the reference with its counterparts in all others, each as far as the consensus finds it there. Unlike the
    barycentre of soft-DTW (`soft_dtw_barycentre`) it leaves out what a sequence has alone, and needs no descent.

    Args:
        sequences: (n_i, d), arrays or tensors of one width.
        reference: whose timeline; None: that of the sequence whose frames have most counterparts in the others.
        consensus: of the same sequences in this order; None: made here, all of weight 1.

    Returns:
        (n_r, d).

    Raises:
        ValueError: as `Consensus`; lengths that are not those of the consensus, a reference that is not there or has
            no weight and no counterparts.

    Examples:
        >>> t = np.linspace(0, 3, 40)
        >>> curve = np.stack([np.cos(t), np.sin(t)], 1)
        >>> noisy = [curve + 0.2 * np.random.default_rng(k).standard_normal(curve.shape) for k in range(8)]
        >>> middle = consensus_barycentre(noisy)
        >>> bool(np.abs(middle - curve).mean() < 0.6 * np.abs(noisy[0] - curve).mean())
        True
    """
    group = Consensus(sequences) if consensus is None else consensus
    rows = [np.asarray(sequence, dtype=np.float32) for sequence in sequences]
    lengths = tuple(len(one) for one in rows)
    if group.lengths != lengths:
        raise ValueError(f"the consensus is of sequences of {group.lengths} frames, these have {lengths}")
    if reference is None:
        reference = int(np.argmax([group.coverage(i).mean() if group.weights[i] else -1.0 for i in range(len(rows))]))
    if not 0 <= reference < len(rows):
        raise ValueError(f"reference must be one of the {len(rows)} sequences, got {reference}")
    total = np.zeros(rows[reference].shape)
    mass = np.zeros((lengths[reference], 1))
    for j, weight in enumerate(group.weights):
        if weight:
            shares = group.matrix(reference, j)
            total += weight * (shares @ rows[j])
            mass += weight * np.asarray(shares.sum(axis=1)).reshape(-1, 1)
    if not mass.all():
        raise ValueError(f"sequence {reference} has no weight, and frames that nothing else shows")
    return (total / mass).astype(np.float32)
