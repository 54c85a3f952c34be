"""Embeds new clips the way the frames of a template were embedded, or says why that is impossible."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import torch

from syncline.errors import SynclineError
from syncline.tasks.template import MadeWith

if TYPE_CHECKING:
    from syncline.encoder import FeatureCache, FolderFit
    from syncline.encoder.principal_space import PrincipalSpace


def pictures_made_with(cache: FeatureCache, fit: FolderFit[PrincipalSpace]) -> MadeWith:
    """Frozen features of a backbone, in the space and at the rate that were measured on the folder."""
    arrays = {"mean": fit.space.mean.numpy(), "directions": fit.space.directions.numpy()}
    return MadeWith("pictures", backbone_hash(cache), fit.rate_hz, arrays)


def backbone_hash(cache: FeatureCache) -> str:
    """Hash of everything that decides the features of a picture."""
    return hashlib.sha256(json.dumps(cache.described.describe(), sort_keys=True).encode()).hexdigest()


def fit_of(made_with: MadeWith) -> FolderFit[PrincipalSpace]:
    """The measurement that a template of pictures holds."""
    from syncline.encoder import FolderFit
    from syncline.encoder.principal_space import PrincipalSpace

    arrays = made_with.arrays or {}
    space = PrincipalSpace(*(torch.from_numpy(arrays[name]) for name in ("mean", "directions")))
    assert made_with.rate_hz is not None
    return FolderFit(made_with.rate_hz, space, ())


def check_made_with(made_with: MadeWith, features: str, made_by: str) -> None:
    """Whether clips that are embedded so can be compared with a template's.

    Raises:
        SynclineError: other features, another backbone or another run.
    """
    if made_with.features != features:
        raise SynclineError(
            f"the template was made with {_WORDS.get(made_with.features, made_with.features)}, the clips would be "
            f"embedded with {_WORDS.get(features, features)}; they cannot be compared"
        )
    if made_with.made_by != made_by:
        what = {"pictures": "backbone", "run": "run"}.get(features, "kind of pose")
        raise SynclineError(f"the template was made with another {what}; its frames cannot be compared with the clips'")


_WORDS = {
    "pictures": "features of pictures", "run": "a trained run (--run)", "given": "arrays or embeddings of its maker",
}  # fmt: skip
