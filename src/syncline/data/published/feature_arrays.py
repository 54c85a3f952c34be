"""One array a video, in the layout that toolboxes of temporal action localisation read: `ID.npy`, (t, d) float32.

`features.json` beside them says of each: `duration` in seconds, `rate` (features a second) and `start` (second of the
first). ID is the name of the video without its suffix, as in ActivityNet's JSON (`labels.activitynet`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from syncline.data.embedding import Embedding
from syncline.data.labels.attach_labels import without_suffix
from syncline.errors import SynclineError
from syncline.files import replacing, write_json


def write_features(folder: str | Path, embeddings: Sequence[Embedding], names: Sequence[str]) -> Path:
    """Write one array a video.

    Args:
        folder: made where it is not there. embeddings: of the videos. names: of the videos; slashes become `%2F`.

    Returns:
        The folder.

    Raises:
        SynclineError: two videos of one ID.
    """
    folder = Path(folder)
    ids = [without_suffix(name).replace("/", "%2F") for name in names]
    doubled = next((name for name, count in Counter(map(str.casefold, ids)).items() if count > 1), None)
    if doubled is not None:
        raise SynclineError(f"two videos are named {doubled!r}, so one array would replace the other; rename a video")
    folder.mkdir(parents=True, exist_ok=True)
    about: dict[str, Any] = {}
    for name, embedding in zip(ids, embeddings, strict=True):
        with replacing(folder / f"{name}.npy") as temporary, temporary.open("wb") as file:
            np.save(file, embedding.vectors, allow_pickle=False)
        seconds = embedding.pts_seconds
        step = float(np.median(np.diff(seconds))) if len(seconds) > 1 else 0.0
        about[name] = {
            "duration": float(seconds[-1] - seconds[0]) + step if len(seconds) else 0.0,
            "rate": 1 / step if step else None,
            "start": float(seconds[0]) if len(seconds) else 0.0,
        }
    write_json(folder / "features.json", about)
    return folder
