"""What `align` and `deviate` write about joints: angles of A and B, and where two bodies differ."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from syncline.cli.output_files import draw
from syncline.cli.terminal import say

if TYPE_CHECKING:
    from syncline.data import Embedding
    from syncline.pose import Keypoints
    from syncline.tasks import Alignment, Report

PAUSE_STEPS = 2.5
"""Sampled frames of A without a partner in B after which the curves of their angles pause."""
MOMENTS = 24
"""Moments of a stretch at which two bodies are compared."""


def write_angles(arguments: argparse.Namespace, clips: Sequence[Keypoints], alignment: Alignment) -> None:
    """angles.csv and the figure of `--joint`, or of the joint in which the two differ most, on the time of A."""
    import numpy as np

    from syncline.errors import SynclineError
    from syncline.pose.angles import angles_at, differing_joints
    from syncline.tasks.result_files import plain, write_rows

    a, b = clips
    seconds_a, seconds_b = alignment.times[:, 0], alignment.times[:, 1]
    one, other = angles_at(a, seconds_a), angles_at(b, seconds_b)
    names = [name for name in one if name in other]
    if arguments.joint is not None and arguments.joint not in names:
        raise SynclineError(f"--joint {arguments.joint}: no such angle; there are {', '.join(names) or 'none'}")
    rows: list[dict[str, Any]] = [
        {"time_a": plain(float(seconds_a[k])), "time_b": plain(float(seconds_b[k]))}
        | {f"{name}_{video}": _degrees(values[name][k]) for name in names
           for video, values in (("a", one), ("b", other))}
        for k in range(len(seconds_a))
    ]  # fmt: skip
    if not rows or not names:
        return
    write_rows(arguments.out / "angles.csv", rows, list(rows[0]))
    most = differing_joints(a, b, seconds_a, seconds_b)
    for name, difference in most:
        how = "straighter" if difference > 0 else "more bent"
        say(f"  {name.replace('_', ' ')}: B {abs(difference):.0f} degrees {how} than A on average")
    shown = arguments.joint or (most[0][0] if most else names[0])

    def figure() -> Any:
        from syncline.report.joint_figures import angle_figure

        order = np.argsort(seconds_a, kind="stable")
        step = float(np.median(np.diff(a.pts_seconds))) if len(a) > 1 else np.inf
        return angle_figure(seconds_a[order], one[shown][order], other[shown][order], joint=shown,
                            names=(a.source, b.source), longest_step=PAUSE_STEPS * step)  # fmt: skip

    draw(arguments, "angles", figure)


def joints_that_differ(
    clips: Sequence[Keypoints], embeddings: Sequence[Embedding], number: int, reports: Sequence[Report]
) -> dict[str, list[str]]:
    """The joints in which a video's body differs most from the reference's, for each of its deviations.

    Args:
        clips, embeddings: of all videos. number: the reference's index among them.

    Returns:
        By the source of each report, a text for each deviation: `left knee +23°, hip -12°` (the video's against the
        reference's, positive where straighter); "" where nothing can be said.
    """
    import numpy as np

    from syncline.pose.angles import differing_joints
    from syncline.tasks import align

    number_of = {embedding.source: i for i, embedding in enumerate(embeddings)}
    found: dict[str, list[str]] = {}
    for report in reports:
        i = number_of[report.source]
        path = align(embeddings[number], embeddings[i]).times if report.deviations else np.zeros((0, 2))
        texts = []
        for deviation in report.deviations:
            stretch = np.linspace(deviation.start, deviation.end, MOMENTS)
            if not len(path):
                texts.append("")
                continue
            if deviation.kind == "missing":
                seconds_a, seconds_b = stretch, np.interp(stretch, path[:, 0], path[:, 1])
            else:
                seconds_a, seconds_b = np.interp(stretch, path[:, 1], path[:, 0]), stretch
            most = differing_joints(clips[number], clips[i], seconds_a, seconds_b)
            texts.append(", ".join(f"{name.replace('_', ' ')} {difference:+.0f}°" for name, difference in most))
        found[report.source] = texts
    return found


def _degrees(value: Any) -> float | None:
    return None if value != value else round(float(value), 1)
