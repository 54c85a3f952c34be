"""Which videos, which frames of them, which labels, which split; synthetic videos with known correspondence.

Every name is loaded when it is first used (PEP 562): a folder is opened without the readers of labels and data sets.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from syncline.data.embedding import Embedding as Embedding
    from syncline.data.manifest import read_manifest as read_manifest
    from syncline.data.manifest import read_recuts as read_recuts
    from syncline.data.phases import events_from_phases as events_from_phases
    from syncline.data.phases import phases_from_events as phases_from_events
    from syncline.data.published.datasets import by_action as by_action
    from syncline.data.published.datasets import open_dataset as open_dataset
    from syncline.data.sampling_rate import choose_rate as choose_rate
    from syncline.data.source_opening import Source as Source
    from syncline.data.source_opening import open_source as open_source
    from syncline.data.source_opening import open_videos as open_videos
    from syncline.data.video_set import Sampling as Sampling
    from syncline.data.video_set import Video as Video
    from syncline.data.video_set import VideoSet as VideoSet
    from syncline.data.video_set import sampled_frames as sampled_frames

_HOME = {
    "Embedding": "embedding",
    "Sampling": "video_set",
    "Source": "source_opening",
    "Video": "video_set",
    "VideoSet": "video_set",
    "by_action": "published.datasets",
    "choose_rate": "sampling_rate",
    "events_from_phases": "phases",
    "open_dataset": "published.datasets",
    "open_source": "source_opening",
    "open_videos": "source_opening",
    "phases_from_events": "phases",
    "read_manifest": "manifest",
    "read_recuts": "manifest",
    "sampled_frames": "video_set",
}
__all__ = [
    "Embedding",
    "Sampling",
    "Source",
    "Video",
    "VideoSet",
    "by_action",
    "choose_rate",
    "events_from_phases",
    "open_dataset",
    "open_source",
    "open_videos",
    "phases_from_events",
    "read_manifest",
    "read_recuts",
    "sampled_frames",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'syncline.data' has no attribute {name!r}")
    return getattr(importlib.import_module(f"syncline.data.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
