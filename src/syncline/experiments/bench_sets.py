"""The data sets of a bench, by name: folders, published data sets, rendered ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from syncline.data import VideoSet, open_videos, read_recuts
from syncline.data.manifest import split_by
from syncline.data.published.datasets import by_action, open_dataset
from syncline.data.published.published_actions import DATASETS
from syncline.data.synthetic import TROUBLES, SyntheticConfig, render_synthetic
from syncline.errors import SynclineError
from syncline.evaluation.evaluate_encoder import labels_beside

RENDERED = 36
"""Videos of a rendered set; a third of them is measured on."""


@dataclass(frozen=True, eq=False)
class BenchSet:
    """A set with all that is measured on it."""

    name: str
    videos: VideoSet
    recuts: VideoSet | None
    other_labels: Mapping[str, VideoSet]


def open_sets(name: str, root: Path, rendered: Path) -> Iterator[BenchSet]:
    """The set `name` below `root`; of a data set with several actions, one for each.

    Rendered sets lie in the folder `rendered`, and are made if they are not there; a folder `synthetic` below `root`
    comes first.
    """
    folder_name, _, chosen = name.partition(":")
    folder = root / folder_name
    if folder_name == "synthetic" and not folder.is_dir():
        yield BenchSet(name, _rendered(chosen.split(",") if chosen else [], rendered), None, {})
        return
    if name in DATASETS:
        for action, videos in by_action(open_dataset(name, folder if folder.is_dir() else root)).items():
            yield BenchSet(action or name, videos, None, {})
        return
    if not folder.is_dir():
        raise SynclineError(f"there is no set {folder_name} in {root}; give the folder that holds it with --root")
    videos = open_videos(folder)
    if chosen:
        column, _, value = chosen.partition("=")
        videos = split_by(videos, folder / "annotations.csv", column, value)
    recuts = read_recuts(folder / "retimed.csv", videos) if (folder / "retimed.csv").is_file() else None
    yield BenchSet(name, videos, recuts, {} if chosen else labels_beside(folder))


def _rendered(troubles: Sequence[str], folder: Path) -> VideoSet:
    unknown = [kind for kind in troubles if kind not in TROUBLES]
    if unknown:
        raise SynclineError(f"there are no synthetic videos with {unknown[0]!r}; expected {', '.join(TROUBLES)}")
    set_folder = folder / "_".join(["synthetic", *troubles])
    if not (set_folder / "truth.json").is_file():  # written last
        chosen: dict[str, Any] = dict.fromkeys(troubles, True)
        render_synthetic(set_folder, SyntheticConfig(num_videos=RENDERED, **chosen))
    return open_videos(set_folder)
