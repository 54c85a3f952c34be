"""The consensus of the whole folder as the teacher of LAC's term across videos.

The frozen features of all training videos are aligned with one another once, before training; `alignment.consensus`
makes the alignments consistent through all other videos. In a step the teacher then only reads rows of that: where the
folder says that a frame of one video lies in another. No label plays a part, and nothing of it is learned.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy  # whose parts are imported when first used
import torch
from numpy.typing import NDArray

from syncline.alignment import Consensus
from syncline.encoder.frozen_features import PRINCIPAL_DIM
from syncline.encoder.principal_space import PrincipalSpace
from syncline.losses.cross_video import Positions, by_rows
from syncline.losses.view_pair import Pair
from syncline.progress import Callback, silent

_VOTERS = 100  # of larger folders so many, evenly taken, serve as intermediaries
_KEPT = 4096  # matrices; a batch of 8 pairs reads 16
_HALF_WIDTH_SECONDS = 0.1


class ConsensusTeacher:
    """A `losses.cross_video.Teacher` that looks positions up in the consensus of the folder.

    Args:
        features: (t, f) frozen features of each training video, in the order of the batches' video numbers.
        rate_hz: sampled frames a second; a row is read within a tenth of a second of its mode, at least 3 frames.
        seed: of the frames that the features' directions are fitted to.
        callback: called with how far the `Consensus` is.
    """

    def __init__(
        self,
        features: Sequence[NDArray[Any]],
        *,
        rate_hz: float,
        seed: int = 0,
        callback: Callback = silent,
    ) -> None:
        space = PrincipalSpace.fit(features, PRINCIPAL_DIM, seed=seed)
        count = len(features)
        voters = np.unique(np.linspace(0, count - 1, min(count, _VOTERS)).round().astype(int)).tolist()
        self.consensus = Consensus([space.project(rows).numpy() for rows in features], voters=voters, callback=callback)
        self.half_width = max(3, round(_HALF_WIDTH_SECONDS * rate_hz))
        self._matrices: dict[tuple[int, int], scipy.sparse.csr_array] = {}

    def __call__(self, pair: Pair) -> tuple[Positions, Positions]:
        """Positions of x's frames in the videos of y, and of y's frames in the videos of x."""
        return self._positions(pair), self._positions(pair.swapped())

    def _positions(self, pair: Pair) -> Positions:
        videos = list(zip(pair.video_x.tolist(), pair.video_y.tolist(), strict=True))
        steps = pair.steps_x.long().cpu().numpy()
        rows = torch.zeros(*pair.steps_x.shape, max(self.consensus.lengths[j] for _, j in videos))
        for k, (i, j) in enumerate(videos):
            if i != j:
                rows[k, :, : self.consensus.lengths[j]] = torch.from_numpy(self._matrix(i, j)[steps[k]].toarray())
        rows = rows.to(pair.x) * pair.mask_x[:, :, None]
        return by_rows(rows, pair.steps_y, pair.lengths_y.to(pair.x.dtype), half_width=self.half_width)

    def _matrix(self, i: int, j: int) -> scipy.sparse.csr_array:
        if (i, j) not in self._matrices:
            while len(self._matrices) >= _KEPT:
                self._matrices.pop(next(iter(self._matrices)))
            self._matrices[i, j] = self.consensus.matrix(i, j)
        return self._matrices[i, j]
