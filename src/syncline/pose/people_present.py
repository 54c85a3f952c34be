"""Whether people are in a folder's videos; `--features auto` goes by this."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from syncline.data import Video
from syncline.files import cache_folder, content_of, write_json
from syncline.parallel import results_in_order
from syncline.pose.estimator import Model
from syncline.pose.keypoints import Keypoints
from syncline.pose.pose_cache import PoseCache
from syncline.progress import Callback, Steps, announce, silent
from syncline.video import VideoReader
from syncline.wording import counted

FRAMES = 16
"""Frames that are looked at in each clip, evenly spaced."""
CLIPS = 16
"""Clips that are looked at in a folder, evenly spaced in its order."""
FEW_CLIPS = 4
"""Clips that are looked at where nobody asked for poses, to say that they would serve."""
SURE = 0.65
"""Mean confidence of the joints in use from which a person counts as there. At .7, two sets of people have one in 94 %
and more of the frames, two of robots in 3 % and less; at .5, a humanoid robot has one in 27 %."""
NEEDED = 0.6
"""Share of a clip's frames with a person from which poses serve it."""


@dataclass(frozen=True)
class Presence:
    """In which clips people were found.

    Attributes:
        shares: of each clip that was looked at, in order: share of the frames in which a person was found.
    """

    shares: tuple[float, ...]

    @property
    def people(self) -> bool:
        """Whether most clips have a person in at least `NEEDED` of the frames."""
        return sum(share >= NEEDED for share in self.shares) > len(self.shares) / 2

    def __str__(self) -> str:
        there = sum(share >= NEEDED for share in self.shares)
        return (
            f"a person in {NEEDED:.0%} or more of the frames of {there} of {counted(len(self.shares), 'clip')} that "
            f"were looked at (on average in {float(np.mean(self.shares or [0.0])):.0%} of the frames)"
        )


def people_in(
    videos: Sequence[Video],
    root: Path | None = None,
    *,
    model: Model = "body",
    person: tuple[float, float] | None = None,
    clips: int | None = CLIPS,
    callback: Callback = silent,
) -> Presence:
    """`find_people`, remembered by the content of the clips that are looked at.

    Args:
        root: folder of the feature cache; None for the user's own. model, person: as `PoseCache` takes them.
        clips: how many are looked at at most; None for all.

    Raises:
        SynclineError: a file cannot be decoded, or no estimator is installed.
    """
    chosen = spread_over(videos, clips)
    words = json.dumps([[content_of(video.path), video.span] for video in chosen] + [model, person, SURE])
    folder = cache_folder() / "features" if root is None else root
    kept = folder / "pose-folders" / f"people-{hashlib.sha256(words.encode()).hexdigest()[:16]}.json"
    with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
        known = json.loads(kept.read_text(encoding="utf-8"))
        if len(known) == len(chosen):
            return Presence(tuple(map(float, known)))
    cache = PoseCache(root, model=model, person=person)
    try:
        found = find_people(chosen, cache, callback=callback)
    finally:
        cache.close()
    with contextlib.suppress(OSError):
        write_json(kept, found.shares)
    return found


def spread_over(videos: Sequence[Video], clips: int | None) -> list[Video]:
    """So many of the videos, evenly spaced in their order; all where there are no more, or `clips` is None."""
    if clips is None or len(videos) <= clips:
        return list(videos)
    return [videos[i] for i in np.unique(np.linspace(0, len(videos) - 1, clips).round().astype(int))]


def find_people(chosen: Sequence[Video], cache: PoseCache, *, callback: Callback = silent) -> Presence:
    """Looks for a person in `FRAMES` frames of each clip; if it takes more than a few seconds, it is announced.

    Raises:
        SynclineError: a file cannot be decoded.
    """
    if callback is not silent:
        wanted = ((video.path, _spread(video)) for video in chosen)
        announce(callback, "looking for people", cache.seconds_needed(wanted))
    step = Steps("looking for people", len(chosen), callback)
    shares = []

    def look(video: Video) -> float:
        return share_with_person(cache.of_frames(video.path, _spread(video)))

    for video, share in zip(chosen, results_in_order(chosen, look, workers=cache.estimator.workers), strict=True):
        shares.append(share)
        step(video.name)
    return Presence(tuple(shares))


def share_with_person(clip: Keypoints) -> float:
    """Share of the frames of a clip in which a person is there with confidence."""
    if not len(clip):
        return 0.0
    used = clip.skeleton.indices_of(clip.skeleton.used)
    return float((clip.confidence[:, used].mean(axis=1) >= SURE).mean())


def _spread(video: Video) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Numbers of `FRAMES` frames, or of all where there are fewer."""
    first, end = video.span or (0, VideoReader(video.path).num_frames)
    if video.frames is not None:
        first, end = int(video.frames.min()), int(video.frames.max()) + 1
    return np.unique(np.linspace(first, end - 1, FRAMES).round().astype(np.int64))
