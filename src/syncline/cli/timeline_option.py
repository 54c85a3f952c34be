"""``--timeline FILE`` of ``align`` and ``sync``: writes a project for film editors."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from syncline.cli.argument_values import known_events
from syncline.cli.terminal import say
from syncline.errors import SynclineError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from syncline.data import VideoSet


def add_timeline_option(parser: argparse.ArgumentParser) -> None:
    """Adds --timeline."""
    parser.add_argument(
        "--timeline", type=Path, metavar="FILE",
        help="also write a project for film editors: .otio, .fcpxml or .edl (extra [timeline])",
    )  # fmt: skip


def check_timeline(arguments: argparse.Namespace) -> None:
    """Refuses a --timeline that cannot be written, before any work."""
    if arguments.timeline is None:
        return
    from syncline.report.timelines import check_timeline_path

    check_timeline_path(arguments.timeline)
    if arguments.timeline.suffix.lower() == ".fcpxml" and not getattr(arguments, "same_event", False):
        raise SynclineError(
            f"--timeline {arguments.timeline}: OpenTimelineIO writes no changes of speed into FCPXML, and films in "
            "step have some; give .otio or .edl, or sync --same-event, where every film keeps its pace"
        )


def write_editor_timeline(
    arguments: argparse.Namespace,
    videos: VideoSet,
    seconds: NDArray[np.float64],
    positions: Sequence[NDArray[np.float64]],
) -> None:
    """Writes --timeline, if it was asked for.

    Args:
        videos: the films, with their events where they are labelled. seconds: (k,) the common time.
        positions: of each film, its second at each of these; NaN where it has none.
    """
    if arguments.timeline is None:
        return
    import numpy as np

    from syncline.report.timelines import TimelineFilm, write_timeline
    from syncline.video import open_video

    films = []
    for video, own in zip(videos, positions, strict=True):
        times = open_video(video.path).pts_seconds
        marks = zip(videos.event_names, known_events(video, videos.num_phases))
        events = tuple((name, second, "") for name, second in marks if second is not None)
        end = float(times[-1]) + 1 / video.frame_rate
        begins = _begins(video.path, video.frame_rate)
        films.append(TimelineFilm(video.name, video.path, end, video.frame_rate, np.minimum(own, end), events, begins))
    for path in write_timeline(arguments.timeline, seconds, films, name=videos.name):
        say(f"editor timeline: {path}")


def _begins(path: Path, frame_rate: float) -> float:
    """Seconds of the time code of a film's first picture; 0 without one that can be read."""
    from syncline.data.labels.spreadsheet import as_seconds
    from syncline.video.picture_streams import start_timecode

    code = start_timecode(path)
    try:
        return as_seconds(code, frame_rate) if code else 0.0
    except ValueError:
        return 0.0
