"""``--lerobot DIR`` of ``transfer`` and ``deviate``: writes the results into a copy of a LeRobot data set."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from syncline.cli.terminal import say

if TYPE_CHECKING:
    from syncline.data import VideoSet
    from syncline.data.labels.video_labels import LabelTrack
    from syncline.tasks import Report


def add_lerobot_option(parser: argparse.ArgumentParser) -> None:
    """Adds --lerobot."""
    parser.add_argument("--lerobot", type=Path, metavar="DIR",
                        help="of a LeRobot data set: a copy of it, with the results in its tables")  # fmt: skip


def check_lerobot(arguments: argparse.Namespace) -> None:
    """Refuses a --lerobot that cannot be written, before any work.

    Raises:
        SynclineError: the source is no LeRobot data set, or the folder holds something.
    """
    from syncline.data.published.lerobot import is_lerobot
    from syncline.data.published.lerobot_export import check_copy
    from syncline.errors import SynclineError

    if arguments.lerobot is None:
        return
    if not is_lerobot(Path(arguments.source)):
        raise SynclineError(f"--lerobot goes with a LeRobot data set, which {arguments.source} is not; leave it away")
    check_copy(Path(arguments.source), arguments.lerobot)


def write_subtasks(arguments: argparse.Namespace, tracks: Sequence[LabelTrack], names: Sequence[str]) -> None:
    """The labels of all episodes as subtasks, and the progress of every frame."""
    if arguments.lerobot is None:
        return
    from syncline.data.published.lerobot_export import results_of_tracks, write_lerobot

    write_lerobot(arguments.source, arguments.lerobot, results_of_tracks(tracks), event_names=names)
    say(f"subtasks and progress in a copy of the data set: {arguments.lerobot}")


def write_oddness(
    arguments: argparse.Namespace, videos: VideoSet, reports: Sequence[Report], names: Mapping[str, str]
) -> None:
    """How odd each episode is, and where: its columns `oddness` of the episodes and `deviation` of the frames.

    Args:
        videos: the episodes. reports: of all but the reference. names: of the video of each report's source.
    """
    if arguments.lerobot is None:
        return
    import numpy as np

    from syncline.data.published.lerobot_export import EpisodeResults, write_lerobot
    from syncline.video import open_video

    found = {names[report.source]: report for report in reports}
    results = {}
    for video in videos:
        report = found.get(video.name)
        first, end = video.span or (0, video.num_frames)
        seconds = open_video(video.path).pts_seconds[first:end]
        amount = np.zeros(len(seconds))
        for d in report.deviations if report else ():
            if d.kind != "missing":  # which is a stretch of the reference
                amount[(seconds >= d.start) & (seconds < d.end)] += d.score / max(d.end - d.start, 1e-6)
        oddness = report.oddness if report else 0.0
        results[video.name] = EpisodeResults(frames={"deviation": amount}, numbers={"oddness": float(oddness)})
    write_lerobot(arguments.source, arguments.lerobot, results)
    say(f"oddness and deviations in a copy of the data set: {arguments.lerobot}")
