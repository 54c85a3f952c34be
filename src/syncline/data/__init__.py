"""Which videos, which frames of them, which labels, which split; synthetic videos with known correspondence."""

from syncline.data.embedding import Embedding
from syncline.data.labels.phases import events_from_phases, phases_from_events
from syncline.data.manifest import read_manifest, read_recuts
from syncline.data.opening import Source, open_source, open_videos
from syncline.data.published.datasets import by_action, open_dataset
from syncline.data.rate import choose_rate
from syncline.data.video_set import Sampling, Video, VideoSet, sampled_frames

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
