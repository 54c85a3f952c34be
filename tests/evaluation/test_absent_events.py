"""An event marked absent stays absent, from the label file through attaching and sampling to the metrics."""

from __future__ import annotations

from pathlib import Path

import bars
import numpy as np

from syncline.data import Sampling, open_videos
from syncline.data.labels.attach_labels import attach_labels
from syncline.data.labels.video_labels import LabelTrack
from syncline.encoder import FeatureCache
from syncline.encoder.backbone import Backbone
from syncline.evaluation.protocols import make_protocols, recut_by_chance


def test_absent_events_reach_the_metrics(tmp_path: Path) -> None:
    for name in ("a", "b"):
        bars.write_bar_codes(tmp_path / f"{name}.mp4", 30, rate=10)
    header = "video,split,events,event_names\n"
    (tmp_path / "annotations.csv").write_text(header + "a.mp4,,6;12;20,x;y;z\nb.mp4,,-1;12;20,x;y;z\n")
    videos = open_videos(tmp_path)
    assert [video.events for video in videos] == [(6, 12, 20), (None, 12, 20)]
    assert [video.key_events(videos.num_phases) for video in videos] == [(6, 12, 20), (None, 12, 20)]
    phases = [video.phases for video in videos]
    assert phases[1] is not None
    assert (np.asarray(phases[1])[12:20] == 2).all()
    attached = attach_labels(videos, [LabelTrack("b.mp4", (("x", 0.5), ("y", None), ("z", 2.0)))])
    assert attached[1].events == (5, None, 20)
    cache = FeatureCache(tmp_path / "cache", Backbone("test_resnet", weights="none"))
    made = make_protocols(videos, cache, sampling=Sampling(stride=2), names=("whole", "spliced"))
    for protocol in made:
        clips = {clip.name.rstrip("+"): clip for clip in protocol.dense}
        assert clips["a.mp4"].events(4)[0] is not None
        assert clips["b.mp4"].events(4)[0] is None
        assert clips["b.mp4"].events(4)[1] is not None
    assert recut_by_chance(made[0].dense[1], seed=1).events(4)[0] is None
