"""Measures a folder once and keeps the result: its sampling rate, and the standardisation of its features.

Frozen features and body poses are standardised over their folder. If that were measured at each run, one more clip
would change every vector, and with it every earlier answer. So the measurement is kept beside the feature cache until
``--refit`` asks for a new one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from syncline.data import Embedding, Sampling, Video, choose_rate
from syncline.encoder.feature_cache import FeatureCache
from syncline.encoder.frozen_features import PRINCIPAL_DIM, frozen_embeddings
from syncline.encoder.principal_space import PrincipalSpace
from syncline.files import content_of, replacing, write_json
from syncline.pose import PoseSpace
from syncline.progress import Callback, Steps, notice, silent
from syncline.wording import counted

Space = TypeVar("Space", PrincipalSpace, PoseSpace)

DUE_SHARE = 0.2
"""A new measurement is due when this share of the clips was not there at the last one, or is gone since."""


@dataclass(frozen=True)
class FolderFit(Generic[Space]):
    """The measurements of a folder.

    Attributes:
        rate_hz: sampled frames a second.
        space: of the frozen features, or of the poses.
        contents: content hashes of the clips that were measured, sorted.
    """

    rate_hz: float
    space: Space
    contents: tuple[str, ...]

    def share_changed(self, contents: Sequence[str]) -> float:
        """Share of clips, of those measured and those given, that are only in one of the two; in [0, 1]."""
        then, now = set(self.contents), set(contents)
        return len(then ^ now) / max(1, len(then | now))

    def due(self, contents: Sequence[str]) -> str | None:
        """A line for the user, where a new measurement is due for the clips that are there now."""
        if self.share_changed(contents) <= DUE_SHARE:
            return None
        return (
            f"{len(set(contents) - set(self.contents))} of {counted(len(contents), 'clip')} came after this folder was "
            "measured (rate, standardisation); earlier answers stay as they are, --refit measures anew"
        )


def folder_embeddings(
    videos: Sequence[Video],
    cache: FeatureCache,
    *,
    folder: str | Path | None = None,
    rate_hz: float | None = None,
    refit: bool = False,
    callback: Callback = silent,
) -> tuple[list[Embedding], FolderFit[PrincipalSpace]]:
    """Frozen embeddings of a folder at its own rate, in the space that was measured when it was first looked at.

    Args:
        videos: of the folder.
        cache: of the frozen backbone's features.
        folder: where the videos are, which is what the measurement is kept under; None keeps nothing.
        rate_hz: sampled frames a second; None for what was kept, else `choose_rate`.
        refit: measure anew, whatever was kept.
        callback: called with a ``Progress`` for each video whose features are there, and a `notice` where a new
            measurement is due.

    Returns:
        One embedding a video, in order, and what they were made with.

    Raises:
        SynclineError: a file cannot be decoded.
    """
    contents = sorted(content_of(video.path) for video in videos)
    kept = None if folder is None or refit else kept_fit(folder, cache, contents, rate_hz=rate_hz)
    chosen = kept.rate_hz if kept is not None else rate_hz or choose_rate(videos)
    cache.sampling = Sampling(chosen)
    if kept is not None:
        due = kept.due(contents)
        if due is not None:
            callback(notice(due))
        return frozen_embeddings(videos, cache, space=kept.space, callback=callback), kept
    step = Steps("embedding", len(videos), callback)
    features = []
    for video, found in cache.features_of(videos):
        features.append(found.features[0])
        step(video.name)
    space = PrincipalSpace.fit(features, PRINCIPAL_DIM)
    fit = FolderFit(chosen, space, tuple(contents))
    if folder is not None:
        _write(_path(folder, cache, rate_hz), fit)
    return frozen_embeddings(videos, cache, space=space), fit


def kept_fit(
    folder: str | Path, cache: FeatureCache, contents: Sequence[str], *, rate_hz: float | None = None
) -> FolderFit[PrincipalSpace] | None:
    """Reads the measurements of a folder; None if there are none, or none of these clips.

    Args:
        folder, cache, rate_hz: as `folder_embeddings` takes them.
        contents: content hashes of the clips that are there now.
    """
    return cast("FolderFit[PrincipalSpace] | None", _kept(_path(folder, cache, rate_hz), contents))


class KeptPoses:
    """The measurements of the poses of a folder, kept as `folder_embeddings` keeps those of frozen features.

    Args:
        root: folder of the feature cache. folder: where the videos are.
        about: as JSON, what else decides about the poses: whose, which joints, the rate that was asked for.
    """

    def __init__(self, root: Path, folder: str | Path, about: object) -> None:
        words = json.dumps([str(Path(folder).resolve()), about], sort_keys=True)
        self._path = root / "pose-folders" / f"{hashlib.sha256(words.encode()).hexdigest()[:16]}.safetensors"

    def read(self, contents: Sequence[str]) -> FolderFit[PoseSpace] | None:
        """As `kept_fit`."""
        return cast("FolderFit[PoseSpace] | None", _kept(self._path, contents))

    def write(self, fit: FolderFit[PoseSpace]) -> None:
        """Saves the measurements."""
        with contextlib.suppress(OSError):
            write_json(self._path.parent / "transform.json", {"name": "body poses of folders"})
        _write(self._path, fit)


def _path(folder: str | Path, cache: FeatureCache, rate_hz: float | None) -> Path:
    words = json.dumps([str(Path(folder).resolve()), rate_hz])
    return cache.folder / "folders" / f"{hashlib.sha256(words.encode()).hexdigest()[:16]}.safetensors"


def _kept(path: Path, contents: Sequence[str]) -> FolderFit[Any] | None:
    """Reads kept measurements; None if there are none that can be read, or none of these clips."""
    try:
        with safe_open(path, framework="pt") as file:
            described = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (is no dictionary)
        space = (
            PoseSpace.of(
                json.loads(described["pose"]), *(tensors[name].numpy() for name in ("mean", "factor", "sides"))
            )
            if "pose" in described
            else PrincipalSpace(tensors["mean"], tensors["directions"])
        )
        kept: FolderFit[Any] = FolderFit(float(described["rate_hz"]), space, tuple(json.loads(described["contents"])))
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        return None
    return kept if set(kept.contents) & set(contents) else None


def _write(path: Path, fit: FolderFit[Any]) -> None:
    described = {"rate_hz": repr(fit.rate_hz), "contents": json.dumps(fit.contents)}
    if isinstance(fit.space, PoseSpace):
        described["pose"] = json.dumps(fit.space.settings())
        arrays = {"mean": fit.space.mean, "factor": fit.space.factor, "sides": fit.space.sides}
        tensors = {name: torch.from_numpy(array).contiguous() for name, array in arrays.items()}
    else:
        tensors = {"mean": fit.space.mean.contiguous(), "directions": fit.space.directions.contiguous()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            save_file(tensors, temporary, metadata=described)
    except OSError:
        return  # a cache that cannot be written is told where features are kept; this costs a second measurement
