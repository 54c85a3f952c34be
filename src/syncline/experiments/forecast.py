"""Estimates time, disk and memory of a table from pixels, before the first run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from syncline.data import VideoSet
from syncline.errors import SynclineError
from syncline.training import TrainConfig, plan_of, settled
from syncline.training.time_and_disk import Plan
from syncline.wording import counted, spoken

Run = tuple[str, VideoSet, TrainConfig]
"""Row, training videos and settings."""


def forecast(runs: Sequence[Run], plan: Callable[[VideoSet, TrainConfig], Plan] = plan_of) -> str:
    """One sentence on all runs.

    Every row is planned once, on the videos of its first run: a few are decoded, and a few steps done and undone. Its
    other runs (seeds, actions) have the same steps, as many as their videos ask for. Decoding and disk are added up
    over the sets. Measuring what was trained is not counted.
    """
    plans: dict[str, Plan] = {}
    failed: dict[str, str] = {}
    for row, videos, training in runs:
        if row not in plans and row not in failed:
            try:
                plans[row] = plan(videos, training)
            except SynclineError as error:
                failed[row] = str(error)
    known = [run for run in runs if run[0] in plans]
    seconds = sum(
        plans[row].step_seconds * settled(videos.videos, training).config.steps for row, videos, training in known
    )
    size, decoding = _decoding(known, plans)
    memory = max((made.memory for made in plans.values()), default=0)
    said = f"{counted(len(known), 'run')}: about {spoken(seconds)} of training in all, as a few steps of each row took"
    if size:
        said += f"; {spoken(decoding)} to decode, {size / 1e9:.2f} GB of disk"
    if memory:
        said += f"; up to {memory / 1e9:.1f} GB of memory"
    return said + "".join(f"; {row} is not counted ({why})" for row, why in failed.items())


def _decoding(runs: Sequence[Run], plans: dict[str, Plan]) -> tuple[float, float]:
    """Bytes that the store lacks and seconds to decode them; a file counts once for each size of its pictures."""
    found: dict[tuple[float, str], tuple[float, float]] = {}
    for row, videos, _ in runs:
        plan = plans[row]
        if plan.missing:
            size = plan.bytes / plan.missing
            for video in videos:
                lacking = video.num_frames * plan.missing / plan.frames
                found.setdefault((size, str(video.path)), (lacking * size, lacking * plan.decode))
    return sum(size for size, _ in found.values()), sum(seconds for _, seconds in found.values())
