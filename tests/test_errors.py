"""One check of choices, for settings of losses, operators and configurations."""

from __future__ import annotations

import pytest
import torch

from syncline.alignment import similarity_matrix, soft_dtw_streamed, soft_smith_waterman_streamed
from syncline.errors import SynclineError
from syncline.losses import SCLLoss
from syncline.views import ViewConfig


def test_an_unknown_choice_is_told_in_the_same_words_everywhere() -> None:
    x = torch.eye(3)[None]
    with pytest.raises(ValueError, match=r"^kind must be one of cos, inv_sq, inv, inv1p, neg_sq, gauss; got 'cosine'$"):
        similarity_matrix(x, x, kind="cosine")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^centre must be one of none, const, mean; got 'median'$"):
        similarity_matrix(x, x, centre="median")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^cost must be one of cosine, squared; got 'cos'$"):
        soft_dtw_streamed(x, x, cost="cos")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^similarity must be one of cosine, squared; got 'cos'$"):
        soft_smith_waterman_streamed(x, x, similarity="cos")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^negatives must be one of single_noself, single, noself, all; got 'none'$"):
        SCLLoss(negatives="none")  # type: ignore[arg-type]
    with pytest.raises(SynclineError, match=r"^views\.pairing must be one of .*; got 'trios'$"):
        ViewConfig(pairing="trios")  # type: ignore[arg-type]
